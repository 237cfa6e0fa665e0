//! The first wall: one pass over the bytes of a document, before the parser.
//!
//! The pass agrees with the parser on where strings and comments begin and end. Where a string
//! is broken the two could disagree (the parser reads `"""` without an end as an empty string
//! and goes on), so a broken string is refused here.

use super::{Errors, Limits, refused, too_complex};
use crate::graphql::errors::codes;

/// Checks the length, the tokens and the open brackets of `source`, and counts the tokens.
///
/// # Errors
///
/// Refuses what is over `limits`, and strings that do not end.
pub fn scan(source: &str, limits: &Limits) -> Result<usize, Errors> {
    check_length(source, limits)?;
    let bytes = source.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += until_line_end(rest);
                continue;
            }
            b'"' => string(rest).ok_or_else(broken_string)?,
            b'[' | b'{' | b'(' => {
                open += 1;
                if open > limits.brackets {
                    return Err(vec![too_complex(format!(
                        "more than {} brackets are open at once",
                        limits.brackets
                    ))]);
                }
                1
            }
            // The parser stops at a bracket that closes nothing, so going below zero is its
            // business and must not buy room for more open ones.
            b']' | b'}' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            b'.' if rest.starts_with(b"...") => 3,
            byte if is_word(byte) => {
                let length = rest.iter().take_while(|byte| is_word(**byte)).count();
                if length > limits.word_bytes {
                    return Err(vec![too_complex(format!(
                        "a name is longer than {} characters",
                        limits.word_bytes
                    ))]);
                }
                length
            }
            _ => 1,
        };
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
