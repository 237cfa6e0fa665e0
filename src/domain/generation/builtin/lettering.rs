//! Lines of text that fit into a box.

use std::sync::LazyLock;

use super::typeface::Typeface;

/// From one base line to the next, in ems.
const LEADING: f64 = 1.12;

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub(super) face: &'static LazyLock<Typeface>,
    /// In capital letters.
    pub(super) capitals: bool,
    /// Added between letters, in ems.
    pub(super) tracking: f64,
}

/// A box for lines, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextBox {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The smallest and the largest size of an em.
    pub(super) sizes: (f64, f64),
}

/// Lines that fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SetText {
    /// From the top.
    pub(super) lines: Vec<String>,
    /// An em, in pixels.
    pub(super) size: f64,
}

impl Lettering {
    /// The text as it would be set; `None` if the typeface lacks one of its letters.
    pub(super) fn legible(self, text: &str) -> Option<String> {
        let found = self.face.legible(text)?;
        if self.capitals {
            self.face.legible(&found.to_uppercase())
        } else {
            Some(found)
        }
    }

    /// The width of a text, in ems.
    fn width(self, text: &str) -> f64 {
        self.face.width(text, self.tracking)
    }

    /// The words of a text and the width of each, in ems.
    fn words(self, text: &str) -> Vec<(&str, f64)> {
        let words = text.split(' ');
        words.map(|word| (word, self.width(word))).collect()
    }

    /// A legible text in the largest size that fits, in lines of similar length. What does not fit
    /// in the smallest size ends in an ellipsis.
    pub(super) fn fit(self, text: &str, text_box: TextBox) -> SetText {
        let (least, most) = text_box.sizes;
        let words = self.words(text);
        let mut size = most;
        while size > least {
            if let Some(found) = self.at(&words, text_box, size) {
                return found;
            }
            size *= 0.96;
        }
        self.at(&words, text_box, least)
            .unwrap_or_else(|| self.shortened(text, text_box))
    }

    /// As much of a text as fits in the smallest size, with an ellipsis, cut between words where it
    /// has several; no lines where not even the ellipsis fits.
    fn shortened(self, text: &str, text_box: TextBox) -> SetText {
        let size = text_box.sizes.0;
        let beginning = |text: &str| {
            let text = format!("{}…", text.trim_end());
            self.at(&self.words(&text), text_box, size)
        };
        // The longest beginning that fits is found by halves.
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let (mut fits, mut too_long) = (0, ends.len());
        while fits + 1 < too_long {
            let middle = usize::midpoint(fits, too_long);
            if beginning(&text[..ends[middle]]).is_some() {
                fits = middle;
            } else {
                too_long = middle;
            }
        }
        let longest = &text[..ends.get(fits).copied().unwrap_or(0)];
        let words = longest.rsplit_once(' ').map_or(longest, |(words, _)| words);
        beginning(words)
            .or_else(|| beginning(longest))
            .unwrap_or(SetText {
                lines: Vec::new(),
                size,
            })
    }

    fn at(self, words: &[(&str, f64)], text_box: TextBox, size: f64) -> Option<SetText> {
        let most = text_box.width / size;
        let lines = self.broken(words, most)?;
        let mut best = SetText { lines, size };
        if self.depth(&best) > text_box.height {
            return None;
        }
        // Narrower as long as it takes no more lines.
        let mut narrow = most;
        while narrow > most * 0.3 {
            narrow *= 0.97;
            match self.broken(words, narrow) {
                Some(lines) if lines.len() == best.lines.len() => best.lines = lines,
                _ => break,
            }
        }
        Some(best)
    }

    /// Breaks words into lines of at most `most` ems; `None` if a word is wider.
    fn broken(self, words: &[(&str, f64)], most: f64) -> Option<Vec<String>> {
        let space = self.width(" ") + 2.0 * self.tracking;
        let mut lines: Vec<String> = Vec::new();
        let mut used = 0.0;
        for (word, width) in words {
            if *width > most {
                return None;
            }
            match lines.last_mut() {
                Some(line) if used + space + width <= most => {
                    line.push(' ');
                    line.push_str(word);
                    used += space + width;
                }
                _ => {
                    lines.push((*word).to_owned());
                    used = *width;
                }
            }
        }
        Some(lines)
    }

    /// From the top of the capitals of the first line to the base line of the last, with room for
    /// accents above and descenders below; in pixels.
    pub(super) fn depth(self, text: &SetText) -> f64 {
        let lines = text.lines.len().saturating_sub(1) as f64;
        (self.above() + lines * LEADING + self.below()) * text.size
    }

    /// From the top of the box to the first base line, in ems: a capital with its accent.
    fn above(self) -> f64 {
        self.face.capital + 0.2
    }

    /// Below the last base line, in ems: descenders.
    fn below(self) -> f64 {
        if self.capitals { 0.1 } else { 0.24 }
    }

    /// The outlines of the lines as the data of an SVG path, centred on `x`; the box begins at `y`.
    pub(super) fn outline(self, text: &SetText, (x, y): (f64, f64)) -> String {
        let mut path = String::new();
        for (number, line) in text.lines.iter().enumerate() {
            let left = x - self.width(line) * text.size / 2.0;
            let base = y + (self.above() + number as f64 * LEADING) * text.size;
            path += &self
                .face
                .outline(line, self.tracking, (left, base), text.size);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::super::typeface::BOLD;
    use super::*;

    const ROOM: TextBox = TextBox {
        width: 400.0,
        height: 160.0,
        sizes: (12.0, 80.0),
    };

    fn capitals() -> Lettering {
        Lettering {
            face: &BOLD,
            capitals: true,
            tracking: 0.05,
        }
    }

    #[test]
    fn capitals_are_those_of_the_language() {
        assert_eq!(capitals().legible("Straße").as_deref(), Some("STRASSE"));
        assert_eq!(capitals().legible("Ψυχή").as_deref(), Some("ΨΥΧΉ"));
        assert_eq!(capitals().legible("乱"), None);
    }

    #[test]
    fn lines_fit_their_box_whatever_the_title() {
        let long = "The Assassination of a Very Long Title by the Coward Who Wrote It ".repeat(20);
        for text in [
            "M",
            "ALIEN",
            "ONCE UPON A TIME IN THE WEST",
            &"W".repeat(400),
            &long,
        ] {
            let text = capitals().legible(text).unwrap();
            let found = capitals().fit(&text, ROOM);
            assert!(!found.lines.is_empty(), "{text}");
            assert!(capitals().depth(&found) <= ROOM.height + 1e-9);
            for line in &found.lines {
                assert!(
                    capitals().width(line) * found.size <= ROOM.width + 1e-9,
                    "{line}"
                );
            }
        }
        let short = capitals().fit("ALIEN", ROOM);
        assert_eq!(short.lines, ["ALIEN"]);
        assert!(short.size > 70.0, "{short:?}");
        let cut = capitals().fit(&capitals().legible(&long).unwrap(), ROOM);
        assert!(cut.lines.last().unwrap().ends_with('…'), "{cut:?}");
    }

    #[test]
    fn lines_are_of_similar_length() {
        let found = capitals().fit("ONCE UPON A TIME IN THE WEST", ROOM);
        let widths: Vec<f64> = found
            .lines
            .iter()
            .map(|line| capitals().width(line))
            .collect();
        let least = widths.iter().copied().fold(f64::MAX, f64::min);
        let most = widths.iter().copied().fold(0.0, f64::max);
        assert!(found.lines.len() > 1 && least > 0.5 * most, "{found:?}");
    }
}
