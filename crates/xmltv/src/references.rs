//! References in text: the five entities of XML and numbers, and no others.

use std::borrow::Cow;

/// The longest reference, without `&` and `;`: `#x10FFFF` with some leading zeros.
const LONGEST_REFERENCE: usize = 12;

/// The character that a reference stands for, given without its `&` and `;`; `None` for an entity that
/// XML does not define and for a number that is no character of XML 1.0.
pub(crate) fn character(name: &str) -> Option<char> {
    match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = name.strip_prefix('#')?;
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` accepts a sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let character = u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)?;
    let allowed = matches!(character, '\t' | '\n' | '\r') || character >= ' ';
    (allowed && !matches!(character, '\u{fffe}' | '\u{ffff}')).then_some(character)
}

/// Replaces the references in a text; an ampersand that begins none stays as it is. The first unknown
/// name is answered beside the text, where it stays too.
pub(crate) fn decode(text: &str) -> (Cow<'_, str>, Option<&str>) {
    if !text.contains('&') {
        return (Cow::Borrowed(text), None);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut unknown = None;
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, reference) = rest.split_at(start);
        decoded.push_str(before);
        let name = reference[1..]
            .split_once(';')
            .map(|(name, _)| name)
            .filter(|name| name.len() <= LONGEST_REFERENCE && is_name(name));
        match name.map(|name| (name, character(name))) {
            Some((name, Some(character))) => {
                decoded.push(character);
                rest = &reference[name.len() + 2..];
            }
            Some((name, None)) => {
                unknown = unknown.or(Some(name));
                decoded.push('&');
                rest = &reference[1..];
            }
            None => {
                decoded.push('&');
                rest = &reference[1..];
            }
        }
    }
    decoded.push_str(rest);
    (Cow::Owned(decoded), unknown)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || character == '#')
}

/// Undoes a second escaping: `Law &amp; Order` in a text whose references are already replaced was
/// `Law &amp;amp; Order` in the file. Also puts each run of white space down to one blank.
pub(crate) fn tidy(text: &str) -> String {
    let (text, _) = decode(text);
    let mut tidy = String::with_capacity(text.len());
    for word in text.split(|character: char| character.is_whitespace() || character.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(word);
    }
    tidy
}
