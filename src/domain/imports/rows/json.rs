//! JSON: arrays of objects as a stream, numbers of any length, and values at paths.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use serde_json::Value;

use super::super::model::ReadError;
use super::super::source::{Meter, Source, explain};

/// The objects of an array, one after the other.
pub(super) struct Objects {
    reader: BufReader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    limit: usize,
    object: Vec<u8>,
    line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the array.
    Before,
    /// Between two objects.
    Between,
    /// Behind the array.
    Over,
}

impl Objects {
    pub(super) fn new(source: Source) -> Self {
        let (meter, limit) = (source.meter(), source.row_limit());
        Self {
            reader: BufReader::with_capacity(1 << 17, source.into_reader()),
            meter,
            limit,
            object: Vec::new(),
            line: 1,
            state: State::Before,
        }
    }

    /// The next object with the line it begins on, or `None` behind the array.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, ReadError> {
        self.object.clear();
        let mut depth = 0_usize;
        let (mut quoted, mut escaped, mut too_long) = (false, false, false);
        let mut begin = self.line;
        loop {
            self.meter.begin_row();
            let fault = |line, reason: &str| ReadError::File {
                line,
                reason: reason.to_owned(),
            };
            let block = match self.reader.fill_buf() {
                Ok(block) => block,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault(self.line, &explain(&error))),
            };
            if block.is_empty() {
                return match self.state {
                    State::Over => Ok(None),
                    State::Before => Err(fault(self.line, "the file is empty")),
                    State::Between => Err(fault(
                        begin,
                        "the array is not closed up to the end of the file",
                    )),
                };
            }
            let mut used = 0;
            let mut whole = false;
            for byte in block {
                used += 1;
                self.line += u64::from(*byte == b'\n');
                if depth == 0 {
                    match (self.state, byte) {
                        (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                        (State::Before, b'[') => self.state = State::Between,
                        (State::Before, b'{') => {
                            let reason = "these are JSON objects and no array of them; write `format = \"jsonl\"`";
                            return Err(fault(self.line, reason));
                        }
                        (State::Between, b',') => {}
                        (State::Between, b']') => self.state = State::Over,
                        (State::Between, b'{') => {
                            depth = 1;
                            begin = self.line;
                            self.object.push(b'{');
                        }
                        (State::Over, _) => {
                            return Err(fault(self.line, "there is text behind the array"));
                        }
                        _ => return Err(fault(self.line, "this is no array of JSON objects")),
                    }
                    continue;
                }
                if self.object.len() < self.limit {
                    self.object.push(*byte);
                } else {
                    too_long = true;
                }
                match (quoted, escaped, byte) {
                    (true, true, _) => escaped = false,
                    (true, false, b'\\') => escaped = true,
                    (true, false, b'"') => quoted = false,
                    (true, ..) => {}
                    (false, _, b'"') => quoted = true,
                    (false, _, b'{' | b'[') => depth += 1,
                    (false, _, b'}' | b']') => depth -= 1,
                    (false, ..) => {}
                }
                if depth == 0 {
                    whole = true;
                    break;
                }
            }
            self.reader.consume(used);
            if whole {
                if too_long {
                    let reason = format!("longer than {} bytes", self.limit);
                    return Err(ReadError::row(begin, reason));
                }
                return Ok(Some((begin, &self.object)));
            }
        }
    }
}

/// The text with whole numbers that 64 bits do not hold as texts, so that no digit of an id is lost.
pub(super) fn long_numbers_as_text(json: &[u8]) -> Cow<'_, [u8]> {
    let mut exact: Option<Vec<u8>> = None;
    let (mut quoted, mut escaped) = (false, false);
    let mut copied = 0;
    let mut index = 0;
    while let Some(byte) = json.get(index) {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => quoted = false,
            (false, b'"') => quoted = true,
            (false, b'0'..=b'9' | b'-') => {
                let rest = &json[index..];
                let of_number =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = rest
                    .iter()
                    .position(|byte| !of_number(byte))
                    .unwrap_or(rest.len());
                let number = &rest[..length];
                let digits = number.strip_prefix(b"-").unwrap_or(number);
                let whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(number).unwrap_or_default();
                if whole
                    && length >= 19
                    && text.parse::<i64>().is_err()
                    && text.parse::<u64>().is_err()
                {
                    let exact = exact.get_or_insert_with(Vec::new);
                    exact.extend_from_slice(&json[copied..index]);
                    exact.push(b'"');
                    exact.extend_from_slice(number);
                    exact.push(b'"');
                    copied = index + length;
                }
                index += length.max(1);
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    match exact {
        None => Cow::Borrowed(json),
        Some(mut exact) => {
            exact.extend_from_slice(&json[copied..]);
            Cow::Owned(exact)
        }
    }
}

/// The value at a path of keys as entries of text: several for a list, none for null. A path goes on in each entry
/// of a list.
pub(super) fn entries(object: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    // A key may hold a dot itself.
    match object.get(path) {
        Some(value) => collect(value, &mut found),
        None => follow(object, path, &mut found),
    }
    found
}

fn follow(value: &Value, path: &str, found: &mut Vec<String>) {
    if let Value::Array(values) = value {
        for value in values {
            follow(value, path, found);
        }
        return;
    }
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    match (value.get(key), rest) {
        (Some(value), Some(rest)) => follow(value, rest, found),
        (Some(value), None) => collect(value, found),
        (None, _) => {}
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => found.extend(values.iter().filter_map(text)),
        value => found.extend(text(value)),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.replace('\0', "")),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_any_length_stay_themselves() {
        let found = |text: &str| {
            String::from_utf8(long_numbers_as_text(text.as_bytes()).into_owned()).unwrap()
        };
        assert_eq!(
            found(
                r#"{"a":90071992547409931234567,"b":[1,-90071992547409931234567],"c":"90071992547409931234567"}"#
            ),
            r#"{"a":"90071992547409931234567","b":[1,"-90071992547409931234567"],"c":"90071992547409931234567"}"#
        );
        for same in [
            r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1.5e300}"#,
            r#"{"a\"1":"x\\","b":12345678901234567.25}"#,
            "{",
            "",
        ] {
            assert_eq!(found(same), same);
        }
    }

    #[test]
    fn a_path_goes_on_in_lists() {
        let object = serde_json::json!({
            "a.b": 1, "a": { "b": 2, "c": [{ "d": "x" }, { "d": ["y", null] }, 3] },
        });
        assert_eq!(entries(&object, "a.b"), ["1"]);
        assert_eq!(entries(&object, "a.c.d"), ["x", "y"]);
        assert_eq!(entries(&object, "a.e.d"), Vec::<String>::new());
    }
}
