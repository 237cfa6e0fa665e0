//! What a version of a model is.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::foundation::page::Cursor;
use crate::foundation::{Id, id, text_enum};

/// One trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelVersion {
    /// Which.
    pub id: Id<id::Model>,
    /// What it is for.
    pub kind: ModelKind,
    /// `major.minor.patch`; each training of a kind counts the minor number up.
    pub version: String,
    /// Whether it is served.
    pub state: ModelState,
    /// How it was trained: `ials` and so on.
    pub algorithm: String,
    /// What it was trained with: a JSON object, or null for viewers who may not know.
    pub settings: Value,
    /// What was measured at training: a JSON object, or null for viewers who may not know.
    pub metrics: Value,
    /// When its training began.
    pub created_at: DateTime<Utc>,
    /// When it was last taken into service.
    pub activated_at: Option<DateTime<Utc>>,
    /// When its training ended and it was judged; `None` while it is trained, or if that was stopped.
    pub trained_at: Option<DateTime<Utc>>,
    /// Whether what it has learned is still there, so that it can be served.
    pub kept: bool,
    /// The version of another kind that it was trained with; the two are served together.
    pub trained_with: Option<Id<id::Model>>,
    /// The file that it is read from again, if it has one.
    pub artifact: Option<Artifact>,
}

/// The file of a model version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 digest of its bytes.
    pub sha256: Vec<u8>,
}

/// A version that a training begins.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// What it is for.
    pub kind: ModelKind,
    /// How it is trained: `ials` and so on.
    pub algorithm: String,
    /// What it is trained with: a JSON object.
    pub settings: Value,
    /// When its training began.
    pub created_at: DateTime<Utc>,
    /// The version of another kind that it is trained with.
    pub trained_with: Option<Id<id::Model>>,
}

impl ModelVersion {
    /// The model's place in the list of all, the newest first.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("id", false, Value::Null, self.id.uuid())
    }
}

text_enum! {
    /// Kind of a trained model.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ModelKind {
        /// Bandit that weights the signals of slates.
        Bandit = "BANDIT",
        /// Collaborative filtering model, trained on the interactions of all users.
        Collaborative = "COLLABORATIVE",
        /// Embedding model, which represents the meaning of content items as vectors.
        Embedding = "EMBEDDING",
        /// Model that predicts the audience of a broadcast.
        Audience = "AUDIENCE",
        /// Model of the choices of curators.
        Curator = "CURATOR",
        /// Learned ranking model, which weights the sources of recommendation lists.
        Ranker = "RANKER",
    }
}

text_enum! {
    /// State of a model version.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ModelState {
        /// In training, or trained but not active.
        Candidate = "CANDIDATE",
        /// The active version of its kind, used for recommendations.
        Active = "ACTIVE",
        /// Active in the past, but replaced by another version.
        Retired = "RETIRED",
    }
}
