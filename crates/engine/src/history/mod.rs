//! What users did, and what that says: the one definition of the state of a user and an item.
//!
//! Events are kept as they came. What counts is their **state** ([`state`]): of ratings the last, of
//! opposites the latest, of repeats a flattened count. Lists, profiles, reasons, popularity, training
//! and statistics all read it from here.

mod events;
mod kind;
mod profile;
mod state;
mod weights;

pub use events::{Event, History, Positive};
pub use kind::InteractionKind;
pub use profile::{Profile, dot};
pub use state::{Exclusion, MOST_WEIGHT, State, StateBuilder};
pub use weights::{NEUTRAL_STARS, WeightChange, WeightRow, WeightTable};

#[cfg(test)]
pub(super) use state::tests::table;
