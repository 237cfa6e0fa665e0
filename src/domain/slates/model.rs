//! What slates are.

use chrono::{DateTime, NaiveDate, Utc};
use ranking::bandit::SIGNALS;
use serde_json::Value;

use crate::foundation::page::Cursor;
use crate::foundation::{Id, Refusal, Result, id, text_enum};

/// The most films of a slate.
pub const MAX_LENGTH: usize = 50;

/// The hour of a channel that a film is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlateSlot {
    /// The channel.
    pub channel: Id<id::Channel>,
    /// The date in the time zone of the channel.
    pub date: NaiveDate,
    /// The hour in the time zone of the channel, 0–23.
    pub hour: u8,
}

impl SlateSlot {
    /// The slot of these arguments.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for an hour that is none.
    pub fn new(channel: Id<id::Channel>, date: NaiveDate, hour: i32) -> Result<Self> {
        let hour = u8::try_from(hour).ok().filter(|hour| *hour < 24);
        let wrong = || {
            Refusal::invalid(
                "hour",
                "an hour is between 0 and 23, as the channel's clock shows it",
            )
        };
        Ok(Self {
            channel,
            date,
            hour: hour.ok_or_else(wrong)?,
        })
    }
}

text_enum! {
    /// A signal by which the films of a slate are ranked. Each is between 0 and 1 for every film.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum SlateSignal {
        /// Probability that curators select the film for such an hour, learned from their selections.
        Curator = "CURATOR",
        /// Predicted audience, as the share of eligible films with a smaller one.
        Audience = "AUDIENCE",
        /// Whether competitors show the film soon after the hour, so that the channel comes first.
        Competition = "COMPETITION",
        /// Difference from the films that the channel showed last.
        Diversity = "DIVERSITY",
        /// How rarely and how long ago the film was shown.
        Novelty = "NOVELTY",
        /// How soon the rights to the film end.
        Rights = "RIGHTS",
    }
}

impl SlateSignal {
    /// Its place among the signals of a film.
    pub fn index(self) -> usize {
        self as usize
    }
}

text_enum! {
    /// State of a slate.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum SlateState {
        /// A film can be selected.
        Open = "OPEN",
        /// A film was selected.
        Selected = "SELECTED",
        /// All films were rejected. They stay out of further slates for the same hour.
        Rejected = "REJECTED",
        /// The hour was abandoned: rejected films may be offered again.
        Abandoned = "ABANDONED",
        /// Replaced without a decision: one of its films was selected elsewhere, another length was asked for,
        /// or another version of the model was activated.
        Expired = "EXPIRED",
    }
}

/// A slate of films as it was offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Slate {
    /// Its id.
    pub id: Id<id::Slate>,
    /// The hour that it is for.
    pub slot: SlateSlot,
    /// What became of it.
    pub state: SlateState,
    /// The number of films that was asked for.
    pub length: usize,
    /// How many films were eligible.
    pub candidates: usize,
    /// The version of the bandit; `None` before there is one.
    pub model: Option<Id<id::Model>>,
    /// The version and the number of slates learned from since, such as `1.2.0+2`.
    pub model_name: String,
    /// Which life of the bandit's state the draw was of.
    pub epoch: i32,
    /// The seed of the draw.
    pub seed: i64,
    /// The weights that were drawn.
    pub weights: [f64; SIGNALS],
    /// The films, best first.
    pub items: Vec<SlateItem>,
    /// The candidates with their signals; see [`super::log`]. Empty where it was not read.
    pub log: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was selected from, rejected, abandoned or replaced.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A film of a slate.
#[derive(Clone, Debug, PartialEq)]
pub struct SlateItem {
    /// From 1.
    pub rank: usize,
    /// The film.
    pub content: Id<id::Content>,
    /// Its signals, each in [0, 1].
    pub signals: [f64; SIGNALS],
    /// The score that it is ranked by.
    pub score: f64,
    /// The probability that it is in a slate of this length, over the draws of the model.
    pub propensity: f64,
    /// The predicted number of viewers; `None` without a model of audiences.
    pub audience: Option<f64>,
}

/// A film that was selected from a slate.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Its id.
    pub id: Id<id::Selection>,
    /// The slate.
    pub slate: Id<id::Slate>,
    /// The hour that the film is for.
    pub slot: SlateSlot,
    /// The film.
    pub content: Id<id::Content>,
    /// The signals that mattered, as far as the curator said.
    pub signals: Vec<SlateSignal>,
    /// Who selected it; `None` for commands, apps and erased users.
    pub curator: Option<Id<id::User>>,
    /// When it was selected.
    pub selected_at: DateTime<Utc>,
}

impl Selection {
    /// The place in the history of selections, the newest first.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("id", false, Value::Null, self.id.uuid())
    }
}

/// Which selections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelectionFilter {
    /// Of this channel only.
    pub channel: Option<Id<id::Channel>>,
    /// For this date or later.
    pub from: Option<NaiveDate>,
    /// For this date or earlier.
    pub until: Option<NaiveDate>,
}

/// What came of a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The selection.
    pub selection: Selection,
    /// The slate, now closed.
    pub slate: Slate,
    /// Whether the same film had been selected from the slate before; nothing was changed then.
    pub repeated: bool,
}

/// When something was decided: from `from` on and before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The first moment after it.
    pub until: DateTime<Utc>,
}

/// How much a signal counts for a context, as the bandit believes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalWeight {
    /// The signal.
    pub signal: SlateSignal,
    /// The mean of the weight.
    pub mean: f64,
    /// The standard deviation of the weight.
    pub deviation: f64,
}
