//! The jobs that generate content.

use async_graphql::InputObject;

use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::content;
use crate::domain::generation::jobs::{ImageJob, TextJob};
use crate::domain::generation::model::NewItem;
use crate::domain::generation::{
    GenerationParameters, GenerationRequest, GeneratorInput, ImageInput as Image, Target,
    TextInput as Text,
};
use crate::foundation::{Id, Refusal, Result, id};
use crate::graphql::types::content::{ContentKind, Visibility};
use crate::graphql::types::job::{ApiJob, Creation, JobInput};

impl ApiJob for TextJob {
    const DESCRIPTION: &'static str = "Generates a text as a content item.";

    fn creation() -> Creation {
        Creation::input::<TextJobInput>("text", "Generate a text as a new content item.")
    }
}

impl ApiJob for ImageJob {
    const DESCRIPTION: &'static str = "Generates images, as content items or as a poster.";

    fn creation() -> Creation {
        Creation::input::<ImageJobInput>(
            "image",
            "Generate images, as new content items or as the poster of an item.",
        )
    }
}

/// Properties of the content item that is created for a generated text or image.
#[derive(Clone, Debug, InputObject)]
pub struct GeneratedItemInput {
    /// Kind of the item (default: TEXT for texts, IMAGE for images). Texts are always of the kind
    /// TEXT; images may be of any other kind.
    kind: Option<ContentKind>,
    /// Title of the item, 1–500 characters (default: the title of the item in `about`, or else the
    /// first line of the prompt).
    title: Option<String>,
    /// Genres of the item. If empty, those of the item in `about` are used.
    #[graphql(default)]
    genres: Vec<String>,
    /// Year of release, 1800–2200 (default: none).
    year: Option<i32>,
    /// Who may see the item (default PRIVATE: its creator and admins).
    visibility: Option<Visibility>,
}

/// A text to generate.
#[derive(Clone, Debug, InputObject)]
pub struct TextJobInput {
    /// Name of the generator, one of the query `generators`.
    #[graphql(default_with = "\"builtin\".to_owned()")]
    generator: String,
    /// Instructions for the text, 1–20,000 characters.
    prompt: String,
    /// System prompt that sets role and style of the writer, at most 20,000 characters. Ignored by
    /// generators that do not support it.
    system: Option<String>,
    /// Maximum length of the text in tokens (about 0.75 words each), 1–16,384.
    #[graphql(default = 512)]
    max_tokens: i32,
    /// Sampling temperature, 0–2. Higher values give more varied texts.
    #[graphql(default = 0.7)]
    temperature: f64,
    /// Seed of the random number generator, an integer from 0 to 2^53 - 1. The same seed gives the
    /// same text if the generator supports seeds (default: derived from the job's ID).
    seed: Option<f64>,
    /// ID of a content item that the text is about; its data is passed to the generator.
    about: Option<Id<id::Content>>,
    /// Properties of the content item that is created for the text.
    item: Option<GeneratedItemInput>,
}

/// Images to generate.
#[derive(Clone, Debug, InputObject)]
pub struct ImageJobInput {
    /// Name of the generator, one of the query `generators`.
    #[graphql(default_with = "\"builtin\".to_owned()")]
    generator: String,
    /// Description of the image, 1–20,000 characters.
    prompt: String,
    /// Description of what the image must not show, at most 20,000 characters.
    negative_prompt: Option<String>,
    /// Width of the image in pixels, 64–2,048; a multiple of 8.
    #[graphql(default = 512)]
    width: i32,
    /// Height of the image in pixels, 64–2,048; a multiple of 8.
    #[graphql(default = 768)]
    height: i32,
    /// Number of images, 1–8.
    #[graphql(default = 1)]
    batch: i32,
    /// Number of sampling steps, 1–150 (default: set by the generator).
    steps: Option<i32>,
    /// Guidance scale: how closely the image follows the prompt, 0–30 (default: set by the
    /// generator).
    guidance: Option<f64>,
    /// Seed of the random number generator, an integer from 0 to 2^53 - 1. The same seed gives the
    /// same image if the generator supports seeds (default: derived from the job's ID).
    seed: Option<f64>,
    /// ID of a content item that the image is about; its data is passed to the generator (default:
    /// the item in `posterOf`).
    about: Option<Id<id::Content>>,
    /// ID of a content item whose poster the image becomes, instead of a new item. Requires
    /// permission to change the item and a `batch` of 1; not allowed together with `item`.
    poster_of: Option<Id<id::Content>>,
    /// Properties of the content items that are created for the images.
    item: Option<GeneratedItemInput>,
}

impl GeneratedItemInput {
    fn read(input: Option<Self>, usual: content::ContentKind) -> NewItem {
        let Some(input) = input else {
            return NewItem::new(usual);
        };
        let kind = input.kind.map_or(usual, Into::into);
        let mut item = NewItem::new(kind);
        item.title = input.title;
        item.genres = input.genres;
        item.year = input.year;
        if let Some(visibility) = input.visibility {
            item.visibility = visibility.into();
        }
        item
    }
}

impl JobInput for TextJobInput {
    type Job = TextJob;

    /// Checks also whether the viewer may have it generated.
    async fn read(self, viewer: &Viewer, services: &Services) -> Result<GenerationRequest> {
        let parameters = self.parameters()?;
        services.generation.prepare(viewer, parameters).await
    }
}

impl TextJobInput {
    fn parameters(self) -> Result<GenerationParameters, Refusal> {
        Ok(GenerationParameters {
            generator: self.generator,
            input: GeneratorInput::Text(Text {
                prompt: self.prompt,
                system: self.system,
                max_tokens: self.max_tokens,
                temperature: self.temperature,
                seed: seed(self.seed)?,
            }),
            target: Target::NewItem(GeneratedItemInput::read(
                self.item,
                content::ContentKind::Text,
            )),
            about: self.about,
        })
    }
}

impl JobInput for ImageJobInput {
    type Job = ImageJob;

    /// Checks also whether the viewer may have it generated.
    async fn read(self, viewer: &Viewer, services: &Services) -> Result<GenerationRequest> {
        let parameters = self.parameters()?;
        services.generation.prepare(viewer, parameters).await
    }
}

impl ImageJobInput {
    fn parameters(self) -> Result<GenerationParameters, Refusal> {
        let target = match (self.poster_of, self.item) {
            (Some(_), Some(_)) => {
                let message = "either the poster of an item or an item of its own";
                return Err(Refusal::invalid("posterOf", message));
            }
            (Some(content), None) => Target::Poster { content },
            (None, item) => {
                Target::NewItem(GeneratedItemInput::read(item, content::ContentKind::Image))
            }
        };
        Ok(GenerationParameters {
            generator: self.generator,
            input: GeneratorInput::Image(Image {
                prompt: self.prompt,
                negative: self.negative_prompt,
                width: self.width,
                height: self.height,
                batch: self.batch,
                steps: self.steps,
                guidance: self.guidance,
                seed: seed(self.seed)?,
            }),
            target,
            about: self.about.or(self.poster_of),
        })
    }
}

/// A whole number that JSON and a double hold exactly.
fn seed(seed: Option<f64>) -> Result<Option<i64>, Refusal> {
    const MOST: f64 = 9_007_199_254_740_991.0;
    match seed {
        None => Ok(None),
        Some(seed) if seed.fract() == 0.0 && (0.0..=MOST).contains(&seed) => Ok(Some(seed as i64)),
        Some(_) => {
            let message = "a whole number between 0 and 9007199254740991";
            Err(Refusal::invalid("seed", message))
        }
    }
}
