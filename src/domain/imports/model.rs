//! What an import is asked for, what it tells meanwhile, and what it answers.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::source::Limits;
use crate::domain::content::Fields;
use crate::domain::content::model::CreditRole;

/// What to import.
#[derive(Clone, Debug)]
pub enum Job {
    /// A folder of MovieLens: `movies`, `links`, `users`, `ratings` and `tags`, as `.csv` or `.dat`.
    Movielens {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder with TMDB's films and credits as csv.
    Tmdb {
        /// The folder.
        folder: PathBuf,
    },
    /// A catalogue of products as csv or jsonl.
    Products {
        /// The file with the products.
        file: PathBuf,
        /// The file that says which column is which field.
        mapping: PathBuf,
    },
}

impl Job {
    /// What the audit log calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Movielens { .. } => "import.movielens",
            Self::Tmdb { .. } => "import.tmdb",
            Self::Products { .. } => "import.products",
        }
    }
}

/// How an import is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a file may not exceed.
    pub limits: Limits,
    /// How many bytes of staged rows make a chunk, which is merged in one transaction; up to an
    /// eighth more, where that spares a user from being in two.
    pub chunk_bytes: usize,
    /// Cancelled, the import ends after the chunks that are being merged.
    pub cancel: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            // With its eighth more, just under a power of two, where a growing buffer doubles.
            chunk_bytes: 14 << 20,
            cancel: CancellationToken::new(),
        }
    }
}

/// What an import tells while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A file has been opened.
    Opened {
        /// Its name.
        file: String,
        /// Its size on disk.
        bytes: u64,
    },
    /// A chunk has been merged.
    Merged {
        /// From which file.
        file: String,
        /// How much of the file, as it lies on disk, has been read so far.
        bytes: u64,
        /// How many rows of it have been merged or refused so far.
        rows: u64,
    },
    /// A row has been refused.
    Refused(Refused),
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name of the file.
    pub file: String,
    /// The line it begins on, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What rows become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Table {
    Films,
    Products,
    Links,
    Users,
    Ratings,
    Tags,
    People,
    Credits,
}

impl Table {
    /// The name in a summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Films => "films",
            Self::Products => "products",
            Self::Links => "links",
            Self::Users => "users",
            Self::Ratings => "ratings",
            Self::Tags => "tags",
            Self::People => "people",
            Self::Credits => "credits",
        }
    }
}

/// What became of the rows for one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Were not there before.
    pub added: u64,
    /// Were there with other values.
    pub updated: u64,
    /// Were there just so.
    pub unchanged: u64,
    /// Rows of the file that were not taken.
    pub refused: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
    }
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every file was read to its end.
    Whole,
    /// It was cancelled; whole chunks were merged.
    Cancelled,
    /// A file could not be read on; what came before was merged.
    Broken(Break),
}

/// Where and why a file could not be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The name of the file.
    pub file: String,
    /// The last line that was begun.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What became of the rows, by table, in the order of [`Table`].
    pub tables: Vec<(Table, Counts)>,
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub seconds: f64,
}

impl Summary {
    /// The counts of one table; zeros if nothing came for it.
    pub fn of(&self, table: Table) -> Counts {
        let found = self.tables.iter().find(|(of, _)| *of == table);
        found.map_or_else(Counts::default, |(_, counts)| *counts)
    }

    /// How many rows were refused in all.
    pub fn refused(&self) -> u64 {
        self.tables.iter().map(|(_, counts)| counts.refused).sum()
    }

    /// Whether no row was taken at all.
    pub fn is_empty(&self) -> bool {
        self.tables
            .iter()
            .all(|(_, counts)| counts.added + counts.updated + counts.unchanged == 0)
    }
}

/// Why a reader did not answer a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This row is not good; the next may be.
    Row {
        /// The line it begins on.
        line: u64,
        /// Why.
        reason: String,
    },
    /// The file cannot be read on.
    File {
        /// The last line that was begun.
        line: u64,
        /// Why.
        reason: String,
    },
}

impl Fault {
    pub(super) fn row(line: u64, reason: impl Into<String>) -> Self {
        Self::Row {
            line,
            reason: reason.into(),
        }
    }
}

/// A content item of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Its name in the catalogue that is imported.
    pub key: String,
    /// What is known of it.
    pub fields: Fields,
    /// Its names in further catalogues.
    pub names: Vec<(&'static str, String)>,
}

/// A row of a file about one user and one item: a rating or a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UserItemRow<T> {
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
pub(super) type RatingRow = UserItemRow<f32>;

/// A tag that a user gave to an item.
pub(super) type TagRow = UserItemRow<String>;

/// The credits of one film.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cast {
    /// The film's name in the catalogue that is imported.
    pub key: u64,
    /// Who did what, the first of each role first.
    pub credits: Vec<CastEntry>,
}

/// One credit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CastEntry {
    /// The person's number in the catalogue that is imported.
    pub person: u64,
    /// As credited.
    pub name: String,
    /// What they did.
    pub role: CreditRole,
    /// Whom they play.
    pub character: Option<String>,
}
