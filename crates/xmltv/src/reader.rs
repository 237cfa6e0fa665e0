//! A guide as a stream of channels and programmes.

use std::io::{self, Read};

use chrono::{DateTime, NaiveDateTime, Utc};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::input::{HeadError, Input};
use crate::programme::{Channel, Programme};

mod draft;

use draft::Draft;

/// The limits of a guide.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of one tag, one text or one doctype. A larger one ends the reading.
    pub part_bytes: usize,
    /// The deepest nesting of elements. A deeper one ends the reading.
    pub depth: usize,
    /// The most characters of a title, a category, an id of a channel or another text that is kept. A
    /// programme with a longer one is refused.
    pub text_characters: usize,
    /// The most titles, categories, numbers and so on that a programme may have of each.
    pub texts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            part_bytes: 1 << 20,
            depth: 32,
            text_characters: 1000,
            texts: 64,
        }
    }
}

/// Something of a guide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A declared channel.
    Channel(Channel),
    /// A programme.
    Programme(Box<Programme>),
    /// A programme, or the declaration of a channel, that cannot be taken.
    Refused(Refused),
}

/// A refused programme or channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line of its element, from 1.
    pub line: u64,
    /// Whether it is a programme, and not the declaration of a channel.
    pub programme: bool,
    /// The reason, as a sentence without a full stop.
    pub reason: String,
}

/// Why the rest of a guide cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct GuideError {
    /// The line at which reading stopped, from 1.
    pub line: u64,
    /// The reason, as a sentence without a full stop.
    pub reason: String,
}

impl GuideError {
    fn new(line: u64, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

/// Reads a guide. An iterator over its entries, which ends behind the first [`GuideError`].
///
/// `zone` answers the instant of a wall clock of a channel, for times that the guide gives without an
/// offset: `|channel, local| local_to_utc(&zone_of(channel), local)`.
pub struct GuideReader<R: Read, Z> {
    reader: Reader<Input<R>>,
    buffer: Vec<u8>,
    zone: Z,
    limits: Limits,
    depth: usize,
    root_seen: bool,
    draft: Option<Draft>,
    over: bool,
}

impl<R, Z> GuideReader<R, Z>
where
    R: Read,
    Z: Fn(&str, NaiveDateTime) -> Option<DateTime<Utc>>,
{
    /// Reads the head of a guide and finds its encoding: UTF-8 and UTF-16 with or without a byte order
    /// mark, and what the XML declaration names, as ISO-8859-1 or Windows-1252.
    ///
    /// # Errors
    /// A [`GuideError`] if the file cannot be read, or declares an encoding that is not known.
    pub fn new(read: R, limits: Limits, zone: Z) -> Result<Self, GuideError> {
        let input = Input::new(read, limits.part_bytes).map_err(|error| match error {
            HeadError::Io(error) => GuideError::new(1, error.to_string()),
            HeadError::UnknownEncoding(name) => GuideError::new(
                1,
                format!(
                    "the encoding `{}` is not known; write the file as UTF-8",
                    shorten(&name)
                ),
            ),
        })?;
        let mut reader = Reader::from_reader(input);
        let config = reader.config_mut();
        // "Food & Wine": a common fault of guides, and clear what is meant.
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Ok(Self {
            reader,
            buffer: Vec::new(),
            zone,
            limits,
            depth: 0,
            root_seen: false,
            draft: None,
            over: false,
        })
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, GuideError> {
        loop {
            self.buffer.clear();
            let line = self.reader.get_ref().line();
            self.reader.get_mut().begin_part();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => return Err(GuideError::new(line, explain(&error))),
            };
            match event {
                Event::Start(tag) => {
                    self.depth += 1;
                    if self.depth > self.limits.depth {
                        let reason =
                            format!("elements are nested deeper than {}", self.limits.depth);
                        return Err(GuideError::new(line, reason));
                    }
                    match self.depth {
                        1 => {
                            check_root(&tag, line)?;
                            self.root_seen = true;
                        }
                        2 => self.draft = Draft::begin(&tag, line, self.limits),
                        depth => {
                            if let Some(draft) = &mut self.draft {
                                draft.start(&tag, depth);
                            }
                        }
                    }
                }
                Event::End(_) => {
                    if let Some(draft) = &mut self.draft {
                        draft.end(self.depth);
                    }
                    let done = (self.depth == 2).then(|| self.draft.take()).flatten();
                    self.depth = self.depth.saturating_sub(1);
                    if let Some(draft) = done {
                        return Ok(Some(draft.finish(&self.zone)));
                    }
                }
                Event::Text(text) => {
                    if let Some(draft) = &mut self.draft {
                        draft.text(&text.xml10_content());
                    } else if self.depth == 0 && !text.trim().is_empty() {
                        return Err(GuideError::new(line, NO_GUIDE));
                    }
                }
                Event::CData(text) => {
                    if let Some(draft) = &mut self.draft {
                        draft.text(&text.xml10_content());
                    }
                }
                Event::GeneralRef(reference) => {
                    if let Some(draft) = &mut self.draft {
                        draft.reference(&reference.xml10_content());
                    }
                }
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
                Event::Eof if self.depth > 0 => {
                    return Err(GuideError::new(
                        line,
                        "the file ends in the middle of the guide; it may be cut off",
                    ));
                }
                Event::Eof if !self.root_seen => return Err(GuideError::new(line, NO_GUIDE)),
                Event::Eof => return Ok(None),
            }
        }
    }
}

impl<R, Z> Iterator for GuideReader<R, Z>
where
    R: Read,
    Z: Fn(&str, NaiveDateTime) -> Option<DateTime<Utc>>,
{
    type Item = Result<Entry, GuideError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let entry = self.next_entry().transpose();
        self.over = !matches!(entry, Some(Ok(_)));
        entry
    }
}

const NO_GUIDE: &str = "this is no XMLTV guide: there is no element <tv>";

fn check_root(tag: &BytesStart<'_>, line: u64) -> Result<(), GuideError> {
    let name = tag.local_name();
    if name.as_ref() == "tv" {
        return Ok(());
    }
    let reason = format!(
        "this is no XMLTV guide: its root element is <{}> and not <tv>",
        shorten(name.as_ref())
    );
    Err(GuideError::new(line, reason))
}

/// A short, printable form of a text of the file.
fn shorten(text: &str) -> String {
    let printable = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    let mut short: String = text.chars().take(40).map(printable).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}

fn explain(error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the file ends too early; it may be cut off".to_owned()
        }
        quick_xml::Error::Io(error) => error.to_string(),
        // The name of an element may be of any length.
        error => format!("the XML breaks here: {}", limit(&error.to_string(), 300)),
    }
}

fn limit(text: &str, characters: usize) -> String {
    let printable = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars().take(characters).map(printable).collect()
}
