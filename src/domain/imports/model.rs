//! Import requests, their events, and their summary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono_tz::Tz;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::mapping::MappingOrigin;
use super::source::Limits;
use crate::platform::config::CreateUnknown;

mod imported;

pub(super) use imported::{
    AiringRow, CreditRow, FilmCredits, ImportedAiring, ImportedInteraction, ImportedItem,
    ImportedUser, NewChannel, RatingRow, ReadError, TagRow, UserItemRow,
};

/// The source of an import.
#[derive(Clone, Debug)]
pub enum ImportRequest {
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
    /// Products or other items, as a mapping or a preset says.
    Items {
        /// The file with the items; `-` is the standard input.
        file: PathBuf,
        /// The mapping.
        mapping: MappingOrigin,
    },
    /// Users by ids of their own, as a mapping says.
    Users {
        /// The file with the users; `-` is the standard input.
        file: PathBuf,
        /// The mapping.
        mapping: MappingOrigin,
    },
    /// Interactions by the ids that the mapping names.
    Interactions {
        /// The file with the interactions; `-` is the standard input.
        file: PathBuf,
        /// The mapping.
        mapping: MappingOrigin,
        /// Whether unknown users and items are created, where it is said otherwise than by the mapping.
        create: Option<CreateUnknown>,
    },
    /// Television guides in XMLTV.
    Xmltv {
        /// The guides, read one after the other.
        files: Vec<PathBuf>,
        /// The time zone of channels that are not known, and of their times without an offset.
        time_zone: Tz,
    },
    /// Tables of airings with audience figures, as csv.
    Airings {
        /// The tables, read one after the other.
        files: Vec<PathBuf>,
    },
}

impl ImportRequest {
    /// Whether it writes the catalogue, users or what they do, and not only what channels show.
    pub(super) fn changes_catalogue(&self) -> bool {
        !matches!(self, Self::Xmltv { .. } | Self::Airings { .. })
    }

    /// The action name in the audit log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Movielens { .. } => "import.movielens",
            Self::Tmdb { .. } => "import.tmdb",
            Self::Products { .. } => "import.products",
            Self::Items { .. } => "import.items",
            Self::Users { .. } => "import.users",
            Self::Interactions { .. } => "import.interactions",
            Self::Xmltv { .. } => "import.xmltv",
            Self::Airings { .. } => "import.airings",
        }
    }
}

/// Options of an import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The limits of files.
    pub limits: Limits,
    /// The size of a chunk of staged rows in bytes. A chunk is merged in one transaction; it may be up to an
    /// eighth larger to keep the rows of a user together.
    pub chunk_bytes: usize,
    /// When cancelled, the import ends after the chunks that are being merged.
    pub cancel: CancellationToken,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            // With its eighth more, just under a power of two, where a growing buffer doubles.
            chunk_bytes: 14 << 20,
            cancel: CancellationToken::new(),
        }
    }
}

/// An event of a running import.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportEvent {
    /// A file has been opened.
    FileOpened {
        /// The name of the file.
        file: String,
        /// The size on disk, in bytes.
        bytes: u64,
    },
    /// A chunk has been merged.
    ChunkMerged {
        /// The name of the file.
        file: String,
        /// The bytes of the file on disk that were read so far.
        bytes: u64,
        /// The rows of the file that were merged or refused so far.
        rows: u64,
    },
    /// A row has been refused.
    RowRefused(RefusedRow),
    /// A field of a row has been left empty. Of a chunk with very many of them, only the first are told.
    FieldLeftEmpty(FieldWarning),
}

/// A field that was left empty because it cannot take its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldWarning {
    /// The name of the file.
    pub file: String,
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The name of the field.
    pub field: String,
    /// The reason.
    pub reason: String,
}

/// A refused row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The name of the file.
    pub file: String,
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The reason.
    pub reason: String,
}

/// The target of rows, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Table {
    Films,
    Products,
    Links,
    Users,
    Ratings,
    Interactions,
    Tags,
    People,
    Credits,
    Channels,
    Airings,
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
            Self::Interactions => "interactions",
            Self::Tags => "tags",
            Self::People => "people",
            Self::Credits => "credits",
            Self::Channels => "channels",
            Self::Airings => "airings",
        }
    }
}

/// The counts of rows for one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// New rows.
    pub added: u64,
    /// Existing rows with changed values.
    pub updated: u64,
    /// Existing rows without changes.
    pub unchanged: u64,
    /// Refused rows.
    pub refused: u64,
    /// Airings: rows that repeat another one of the file, which are left out.
    pub duplicates: u64,
    /// Airings: rows, among those that are not refused, that run at the same time as another one of their channel.
    pub overlapping: u64,
    /// Airings: rows of earlier guides that were removed, since the new guide covers their time without them.
    pub removed: u64,
}

impl RowCounts {
    /// The counts as JSON, with those of airings for airings alone.
    pub(super) fn to_json(self, table: Table) -> Value {
        let mut counts = json!({
            "added": self.added, "updated": self.updated,
            "unchanged": self.unchanged, "refused": self.refused,
        });
        if table == Table::Airings {
            counts["duplicates"] = self.duplicates.into();
            counts["overlapping"] = self.overlapping.into();
            counts["removed"] = self.removed.into();
        }
        counts
    }
}

impl std::ops::AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        self.duplicates += other.duplicates;
        self.overlapping += other.overlapping;
        self.removed += other.removed;
    }
}

/// The outcome of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// All files were read to their end.
    Completed,
    /// Cancelled; whole chunks were merged.
    Cancelled,
    /// A file could not be read to its end; the rows before were merged.
    Aborted(FileError),
}

/// Where and why reading a file failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The name of the file.
    pub file: String,
    /// The last line that was started.
    pub line: u64,
    /// The reason.
    pub reason: String,
}

/// The summary of an import.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportSummary {
    /// The counts of rows by table, in the order of [`Table`].
    pub tables: Vec<(Table, RowCounts)>,
    /// How many rows were taken without a value that a field cannot take, by the name of the field.
    pub warnings: BTreeMap<String, u64>,
    /// The outcome.
    pub outcome: ImportOutcome,
    /// The duration in seconds.
    pub seconds: f64,
}

impl ImportSummary {
    /// The counts of one table; zeros if it had no rows.
    pub fn of(&self, table: Table) -> RowCounts {
        let found = self.tables.iter().find(|(of, _)| *of == table);
        found.map_or_else(RowCounts::default, |(_, counts)| *counts)
    }

    /// The number of refused rows.
    pub fn refused(&self) -> u64 {
        self.tables.iter().map(|(_, counts)| counts.refused).sum()
    }

    /// Whether no row was imported.
    pub fn is_empty(&self) -> bool {
        self.tables
            .iter()
            .all(|(_, counts)| counts.added + counts.updated + counts.unchanged == 0)
    }
}
