//! Generation requests, and the provenance of generated content.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::input::GeneratorInput;
use crate::domain::content::{ContentKind, Visibility};
use crate::foundation::{Id, Refusal, Result, id, text_enum};
use crate::platform::objects::ObjectName;

text_enum! {
    /// The kind of output of a generator.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum MediaKind {
        /// Texts.
        Text = "TEXT",
        /// Pictures.
        Image = "IMAGE",
    }
}

/// The parameters of a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationParameters {
    /// The name of the generator: `builtin`, `openai` or `comfyui`.
    pub generator: String,
    /// The input of the generator.
    #[serde(rename = "ask")]
    pub input: GeneratorInput,
    /// How the output is used.
    pub target: Target,
    /// The item that the content is about. The poster of an item is always about that item.
    pub about: Option<Id<id::Content>>,
}

/// How the output of a generation is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Target {
    /// Each output becomes a new item.
    NewItem(NewItem),
    /// The single image becomes the poster of an item.
    Poster {
        /// The item.
        content: Id<id::Content>,
    },
}

/// A new item for generated content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewItem {
    /// TEXT for a text; for a picture IMAGE, or what it is the poster of: MOVIE, PRODUCT, VIDEO, AUDIO.
    pub kind: ContentKind,
    /// The title, 1 to 500 characters; derived from the prompt if absent.
    pub title: Option<String>,
    /// Its genres; those of the item that it is about where there are none.
    pub genres: Vec<String>,
    /// Its year.
    pub year: Option<i32>,
    /// Who may see it.
    pub visibility: Visibility,
}

impl NewItem {
    /// A private item of this kind.
    pub fn new(kind: ContentKind) -> Self {
        Self {
            kind,
            title: None,
            genres: Vec::new(),
            year: None,
            visibility: Visibility::Private,
        }
    }
}

impl GenerationParameters {
    /// Validates what can be validated without the database.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] with the field that is wrong.
    pub fn check(&self) -> Result<()> {
        self.input.check()?;
        match (&self.target, &self.input) {
            (Target::Poster { .. }, GeneratorInput::Text(_)) => {
                let message = "a poster is a picture; ask for one, or for a new item of kind TEXT";
                Err(Refusal::invalid("posterOf", message).into())
            }
            (Target::Poster { .. }, GeneratorInput::Image(image)) if image.batch != 1 => {
                let message = "an item has one poster: ask for one picture, or for new items";
                Err(Refusal::invalid("batch", message).into())
            }
            (Target::NewItem(item), input)
                if (item.kind == ContentKind::Text) != (input.media_kind() == MediaKind::Text) =>
            {
                let message =
                    "a text becomes an item of kind TEXT, a picture one of any other kind";
                Err(Refusal::invalid("kind", message).at("item").into())
            }
            _ => Ok(()),
        }
    }
}

/// An authorised generation: stored by a job, and executed by
/// [`super::GenerationService::generate`]. Created by
/// [`super::GenerationService::prepare`] alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationRequest {
    /// The parameters; without a seed if none was given.
    pub parameters: GenerationParameters,
    /// The creator of new items; `None` for API keys and commands.
    pub creator: Option<Id<id::User>>,
    /// Whether the requester may change the items of all users that others see.
    pub everything: bool,
    /// Whether the requester may see and change what users keep for themselves.
    #[serde(default)]
    pub hidden: bool,
}

/// The provenance of generated content.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The item that was created, or whose poster was set.
    pub content: Id<id::Content>,
    /// The name of the generator.
    pub generator: String,
    /// The prompt.
    pub prompt: String,
    /// All [`GenerationParameters`], as a JSON object.
    pub parameters: serde_json::Value,
    /// Details that the generator returned: a JSON object.
    pub details: serde_json::Value,
    /// The job that generated it.
    pub job: Option<Uuid>,
    /// The number of the output within the job, from 1.
    pub number: i32,
    /// The seed that reproduces it, if the generator supports seeds.
    pub seed: Option<i64>,
    /// The file.
    pub file: ObjectName,
    /// The size of the file in bytes.
    pub bytes: i64,
    /// When it was generated.
    pub created_at: DateTime<Utc>,
}

/// A generator as shown to clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorInfo {
    /// The name.
    pub name: &'static str,
    /// The kinds of output.
    pub media: &'static [MediaKind],
    /// Whether it is configured.
    pub available: bool,
}
