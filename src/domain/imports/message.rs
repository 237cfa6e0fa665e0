//! Messages about files of strangers.

use std::borrow::Cow;

/// A message about a file as it may be shown on a terminal: of at most a thousand characters, without control
/// characters such as those that begin escape sequences.
pub fn printable(message: &str) -> String {
    let shown = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    message.chars().take(1000).map(shown).collect()
}

/// A value as a reason repeats it.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_and_no_endless_line_comes_through() {
        let found = printable("a\u{1b}[31mred\u{7}\r\n\u{9b}");
        assert_eq!(found, "a\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(printable(&"é".repeat(9000)).chars().count(), 1000);
    }
}
