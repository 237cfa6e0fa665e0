//! What an airing is.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::foundation::filter::Text;
use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Refusal, id, text_enum};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 500;
/// The longest airing.
pub const LONGEST: TimeDelta = TimeDelta::hours(48);
/// The longest period of a schedule.
pub const LONGEST_PERIOD: TimeDelta = TimeDelta::days(400);
/// The most channels that a schedule may name.
pub const MAX_CHANNELS: usize = 200;

text_enum! {
    /// Kind of a programme, as its guide marks it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AiringKind {
        /// A film, made for cinema or television.
        Film = "FILM",
        /// An episode of a series, or another programme that is no film.
        Episode = "EPISODE",
        /// The guide does not say.
        Unknown = "UNKNOWN",
    }
}

text_enum! {
    /// Format of the file that an airing was imported from.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AiringSource {
        /// A guide in XMLTV.
        Xmltv = "XMLTV",
        /// A table of airings, with audience figures.
        Csv = "CSV",
    }
}

/// A programme on a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Airing {
    /// The id of the airing.
    pub id: Id<id::Airing>,
    /// The channel.
    pub channel: Id<id::Channel>,
    /// The item of the catalogue that it shows, where it was recognised or named.
    pub content: Option<Id<id::Content>>,
    /// How sure it is that it shows this item, from 0 to 1; 1 where the source names it.
    pub confidence: Option<f32>,
    /// The title, 1 to 500 characters.
    pub title: String,
    /// The year of production.
    pub year: Option<i32>,
    /// What the guide says that it is.
    pub kind: AiringKind,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends; at most 48 hours later.
    pub ends_at: DateTime<Utc>,
    /// How many people saw it.
    pub audience: Option<i64>,
    /// Where it comes from.
    pub source: AiringSource,
}

impl Airing {
    /// The place of the airing in the schedule.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("startsAt", true, json!(self.starts_at), self.id.uuid())
    }
}

/// Which airings to list.
#[derive(Clone, Debug)]
pub struct AiringFilter {
    /// Those that have not ended at this moment.
    pub from: DateTime<Utc>,
    /// Those that begin before this moment.
    pub to: DateTime<Utc>,
    /// On one of these channels, at most [`MAX_CHANNELS`]; `None` for those of all competitors.
    pub channels: Option<Vec<Id<id::Channel>>>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<AiringKind>>,
    /// Of this item.
    pub content: Option<Id<id::Content>>,
    /// Whether an item of the catalogue is known for it.
    pub matched: Option<bool>,
    /// With such a title.
    pub title: Text,
}

impl AiringFilter {
    /// Everything of a period on the channels of competitors.
    pub fn of(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self {
            from,
            to,
            channels: None,
            kinds: None,
            content: None,
            matched: None,
            title: Text::default(),
        }
    }

    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        findings.require(self.from < self.to, "to", "`to` must be later than `from`");
        let short = self.to.signed_duration_since(self.from) <= LONGEST_PERIOD;
        let message = format!(
            "a schedule covers at most {} days; ask for a shorter period",
            LONGEST_PERIOD.num_days()
        );
        findings.require(short, "to", &message);
        let listed = self.channels.as_ref().map_or(0, Vec::len);
        let message = format!("name at most {MAX_CHANNELS} channels");
        findings.require(listed <= MAX_CHANNELS, "channels", &message);
        let message = "a filter has at most 1000 values in its lists";
        findings.require(self.title.listed() <= 1000, "filter", message);
        findings.finish()
    }
}
