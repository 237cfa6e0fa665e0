//! Asking for generated content.

use async_graphql::InputObject;

use crate::domain::content as catalogue;
use crate::domain::generation::model::NewItem;
use crate::domain::generation::{
    GenerationParameters, GeneratorInput, ImageInput as Image, Target, TextInput as Text,
};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::types::content::{ContentKind, Visibility};

/// The item that a text or picture becomes.
#[derive(Clone, Debug, InputObject)]
pub struct GeneratedItemInput {
    /// What it is: TEXT for a text; for a picture IMAGE, where left out, or what it is the poster of.
    kind: Option<ContentKind>,
    /// Its title, 1 to 500 characters; made of the prompt where left out.
    title: Option<String>,
    /// Its genres; those of the item it is about where left out.
    #[graphql(default)]
    genres: Vec<String>,
    /// Its year.
    year: Option<i32>,
    /// Who may see it; only its creator where left out.
    visibility: Option<Visibility>,
}

/// A text to be written.
#[derive(Clone, Debug, InputObject)]
pub struct TextJobInput {
    /// Who writes it: a name of `generators`.
    #[graphql(default_with = "\"builtin\".to_owned()")]
    generator: String,
    /// What to write, 1 to 20,000 characters.
    prompt: String,
    /// Who the writer is and how they write, for generators that know such a thing.
    system: Option<String>,
    /// How long at most, in tokens of about three quarters of a word, 1 to 16,384.
    #[graphql(default = 512)]
    max_tokens: i32,
    /// How freely, 0 to 2.
    #[graphql(default = 0.7)]
    temperature: f64,
    /// The same seed makes the same where the generator keeps to one, 0 to 2^53 - 1; each job has
    /// one of its own where left out.
    seed: Option<f64>,
    /// The item that it is about, whose data the generator reads.
    about: Option<Id<id::Content>>,
    /// The item that it becomes.
    item: Option<GeneratedItemInput>,
}

/// Pictures to be made.
#[derive(Clone, Debug, InputObject)]
pub struct ImageJobInput {
    /// Who makes them: a name of `generators`.
    #[graphql(default_with = "\"builtin\".to_owned()")]
    generator: String,
    /// What to show, 1 to 20,000 characters.
    prompt: String,
    /// What not to show.
    negative_prompt: Option<String>,
    /// In pixels, 64 to 2,048, a multiple of 8.
    #[graphql(default = 512)]
    width: i32,
    /// In pixels, 64 to 2,048, a multiple of 8.
    #[graphql(default = 768)]
    height: i32,
    /// How many, 1 to 8.
    #[graphql(default = 1)]
    batch: i32,
    /// How many steps of sampling, 1 to 150; the generator's own where left out.
    steps: Option<i32>,
    /// How closely to follow the prompt, 0 to 30; the generator's own where left out.
    guidance: Option<f64>,
    /// The same seed makes the same where the generator keeps to one, 0 to 2^53 - 1; each job has
    /// one of its own where left out.
    seed: Option<f64>,
    /// The item that it is about, whose data the generator reads.
    about: Option<Id<id::Content>>,
    /// The picture becomes the poster of this item, rather than an item of its own.
    poster_of: Option<Id<id::Content>>,
    /// The items that they become.
    item: Option<GeneratedItemInput>,
}

impl GeneratedItemInput {
    fn read(input: Option<Self>, usual: ContentKind) -> NewItem {
        let Some(input) = input else {
            return NewItem::new(usual.into());
        };
        let kind: catalogue::ContentKind = input.kind.unwrap_or(usual).into();
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

impl TextJobInput {
    /// The parameters in the words of the service.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn read(self) -> Result<GenerationParameters, Refusal> {
        Ok(GenerationParameters {
            generator: self.generator,
            input: GeneratorInput::Text(Text {
                prompt: self.prompt,
                system: self.system,
                max_tokens: self.max_tokens,
                temperature: self.temperature,
                seed: seed(self.seed)?,
            }),
            target: Target::NewItem(GeneratedItemInput::read(self.item, ContentKind::Text)),
            about: self.about,
        })
    }
}

impl ImageJobInput {
    /// The parameters in the words of the service.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn read(self) -> Result<GenerationParameters, Refusal> {
        let target = match (self.poster_of, self.item) {
            (Some(_), Some(_)) => {
                let message = "either the poster of an item or an item of its own";
                return Err(Refusal::invalid("posterOf", message));
            }
            (Some(content), None) => Target::Poster { content },
            (None, item) => Target::NewItem(GeneratedItemInput::read(item, ContentKind::Image)),
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
