//! The first wall: one pass over the bytes of a document, before the parser.
//!
//! The pass agrees with the parser on where strings and comments begin and end. Where a string
//! is broken the two could disagree (the parser reads `"""` without an end as an empty string
//! and goes on), so a broken string is refused here.

use super::{Errors, Limits, refused, too_complex};
use crate::graphql::errors::codes;

/// The kind and the length of what a piece of source begins with.
enum Piece {
    /// Blanks, commas, comments and byte order marks, which mean nothing.
    Ignored(usize),
    /// A string, quotes included.
    Text(usize),
    /// A name, a number or punctuation.
    Other(usize),
}

/// The mark that some editors put at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads one piece; `rest` is not empty. `None` for a string that does not end.
fn piece(rest: &[u8]) -> Option<Piece> {
    Some(match rest.first()? {
        b' ' | b'\t' | b'\n' | b'\r' | b',' => Piece::Ignored(1),
        b'#' => Piece::Ignored(until_line_end(rest)),
        0xEF if rest.starts_with(BYTE_ORDER_MARK) => Piece::Ignored(BYTE_ORDER_MARK.len()),
        b'"' => Piece::Text(string(rest)?),
        b'.' if rest.starts_with(b"...") => Piece::Other(3),
        byte if is_word(*byte) => {
            Piece::Other(rest.iter().take_while(|byte| is_word(**byte)).count())
        }
        _ => Piece::Other(1),
    })
}

/// Checks the length, the tokens and the open brackets of `source`, and counts the tokens.
///
/// # Errors
///
/// Refuses what is over `limits`, and strings that do not end.
pub fn scan(source: &str, limits: &Limits) -> Result<usize, Errors> {
    check_length(source, limits)?;
    let bytes = source.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0, 0_usize);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match piece(rest).ok_or_else(broken_string)? {
            Piece::Ignored(length) => {
                at += length;
                continue;
            }
            Piece::Text(length) | Piece::Other(length) => length,
        };
        match bytes[at] {
            b'[' | b'{' | b'(' => {
                open += 1;
                if open > limits.brackets {
                    return Err(vec![too_complex(format!(
                        "more than {} brackets are open at once",
                        limits.brackets
                    ))]);
                }
            }
            // The parser stops at a bracket that closes nothing, so going below zero is its
            // business and must not buy room for more open ones.
            b']' | b'}' | b')' => open = open.saturating_sub(1),
            byte if is_word(byte) && length > limits.word_bytes => {
                return Err(vec![too_complex(format!(
                    "a name is longer than {} characters",
                    limits.word_bytes
                ))]);
            }
            _ => {}
        }
        at += length;
        tokens += 1;
        if tokens > limits.tokens {
            return Err(vec![too_complex(format!(
                "the document has more than {} tokens",
                limits.tokens
            ))]);
        }
    }
    Ok(tokens)
}

/// The same document with a blank for each character of commas and comments, so that places stay where they
/// are. apollo-parser 0.8 stumbles over them behind `...`.
pub(super) fn blanked(source: &str) -> String {
    let mut blanked = String::with_capacity(source.len());
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match piece(rest.as_bytes()) {
            Some(Piece::Ignored(length)) if !rest.starts_with(['\n', '\r', '\t']) => {
                let ignored = rest.get(..length).unwrap_or_default();
                blanked.extend(ignored.chars().map(|_| ' '));
                length
            }
            // One character of several bytes is a piece for each byte.
            Some(Piece::Ignored(length) | Piece::Text(length) | Piece::Other(length)) => {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                let length = length.max(first);
                blanked.push_str(rest.get(..length).unwrap_or(rest));
                length
            }
            None => {
                blanked.push_str(rest);
                rest.len()
            }
        };
        at += length;
    }
    blanked
}

/// Whether two documents are written alike but for blanks, the contents of strings and the word `query` of a
/// query that has nothing else in front of its selections.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    let mut one = Tokens::of(one);
    let mut other = Tokens::of(other);
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (one, other) if one == other => {}
            _ => return false,
        }
    }
}

/// The tokens of a document; each string is `"`.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    fn of(source: &'a str) -> Self {
        Self {
            rest: source.as_bytes(),
        }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        loop {
            let (token, length) = match piece(self.rest)? {
                Piece::Ignored(length) => (None, length),
                Piece::Text(length) => (Some(&b"\""[..]), length),
                Piece::Other(length) => (self.rest.get(..length), length),
            };
            self.rest = self.rest.get(length..)?;
            if token.is_some() {
                return token;
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let token = self.token()?;
        if token != b"query" {
            return Some(token);
        }
        let rest = self.rest;
        match self.token() {
            Some(b"{") => Some(b"{"),
            _ => {
                self.rest = rest;
                Some(token)
            }
        }
    }
}

/// Checks the length alone; the cache asks for it before it hashes a source.
///
/// # Errors
///
/// Refuses a source over [`Limits::source_bytes`].
pub fn check_length(source: &str, limits: &Limits) -> Result<(), Errors> {
    if source.len() > limits.source_bytes {
        return Err(vec![too_complex(format!(
            "the document is longer than {} bytes",
            limits.source_bytes
        ))]);
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn until_line_end(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .unwrap_or(rest.len())
}

/// The length of the string that `rest` begins with, quotes included.
fn string(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\"\"\"") {
        block_string(rest)
    } else {
        line_string(rest)
    }
}

fn block_string(rest: &[u8]) -> Option<usize> {
    let mut at = 3;
    loop {
        let left = rest.get(at..)?;
        if left.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if left.starts_with(b"\"\"\"") {
            return Some(at + 3);
        } else if left.is_empty() {
            return None;
        } else {
            at += 1;
        }
    }
}

fn line_string(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match rest.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            // Whether the escape exists is for the parser to say. It stops at a bad one, so
            // nothing behind it is read as brackets.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn broken_string() -> Errors {
    let message = "syntax error: a string does not end";
    vec![refused(codes::GRAPHQL_PARSE_FAILED, message, &[])]
}
