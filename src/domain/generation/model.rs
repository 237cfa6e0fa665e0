//! What a generation is asked with, and what is kept of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ask::Ask;
use crate::domain::content::{ContentKind, Visibility};
use crate::foundation::{Id, Refusal, Result, id, text_enum};
use crate::platform::objects::ObjectName;

/// What a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// Texts.
    Text,
    /// Pictures.
    Image,
}

text_enum!(Medium {
    Text = "TEXT",
    Image = "IMAGE",
});

/// A generation as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationParameters {
    /// Which generator: `builtin`, `openai`, `comfyui`.
    pub generator: String,
    /// What it shall make.
    pub ask: Ask,
    /// What becomes of it.
    pub target: Target,
    /// The item that it is about. The poster of an item is about that item.
    pub about: Option<Id<id::Content>>,
}

/// What becomes of what is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Target {
    /// Each thing becomes an item of its own.
    NewItem(NewItem),
    /// The one picture becomes the poster of an item.
    Poster {
        /// Of which.
        content: Id<id::Content>,
    },
}

/// An item that is made by generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewItem {
    /// TEXT for a text; for a picture IMAGE, or what it is the poster of: MOVIE, PRODUCT, VIDEO, AUDIO.
    pub kind: ContentKind,
    /// Its title, 1 to 500 characters; made of the prompt where left out.
    pub title: Option<String>,
    /// Its genres; those of the item that it is about where there are none.
    pub genres: Vec<String>,
    /// Its year.
    pub year: Option<i32>,
    /// Who may see it.
    pub visibility: Visibility,
}

impl NewItem {
    /// Something of this kind that only its creator sees.
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
    /// Checks what can be told without asking anybody.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] with the field that is wrong.
    pub fn check(&self) -> Result<()> {
        self.ask.check()?;
        match (&self.target, &self.ask) {
            (Target::Poster { .. }, Ask::Text(_)) => {
                let message = "a poster is a picture; ask for one, or for a new item of kind TEXT";
                Err(Refusal::invalid("target", message).into())
            }
            (Target::Poster { .. }, Ask::Image(image)) if image.batch != 1 => {
                let message = "an item has one poster: ask for one picture, or for new items";
                Err(Refusal::invalid("batch", message).into())
            }
            (Target::NewItem(item), ask)
                if (item.kind == ContentKind::Text) != (ask.medium() == Medium::Text) =>
            {
                let message =
                    "a text becomes an item of kind TEXT, a picture one of any other kind";
                Err(Refusal::invalid("kind", message).into())
            }
            _ => Ok(()),
        }
    }
}

/// A generation that was asked for by somebody who may: what a job keeps, and what
/// [`super::GenerationService::generate`] carries out. Made by
/// [`super::GenerationService::commission`] alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commission {
    /// What was asked for; without a seed where none was named.
    pub parameters: GenerationParameters,
    /// Whose items it makes; `None` for apps and the shell.
    pub creator: Option<Id<id::User>>,
    /// Whether whoever asked may see and change everybody's items.
    pub everything: bool,
}

/// What is kept of a generation beside the item.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The item that was made, or got its poster.
    pub content: Id<id::Content>,
    /// Which generator made it.
    pub generator: String,
    /// What it was asked.
    pub prompt: String,
    /// The whole question: [`GenerationParameters`] as a JSON object.
    pub parameters: serde_json::Value,
    /// What the generator said of its answer: a JSON object.
    pub details: serde_json::Value,
    /// The job it was made in.
    pub job: Option<Uuid>,
    /// Which of the things the job made it is, from 1.
    pub number: i32,
    /// What it can be made again with, where the generator keeps to a seed.
    pub seed: Option<i64>,
    /// Its file.
    pub file: ObjectName,
    /// How large the file is, in bytes.
    pub bytes: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A generator, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// Its name.
    pub name: &'static str,
    /// What it makes.
    pub media: &'static [Medium],
    /// Whether it is set up.
    pub available: bool,
}
