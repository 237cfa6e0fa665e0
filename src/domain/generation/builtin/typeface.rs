//! The typefaces of posters (Noto Sans), and the outlines of their letters.

use std::fmt::Write;
use std::sync::LazyLock;

use ttf_parser::gpos::{PairAdjustment, PositioningSubtable};
use ttf_parser::{Face, GlyphId, OutlineBuilder};
use unicode_normalization::UnicodeNormalization;

/// One font file.
pub(super) struct Typeface {
    face: Face<'static>,
    /// The height of a capital letter, in ems.
    pub(super) capital: f64,
}

/// For titles.
pub(super) static BOLD: LazyLock<Typeface> = LazyLock::new(|| Typeface::new(notosans::BOLD_TTF));
/// For titles that lean forward.
pub(super) static BOLD_ITALIC: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::new(notosans::BOLD_ITALIC_TTF));
/// For credits.
pub(super) static REGULAR: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::new(notosans::REGULAR_TTF));

impl Typeface {
    fn new(file: &'static [u8]) -> Self {
        let face = Face::parse(file, 0)
            .expect("the files of the crate `notosans` are fonts, which a test reads");
        let capital = face.capital_height().map_or(0.7, f64::from) / f64::from(face.units_per_em());
        Self { face, capital }
    }

    /// The text with only characters that this typeface has, composed and with single spaces.
    /// `None` if one of its letters or digits is missing, since a title with holes is worse than
    /// none, or if nothing remains. Other characters that are missing are left out.
    pub(super) fn legible(&self, text: &str) -> Option<String> {
        let mut found = String::new();
        for character in text.nfc() {
            if character.is_whitespace() {
                found.push(' ');
            } else if self.face.glyph_index(character).is_some() {
                found.push(character);
            } else if character.is_alphanumeric() {
                return None;
            }
        }
        let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
        found.chars().any(char::is_alphanumeric).then_some(found)
    }

    /// The glyphs of a text, each with its distance from the start, then the width of all; in
    /// units of the font. `tracking` is added between letters, in ems.
    fn set(&self, text: &str, tracking: f64) -> (Vec<(GlyphId, f64)>, f64) {
        let tracking = tracking * f64::from(self.face.units_per_em());
        let mut glyphs: Vec<(GlyphId, f64)> = Vec::new();
        let mut at = 0.0;
        for character in text.chars() {
            let Some(glyph) = self.face.glyph_index(character) else {
                continue;
            };
            if let Some(&(before, _)) = glyphs.last() {
                at += tracking + self.kerning(before, glyph);
            }
            glyphs.push((glyph, at));
            at += f64::from(self.face.glyph_hor_advance(glyph).unwrap_or(0));
        }
        (glyphs, at.max(0.0))
    }

    /// What the font adds between two glyphs, in its units: the first pair adjustment of its table
    /// GPOS that knows both.
    fn kerning(&self, left: GlyphId, right: GlyphId) -> f64 {
        let lookups = self.face.tables().gpos.map(|table| table.lookups);
        let subtables = lookups
            .into_iter()
            .flatten()
            .flat_map(|lookup| lookup.subtables.into_iter::<PositioningSubtable<'_>>());
        let mut pairs = subtables.filter_map(|subtable| match subtable {
            PositioningSubtable::Pair(PairAdjustment::Format1 { coverage, sets }) => {
                Some(sets.get(coverage.get(left)?)?.get(right)?.0)
            }
            PositioningSubtable::Pair(PairAdjustment::Format2 {
                coverage,
                classes: (first, second),
                matrix,
            }) => {
                coverage.get(left)?;
                Some(matrix.get((first.get(left), second.get(right)))?.0)
            }
            _ => None,
        });
        pairs.next().map_or(0.0, |left| f64::from(left.x_advance))
    }

    /// The width of a text, in ems.
    pub(super) fn width(&self, text: &str, tracking: f64) -> f64 {
        self.set(text, tracking).1 / f64::from(self.face.units_per_em())
    }

    /// The outlines of a text as the data of an SVG path. It begins at `(x, y)`, on the base line;
    /// an em has `size` pixels.
    pub(super) fn outline(
        &self,
        text: &str,
        tracking: f64,
        (x, y): (f64, f64),
        size: f64,
    ) -> String {
        let scale = size / f64::from(self.face.units_per_em());
        let mut outline = Outline {
            path: String::new(),
            scale,
            x,
            y,
        };
        for (glyph, at) in self.set(text, tracking).0 {
            outline.x = x + at * scale;
            // A space has no outline.
            let _ = self.face.outline_glyph(glyph, &mut outline);
        }
        outline.path
    }
}

/// Writes glyphs as the data of a path.
struct Outline {
    path: String,
    scale: f64,
    x: f64,
    y: f64,
}

impl Outline {
    fn step(&mut self, command: char, points: &[(f32, f32)]) {
        self.path.push(command);
        for (x, y) in points {
            let (x, y) = (
                self.x + f64::from(*x) * self.scale,
                self.y - f64::from(*y) * self.scale,
            );
            // Writing to a String cannot fail.
            let _ = write!(self.path, "{x:.2} {y:.2} ");
        }
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.step('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.step('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.step('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.step('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.path.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_cyrillic_and_greek_titles_are_legible_and_others_are_not() {
        for (text, found) in [
            ("Amélie", Some("Amélie")),
            ("Ame\u{301}lie", Some("Amélie")),
            ("Ёлки-Палки", Some("Ёлки-Палки")),
            ("Її Ґанок", Some("Її Ґанок")),
            ("Ψυχή", Some("Ψυχή")),
            ("Łódź  Ø", Some("Łódź Ø")),
            ("Phở Đông", Some("Phở Đông")),
            ("🎬 Take 2", Some("Take 2")),
            ("七人の侍", None),
            ("Ran 乱", None),
            ("…", None),
            ("", None),
        ] {
            for face in [&*BOLD, &*BOLD_ITALIC, &*REGULAR] {
                assert_eq!(face.legible(text).as_deref(), found, "{text}");
            }
        }
    }

    #[test]
    fn a_text_is_as_wide_as_its_letters_and_what_is_between_them() {
        let one = BOLD.width("M", 0.0);
        assert!((0.8..1.1).contains(&one), "{one}");
        assert!((BOLD.width("MM", 0.0) - 2.0 * one).abs() < 1e-9);
        assert!((BOLD.width("MM", 0.1) - 2.0 * one - 0.1).abs() < 1e-9);
        assert!(BOLD.width("", 0.1).abs() < 1e-9);
        // What slants the same way moves together.
        let apart = BOLD.width("A", 0.0) + BOLD.width("V", 0.0);
        assert!(BOLD.width("AV", 0.0) < apart - 0.01);
    }

    #[test]
    fn an_outline_stands_on_its_base_line() {
        // An `I` of sans serif is a box: as high as a capital, and no point below the line.
        let path = REGULAR.outline("I", 0.0, (10.0, 50.0), 100.0);
        let numbers: Vec<f64> = path
            .split(|mark: char| mark.is_ascii_alphabetic() || mark == ' ')
            .filter_map(|number| number.parse().ok())
            .collect();
        let highs = || numbers.iter().skip(1).step_by(2);
        let (top, foot) = highs().fold((f64::MAX, f64::MIN), |(top, foot), y| {
            (top.min(*y), foot.max(*y))
        });
        assert!((foot - 50.0).abs() < 0.1, "{path}");
        assert!((foot - top - 100.0 * REGULAR.capital).abs() < 0.1, "{path}");
    }
}
