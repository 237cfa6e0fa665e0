//! Generated content: how it was made, and who can make it.

mod jobs;

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use crate::domain::content;
use crate::domain::generation as domain;
use crate::domain::generation::input;
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::types::content::ContentKind;

/// How a content item or its poster was generated. Visible to those who may change the item.
#[derive(Clone, Debug)]
pub struct Generated(pub Arc<domain::Generated>);

/// How a content item or its poster was generated. Visible to those who may change the item.
#[Object]
impl Generated {
    /// The prompt that the generator was given.
    async fn prompt(&self) -> &str {
        &self.0.prompt
    }

    /// Name of the generator.
    async fn generator(&self) -> &str {
        &self.0.generator
    }

    /// All parameters of the generation, as a JSON object.
    async fn parameters(&self) -> Json {
        Json::of_singles(&self.0.parameters)
    }

    /// Details reported by the generator, as a JSON object, such as its model or a revised prompt.
    async fn details(&self) -> Json {
        Json::of_singles(&self.0.details)
    }

    /// Seed of the random number generator, an integer below 2^53; null if the generator does not
    /// use seeds.
    async fn seed(&self) -> Option<f64> {
        // Seeds have at most 53 bits, which a double holds exactly.
        self.0.seed.map(|seed| seed as f64)
    }

    /// Time when the content was generated.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The generated file.
    async fn file(&self, ctx: &Context<'_>) -> StoredFile {
        StoredFile {
            url: ctx.absolute(&ctx.services().generation.address(&self.0.file)),
            media_type: self.0.file.media_type().as_str().to_owned(),
            bytes: int(self.0.bytes),
        }
    }
}

/// A file stored by this server. Files never change and can be downloaded by everyone who knows the
/// URL.
#[derive(Clone, Debug, SimpleObject)]
pub struct StoredFile {
    /// Absolute URL of the file.
    pub url: String,
    /// Media type of the file, for example `image/png` or `text/plain`.
    pub media_type: String,
    /// Size of the file, in bytes.
    pub bytes: i32,
}

/// A generator of texts or images.
#[derive(Clone, Debug, SimpleObject)]
pub struct Generator {
    /// Name of the generator, for use in job parameters.
    pub name: String,
    /// Kinds of content that the generator creates.
    pub kinds: Vec<ContentKind>,
    /// Whether the generator is configured on this server.
    pub available: bool,
    /// Limits of the parameters of the generator.
    pub limits: GenerationLimits,
}

/// Limits of the parameters of a generator, all inclusive.
#[derive(Clone, Debug, SimpleObject)]
pub struct GenerationLimits {
    /// Maximum length of a prompt, in characters.
    pub max_prompt_characters: i32,
    /// Minimum width and height of an image, in pixels.
    pub min_side: i32,
    /// Maximum width and height of an image, in pixels.
    pub max_side: i32,
    /// Width and height of an image must be a multiple of this number of pixels.
    pub side_step: i32,
    /// Maximum number of images in one job.
    pub max_batch: i32,
    /// Maximum number of sampling steps of an image.
    pub max_steps: i32,
    /// Maximum guidance scale of an image; the minimum is 0.
    pub max_guidance: f64,
    /// Maximum length of a text, in tokens.
    pub max_tokens: i32,
    /// Maximum sampling temperature of a text; the minimum is 0.
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
            domain::MediaKind::Text => content::ContentKind::Text.into(),
            domain::MediaKind::Image => content::ContentKind::Image.into(),
        };
        Self {
            name: info.name.to_owned(),
            kinds: info.media.iter().map(kind).collect(),
            available: info.available,
            limits: GenerationLimits::all(),
        }
    }
}

/// Queries of generators.
#[derive(Clone, Copy, Default)]
pub struct GenerationQuery;

/// Queries of generators.
#[Object]
impl GenerationQuery {
    /// Lists all supported generators, including those that are not configured on this server. No
    /// authentication required.
    async fn generators(&self, ctx: &Context<'_>) -> Result<Vec<Generator>> {
        let list_generators = ctx.services().generation.list_generators();
        Ok(list_generators.into_iter().map(Into::into).collect())
    }
}
