//! Airings as csv, with audience figures.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use csv::StringRecord;
use uuid::Uuid;
use xmltv::local_to_utc;

use super::guides::KnownChannels;
use super::message::brief;
use super::model::{AiringRow, ImportedAiring, ReadError};
use super::source::{Source, Table};
use crate::domain::competition::model::{LONGEST, MAX_TITLE};
use crate::domain::competition::{AiringKind, FilmIndex};
use crate::foundation::{Id, id};

const REQUIRED: [&str; 4] = ["channel", "start", "end", "title"];
const OPTIONAL: [&str; 4] = ["year", "content_id", "external_id", "audience"];

/// How times without an offset may be written.
const TIMES: [&str; 4] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
];

/// The airings of a table.
pub(super) struct AiringTable {
    table: Table,
    required: [usize; 4],
    optional: [Option<usize>; 4],
    channels: Arc<KnownChannels>,
    films: Arc<FilmIndex>,
}

impl AiringTable {
    pub(super) fn new(
        source: Source,
        channels: Arc<KnownChannels>,
        films: Arc<FilmIndex>,
    ) -> Result<Self, ReadError> {
        let table = source.table(b',')?;
        let mut required = [0; 4];
        for (index, name) in required.iter_mut().zip(REQUIRED) {
            *index = table.column(name).ok_or_else(|| ReadError::File {
                line: 1,
                reason: format!(
                    "there is no column `{name}`; there are {}",
                    brief(&table.header().join(", "))
                ),
            })?;
        }
        Ok(Self {
            optional: OPTIONAL.map(|name| table.column(name)),
            required,
            table,
            channels,
            films,
        })
    }
}

impl Iterator for AiringTable {
    type Item = Result<AiringRow, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, record) = match self.table.next() {
            Ok(row) => row?,
            Err(fault) => return Some(Err(fault)),
        };
        let required = self.required.map(|index| cell(record, Some(index)));
        let optional = self.optional.map(|index| cell(record, index));
        let row = airing(required, optional, &self.channels, &self.films);
        Some(match row {
            Ok(airing) => Ok(AiringRow::Airing(Box::new(airing))),
            Err(reason) => Err(ReadError::row(line, reason)),
        })
    }
}

/// The text of a column without the blanks around it; `None` for nothing.
fn cell(record: &StringRecord, index: Option<usize>) -> Option<&str> {
    let text = record.get(index?)?.trim();
    (!text.is_empty()).then_some(text)
}

fn airing(
    [channel, start, end, title]: [Option<&str>; 4],
    [year, content, external, audience]: [Option<&str>; 4],
    channels: &KnownChannels,
    films: &FilmIndex,
) -> Result<ImportedAiring, String> {
    let key = channel.ok_or("there is no channel")?;
    let (channel, zone) = channels.by_key(key).ok_or_else(|| {
        format!(
            "there is no channel with the key `{}`; create it first",
            brief(key)
        )
    })?;
    let starts_at = time("start", start, zone)?;
    let ends_at = time("end", end, zone)?;
    if starts_at >= ends_at || ends_at.signed_duration_since(starts_at) > LONGEST {
        let hours = LONGEST.num_hours();
        return Err(format!(
            "end must be later than start, by at most {hours} hours"
        ));
    }
    let title = title.ok_or("there is no title")?;
    if title.chars().count() > MAX_TITLE {
        return Err(format!("a title has at most {MAX_TITLE} characters"));
    }
    let year = year
        .map(|text| {
            let year = text.parse::<i32>().ok();
            year.filter(|year| (1800..=2200).contains(year))
                .ok_or_else(|| format!("year must be 1800 to 2200, not `{}`", brief(text)))
        })
        .transpose()?;
    let audience = audience
        .map(|text| {
            let number = text.parse::<i64>().ok();
            number.filter(|number| *number >= 0).ok_or_else(|| {
                let text = brief(text);
                format!("audience must be a whole number, 0 or more, not `{text}`")
            })
        })
        .transpose()?;
    let named = content.map(|text| named_film(text, films)).transpose()?;
    let named = named.or_else(|| {
        let (source, id) = external?.split_once(':')?;
        films.by_external_id(source.trim(), id.trim())
    });
    let minutes = ends_at.signed_duration_since(starts_at).num_minutes();
    let film = named
        .map(|film| (film, 1.0))
        .or_else(|| films.find_film(title, year, minutes));
    Ok(ImportedAiring {
        channel,
        new_channel: None,
        title: title.to_owned(),
        year,
        kind: if film.is_some() {
            AiringKind::Film
        } else {
            AiringKind::Unknown
        },
        starts_at,
        ends_at,
        film,
        audience,
        overlapping: false,
    })
}

fn named_film(text: &str, films: &FilmIndex) -> Result<Uuid, String> {
    let id: Id<id::Content> = text
        .parse()
        .map_err(|error| format!("content_id `{}`: {error}", brief(text)))?;
    if films.contains(id.uuid()) {
        return Ok(id.uuid());
    }
    Err(format!(
        "content_id `{}`: there is no such film in the catalogue",
        brief(text)
    ))
}

/// A time with an offset, or without one in the zone of the channel.
fn time(name: &str, text: Option<&str>, zone: Tz) -> Result<DateTime<Utc>, String> {
    let text = text.ok_or_else(|| format!("there is no {name}"))?;
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    TIMES
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .and_then(|local| local_to_utc(&zone, local))
        .ok_or_else(|| {
            format!(
                "{name} must be a time such as 2026-03-01 20:15, or with an offset as \
                 2026-03-01T20:15:00+01:00, not `{}`",
                brief(text)
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_those_of_the_channel() {
        let read = |text| time("start", Some(text), Tz::Europe__Berlin);
        let summer: DateTime<Utc> = "2026-07-01T18:15:00Z".parse().unwrap();
        for text in [
            "2026-07-01 20:15",
            "2026-07-01 20:15:00",
            "2026-07-01T20:15",
            "2026-07-01T20:15:00",
            "2026-07-01T20:15:00+02:00",
            "2026-07-01T18:15:00Z",
        ] {
            assert_eq!(read(text), Ok(summer), "{text}");
        }
        for text in ["tomorrow", "2026-07-01", "20:15", "2026-13-01 20:15"] {
            assert!(read(text).unwrap_err().contains(text), "{text}");
        }
        assert_eq!(
            time("end", None, Tz::UTC),
            Err("there is no end".to_owned())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_time_panic(text in ".{0,40}") {
            let _ = time("start", Some(&text), Tz::Pacific__Apia);
        }
    }
}
