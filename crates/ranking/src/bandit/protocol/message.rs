//! What lines say.

use serde::{Deserialize, Deserializer};

use super::super::{Signal, Signals, SlateContext};

/// A line.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    Decide(Decide),
    Feedback { events: Vec<FeedbackEvent> },
}

/// A slate is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Decide {
    pub t: u64,
    pub ts: Option<f64>,
    #[serde(default)]
    pub context: ContextFields,
    pub l: usize,
    pub candidates: Vec<Candidate>,
}

/// An item that may be shown.
#[derive(Debug, Deserialize)]
pub(super) struct Candidate {
    #[serde(deserialize_with = "id")]
    pub id: String,
    #[serde(default)]
    pub signals: SignalFields,
}

/// What became of a slate.
#[derive(Debug, Deserialize)]
pub(super) struct FeedbackEvent {
    pub t: u64,
    pub ts: Option<f64>,
    pub context: Option<ContextFields>,
    pub items: Vec<Item>,
}

/// An item that was shown.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(deserialize_with = "id")]
    pub id: String,
    pub signals: Option<SignalFields>,
    pub selected: Selected,
}

/// Whether an item was selected: 0 or 1, false or true.
#[derive(Debug)]
pub(super) struct Selected(pub bool);

impl<'de> Deserialize<'de> for Selected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(selected) => Ok(Self(selected)),
            serde_json::Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Self(false)),
            serde_json::Value::Number(number) if number.as_f64() == Some(1.0) => Ok(Self(true)),
            other => Err(serde::de::Error::custom(format!(
                "`selected` is 0 or 1, not {other}"
            ))),
        }
    }
}

/// An id: text, or a number, which is taken as text.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "an `id` is text, not {other}"
        ))),
    }
}

/// The signals of an item, of which some may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignalFields {
    curator: Option<f64>,
    audience: Option<f64>,
    competition: Option<f64>,
    diversity: Option<f64>,
    novelty: Option<f64>,
    rights: Option<f64>,
}

impl SignalFields {
    /// All six; ½ for those that are missing.
    pub(super) fn read(&self) -> Result<Signals, String> {
        let given = [
            self.curator,
            self.audience,
            self.competition,
            self.diversity,
            self.novelty,
            self.rights,
        ];
        for (signal, value) in Signal::ALL.iter().zip(given) {
            if let Some(value) = value
                && !(0.0..=1.0).contains(&value)
            {
                return Err(format!(
                    "signal `{}` is {value}; signals are numbers from 0 to 1",
                    signal.name()
                ));
            }
        }
        Ok(given.map(|value| value.unwrap_or(0.5)))
    }
}

/// The parts of a context, of which some may be missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ContextFields {
    dow: Option<f64>,
    hour: Option<f64>,
    month: Option<f64>,
    channel: Option<f64>,
}

impl ContextFields {
    /// The context; what is missing is taken from seconds since 1970, in UTC.
    pub(super) fn read(&self, ts: Option<f64>) -> Result<SlateContext, String> {
        let of_time = ts.map(moment).transpose()?;
        let part = |name: &str, given: Option<f64>, derived: Option<u8>, most: u8| {
            let value = given.or(derived.map(f64::from));
            let value =
                value.ok_or(format!("the context has no `{name}`, and there is no `ts`"))?;
            if value.fract() == 0.0 && (0.0..=f64::from(most)).contains(&value) {
                Ok(value as u8)
            } else {
                Err(format!(
                    "`{name}` is {value}; it is a whole number up to {most}"
                ))
            }
        };
        let hour = part("hour", self.hour, of_time.map(|time| time.0), 23)?;
        let weekday = part("dow", self.dow, of_time.map(|time| time.1), 6)?;
        let month = part("month", self.month, of_time.map(|time| time.2), 12)?;
        let channel = part("channel", self.channel, Some(0), u8::MAX)?;
        SlateContext::new(hour, weekday, month, channel.into()).map_err(|error| error.to_string())
    }
}

/// Hour, weekday from Monday and month of a moment in UTC.
fn moment(ts: f64) -> Result<(u8, u8, u8), String> {
    if !(0.0..=1e11).contains(&ts) {
        return Err(format!("`ts` is {ts}; it is seconds since 1970"));
    }
    let seconds = ts as i64;
    let days = seconds / 86_400;
    let hour = seconds / 3600 % 24;
    // The first of January 1970 was a Thursday.
    let weekday = (days + 3) % 7;
    // Years begin in March, so that leap days end them; 719,468 days from the first of March of year
    // 0, and 146,097 in 400 years. Months from March on have 153 days in five.
    let of_era = (days + 719_468) % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = ((5 * of_year + 2) / 153 + 2) % 12 + 1;
    Ok((hour as u8, weekday as u8, month as u8))
}
