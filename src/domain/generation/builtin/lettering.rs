//! Lines of drawn letters: which fit where, and their strokes.

use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::glyphs::{accent, glyph};

/// The space between letters and between words, in tenths of a letter's height.
const TRACKING: f64 = 2.9;
const SPACE: f64 = 5.4;
/// From one line to the next, in heights of a letter.
const LEADING: f64 = 1.62;

/// How letters are stroked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen<'a> {
    /// As `#rrggbb`.
    pub(super) colour: &'a str,
    /// The stroke's width, in tenths of a letter's height.
    pub(super) weight: f64,
    /// Round ends and corners, or sharp ones.
    pub(super) round: bool,
}

/// Lines that fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TypesetTitle {
    /// From the top.
    pub(super) lines: Vec<String>,
    /// The height of a letter, in pixels.
    pub(super) height: f64,
}

/// Room for lines, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextBox {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The smallest and the largest letters.
    pub(super) letters: (f64, f64),
}

/// The text in the letters that are drawn here: capital, in their parts. `None` where one of its
/// letters is not among them: a title with holes is worse than none. Signs without a drawing are
/// left out.
pub(super) fn drawable(text: &str) -> Option<String> {
    let mut found = String::new();
    for letter in text.to_uppercase().nfd() {
        if letter.is_whitespace() {
            found.push(' ');
        } else if glyph(letter).is_some() || accent(letter).is_some() {
            found.push(letter);
        } else if letter.is_alphanumeric() {
            return None;
        }
    }
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = found.chars().any(char::is_alphanumeric);
    says.then_some(found)
}

/// How wide a drawable text is, in tenths of a letter's height.
fn width(text: &str) -> f64 {
    let mut width = -TRACKING;
    for letter in text.chars() {
        if letter == ' ' {
            width += SPACE;
        } else if let Some((letter, _)) = glyph(letter) {
            width += letter + TRACKING;
        }
    }
    width.max(0.0)
}

/// Breaks a text into lines of at most so many tenths; `None` where a word is wider.
fn broken(words: &[&str], most: f64) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        if width(word) > most {
            return None;
        }
        match lines.last_mut() {
            Some(line) if width(line) + SPACE + TRACKING + width(word) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    Some(lines)
}

impl TypesetTitle {
    /// The text in the largest letters that fit, in lines of like length. What does not fit in the
    /// smallest ones ends in an ellipsis.
    pub(super) fn fit(text: &str, text_box: TextBox) -> Self {
        let (least, most) = text_box.letters;
        let words: Vec<&str> = text.split(' ').collect();
        let mut height = most;
        while height > least {
            if let Some(setting) = Self::at(&words, text_box, height) {
                return setting;
            }
            height *= 0.94;
        }
        // In the smallest letters: fewer words, then fewer letters of the first.
        for count in (1..=words.len()).rev() {
            let shorter = words[..count].join(" ");
            let shorter = if count == words.len() {
                shorter
            } else {
                shorter + "…"
            };
            let words: Vec<&str> = shorter.split(' ').collect();
            if let Some(setting) = Self::at(&words, text_box, least) {
                return setting;
            }
        }
        let mut letters: Vec<char> = words[0].chars().collect();
        loop {
            letters.pop();
            let word: String = letters.iter().chain(&['…']).collect();
            match Self::at(&[word.as_str()], text_box, least) {
                None if !letters.is_empty() => {}
                found => {
                    return found.unwrap_or(Self {
                        lines: Vec::new(),
                        height: least,
                    });
                }
            }
        }
    }

    fn at(words: &[&str], text_box: TextBox, height: f64) -> Option<Self> {
        let tenths = text_box.width / height * 10.0;
        let lines = broken(words, tenths)?;
        let setting = Self { lines, height };
        if setting.depth() > text_box.height {
            return None;
        }
        // Narrower as long as it takes no more lines.
        let mut best = setting;
        let mut narrow = tenths;
        while narrow > tenths * 0.3 {
            narrow *= 0.97;
            match broken(words, narrow) {
                Some(lines) if lines.len() == best.lines.len() => best.lines = lines,
                _ => break,
            }
        }
        Some(best)
    }

    /// From the top of the first line to the foot of the last, in pixels.
    pub(super) fn depth(&self) -> f64 {
        let steps = self.lines.len().saturating_sub(1) as f64;
        (1.0 + steps * LEADING) * self.height
    }

    /// The strokes as SVG, the lines centred on `x`, the first line's top at `y`.
    pub(super) fn draw(&self, (x, y): (f64, f64), pen: Pen<'_>) -> String {
        let (cap, join) = if pen.round {
            ("round", "round")
        } else {
            ("square", "miter")
        };
        let scale = self.height / 10.0;
        let mut svg = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            let left = x - width(line) * scale / 2.0;
            let top = y + number as f64 * LEADING * self.height;
            // Writing to a String cannot fail.
            let _ = write!(
                svg,
                r#"<g transform="translate({left:.2} {top:.2}) scale({scale:.4})" fill="none" stroke="{}" stroke-width="{:.2}" stroke-linecap="{cap}" stroke-linejoin="{join}" stroke-miterlimit="2.5">"#,
                pen.colour, pen.weight,
            );
            let (mut at, mut middle) = (0.0, 0.0);
            for letter in line.chars() {
                let strokes = if letter == ' ' {
                    at += SPACE;
                    continue;
                } else if let Some((width, strokes)) = glyph(letter) {
                    let place = at;
                    middle = at + width / 2.0;
                    at += width + TRACKING;
                    Some((place, strokes))
                } else {
                    accent(letter).map(|strokes| (middle, strokes))
                };
                if let Some((place, strokes)) = strokes {
                    let _ = write!(
                        svg,
                        r#"<path transform="translate({place:.2} 0)" d="{strokes}"/>"#
                    );
                }
            }
            svg.push_str("</g>");
        }
        svg
    }

    /// Whether every mark of a text is a letter or an accent that is drawn.
    #[cfg(test)]
    fn all_drawn(text: &str) -> bool {
        text.chars()
            .all(|mark| mark == ' ' || glyph(mark).is_some() || accent(mark).is_some())
    }
}

/// Whether a text has accents, which stand above its letters.
pub(super) fn accented(text: &str) -> bool {
    text.chars().any(is_combining_mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: TextBox = TextBox {
        width: 400.0,
        height: 160.0,
        letters: (12.0, 60.0),
    };

    #[test]
    fn european_titles_are_drawable_and_others_are_not() {
        for (text, drawn) in [
            ("Amélie", Some("AME\u{301}LIE")),
            ("Straße", Some("STRASSE")),
            ("Ёлки-Палки", Some("Е\u{308}ЛКИ-ПАЛКИ")),
            ("Її Ґанок", Some("І\u{308}І\u{308} ҐАНОК")),
            ("Ψυχή", Some("ΨΥΧΗ\u{301}")),
            ("Łódź  Ø", Some("ŁO\u{301}DZ\u{301} Ø")),
            ("WALL·E™ 2", Some("WALL·E 2")),
            ("七人の侍", None),
            ("Ran 乱", None),
            ("…", None),
            ("", None),
        ] {
            let found = drawable(text);
            assert_eq!(found.as_deref(), drawn, "{text}");
            assert!(found.is_none_or(|text| TypesetTitle::all_drawn(&text)));
        }
    }

    #[test]
    fn every_letter_of_the_alphabets_is_drawn() {
        let latin = 'A'..='Z';
        let cyrillic = 'А'..='Я';
        let greek = ('Α'..='Ω').filter(|letter| letter.is_alphabetic());
        for letter in latin.chain(cyrillic).chain(greek).chain('0'..='9') {
            assert!(drawable(&letter.to_string()).is_some(), "{letter}");
        }
    }

    #[test]
    fn lines_fit_their_room_whatever_the_title() {
        let long = "The Assassination of a Very Long Title by the Coward Who Wrote It ".repeat(8);
        for text in [
            "M",
            "ALIEN",
            "ONCE UPON A TIME IN THE WEST",
            &"W".repeat(400),
            &long,
        ] {
            let text = drawable(text).unwrap();
            let setting = TypesetTitle::fit(&text, ROOM);
            assert!(!setting.lines.is_empty(), "{text}");
            assert!(setting.depth() <= ROOM.height + 1e-9);
            for line in &setting.lines {
                assert!(
                    width(line) * setting.height / 10.0 <= ROOM.width + 1e-9,
                    "{line}"
                );
            }
        }
        let short = TypesetTitle::fit("ALIEN", ROOM);
        assert_eq!(short.lines, ["ALIEN"]);
        assert!(short.height > 50.0, "{short:?}");
    }

    #[test]
    fn lines_are_of_like_length() {
        let setting = TypesetTitle::fit("ONCE UPON A TIME IN THE WEST", ROOM);
        let widths: Vec<f64> = setting.lines.iter().map(|line| width(line)).collect();
        let (least, most) = widths
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), width| {
                (least.min(*width), most.max(*width))
            });
        assert!(setting.lines.len() > 1 && least > 0.5 * most, "{setting:?}");
    }
}
