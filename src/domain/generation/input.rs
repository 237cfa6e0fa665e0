//! The input of a generator, and its validation.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::model::MediaKind;
use crate::foundation::{Findings, Refusal, Result};

/// The length of a prompt, in characters.
pub const PROMPT: RangeInclusive<usize> = 1..=20_000;
/// Width and height of an image, in pixels.
pub const SIDE: RangeInclusive<i32> = 64..=2048;
/// Width and height are a multiple of this.
pub const SIDE_STEP: i32 = 8;
/// The number of images of one request.
pub const BATCH: RangeInclusive<i32> = 1..=8;
/// The length of a text, in tokens (about three quarters of a word each).
pub const MAX_TOKENS: RangeInclusive<i32> = 1..=16_384;
/// The sampling temperature of a text.
pub const TEMPERATURE: RangeInclusive<f64> = 0.0..=2.0;
/// The number of sampling steps of an image.
pub const STEPS: RangeInclusive<i32> = 1..=150;
/// The guidance scale of an image: how closely it follows its prompt.
pub const GUIDANCE: RangeInclusive<f64> = 0.0..=30.0;
/// Seeds: whole numbers that JSON and JavaScript hold exactly.
pub const SEED: RangeInclusive<i64> = 0..=9_007_199_254_740_991;

/// The input of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "medium", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GeneratorInput {
    /// A text.
    Text(TextInput),
    /// Pictures.
    Image(ImageInput),
}

/// The input for a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextInput {
    /// The prompt; see [`PROMPT`].
    pub prompt: String,
    /// The system prompt, for generators that support one.
    pub system: Option<String>,
    /// See [`MAX_TOKENS`].
    pub max_tokens: i32,
    /// See [`TEMPERATURE`].
    pub temperature: f64,
    /// See [`SEED`]; that of the job if absent.
    pub seed: Option<i64>,
}

/// The input for images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageInput {
    /// The prompt; see [`PROMPT`].
    pub prompt: String,
    /// The negative prompt.
    pub negative: Option<String>,
    /// In pixels; see [`SIDE`].
    pub width: i32,
    /// In pixels; see [`SIDE`].
    pub height: i32,
    /// The number of images; see [`BATCH`].
    pub batch: i32,
    /// See [`STEPS`]; the default of the generator if absent.
    pub steps: Option<i32>,
    /// See [`GUIDANCE`]; the default of the generator if absent.
    pub guidance: Option<f64>,
    /// See [`SEED`]; that of the job if absent.
    pub seed: Option<i64>,
}

impl TextInput {
    /// The input for a text of about 400 words with a medium temperature.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            system: None,
            max_tokens: 512,
            temperature: 0.7,
            seed: None,
        }
    }
}

impl ImageInput {
    /// The input for one image with the proportions of a poster.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            negative: None,
            width: 512,
            height: 768,
            batch: 1,
            steps: None,
            guidance: None,
            seed: None,
        }
    }
}

impl GeneratorInput {
    /// The kind of output.
    pub fn media_kind(&self) -> MediaKind {
        match self {
            Self::Text(_) => MediaKind::Text,
            Self::Image(_) => MediaKind::Image,
        }
    }

    /// The prompt.
    pub fn prompt(&self) -> &str {
        match self {
            Self::Text(text) => &text.prompt,
            Self::Image(image) => &image.prompt,
        }
    }

    /// The seed, if given.
    pub fn seed(&self) -> Option<i64> {
        match self {
            Self::Text(text) => text.seed,
            Self::Image(image) => image.seed,
        }
    }

    /// The same input with its own seed, or else with `seed`.
    #[must_use]
    pub fn seeded(mut self, seed: i64) -> Self {
        let own = match &mut self {
            Self::Text(text) => &mut text.seed,
            Self::Image(image) => &mut image.seed,
        };
        own.get_or_insert(seed);
        self
    }

    /// The number of outputs.
    pub fn count(&self) -> i32 {
        match self {
            Self::Text(_) => 1,
            Self::Image(image) => image.batch,
        }
    }

    /// Validates all fields; the refusal names the invalid one.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let mut findings = Findings::default();
        findings.take(words("prompt", self.prompt(), *PROMPT.start()));
        if let Some(seed) = self.seed() {
            findings.take(within("seed", &seed, &SEED));
        }
        match self {
            Self::Text(text) => {
                if let Some(system) = &text.system {
                    findings.take(words("system", system, 0));
                }
                findings.take(within("maxTokens", &text.max_tokens, &MAX_TOKENS));
                findings.take(within("temperature", &text.temperature, &TEMPERATURE));
            }
            Self::Image(image) => {
                if let Some(negative) = &image.negative {
                    findings.take(words("negativePrompt", negative, 0));
                }
                for (field, side) in [("width", image.width), ("height", image.height)] {
                    let message = format!(
                        "{side} pixels cannot be made; a side has {} to {} pixels, a multiple of \
                         {SIDE_STEP}",
                        SIDE.start(),
                        SIDE.end()
                    );
                    let good = SIDE.contains(&side) && side % SIDE_STEP == 0;
                    findings.require(good, field, &message);
                }
                findings.take(within("batch", &image.batch, &BATCH));
                if let Some(steps) = &image.steps {
                    findings.take(within("steps", steps, &STEPS));
                }
                if let Some(guidance) = &image.guidance {
                    findings.take(within("guidance", guidance, &GUIDANCE));
                }
            }
        }
        Ok(findings.finish()?)
    }
}

/// A text of at least `least` characters and at most as many as a prompt.
fn words(field: &str, text: &str, least: usize) -> Result<(), Refusal> {
    let most = *PROMPT.end();
    let length = text.chars().count();
    if length > most || text.trim().chars().count() < least {
        let message = format!("{length} characters; give {least} to {most}, not only spaces");
        return Err(Refusal::invalid(field, message));
    }
    if text.contains('\0') {
        let message = "text may not contain the character U+0000";
        return Err(Refusal::invalid(field, message));
    }
    Ok(())
}

fn within<N: PartialOrd + std::fmt::Display>(
    field: &str,
    number: &N,
    range: &RangeInclusive<N>,
) -> Result<(), Refusal> {
    if range.contains(number) {
        return Ok(());
    }
    let message = format!(
        "{number} is not between {} and {}",
        range.start(),
        range.end()
    );
    Err(Refusal::invalid(field, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::Error;

    fn text(change: impl FnOnce(&mut TextInput)) -> GeneratorInput {
        let mut input = TextInput::new("A poem about rain");
        change(&mut input);
        GeneratorInput::Text(input)
    }

    fn image(change: impl FnOnce(&mut ImageInput)) -> GeneratorInput {
        let mut input = ImageInput::new("Rain");
        change(&mut input);
        GeneratorInput::Image(input)
    }

    #[test]
    fn the_ends_of_every_range_are_good() {
        for good in [
            text(|_| {}),
            text(|input| input.prompt = "é".repeat(20_000)),
            text(|input| input.prompt = "x".to_owned()),
            text(|input| (input.max_tokens, input.temperature) = (1, 0.0)),
            text(|input| (input.max_tokens, input.temperature) = (16_384, 2.0)),
            text(|input| input.seed = Some(9_007_199_254_740_991)),
            image(|input| (input.width, input.height) = (64, 2048)),
            image(|input| input.batch = 8),
            image(|input| (input.steps, input.guidance) = (Some(150), Some(0.0))),
            image(|input| input.negative = Some(String::new())),
        ] {
            good.check().unwrap();
        }
    }

    #[test]
    fn what_lies_outside_is_refused_by_the_name_of_its_field() {
        for (bad, field) in [
            (text(|input| input.prompt = "x".repeat(20_001)), "prompt"),
            (text(|input| input.prompt = " \n".to_owned()), "prompt"),
            (text(|input| input.prompt = "a\0b".to_owned()), "prompt"),
            (
                text(|input| input.system = Some("x".repeat(20_001))),
                "system",
            ),
            (text(|input| input.max_tokens = 0), "maxTokens"),
            (text(|input| input.max_tokens = 16_385), "maxTokens"),
            (text(|input| input.temperature = 2.01), "temperature"),
            (text(|input| input.temperature = f64::NAN), "temperature"),
            (text(|input| input.seed = Some(-1)), "seed"),
            (image(|input| input.width = 63), "width"),
            (image(|input| input.width = 100), "width"),
            (image(|input| input.height = 4096), "height"),
            (image(|input| input.height = -8), "height"),
            (image(|input| input.batch = 9), "batch"),
            (image(|input| input.batch = 0), "batch"),
            (image(|input| input.steps = Some(0)), "steps"),
            (image(|input| input.guidance = Some(31.0)), "guidance"),
            (
                image(|input| input.negative = Some("\0".into())),
                "negativePrompt",
            ),
        ] {
            match bad.check() {
                Err(Error::Refused(refusal)) => assert_eq!(refusal.path(), [field], "{refusal}"),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_seed_of_its_own_is_kept() {
        assert_eq!(
            image(|input| input.seed = Some(5)).seeded(7).seed(),
            Some(5)
        );
        assert_eq!(image(|_| {}).seeded(7).seed(), Some(7));
    }
}
