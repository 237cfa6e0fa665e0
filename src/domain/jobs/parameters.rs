//! Parameters of jobs: typed by kind, checked when a job is created, stored as JSON.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::JobKind;
use crate::domain::generation::{GenerationRequest, MediaKind};
use crate::domain::imports::Limits;
use crate::domain::imports::mapping::Mapping;
use crate::foundation::{Id, Refusal, id, text_enum};

/// The parameters of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Parameters {
    /// Write texts.
    ContentText(GenerationRequest),
    /// Make pictures.
    ContentImage(GenerationRequest),
    /// Compute lists anew with the model in service.
    Recommendations(RefreshTarget),
    /// Train the collaborative model.
    Training(Training),
    /// Learn what items are about and place each of them.
    Embeddings,
    /// Bring uploaded files in.
    Import(Import),
    /// Measure how good lists are on interactions that are held out.
    Evaluation(Evaluation),
    /// Compute what is asked for often.
    CacheWarming(CacheWarming),
    /// Remove a user and everything of them.
    Erasure(Erasure),
    /// Sum up the hours that are over.
    Statistics,
    /// Remove what has been kept long enough.
    Retention,
}

/// How to train; see [`crate::domain::recommendations::training::TrainingOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// Take the new model into service even if it is worse.
    pub force: bool,
    /// First choose models and settings.
    pub choose: bool,
    /// Keep the new model as a candidate.
    #[serde(default)]
    pub candidate: bool,
}

/// The users whose lists are recomputed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "whom", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefreshTarget {
    /// One user.
    User {
        /// The user.
        user: Id<id::User>,
    },
    /// Those who did something in the last days.
    Active {
        /// In how many, 1 to 3,650.
        days: u16,
    },
    /// These users.
    Users {
        /// Which, at most [`RefreshTarget::MOST`].
        users: Vec<Id<id::User>>,
    },
    /// All who took anything.
    Everyone,
}

impl RefreshTarget {
    /// So many users may be named.
    pub const MOST: usize = 10_000;
}

text_enum! {
    /// Format of the files to import.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ImportSource {
        /// Movies, users, ratings and tags in the format of MovieLens.
        Movielens = "MOVIELENS",
        /// Movies and credits in the format of the TMDB data set.
        Tmdb = "TMDB",
        /// A product catalogue with a column mapping.
        Products = "PRODUCTS",
    }
}

/// What to import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// What the files are.
    pub source: ImportSource,
    /// The uploaded files, by which they are known as they were named.
    pub uploads: Vec<Id<id::Upload>>,
    /// For products: the mapping, as TOML.
    pub mapping: Option<String>,
    /// How many times its size a packed file may unpack to, past 1 GiB; at least 1.
    pub max_ratio: u64,
}

impl Import {
    /// So many files may go in together.
    pub const MOST: usize = 20;
    /// So long a mapping may be, in bytes.
    pub const MOST_MAPPING: usize = 100_000;

    /// Import these, with the usual limits.
    pub fn new(source: ImportSource, uploads: Vec<Id<id::Upload>>) -> Self {
        Self {
            source,
            uploads,
            mapping: None,
            max_ratio: Limits::default().ratio,
        }
    }
}

/// What to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Search for the best models and settings, rather than measure those that are in use.
    pub choose: bool,
}

/// What to warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheWarming {
    /// So many of the most popular queries, 0 to 1,000.
    pub queries: u16,
    /// The lists of so many of the most active users, 0 to 10,000.
    pub users: u16,
}

impl Default for CacheWarming {
    fn default() -> Self {
        Self {
            queries: 50,
            users: 100,
        }
    }
}

/// Whom to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Who goes.
    pub user: Id<id::User>,
}

impl From<GenerationRequest> for Parameters {
    fn from(request: GenerationRequest) -> Self {
        match request.parameters.input.media_kind() {
            MediaKind::Text => Self::ContentText(request),
            MediaKind::Image => Self::ContentImage(request),
        }
    }
}

impl Parameters {
    /// What they are for.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::ContentText(_) => JobKind::ContentText,
            Self::ContentImage(_) => JobKind::ContentImage,
            Self::Recommendations(_) => JobKind::Recommendations,
            Self::Training(_) => JobKind::Training,
            Self::Embeddings => JobKind::Embeddings,
            Self::Import(_) => JobKind::Import,
            Self::Evaluation(_) => JobKind::Evaluation,
            Self::CacheWarming(_) => JobKind::CacheWarming,
            Self::Erasure(_) => JobKind::Erasure,
            Self::Statistics => JobKind::Statistics,
            Self::Retention => JobKind::Retention,
        }
    }

    /// How urgent this is where nobody says, and for all but admins at most.
    pub fn usual_priority(&self) -> i16 {
        match self {
            // Somebody has a right to it.
            Self::Erasure(_) => 50,
            _ => 0,
        }
    }

    /// Checks what can be told without looking anything up.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Recommendations(whom) => whom.check(),
            Self::Import(import) => import.check(),
            Self::CacheWarming(warming) => warming.check(),
            // Checked when it was prepared.
            Self::ContentText(_)
            | Self::ContentImage(_)
            | Self::Training(_)
            | Self::Embeddings
            | Self::Evaluation(_)
            | Self::Erasure(_)
            | Self::Statistics
            | Self::Retention => Ok(()),
        }
    }

    /// Names what is asked for: two jobs of the same name do the same. 32 bytes.
    pub fn digest(&self) -> Vec<u8> {
        // Of plain data of our own types: it has a JSON form, always the same.
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(text).to_vec()
    }
}

impl RefreshTarget {
    /// Checks what can be told without looking anybody up.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Active { days } if !(1..=3650).contains(days) => {
                let message = "a number of days between 1 and 3,650";
                Err(Refusal::invalid("activeWithinDays", message))
            }
            Self::Users { users } if users.is_empty() || users.len() > Self::MOST => {
                let message = format!(
                    "1 to {} users may be named; ask for `everyone`, or in parts",
                    Self::MOST
                );
                Err(Refusal::invalid("userIds", message))
            }
            _ => Ok(()),
        }
    }
}

impl Import {
    fn check(&self) -> Result<(), Refusal> {
        if self.uploads.is_empty() || self.uploads.len() > Self::MOST {
            let message = format!("name 1 to {} files that were uploaded before", Self::MOST);
            return Err(Refusal::invalid("uploadIds", message));
        }
        let needs = self.source == ImportSource::Products;
        if needs && self.uploads.len() > 1 {
            let message = "a catalogue of products is one file; import one after the other";
            return Err(Refusal::invalid("uploadIds", message));
        }
        match &self.mapping {
            None if needs => {
                let message = "products need a mapping, which says which column is which field";
                Err(Refusal::invalid("mapping", message))
            }
            Some(_) if !needs => {
                let message = "only products have a mapping; leave it out";
                Err(Refusal::invalid("mapping", message))
            }
            Some(mapping) if mapping.len() > Self::MOST_MAPPING => {
                let message = format!("a mapping has at most {} bytes", Self::MOST_MAPPING);
                Err(Refusal::invalid("mapping", message))
            }
            Some(mapping) => Mapping::parse(mapping)
                .map(drop)
                .map_err(|why| Refusal::invalid("mapping", why.trim_end())),
            None => Ok(()),
        }
    }
}

impl CacheWarming {
    fn check(self) -> Result<(), Refusal> {
        if self.queries > 1000 {
            return Err(Refusal::invalid(
                "queries",
                "0 to 1,000 queries can be warmed",
            ));
        }
        if self.users > 10_000 {
            let message = "the lists of 0 to 10,000 users can be warmed";
            return Err(Refusal::invalid("users", message));
        }
        Ok(())
    }
}
