//! Interactions by the callers' own ids, read by a mapping file.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::mapped_rows::MappedRows;
use super::mapping::{Mapping, Rule, TimeUnit};
use super::message::brief;
use super::model::{ImportedInteraction, ReadError};
use super::rows::Cells;
use super::source::Source;
use crate::domain::interactions::InteractionKind;
use crate::foundation::external_id::MAX_VALUE;
use crate::foundation::external_id::is_source;

/// The stars that the least and the highest rating of a scale become.
const STARS: [f64; 2] = [0.5, 5.0];

/// The interactions of a file.
pub(super) struct InteractionReader {
    rows: MappedRows,
    /// The source of ids whose source the row does not say.
    source: String,
    /// The last moment that is not in the future.
    now: DateTime<Utc>,
}

impl InteractionReader {
    pub(super) fn new(
        source: Source,
        mapping: Mapping,
        of_ids: String,
        now: DateTime<Utc>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            rows: MappedRows::new(source, mapping)?,
            source: of_ids,
            now,
        })
    }
}

impl Iterator for InteractionReader {
    type Item = Result<ImportedInteraction, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows
            .next(|mapping, cells, line| interaction(mapping, &self.source, cells, line, self.now))
    }
}

fn interaction(
    mapping: &Mapping,
    of_ids: &str,
    cells: &Cells<'_>,
    line: u64,
    now: DateTime<Utc>,
) -> Result<ImportedInteraction, String> {
    let source = |rule: Option<&Rule>, name| match rule {
        None => Ok(of_ids.to_owned()),
        Some(rule) => {
            let text = value(rule, name, cells)?.unwrap_or(Cow::Borrowed(of_ids));
            match is_source(&text) {
                true => Ok(text.into_owned()),
                false => Err(format!("{name}: `{}` is no source of ids", brief(&text))),
            }
        }
    };
    let mut kind = kind(mapping, cells)?;
    let mut stars = None;
    if kind == InteractionKind::Rating {
        let rule = mapping.rating.as_ref();
        let text = rule.map_or(Ok(None), |rule| value(rule, "rating", cells))?;
        match (text, mapping.unrated) {
            (Some(text), _) => stars = Some(on_scale(&text, mapping.scale)?),
            (None, Some(unrated)) => kind = unrated,
            (None, None) => return Err("there is no rating".to_owned()),
        }
    }
    let at = needed(mapping.time.as_ref(), "time", cells)?;
    let at = time(&at, mapping.time_format.as_deref(), mapping.time_unit)?;
    if at > now || at < DateTime::UNIX_EPOCH {
        return Err(format!("time: {at} is not between 1970 and now"));
    }
    let event = match &mapping.id {
        None => None,
        Some(rule) => value(rule, "id", cells)?.map(Cow::into_owned),
    };
    Ok(ImportedInteraction {
        line,
        user: (
            source(mapping.user_source.as_ref(), "user_source")?,
            external_id(mapping.user.as_ref(), "user", cells)?,
        ),
        item: (
            source(mapping.item_source.as_ref(), "item_source")?,
            external_id(mapping.item.as_ref(), "item", cells)?,
        ),
        kind,
        stars,
        at,
        event,
    })
}

/// The one value that a rule makes of a row.
///
/// # Errors
/// Why there is none, beginning with `name`.
pub(super) fn value<'a>(
    rule: &Rule,
    name: &str,
    cells: &'a Cells<'_>,
) -> Result<Option<Cow<'a, str>>, String> {
    if let Some(column) = rule.plain_column() {
        return Ok(cells.text(column));
    }
    let made = rule
        .value(|column| cells.entries(column), None)
        .map_err(|reason| format!("{name}: {reason}"))?;
    Ok(made.into_iter().next().map(Cow::Owned))
}

fn needed<'a>(
    rule: Option<&Rule>,
    name: &str,
    cells: &'a Cells<'_>,
) -> Result<Cow<'a, str>, String> {
    let value = rule.map_or(Ok(None), |rule| value(rule, name, cells))?;
    value.ok_or_else(|| format!("there is no {name}"))
}

/// An external id.
pub(super) fn external_id(
    rule: Option<&Rule>,
    name: &str,
    cells: &Cells<'_>,
) -> Result<String, String> {
    let id = needed(rule, name, cells)?;
    match id.len() > MAX_VALUE && id.chars().count() > MAX_VALUE {
        true => Err(format!("{name}: an id has at most {MAX_VALUE} characters")),
        false => Ok(id.into_owned()),
    }
}

fn kind(mapping: &Mapping, cells: &Cells<'_>) -> Result<InteractionKind, String> {
    let name = needed(mapping.kind.as_ref(), "kind", cells)?;
    let known = name.parse::<InteractionKind>();
    known.or_else(|why| {
        let capital = name.to_uppercase().replace(['-', ' '], "_");
        capital
            .parse()
            .map_err(|_| format!("kind: {}", brief(&why)))
    })
}

/// A rating in stars: `scale` is the least and the highest one, between which it is proportional.
fn on_scale(text: &str, scale: Option<[f64; 2]>) -> Result<f32, String> {
    let [low, high] = scale.unwrap_or(STARS);
    let rating = text
        .parse::<f64>()
        .ok()
        .filter(|rating| (low..=high).contains(rating));
    let rating = rating
        .ok_or_else(|| format!("rating: `{}` is not between {low} and {high}", brief(text)))?;
    let stars = STARS[0] + (rating - low) * (STARS[1] - STARS[0]) / (high - low);
    Ok(stars.clamp(STARS[0], STARS[1]) as f32)
}

/// A moment, from a number since 1970 or a date of ISO 8601; without an offset it is UTC.
fn time(text: &str, format: Option<&str>, unit: Option<TimeUnit>) -> Result<DateTime<Utc>, String> {
    let wrong = || format!("time: `{}` cannot be read", brief(text));
    if let Some(format) = format {
        let with_offset = DateTime::parse_from_str(text, format).map(|at| at.to_utc());
        let at = with_offset
            .or_else(|_| NaiveDateTime::parse_from_str(text, format).map(|at| at.and_utc()));
        let at = at.or_else(|_| {
            NaiveDate::parse_from_str(text, format)
                .map(|day| day.and_time(Default::default()).and_utc())
        });
        return at.map_err(|_| wrong());
    }
    if let Some(number) = plain_number(text) {
        return since_1970(number, unit).ok_or_else(wrong);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(at.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| wrong())?;
    Ok(day.and_time(Default::default()).and_utc())
}

fn plain_number(text: &str) -> Option<f64> {
    let digits = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let scientific = text.len() <= 24 && text.contains(['e', 'E']) && !text.contains([':', 'T']);
    (digits || scientific).then(|| text.parse().ok()).flatten()
}

/// The moment of a number, without a unit by its size: as seconds, 10¹¹ is in the year 5138, and as milliseconds in
/// 1973; so for the next step.
fn since_1970(number: f64, unit: Option<TimeUnit>) -> Option<DateTime<Utc>> {
    let unit = unit.unwrap_or(match number {
        number if number < 1e11 => TimeUnit::Seconds,
        number if number < 1e14 => TimeUnit::Milliseconds,
        _ => TimeUnit::Microseconds,
    });
    let micros = match unit {
        TimeUnit::Seconds => number * 1e6,
        TimeUnit::Milliseconds => number * 1e3,
        TimeUnit::Microseconds => number,
    };
    // Beyond that, a float has no microseconds.
    (micros.abs() < 9e15)
        .then(|| DateTime::from_timestamp_micros(micros.round() as i64))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let expected = DateTime::from_timestamp(978_300_760, 0).unwrap();
        for text in [
            "978300760",
            "978300760.0",
            "978300760000",
            "978300760000000",
            "9.7830076e8",
            "2000-12-31T22:12:40Z",
            "2000-12-31T23:12:40+01:00",
            "2000-12-31 22:12:40",
        ] {
            assert_eq!(time(text, None, None), Ok(expected), "{text}");
        }
        let day = DateTime::from_timestamp(978_220_800, 0).unwrap();
        assert_eq!(time("2000-12-31", None, None), Ok(day));
        assert_eq!(time("31/12/2000", Some("%d/%m/%Y"), None), Ok(day));
        let long_ago = time("31536000000", None, Some(TimeUnit::Milliseconds));
        assert_eq!(
            long_ago,
            Ok(DateTime::from_timestamp(31_536_000, 0).unwrap())
        );
        for text in [
            "",
            "soon",
            "1e300",
            "99999999999999999999",
            "2000-13-01",
            "1.2.3",
        ] {
            assert!(time(text, None, None).is_err(), "{text}");
        }
        assert!(time("1", Some("%"), None).is_err());
    }

    #[test]
    fn the_ends_of_a_scale_are_half_a_star_and_five() {
        let ten = Some([1.0, 10.0]);
        for (text, scale, stars) in [
            ("1", ten, 0.5),
            ("7", ten, 3.5),
            ("10", ten, 5.0),
            ("0", Some([0.0, 100.0]), 0.5),
            ("-10", Some([-10.0, 10.0]), 0.5),
            ("0", Some([-10.0, 10.0]), 2.75),
            ("4", None, 4.0),
            ("0.5", None, 0.5),
        ] {
            assert_eq!(on_scale(text, scale), Ok(stars), "{text}");
        }
        for text in ["0", "11", "-1", "NaN", "five", "inf"] {
            assert!(on_scale(text, ten).is_err(), "{text}");
        }
    }
}
