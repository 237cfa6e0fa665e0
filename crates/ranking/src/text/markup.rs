//! Texts without markup: descriptions of shops come with tags and entities, which nobody searches for.

use std::borrow::Cow;

/// A longer tag is no tag but a text with a `<` in it.
const LONGEST_TAG: usize = 2_000;

/// The text without HTML tags, without what stands in scripts and styles, and with entities replaced by
/// what they stand for. A text without `<` and `&` is itself.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '&']) {
        return Cow::Borrowed(text);
    }
    let decoded = entities(&untagged(text));
    // Some feeds write tags with entities.
    match decoded.contains('<') {
        true => Cow::Owned(entities(&untagged(&decoded))),
        false => Cow::Owned(decoded),
    }
}

fn untagged(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(tag) = tag(rest) else {
            kept.push('<');
            rest = &rest[1..];
            continue;
        };
        kept.push(' ');
        let name = &tag[1..];
        rest = &rest[tag.len()..];
        for hidden in ["script", "style"] {
            let opens = name.get(..hidden.len());
            if opens.is_some_and(|name| name.eq_ignore_ascii_case(hidden)) {
                rest = &rest[closing(rest, hidden)..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// The tag that a text begins with, `<` and `>` included.
fn tag(text: &str) -> Option<&str> {
    let first = text[1..].chars().next()?;
    if !(first.is_ascii_alphabetic() || matches!(first, '/' | '!')) {
        return None;
    }
    let end = text
        .bytes()
        .take(LONGEST_TAG)
        .position(|byte| byte == b'>')?;
    Some(&text[..=end])
}

/// Where the closing tag of this name begins; the end of the text if there is none.
fn closing(text: &str, name: &str) -> usize {
    let mut from = 0;
    while let Some(start) = text[from..].find("</") {
        let at = from + start;
        let found = text.get(at + 2..at + 2 + name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

fn entities(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        kept.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let name = rest.bytes().take(10).position(|byte| byte == b';');
        match name.and_then(|end| entity(&rest[..end]).map(|letter| (letter, end))) {
            Some((letter, end)) => {
                kept.push(letter);
                rest = &rest[end + 1..];
            }
            None => kept.push('&'),
        }
    }
    kept.push_str(rest);
    kept
}

/// What an entity stands for; a space for those that are signs.
fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let letter = name.chars().next()?;
    const MARKS: [&str; 8] = [
        "acute", "grave", "circ", "uml", "tilde", "cedil", "ring", "slash",
    ];
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "szlig" => 'ß',
        // Words are folded: the letter is enough without its mark.
        _ if MARKS.contains(&&name[letter.len_utf8()..]) => letter,
        // `&nbsp;` and other signs; `R&D;` is none.
        _ if name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_lowercase()) => ' ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_entities_are_no_words() {
        let words = |text: &str| {
            plain(text)
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words("<p><strong>Red</strong> shoes&nbsp;&amp; socks</p>"),
            ["Red", "shoes", "&", "socks"]
        );
        assert_eq!(
            words("one<br/>two<STYLE>p { margin: 0 }</style>three"),
            ["one", "two", "three"]
        );
        assert_eq!(
            words("&lt;em&gt;Caf&eacute;&lt;/em&gt; &#39;x&#x27;"),
            ["Cafe", "'x'"]
        );
    }

    #[test]
    fn signs_that_are_no_markup_stay() {
        for text in [
            "1 < 2 > 0",
            "R&D; AT&T",
            "a <3 b",
            "<",
            "&",
            "&;",
            "no markup",
        ] {
            assert_eq!(plain(text).trim(), text);
        }
        assert_eq!(plain("an unclosed <b"), "an unclosed <b");
        assert_eq!(plain("<script>never closed").trim(), "");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>&;/!#a-cxé 0-9]{0,40}") {
            let _ = plain(&text);
        }
    }
}
