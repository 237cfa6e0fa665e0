//! The rows of files, as readers answer them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::competition::AiringKind;
use crate::domain::content::Fields;
use crate::domain::content::model::CreditRole;
use crate::domain::interactions::InteractionKind;

/// Why a reader returned no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum ReadError {
    /// The row is invalid; reading continues.
    Row {
        /// The line it begins on.
        line: u64,
        /// Why.
        reason: String,
    },
    /// The rest of the file cannot be read.
    File {
        /// The last line that was started.
        line: u64,
        /// Why.
        reason: String,
    },
}

impl ReadError {
    pub(in super::super) fn row(line: u64, reason: impl Into<String>) -> Self {
        Self::Row {
            line,
            reason: reason.into(),
        }
    }
}

/// A content item of a file.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct ImportedItem {
    /// The line in the file, from 1; 0 where nobody asks.
    pub line: u64,
    /// Its name in the catalogue that is imported.
    pub key: String,
    /// What is known of it.
    pub fields: Fields,
    /// Its names in further catalogues.
    pub names: Vec<(&'static str, String)>,
    /// Which fields were left empty, since they cannot take their values, and why.
    pub warnings: Vec<(String, String)>,
}

/// An interaction of a file.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct ImportedInteraction {
    /// The line in the file, from 1.
    pub line: u64,
    /// The source and the value of the user's external id.
    pub user: (String, String),
    /// The source and the value of the item's external id.
    pub item: (String, String),
    /// What the user did.
    pub kind: InteractionKind,
    /// Of a rating: 0.5 to 5.
    pub stars: Option<f32>,
    /// When.
    pub at: DateTime<Utc>,
    /// The id of the event itself, where it has one.
    pub event: Option<String>,
}

/// A user of a file.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct ImportedUser {
    /// Their external id.
    pub key: String,
    /// How they are called, where the file says it.
    pub name: Option<String>,
}

/// A row of a file about one user and one item: a rating or a tag.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct UserItemRow<T> {
    /// The line in the file, from 1.
    pub line: u64,
    /// The number of the user.
    pub user: u64,
    /// The number of the item.
    pub item: u64,
    /// Seconds since 1970.
    pub at: i64,
    /// The rating (0.5 to 5) or the tag.
    pub value: T,
}

/// A rating of an item by a user.
pub(in super::super) type RatingRow = UserItemRow<f32>;

/// A tag that a user gave to an item.
pub(in super::super) type TagRow = UserItemRow<String>;

/// The credits of one film.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct FilmCredits {
    /// The film's name in the catalogue that is imported.
    pub key: u64,
    /// Who did what, the first of each role first.
    pub credits: Vec<CreditRow>,
}

/// One credit.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct CreditRow {
    /// The person's number in the catalogue that is imported.
    pub person: u64,
    /// As credited.
    pub name: String,
    /// What they did.
    pub role: CreditRole,
    /// Whom they play.
    pub character: Option<String>,
}

/// A row of a file about what a channel shows.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum AiringRow {
    /// An airing.
    Airing(Box<ImportedAiring>),
    /// One that repeats another row of the file.
    Duplicate,
}

/// An airing of a file.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct ImportedAiring {
    /// The id of the channel.
    pub channel: Uuid,
    /// The channel itself, where it is to be created.
    pub new_channel: Option<NewChannel>,
    /// The title.
    pub title: String,
    /// The year of production.
    pub year: Option<i32>,
    /// What the file says that it is.
    pub kind: AiringKind,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// The film of the catalogue that it shows, with the confidence from 0 to 1.
    pub film: Option<(Uuid, f32)>,
    /// How many people saw it.
    pub audience: Option<i64>,
    /// Whether it runs at the same time as another one of its channel.
    pub overlapping: bool,
}

/// A channel of a competitor, to be created.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct NewChannel {
    /// Its id.
    pub id: Uuid,
    /// Its key, which no other channel has.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its time zone.
    pub time_zone: &'static str,
    /// Its id in the guide.
    pub guide_id: String,
}
