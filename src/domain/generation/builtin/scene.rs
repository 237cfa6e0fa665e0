//! The picture of a poster: a backdrop, a motif, a ground.

use std::fmt::{Arguments, Write};

use super::seeded_rng::SeededRng;
use super::theme::Templates;

/// Every backdrop, motif and ground as an SVG `symbol`. Its classes are the colours of a palette.
const PARTS: &str = include_str!("parts.svg");
/// The ground that is nothing but the lower edge of the picture.
const PLAIN: &str = "plain";
/// The share of the height that a ground covers.
const GROUND: f64 = 0.4;
/// Where a motif stands on a ground, as a share of the height.
const LEVEL: f64 = 0.92;

/// The symbol of [`PARTS`] with this id; empty if there is none.
fn symbol(id: &str) -> &'static str {
    let start = PARTS.find(&format!("<symbol id=\"{id}\""));
    let symbol = start.map_or("", |start| &PARTS[start..]);
    let end = symbol.find("</symbol>");
    &symbol[..end.map_or(0, |end| end + "</symbol>".len())]
}

/// A picture that is drawn. Lengths are pixels.
struct Canvas<'a> {
    width: f64,
    height: f64,
    rng: &'a SeededRng,
    svg: String,
}

/// Draws one of the pictures of `templates`, `width` by `height` pixels.
pub(super) fn draw(templates: &Templates, (width, height): (f64, f64), rng: &SeededRng) -> String {
    let (floating, standing) = (templates.floating(), templates.standing());
    let number = rng.below(floating.len() + standing.len());
    let backdrop = rng.pick(&templates.backdrops());
    let ground = rng.pick(&templates.grounds());
    let [behind, before] = ["behind", "before"].map(|part| format!("{ground}-{part}"));
    let mut canvas = Canvas {
        width,
        height,
        rng,
        svg: String::new(),
    };
    canvas.put(format_args!(
        r#"<rect width="{width:.2}" height="{height:.2}" fill="url(#sky)"/>"#
    ));
    canvas.define(backdrop);
    canvas.stretched(backdrop, 0.0);
    canvas.define(&behind);
    canvas.define(&before);
    canvas.stretched(&behind, 1.0 - GROUND);
    match floating.get(number) {
        Some(motif) => {
            canvas.stretched(&before, 1.0 - GROUND);
            canvas.define(motif);
            canvas.floating(motif, ground == PLAIN);
        }
        None => {
            let motif = standing[number - floating.len()];
            canvas.define(motif);
            canvas.standing(motif, ground == PLAIN);
            canvas.stretched(&before, 1.0 - GROUND);
        }
    }
    canvas.svg
}

impl Canvas<'_> {
    fn put(&mut self, svg: Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.svg.write_fmt(svg);
    }

    fn define(&mut self, id: &str) {
        self.put(format_args!("<defs>{}</defs>", symbol(id)));
    }

    /// The shorter side.
    fn size(&self) -> f64 {
        self.width.min(self.height)
    }

    /// A part over the whole width, from a share of the height down to its end; sometimes mirrored.
    fn stretched(&mut self, id: &str, top: f64) {
        if symbol(id).is_empty() {
            return;
        }
        let (w, h) = (self.width, self.height);
        let mirror = if self.rng.happens(0.5) {
            format!(r#" transform="translate({w:.2} 0) scale(-1 1)""#)
        } else {
            String::new()
        };
        self.put(format_args!(
            r##"<g{mirror}><use href="#{id}" y="{:.2}" width="{w:.2}" height="{:.2}"/></g>"##,
            h * top,
            h * (1.0 - top) + 1.0
        ));
    }

    /// A motif of this size around a point, turned by so many degrees.
    fn motif(&mut self, id: &str, (x, y): (f64, f64), size: f64, turned: f64) {
        let corner = -size / 2.0;
        self.put(format_args!(
            r##"<g transform="translate({x:.2} {y:.2}) rotate({turned:.2})"><use href="#{id}" x="{corner:.2}" y="{corner:.2}" width="{size:.2}" height="{size:.2}"/></g>"##
        ));
    }

    fn standing(&mut self, motif: &str, plain: bool) {
        let size = self.size() * self.rng.between(0.58, 0.74);
        let foot = self.height * if plain { 1.0 } else { LEVEL };
        let x = self.width * self.rng.between(0.38, 0.62);
        self.motif(motif, (x, foot - size / 2.0), size, 0.0);
    }

    /// One motif, a large one that leaves the frame, three that come nearer, or a pattern.
    fn floating(&mut self, motif: &str, plain: bool) {
        let (w, h, s) = (self.width, self.height, self.size());
        let middle = h * if plain { 0.5 } else { 0.43 };
        let turned = self.rng.between(-9.0, 9.0);
        match self.rng.below(10) {
            0 | 1 => {
                let x = w * self.rng.pick(&[0.3, 0.7]);
                self.motif(motif, (x, middle + h * 0.06), s * 1.15, turned * 2.0);
            }
            2 if plain => self.pattern(motif),
            3 => {
                for (aside, up, share) in [(-0.3, -0.26, 0.2), (0.27, -0.16, 0.3), (0.0, 0.14, 0.5)]
                {
                    let at = (w / 2.0 + aside * s, middle + up * s);
                    self.motif(motif, at, s * share, turned);
                }
            }
            _ => {
                let at = (w * self.rng.between(0.46, 0.54), middle);
                let size = s * self.rng.between(0.62, 0.76);
                self.motif(motif, at, size, turned);
            }
        }
    }

    /// Many in rows.
    fn pattern(&mut self, motif: &str) {
        let step = self.size() / 3.0;
        let along = |length: f64| (length / step).round().clamp(1.0, 9.0) as usize;
        let (columns, rows) = (along(self.width), along(self.height));
        for row in 0..rows {
            for column in 0..columns {
                let turned = if (row + column) % 2 == 0 { 12.0 } else { -12.0 };
                let x = (column as f64 + 0.5) * self.width / columns as f64;
                let y = (row as f64 + 0.5) * self.height / rows as f64;
                self.motif(motif, (x, y), step * 0.72, turned);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::theme::Theme;
    use super::*;

    #[test]
    fn every_part_of_every_theme_is_there() {
        for theme in Theme::ALL {
            let templates = theme.templates();
            for list in [
                templates.floating(),
                templates.standing(),
                templates.backdrops(),
            ] {
                assert!(!list.is_empty(), "{theme:?}");
                for id in list.into_iter().filter(|id| *id != "sky") {
                    let symbol = symbol(id);
                    let whole = symbol.starts_with("<symbol") && symbol.ends_with("</symbol>");
                    assert!(whole, "{theme:?} {id}: {symbol}");
                }
            }
            for ground in templates.grounds() {
                let parts = ["behind", "before"].map(|part| symbol(&format!("{ground}-{part}")));
                let some = parts.iter().any(|part| !part.is_empty());
                assert_eq!(some, ground != PLAIN, "{theme:?} {ground}");
            }
        }
        assert_eq!(symbol("nothing"), "");
    }

    #[test]
    fn no_two_parts_have_the_same_name() {
        let ids = PARTS.split("<symbol id=\"").skip(1);
        let ids: Vec<&str> = ids.filter_map(|part| part.split('"').next()).collect();
        let different: std::collections::HashSet<&str> = ids.iter().copied().collect();
        assert!(ids.len() > 80 && different.len() == ids.len(), "{ids:?}");
    }
}
