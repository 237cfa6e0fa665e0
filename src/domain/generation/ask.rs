//! What a generator is asked for, and what that must hold to.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::model::Medium;
use crate::foundation::{Refusal, Result};

/// How many characters a prompt has.
pub const PROMPT: RangeInclusive<usize> = 1..=20_000;
/// Width and height of a picture, in pixels.
pub const SIDE: RangeInclusive<i32> = 64..=2048;
/// Width and height are a multiple of this.
pub const SIDE_STEP: i32 = 8;
/// How many pictures are made at once.
pub const BATCH: RangeInclusive<i32> = 1..=8;
/// The length of a text, in tokens: about three quarters of a word each.
pub const MAX_TOKENS: RangeInclusive<i32> = 1..=16_384;
/// How freely a text is written.
pub const TEMPERATURE: RangeInclusive<f64> = 0.0..=2.0;
/// How many steps of sampling a picture takes.
pub const STEPS: RangeInclusive<i32> = 1..=150;
/// How closely a picture follows its prompt.
pub const GUIDANCE: RangeInclusive<f64> = 0.0..=30.0;
/// Seeds: whole numbers that JSON and JavaScript hold exactly.
pub const SEED: RangeInclusive<i64> = 0..=9_007_199_254_740_991;

/// What a generator is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "medium", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ask {
    /// A text.
    Text(TextAsk),
    /// Pictures.
    Image(ImageAsk),
}

/// A text to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextAsk {
    /// What to write; see [`PROMPT`].
    pub prompt: String,
    /// Who the writer is and how they write, for generators that know such a thing.
    pub system: Option<String>,
    /// See [`MAX_TOKENS`].
    pub max_tokens: i32,
    /// See [`TEMPERATURE`].
    pub temperature: f64,
    /// See [`SEED`]; that of the job where it is left out.
    pub seed: Option<i64>,
}

/// Pictures to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageAsk {
    /// What to show; see [`PROMPT`].
    pub prompt: String,
    /// What not to show.
    pub negative: Option<String>,
    /// In pixels; see [`SIDE`].
    pub width: i32,
    /// In pixels; see [`SIDE`].
    pub height: i32,
    /// How many; see [`BATCH`].
    pub batch: i32,
    /// See [`STEPS`]; the generator's own where it is left out.
    pub steps: Option<i32>,
    /// See [`GUIDANCE`]; the generator's own where it is left out.
    pub guidance: Option<f64>,
    /// See [`SEED`]; that of the job where it is left out.
    pub seed: Option<i64>,
}

impl TextAsk {
    /// A text of about 400 words, written neither dryly nor wildly.
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

impl ImageAsk {
    /// One picture of a poster's shape.
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

impl Ask {
    /// What it asks for.
    pub fn medium(&self) -> Medium {
        match self {
            Self::Text(_) => Medium::Text,
            Self::Image(_) => Medium::Image,
        }
    }

    /// What to write or show.
    pub fn prompt(&self) -> &str {
        match self {
            Self::Text(text) => &text.prompt,
            Self::Image(image) => &image.prompt,
        }
    }

    /// The seed, where one is given.
    pub fn seed(&self) -> Option<i64> {
        match self {
            Self::Text(text) => text.seed,
            Self::Image(image) => image.seed,
        }
    }

    /// The same with a seed: its own, or else this one.
    #[must_use]
    pub fn seeded(mut self, seed: i64) -> Self {
        let own = match &mut self {
            Self::Text(text) => &mut text.seed,
            Self::Image(image) => &mut image.seed,
        };
        own.get_or_insert(seed);
        self
    }

    /// How many things it asks for.
    pub fn count(&self) -> i32 {
        match self {
            Self::Text(_) => 1,
            Self::Image(image) => image.batch,
        }
    }

    /// Checks everything, and names the field that is wrong.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        words("prompt", self.prompt(), *PROMPT.start())?;
        if let Some(seed) = self.seed() {
            within("seed", &seed, &SEED)?;
        }
        match self {
            Self::Text(text) => {
                if let Some(system) = &text.system {
                    words("system", system, 0)?;
                }
                within("maxTokens", &text.max_tokens, &MAX_TOKENS)?;
                within("temperature", &text.temperature, &TEMPERATURE)?;
            }
            Self::Image(image) => {
                if let Some(negative) = &image.negative {
                    words("negative", negative, 0)?;
                }
                for (field, side) in [("width", image.width), ("height", image.height)] {
                    if !SIDE.contains(&side) || side % SIDE_STEP != 0 {
                        let message = format!(
                            "{side} pixels cannot be made; a side has {} to {} pixels, a multiple \
                             of {SIDE_STEP}",
                            SIDE.start(),
                            SIDE.end()
                        );
                        return Err(Refusal::invalid(field, message).into());
                    }
                }
                within("batch", &image.batch, &BATCH)?;
                if let Some(steps) = &image.steps {
                    within("steps", steps, &STEPS)?;
                }
                if let Some(guidance) = &image.guidance {
                    within("guidance", guidance, &GUIDANCE)?;
                }
            }
        }
        Ok(())
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

    fn text(change: impl FnOnce(&mut TextAsk)) -> Ask {
        let mut ask = TextAsk::new("A poem about rain");
        change(&mut ask);
        Ask::Text(ask)
    }

    fn image(change: impl FnOnce(&mut ImageAsk)) -> Ask {
        let mut ask = ImageAsk::new("Rain");
        change(&mut ask);
        Ask::Image(ask)
    }

    #[test]
    fn the_ends_of_every_range_are_good() {
        for good in [
            text(|_| {}),
            text(|ask| ask.prompt = "é".repeat(20_000)),
            text(|ask| ask.prompt = "x".to_owned()),
            text(|ask| (ask.max_tokens, ask.temperature) = (1, 0.0)),
            text(|ask| (ask.max_tokens, ask.temperature) = (16_384, 2.0)),
            text(|ask| ask.seed = Some(9_007_199_254_740_991)),
            image(|ask| (ask.width, ask.height) = (64, 2048)),
            image(|ask| ask.batch = 8),
            image(|ask| (ask.steps, ask.guidance) = (Some(150), Some(0.0))),
            image(|ask| ask.negative = Some(String::new())),
        ] {
            good.check().unwrap();
        }
    }

    #[test]
    fn what_lies_outside_is_refused_by_the_name_of_its_field() {
        for (bad, field) in [
            (text(|ask| ask.prompt = "x".repeat(20_001)), "prompt"),
            (text(|ask| ask.prompt = " \n".to_owned()), "prompt"),
            (text(|ask| ask.prompt = "a\0b".to_owned()), "prompt"),
            (text(|ask| ask.system = Some("x".repeat(20_001))), "system"),
            (text(|ask| ask.max_tokens = 0), "maxTokens"),
            (text(|ask| ask.max_tokens = 16_385), "maxTokens"),
            (text(|ask| ask.temperature = 2.01), "temperature"),
            (text(|ask| ask.temperature = f64::NAN), "temperature"),
            (text(|ask| ask.seed = Some(-1)), "seed"),
            (image(|ask| ask.width = 63), "width"),
            (image(|ask| ask.width = 100), "width"),
            (image(|ask| ask.height = 4096), "height"),
            (image(|ask| ask.height = -8), "height"),
            (image(|ask| ask.batch = 9), "batch"),
            (image(|ask| ask.batch = 0), "batch"),
            (image(|ask| ask.steps = Some(0)), "steps"),
            (image(|ask| ask.guidance = Some(31.0)), "guidance"),
            (image(|ask| ask.negative = Some("\0".into())), "negative"),
        ] {
            match bad.check() {
                Err(Error::Refused(refusal)) => assert_eq!(refusal.path(), [field], "{refusal}"),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_seed_of_its_own_is_kept() {
        assert_eq!(image(|ask| ask.seed = Some(5)).seeded(7).seed(), Some(5));
        assert_eq!(image(|_| {}).seeded(7).seed(), Some(7));
    }
}
