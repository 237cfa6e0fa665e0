//! Posters and blurbs without anybody's help: drawn and composed from what the catalogue knows.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::ask::{Ask, ImageAsk, SEED, TextAsk};
use super::generator::{GenerationError, Generator, Made, Observe, Subject, tell};
use super::model::Medium;
use crate::foundation::Error;
use crate::platform::objects::MediaType;

mod blurb;
mod canvas;
mod dice;
mod glyphs;
mod lettering;
mod palette;
mod poster;
mod scenes;

/// Draws posters and composes blurbs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl Builtin {
    /// The generator's name.
    pub const NAME: &'static str = "builtin";
    /// What it makes.
    pub const MEDIA: &'static [Medium] = &[Medium::Text, Medium::Image];

    fn compose(ask: &TextAsk, subject: &Subject) -> Made {
        let seed = ask.seed.unwrap_or_default();
        // A token is about three quarters of a word.
        let words = usize::try_from(ask.max_tokens).unwrap_or(1) * 3 / 4;
        let text = blurb::compose(subject, words, seed);
        Made {
            bytes: Bytes::from(text.clone()),
            media_type: MediaType::Text,
            text: Some(text),
            seed: Some(seed),
            details: json!({ "origin": blurb::ORIGIN }),
        }
    }

    async fn draw(
        ask: &ImageAsk,
        subject: &Subject,
        observe: Observe<'_>,
    ) -> Result<Vec<Made>, GenerationError> {
        let mut made = Vec::new();
        for number in 0..ask.batch {
            let message = format!("Drawing picture {} of {}", number + 1, ask.batch);
            tell(
                observe,
                f64::from(number) / f64::from(ask.batch),
                "draw",
                message,
            )?;
            let seed = ask.seed.unwrap_or_default();
            let seed = (seed + i64::from(number)).min(*SEED.end());
            let size = (ask.width.unsigned_abs(), ask.height.unsigned_abs());
            let (subject, prompt) = (subject.clone(), ask.prompt.clone());
            // A large one takes a second: not on a thread that others wait for.
            let drawn =
                tokio::task::spawn_blocking(move || poster::png(&subject, &prompt, size, seed));
            let drawn = drawn.await.map_err(|error| Error::Internal(error.into()))?;
            let bytes = drawn.ok_or_else(|| Error::Internal(anyhow::anyhow!("no poster")))?;
            made.push(Made {
                bytes: bytes.into(),
                media_type: MediaType::Png,
                text: None,
                seed: Some(seed),
                details: json!({ "width": ask.width, "height": ask.height }),
            });
        }
        Ok(made)
    }
}

impl Generator for Builtin {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn media(&self) -> &'static [Medium] {
        Self::MEDIA
    }

    fn generate<'a>(
        &'a self,
        ask: &'a Ask,
        subject: &'a Subject,
        observe: Observe<'a>,
    ) -> BoxFuture<'a, Result<Vec<Made>, GenerationError>> {
        async move {
            match ask {
                Ask::Text(text) => {
                    tell(observe, 0.0, "compose", "Composing the text")?;
                    Ok(vec![Self::compose(text, subject)])
                }
                Ask::Image(image) => Self::draw(image, subject, observe).await,
            }
        }
        .boxed()
    }
}
