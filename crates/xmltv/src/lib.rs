//! Television schedules in [XMLTV](https://wiki.xmltv.org/index.php/XMLTVFormat).
//!
//! [`GuideReader`] reads a guide as a stream: it holds one programme at a time and bounds each part of
//! the document, so that a file of any size takes the same memory. Every `<programme>` comes out, as a
//! [`Programme`] or as a [`Refused`] with its line and reason. [`ProgrammeTracker`] recognises programmes
//! that occur twice and programmes of one channel that overlap. [`TitleIndex`] finds the film of a
//! catalogue that a programme shows.
//!
//! A document type is never resolved, and no entity of its own is expanded: besides the five entities of
//! XML and numeric references there are none.

mod input;
mod matching;
mod programme;
mod reader;
mod references;
mod time;
mod title;
mod tracker;

pub use matching::{CatalogueTitle, MIN_CONFIDENCE, Match, TitleIndex, TitleQuery};
pub use programme::{Channel, EpisodeNumber, LocalizedText, Programme, ProgrammeKind};
pub use reader::{Entry, GuideError, GuideReader, Limits, Refused};
pub use time::{GuideTime, TimeError, local_to_utc};
pub use title::normalise;
pub use tracker::{Observation, ProgrammeTracker};

#[cfg(test)]
mod tests;
