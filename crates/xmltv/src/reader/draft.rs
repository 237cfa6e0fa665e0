//! A programme or a channel while it is being read.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, Utc};
use quick_xml::events::BytesStart;

use super::{Entry, Limits, Refused, shorten};
use crate::programme::{Channel, EpisodeNumber, LocalizedText, Programme};
use crate::references;
use crate::time::{GuideTime, local_to_utc};
use crate::tracker::LONGEST_PROGRAMME;

/// A programme or a channel of which the end tag has not been read yet.
pub(super) struct Draft {
    line: u64,
    limits: Limits,
    is_programme: bool,
    /// The first thing that speaks against it.
    fault: Option<String>,
    channel: String,
    start: Option<String>,
    stop: Option<String>,
    names: Vec<LocalizedText>,
    sub_titles: Vec<LocalizedText>,
    categories: Vec<String>,
    date: Option<String>,
    numbers: Vec<EpisodeNumber>,
    minutes: Option<i64>,
    is_new: bool,
    is_premiere: bool,
    is_repeat: bool,
    /// The element whose text is being read.
    field: Option<Field>,
    text: String,
}

/// An element with a text that is kept, and its attribute.
enum Field {
    Name(Option<String>),
    SubTitle(Option<String>),
    Category,
    Date,
    Number(Option<String>),
    Length(Option<String>),
}

impl Draft {
    /// Begins where a tag opens a programme or a channel.
    pub(super) fn begin(tag: &BytesStart<'_>, line: u64, limits: Limits) -> Option<Self> {
        let is_programme = match tag.local_name().as_ref() {
            "programme" => true,
            "channel" => false,
            _ => return None,
        };
        let mut draft = Self {
            line,
            limits,
            is_programme,
            fault: None,
            channel: String::new(),
            start: None,
            stop: None,
            names: Vec::new(),
            sub_titles: Vec::new(),
            categories: Vec::new(),
            date: None,
            numbers: Vec::new(),
            minutes: None,
            is_new: false,
            is_premiere: false,
            is_repeat: false,
            field: None,
            text: String::new(),
        };
        let id = if is_programme { "channel" } else { "id" };
        draft.channel = draft.attribute(tag, id).unwrap_or_default();
        if is_programme {
            draft.start = draft.attribute(tag, "start");
            draft.stop = draft.attribute(tag, "stop");
        }
        Some(draft)
    }

    fn refuse(&mut self, reason: impl Into<String>) {
        self.fault.get_or_insert_with(|| reason.into());
    }

    /// The value of an attribute without the blanks around it; `None` where there is none.
    fn attribute(&mut self, tag: &BytesStart<'_>, name: &str) -> Option<String> {
        let mut found = None;
        // The parser's own check compares each name with all before it, and a tag may have very many.
        for attribute in tag.attributes().with_checks(false) {
            match attribute {
                Ok(attribute) if attribute.key.as_ref() != name => {}
                Ok(attribute) if found.is_none() => found = Some(attribute.value),
                Ok(_) => self.refuse(format!("its attribute `{name}` comes up twice")),
                Err(error) => {
                    self.refuse(format!("its attributes cannot be read: {error}"));
                    break;
                }
            }
        }
        let found = found?;
        let (value, unknown) = references::decode(&found);
        if let Some(unknown) = unknown {
            self.refuse(unknown_entity(unknown));
        }
        let value = value.trim();
        if value.chars().nth(self.limits.text_characters).is_some() {
            let most = self.limits.text_characters;
            self.refuse(format!(
                "its attribute `{name}` has more than {most} characters"
            ));
            return None;
        }
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// A tag opens inside of it; `depth` counts from 1 for the root.
    pub(super) fn start(&mut self, tag: &BytesStart<'_>, depth: usize) {
        if depth != 3 {
            return;
        }
        self.text.clear();
        let name = tag.local_name();
        self.field = match (self.is_programme, name.as_ref()) {
            (true, "title") | (false, "display-name") => {
                Some(Field::Name(self.attribute(tag, "lang")))
            }
            (true, "sub-title") => Some(Field::SubTitle(self.attribute(tag, "lang"))),
            (true, "category") => Some(Field::Category),
            (true, "date") => Some(Field::Date),
            (true, "episode-num") => Some(Field::Number(self.attribute(tag, "system"))),
            (true, "length") => Some(Field::Length(self.attribute(tag, "units"))),
            (true, "new") => {
                self.is_new = true;
                None
            }
            (true, "premiere") => {
                self.is_premiere = true;
                None
            }
            (true, "previously-shown") => {
                self.is_repeat = true;
                None
            }
            _ => None,
        };
    }

    /// Text inside of it.
    pub(super) fn text(&mut self, text: &str) {
        if self.field.is_none() {
            return;
        }
        // What is kept has fewer characters, but may have white space around it.
        let most = self.limits.text_characters.saturating_mul(8);
        if self.text.len().saturating_add(text.len()) > most {
            self.field = None;
            self.refuse(format!("it has a text of more than {most} bytes"));
            return;
        }
        self.text.push_str(text);
    }

    /// A reference inside of it, without its `&` and `;`.
    pub(super) fn reference(&mut self, name: &str) {
        if self.field.is_none() {
            return;
        }
        match references::character(name) {
            Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
            None => self.refuse(unknown_entity(name)),
        }
    }

    /// An element inside of it, or itself, ends.
    pub(super) fn end(&mut self, depth: usize) {
        if depth != 3 {
            return;
        }
        let Some(field) = self.field.take() else {
            return;
        };
        let text = references::tidy(&self.text);
        if text.is_empty() {
            return;
        }
        if text.chars().nth(self.limits.text_characters).is_some() {
            let most = self.limits.text_characters;
            self.refuse(format!("it has a text of more than {most} characters"));
            return;
        }
        let most = self.limits.texts;
        let added = match field {
            Field::Name(language) => push(&mut self.names, most, LocalizedText { text, language }),
            Field::SubTitle(language) => {
                push(&mut self.sub_titles, most, LocalizedText { text, language })
            }
            Field::Category => text
                .split(['/', ',', ';', '|'])
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .all(|part| push(&mut self.categories, most, part.to_owned())),
            Field::Date => {
                self.date = Some(text);
                true
            }
            Field::Number(system) => {
                let system = system.unwrap_or_else(|| "onscreen".to_owned());
                push(
                    &mut self.numbers,
                    most,
                    EpisodeNumber {
                        system,
                        value: text,
                    },
                )
            }
            Field::Length(units) => {
                self.minutes = length(&text, units.as_deref());
                true
            }
        };
        if !added {
            self.refuse(format!("it has more than {most} texts of one kind"));
        }
    }

    /// What has been read, with times that have no offset taken by `zone`.
    pub(super) fn finish<Z>(mut self, zone: &Z) -> Entry
    where
        Z: Fn(&str, NaiveDateTime) -> Option<DateTime<Utc>>,
    {
        match self.check(zone) {
            Ok(entry) => entry,
            Err(reason) => Entry::Refused(Refused {
                line: self.line,
                programme: self.is_programme,
                reason,
            }),
        }
    }

    fn check<Z>(&mut self, zone: &Z) -> Result<Entry, String>
    where
        Z: Fn(&str, NaiveDateTime) -> Option<DateTime<Utc>>,
    {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.channel.is_empty() {
            return Err(if self.is_programme {
                "it names no channel".to_owned()
            } else {
                "it has no id".to_owned()
            });
        }
        decodable(&self.channel, "the id of its channel")?;
        let channel = std::mem::take(&mut self.channel);
        if !self.is_programme {
            return Ok(Entry::Channel(Channel {
                line: self.line,
                id: channel,
                names: std::mem::take(&mut self.names),
            }));
        }
        if self.names.is_empty() {
            return Err("it has no title".to_owned());
        }
        for title in &self.names {
            decodable(&title.text, "its title")?;
        }
        let time = |text: &str, name: &str| {
            let time = GuideTime::parse(text)
                .map_err(|error| format!("its {name} `{}`: {error}", shorten(text)))?;
            match time.offset {
                Some(offset) => local_to_utc(&offset, time.local),
                None => zone(&channel, time.local),
            }
            .ok_or_else(|| format!("its {name} `{}` is out of range", shorten(text)))
        };
        let start = self.start.as_deref().ok_or("it has no start")?;
        let start = time(start, "start")?;
        let stop = match (self.stop.as_deref(), self.minutes) {
            (Some(stop), _) => time(stop, "stop")?,
            (None, Some(minutes)) => chrono::TimeDelta::try_minutes(minutes)
                .and_then(|length| start.checked_add_signed(length))
                .ok_or("its length is out of range")?,
            (None, None) => return Err("it has neither a stop nor a length".to_owned()),
        };
        if stop <= start {
            return Err("it ends before it begins, or at once".to_owned());
        }
        if stop - start > LONGEST_PROGRAMME {
            let hours = LONGEST_PROGRAMME.num_hours();
            return Err(format!("it runs for more than {hours} hours"));
        }
        Ok(Entry::Programme(Box::new(Programme {
            line: self.line,
            channel,
            start,
            stop,
            titles: std::mem::take(&mut self.names),
            sub_titles: std::mem::take(&mut self.sub_titles),
            categories: std::mem::take(&mut self.categories),
            date: self.date.take(),
            episode_numbers: std::mem::take(&mut self.numbers),
            is_new: self.is_new,
            is_premiere: self.is_premiere,
            is_repeat: self.is_repeat,
        })))
    }
}

/// Adds to a list that may have `most` entries, and answers whether there was room.
fn push<T>(list: &mut Vec<T>, most: usize, value: T) -> bool {
    let room = list.len() < most;
    if room {
        list.push(value);
    }
    room
}

fn unknown_entity(name: &str) -> String {
    format!(
        "it uses the entity `&{};`, and XMLTV defines none of its own",
        shorten(name)
    )
}

/// Refuses what held bytes that are no text in the encoding of the file.
fn decodable(text: &str, what: &str) -> Result<(), String> {
    if text.contains('\u{fffd}') {
        return Err(format!(
            "{what} holds bytes that are no text in the encoding of the file"
        ));
    }
    Ok(())
}

/// A length in minutes.
fn length(text: &str, units: Option<&str>) -> Option<i64> {
    let number: i64 = text
        .parse()
        .ok()
        .filter(|number| (1..=1_000_000).contains(number))?;
    match units
        .map_or(Cow::Borrowed("minutes"), |units| {
            units.to_lowercase().into()
        })
        .as_ref()
    {
        "seconds" => Some((number / 60).max(1)),
        "minutes" => Some(number),
        "hours" => number.checked_mul(60),
        _ => None,
    }
}
