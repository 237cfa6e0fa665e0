//! Posters and blurbs without anybody's help: drawn and composed from what the catalogue knows.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::generator::{
    GenerationError, Generator, GeneratorOutput, ItemSummary, ProgressCallback, report,
};
use super::input::{GeneratorInput, ImageInput, SEED, TextInput};
use super::model::MediaKind;
use crate::foundation::Error;
use crate::platform::objects::MediaType;

mod blurb;
mod lettering;
mod poster;
mod scene;
mod seeded_rng;
mod theme;
mod typeface;

/// Draws posters and composes blurbs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl Builtin {
    /// The generator's name.
    pub const NAME: &'static str = "builtin";
    /// What it makes.
    pub const MEDIA: &'static [MediaKind] = &[MediaKind::Text, MediaKind::Image];

    fn compose(input: &TextInput, summary: &ItemSummary) -> GeneratorOutput {
        let seed = input.seed.unwrap_or_default();
        // A token is about three quarters of a word.
        let words = usize::try_from(input.max_tokens).unwrap_or(1) * 3 / 4;
        let text = blurb::compose(summary, words, seed);
        GeneratorOutput {
            bytes: Bytes::from(text.clone()),
            media_type: MediaType::Text,
            text: Some(text),
            seed: Some(seed),
            details: json!({ "origin": blurb::ORIGIN }),
        }
    }

    async fn draw(
        input: &ImageInput,
        summary: &ItemSummary,
        observe: ProgressCallback<'_>,
    ) -> Result<Vec<GeneratorOutput>, GenerationError> {
        let mut made = Vec::new();
        for number in 0..input.batch {
            let message = format!("Drawing picture {} of {}", number + 1, input.batch);
            report(
                observe,
                f64::from(number) / f64::from(input.batch),
                "draw",
                message,
            )?;
            let seed = input.seed.unwrap_or_default();
            let seed = (seed + i64::from(number)).min(*SEED.end());
            let size = (input.width.unsigned_abs(), input.height.unsigned_abs());
            let (summary, prompt) = (summary.clone(), input.prompt.clone());
            // A large one takes a second: not on a thread that others wait for.
            let drawn =
                tokio::task::spawn_blocking(move || poster::png(&summary, &prompt, size, seed));
            let drawn = drawn.await.map_err(|error| Error::Internal(error.into()))?;
            let bytes = drawn.ok_or_else(|| Error::Internal(anyhow::anyhow!("no poster")))?;
            made.push(GeneratorOutput {
                bytes: bytes.into(),
                media_type: MediaType::Png,
                text: None,
                seed: Some(seed),
                details: json!({ "width": input.width, "height": input.height }),
            });
        }
        Ok(made)
    }
}

impl Generator for Builtin {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn media(&self) -> &'static [MediaKind] {
        Self::MEDIA
    }

    fn generate<'a>(
        &'a self,
        input: &'a GeneratorInput,
        summary: &'a ItemSummary,
        observe: ProgressCallback<'a>,
    ) -> BoxFuture<'a, Result<Vec<GeneratorOutput>, GenerationError>> {
        async move {
            match input {
                GeneratorInput::Text(text) => {
                    report(observe, 0.0, "compose", "Composing the text")?;
                    Ok(vec![Self::compose(text, summary)])
                }
                GeneratorInput::Image(image) => Self::draw(image, summary, observe).await,
            }
        }
        .boxed()
    }
}
