//! What an import job is asked for.

use serde::{Deserialize, Serialize};

use super::super::mapping::{Mapping, Subject, preset};
use super::super::source::Limits;
use crate::domain::channels::model::time_zone;
use crate::foundation::{Id, Refusal, id, text_enum};

text_enum! {
    /// Format of the files to import.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ImportSource {
        /// Movies, users, ratings and tags in the format of MovieLens.
        Movielens = "MOVIELENS",
        /// Movies and credits in the format of the TMDB data set.
        Tmdb = "TMDB",
        /// Products or other items, with a column mapping or a preset.
        Products = "PRODUCTS",
        /// Users by IDs of their own, with a column mapping or a preset.
        Users = "USERS",
        /// Interactions by the callers' own IDs of users and items, with a column mapping or a preset.
        Interactions = "INTERACTIONS",
        /// Television guides in XMLTV: the schedules of channels.
        Xmltv = "XMLTV",
        /// A table of airings with audience figures, as csv with the columns `channel`, `start`, `end`, `title` and
        /// optionally `year`, `content_id`, `external_id` and `audience`.
        Airings = "AIRINGS",
    }
}

/// What is imported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportParameters {
    /// The format of the files.
    pub source: ImportSource,
    /// The uploaded files, 1 to [`ImportParameters::MOST`]. The role of each is determined by its name.
    pub uploads: Vec<Id<id::Upload>>,
    /// For products, users and interactions: the mapping, as TOML of at most [`ImportParameters::MOST_MAPPING`]
    /// bytes.
    pub mapping: Option<String>,
    /// For the same, in place of a mapping: the name of a built-in one.
    #[serde(default)]
    pub preset: Option<String>,
    /// The highest ratio of the decompressed to the compressed size of a file, past 1 GiB; at least 1.
    pub max_ratio: u64,
    /// For guides: the time zone of channels that are not known, and of their times without an offset; UTC where
    /// it is left out. A name of the IANA database.
    #[serde(default)]
    pub time_zone: Option<String>,
}

impl ImportParameters {
    /// The most files that are imported together.
    pub const MOST: usize = 20;
    /// The longest mapping, in bytes.
    pub const MOST_MAPPING: usize = 100_000;

    /// An import of these files with the default limits.
    pub fn new(source: ImportSource, uploads: Vec<Id<id::Upload>>) -> Self {
        Self {
            source,
            uploads,
            mapping: None,
            preset: None,
            max_ratio: Limits::default().ratio,
            time_zone: None,
        }
    }
}

impl ImportParameters {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.uploads.is_empty() || self.uploads.len() > Self::MOST {
            let message = format!("name 1 to {} files that were uploaded before", Self::MOST);
            return Err(Refusal::invalid("uploadIds", message));
        }
        let subject = self.source.subject();
        if subject.is_some() && self.uploads.len() > 1 {
            let message = "what has a mapping is one file; import one after the other";
            return Err(Refusal::invalid("uploadIds", message));
        }
        if let Some(zone) = &self.time_zone {
            if self.source != ImportSource::Xmltv {
                let message = "only guides in XMLTV have a time zone; leave it out";
                return Err(Refusal::invalid("timeZone", message));
            }
            time_zone("timeZone", zone)?;
        }
        self.check_mapping()
    }

    fn check_mapping(&self) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::invalid("mapping", message));
        let Some(subject) = self.source.subject() else {
            return match (&self.mapping, &self.preset) {
                (None, None) => Ok(()),
                _ => refuse(
                    "only products, users and interactions have a mapping; leave it out".to_owned(),
                ),
            };
        };
        let text = match (&self.mapping, &self.preset) {
            (Some(mapping), None) if mapping.len() > Self::MOST_MAPPING => {
                return refuse(format!(
                    "a mapping has at most {} bytes",
                    Self::MOST_MAPPING
                ));
            }
            (Some(mapping), None) => mapping.as_str(),
            (None, Some(name)) => {
                preset(subject, name).map_err(|why| Refusal::invalid("preset", why))?
            }
            (None, None) => {
                let subject = match subject {
                    Subject::Items => "products",
                    other => other.as_str(),
                };
                return refuse(format!(
                    "{subject} need a mapping, which says which column is which field"
                ));
            }
            (Some(_), Some(_)) => {
                return refuse("give a mapping or the name of a preset, not both".to_owned());
            }
        };
        Mapping::parse(text, subject)
            .map(drop)
            .or_else(|why| refuse(why.trim_end().to_owned()))
    }

    /// The mapping, as TOML.
    pub(super) fn mapping_text(&self) -> Option<&str> {
        match (&self.mapping, &self.preset) {
            (Some(mapping), _) => Some(mapping),
            (None, Some(name)) => preset(self.source.subject()?, name).ok(),
            (None, None) => None,
        }
    }
}

impl ImportSource {
    /// What the rows of the file are, where a mapping says how they are read.
    fn subject(self) -> Option<Subject> {
        match self {
            Self::Products => Some(Subject::Items),
            Self::Users => Some(Subject::Users),
            Self::Interactions => Some(Subject::Interactions),
            Self::Movielens | Self::Tmdb | Self::Xmltv | Self::Airings => None,
        }
    }
}
