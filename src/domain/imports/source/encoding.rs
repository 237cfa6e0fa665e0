//! Text in other encodings than UTF-8, turned into UTF-8 as it is read.

use std::io::{self, Read};

use serde::Deserialize;

use super::fill;

/// How the text of a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16; the byte order mark says which half of a unit comes first, without one it is the lower.
    #[serde(rename = "utf-16")]
    Utf16,
    /// ISO 8859-1: each byte is the character of that number.
    #[serde(rename = "latin-1")]
    Latin1,
    /// Windows-1252: ISO 8859-1 with letters and signs from 0x80 to 0x9F.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// The characters of Windows-1252 from 0x80 to 0x9F. The five bytes that stand for nothing are the control
/// characters of their number, as browsers read them (WHATWG Encoding, index windows-1252).
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// What the bytes read so far are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    Start,
    /// ASCII alone so far, which UTF-8 and the encodings of one byte a character have in common.
    Ascii,
    /// UTF-8; what is none is handed on, and the row is refused.
    Utf8,
    /// UTF-16 with the higher byte of a unit first, or the lower one.
    Utf16 {
        big: bool,
    },
    Latin1,
    Windows1252,
}

/// Reads text as UTF-8.
///
/// Where no encoding is given, a byte order mark decides, or many zeros at every other byte, which are UTF-16. Otherwise
/// the text is UTF-8 unless its first byte above 127 begins no character of UTF-8: then it is Windows-1252, of which
/// ISO 8859-1 is a part. A text of which some is UTF-8 beyond ASCII stays UTF-8, and what is not is left as it is.
pub(super) struct Decoder {
    inner: Box<dyn Read + Send>,
    given: Option<Encoding>,
    state: State,
    /// Bytes that were read and not decoded yet: the beginning of a character.
    raw: Vec<u8>,
    /// Text in UTF-8; from `next` on it is to be handed out.
    text: Vec<u8>,
    next: usize,
    over: bool,
}

impl Decoder {
    pub(super) fn new(inner: Box<dyn Read + Send>, given: Option<Encoding>) -> Self {
        Self {
            inner,
            given,
            state: State::Start,
            raw: Vec::new(),
            text: Vec::new(),
            next: 0,
            over: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let kept = self.raw.len();
        self.raw.resize(kept + (1 << 16), 0);
        let length = match self.state {
            // Enough to see what it is.
            State::Start => fill(&mut self.inner, &mut self.raw[kept..]),
            _ => self.inner.read(&mut self.raw[kept..]),
        };
        self.raw.truncate(kept + *length.as_ref().unwrap_or(&0));
        let length = length?;
        self.over = length == 0;
        if self.state == State::Start {
            self.state = first_state(self.given, &self.raw);
        }
        self.text.clear();
        self.next = 0;
        self.decode();
        Ok(())
    }

    /// Decodes what has been read but for the beginning of a character at its end.
    fn decode(&mut self) {
        if matches!(self.state, State::Ascii) && !self.raw.is_ascii() {
            let first = self.raw.iter().position(|byte| *byte > 127).unwrap_or(0);
            self.state = match whole_characters(&self.raw[first..]) {
                0 if self.over || self.raw.len() - first >= 4 => State::Windows1252,
                0 => {
                    // What follows decides.
                    self.text.extend(self.raw.drain(..first));
                    return;
                }
                _ => State::Utf8,
            };
        }
        let used = match self.state {
            State::Start | State::Ascii => {
                self.text.extend(&self.raw);
                self.raw.len()
            }
            State::Utf8 => {
                // A character that is cut off by the end of the block is joined with the next one by whoever reads.
                self.text.extend(&self.raw);
                self.raw.len()
            }
            State::Latin1 | State::Windows1252 => {
                let windows = self.state == State::Windows1252;
                for byte in &self.raw {
                    let letter = match byte {
                        0x80..=0x9f if windows => WINDOWS_1252[usize::from(byte - 0x80)],
                        byte => char::from(*byte),
                    };
                    push(&mut self.text, letter);
                }
                self.raw.len()
            }
            State::Utf16 { big } => self.decode_utf16(big),
        };
        self.raw.drain(..used);
    }

    fn decode_utf16(&mut self, big: bool) -> usize {
        let units: Vec<u16> = self
            .raw
            .chunks_exact(2)
            .map(|pair| match big {
                true => u16::from_be_bytes([pair[0], pair[1]]),
                false => u16::from_le_bytes([pair[0], pair[1]]),
            })
            .collect();
        let mut units = units.as_slice();
        // The first half of a pair waits for the second.
        if let Some((0xd800..=0xdbff, before)) = units.split_last()
            && !self.over
        {
            units = before;
        }
        for letter in char::decode_utf16(units.iter().copied()) {
            push(
                &mut self.text,
                letter.unwrap_or(char::REPLACEMENT_CHARACTER),
            );
        }
        match self.over {
            true => self.raw.len(),
            false => units.len() * 2,
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.next == self.text.len() {
            if self.over {
                return Ok(0);
            }
            self.refill()?;
        }
        let length = buffer.len().min(self.text.len() - self.next);
        buffer[..length].copy_from_slice(&self.text[self.next..self.next + length]);
        self.next += length;
        Ok(length)
    }
}

fn push(text: &mut Vec<u8>, letter: char) {
    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// How many bytes of the text are whole characters of UTF-8 before the first that is none.
fn whole_characters(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Ok(_) => text.len(),
        Err(error) => error.valid_up_to(),
    }
}

fn first_state(given: Option<Encoding>, head: &[u8]) -> State {
    let big = head.starts_with(b"\xfe\xff");
    let zeros = |from: usize| {
        let bytes = head.iter().skip(from).step_by(2).take(32);
        bytes.filter(|byte| **byte == 0).count()
    };
    // Of most languages' letters, one half of a unit is zero; digits, commas and line ends always have it.
    let many = (head.len().min(64) / 4).max(2);
    match given {
        Some(Encoding::Utf8) => State::Utf8,
        Some(Encoding::Latin1) => State::Latin1,
        Some(Encoding::Windows1252) => State::Windows1252,
        Some(Encoding::Utf16) => State::Utf16 { big },
        None if big || head.starts_with(b"\xff\xfe") => State::Utf16 { big },
        None if zeros(0) >= many && zeros(1) == 0 => State::Utf16 { big: true },
        None if zeros(1) >= many && zeros(0) == 0 => State::Utf16 { big: false },
        None => State::Ascii,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that answers a few bytes at a time.
    struct Slow(Vec<u8>, usize, usize);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.2.min(buffer.len()).min(self.0.len() - self.1);
            buffer[..length].copy_from_slice(&self.0[self.1..self.1 + length]);
            self.1 += length;
            Ok(length)
        }
    }

    fn decoded(bytes: &[u8], given: Option<Encoding>, step: usize) -> Vec<u8> {
        let mut found = Vec::new();
        let slow = Slow(bytes.to_vec(), 0, step);
        let mut decoder = Decoder::new(Box::new(slow), given);
        decoder.read_to_end(&mut found).unwrap();
        found
    }

    const TEXT: &str = "id,title\n1,Amélie – “Œuvre”, 5 €\n2,Ran\n";

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        units
            .flat_map(|unit| match big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            })
            .collect()
    }

    #[test]
    fn the_encoding_of_a_text_is_found() {
        let windows = b"id,title\n1,Am\xe9lie \x96 \x93\x8cuvre\x94, 5 \x80\n2,Ran\n";
        let marked = format!("\u{feff}{TEXT}");
        for step in [1, 2, 3, 1000] {
            let found = |bytes: &[u8]| String::from_utf8(decoded(bytes, None, step)).unwrap();
            assert_eq!(found(TEXT.as_bytes()), TEXT);
            assert_eq!(found(windows), TEXT);
            assert_eq!(found(&utf16(TEXT, true)), TEXT);
            assert_eq!(found(&utf16(TEXT, false)), TEXT);
            assert_eq!(found(&utf16(&marked, false)), marked);
            assert_eq!(found(&utf16(&marked, true)), marked);
        }
    }

    #[test]
    fn a_first_letter_beyond_ascii_far_from_the_beginning_decides_too() {
        let mut latin = vec![b'a'; 200_000];
        latin.extend(b"\xe9\n");
        let text = String::from_utf8(decoded(&latin, None, 70_000)).unwrap();
        assert!(text.ends_with("aé\n"));
        assert_eq!(text.chars().count(), 200_002);
    }

    #[test]
    fn a_text_in_utf8_with_a_wrong_byte_stays_as_it_is() {
        let mixed = "é,".bytes().chain(*b"\xe9x\n").collect::<Vec<u8>>();
        assert_eq!(decoded(&mixed, None, 1000), mixed);
    }

    #[test]
    fn an_encoding_that_is_given_is_taken() {
        let bytes = "é".as_bytes();
        assert_eq!(decoded(bytes, Some(Encoding::Latin1), 9), "Ã©".as_bytes());
        assert_eq!(
            decoded(b"\x80", Some(Encoding::Windows1252), 9),
            "€".as_bytes()
        );
        assert_eq!(
            decoded(b"\x80", Some(Encoding::Latin1), 9),
            "\u{80}".as_bytes()
        );
        assert_eq!(decoded(b"a\0b\0", Some(Encoding::Utf16), 9), b"ab");
    }
}
