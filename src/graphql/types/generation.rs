//! Generated content: how it was made, and who can make it.

use std::sync::Arc;

use async_graphql::{Context, Json, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::content::ContentKind;
use crate::domain::generation as domain;
use crate::domain::generation::input;
use crate::graphql::ContextExt;
use crate::graphql::number::int;

/// How a content item, or its poster, was generated.
#[derive(Clone, Debug)]
pub struct Generated(pub Arc<domain::Generated>);

/// How a content item, or its poster, was generated.
#[Object]
impl Generated {
    /// What the generator was asked.
    async fn prompt(&self) -> &str {
        &self.0.prompt
    }

    /// The generator's name.
    async fn generator(&self) -> &str {
        &self.0.generator
    }

    /// The whole question, as it was asked.
    async fn parameters(&self) -> Json<&serde_json::Value> {
        Json(&self.0.parameters)
    }

    /// What the generator said of its answer: its model, the prompt as it revised it.
    async fn details(&self) -> Json<&serde_json::Value> {
        Json(&self.0.details)
    }

    /// With what it can be made again, a whole number below 2^53; null where the generator keeps to none.
    async fn seed(&self) -> Option<f64> {
        // Seeds have at most 53 bits, which a double holds exactly.
        self.0.seed.map(|seed| seed as f64)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The file.
    async fn file(&self, ctx: &Context<'_>) -> StoredFile {
        StoredFile {
            url: ctx.services().generation.address(&self.0.file),
            media_type: self.0.file.media_type().as_str().to_owned(),
            bytes: int(self.0.bytes),
        }
    }
}

/// A file of this server. It never changes; whoever knows its address can read it.
#[derive(Clone, Debug, SimpleObject)]
pub struct StoredFile {
    /// Where it is: a path of this server, or a whole address.
    pub url: String,
    /// What it is: `image/png`, `text/plain`.
    pub media_type: String,
    /// How large it is, in bytes.
    pub bytes: i32,
}

/// A content generator.
#[derive(Clone, Debug, SimpleObject)]
pub struct Generator {
    /// Its name in parameters.
    pub name: String,
    /// What it makes.
    pub kinds: Vec<ContentKind>,
    /// Whether it is set up on this server.
    pub available: bool,
    /// What it can be asked for.
    pub limits: GenerationLimits,
}

/// What a generator can be asked for; all ends are included.
#[derive(Clone, Debug, SimpleObject)]
pub struct GenerationLimits {
    /// How long a prompt may be, in characters.
    pub max_prompt_characters: i32,
    /// The shortest side of a picture, in pixels.
    pub min_side: i32,
    /// The longest side of a picture, in pixels.
    pub max_side: i32,
    /// Sides are a multiple of so many pixels.
    pub side_step: i32,
    /// How many pictures can be made at once.
    pub max_batch: i32,
    /// How many steps of sampling a picture may take.
    pub max_steps: i32,
    /// How closely a picture may follow its prompt, from 0.
    pub max_guidance: f64,
    /// How long a text may be, in tokens.
    pub max_tokens: i32,
    /// How freely a text may be written, from 0.
    pub max_temperature: f64,
}

impl GenerationLimits {
    /// The limits, which all generators share.
    fn all() -> Self {
        Self {
            max_prompt_characters: int(*input::PROMPT.end()),
            min_side: *input::SIDE.start(),
            max_side: *input::SIDE.end(),
            side_step: input::SIDE_STEP,
            max_batch: *input::BATCH.end(),
            max_steps: *input::STEPS.end(),
            max_guidance: *input::GUIDANCE.end(),
            max_tokens: *input::MAX_TOKENS.end(),
            max_temperature: *input::TEMPERATURE.end(),
        }
    }
}

impl From<domain::GeneratorInfo> for Generator {
    fn from(info: domain::GeneratorInfo) -> Self {
        let kind = |media_kind: &domain::MediaKind| match media_kind {
            domain::MediaKind::Text => ContentKind::Text,
            domain::MediaKind::Image => ContentKind::Image,
        };
        Self {
            name: info.name.to_owned(),
            kinds: info.media.iter().map(kind).collect(),
            available: info.available,
            limits: GenerationLimits::all(),
        }
    }
}

/// Queries about generators.
#[derive(Clone, Copy, Default)]
pub struct GenerationQuery;

/// Queries about generators.
#[Object]
impl GenerationQuery {
    /// The content generators, also those that are not set up on this server.
    async fn generators(&self, ctx: &Context<'_>) -> Result<Vec<Generator>> {
        let list_generators = ctx.services().generation.list_generators();
        Ok(list_generators.into_iter().map(Into::into).collect())
    }
}
