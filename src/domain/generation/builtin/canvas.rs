//! A sheet of SVG to draw on.

use std::fmt::Write;

use super::palette::Palette;
use super::seeded_rng::SeededRng;

/// The sheet, with what scenes need at hand. All lengths are pixels.
pub(super) struct Canvas<'a> {
    pub(super) width: f64,
    /// Of the whole sheet.
    pub(super) height: f64,
    /// Where the ground begins; a scene is above it.
    pub(super) horizon: f64,
    /// The shorter side of the scene: what sizes are measured by.
    pub(super) size: f64,
    pub(super) palette: Palette,
    pub(super) rng: &'a SeededRng,
    svg: String,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(
        (width, height): (f64, f64),
        horizon: f64,
        palette: Palette,
        rng: &'a SeededRng,
    ) -> Self {
        Self {
            width,
            height,
            horizon,
            size: width.min(horizon),
            palette,
            rng,
            svg: String::new(),
        }
    }

    /// What was drawn.
    pub(super) fn into_svg(self) -> String {
        self.svg
    }

    /// Anything, as SVG.
    pub(super) fn raw(&mut self, svg: &str) {
        self.svg.push_str(svg);
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), r: f64, fill: &str, opacity: f64) {
        self.ellipse((x, y), (r, r), fill, opacity);
    }

    pub(super) fn ellipse(
        &mut self,
        (x, y): (f64, f64),
        (rx, ry): (f64, f64),
        fill: &str,
        opacity: f64,
    ) {
        // Writing to a String cannot fail; the same below.
        let _ = write!(
            self.svg,
            r#"<ellipse cx="{x:.2}" cy="{y:.2}" rx="{rx:.2}" ry="{ry:.2}" fill="{fill}" opacity="{opacity:.3}"/>"#
        );
    }

    /// A circle's line.
    pub(super) fn ring(
        &mut self,
        (x, y): (f64, f64),
        r: f64,
        (stroke, width): (&str, f64),
        opacity: f64,
    ) {
        let _ = write!(
            self.svg,
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="{r:.2}" fill="none" stroke="{stroke}" stroke-width="{width:.2}" opacity="{opacity:.3}"/>"#
        );
    }

    pub(super) fn rect(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: &str,
        opacity: f64,
    ) {
        let _ = write!(
            self.svg,
            r#"<rect x="{x:.2}" y="{y:.2}" width="{:.2}" height="{:.2}" fill="{fill}" opacity="{opacity:.3}"/>"#,
            width.max(0.01),
            height.max(0.01),
        );
    }

    pub(super) fn polygon(&mut self, points: &[(f64, f64)], fill: &str, opacity: f64) {
        let mut list = String::new();
        for (x, y) in points {
            let _ = write!(list, "{x:.2},{y:.2} ");
        }
        let _ = write!(
            self.svg,
            r#"<polygon points="{}" fill="{fill}" opacity="{opacity:.3}"/>"#,
            list.trim_end()
        );
    }

    /// A filled path.
    pub(super) fn shape(&mut self, path: &str, fill: &str, opacity: f64) {
        let _ = write!(
            self.svg,
            r#"<path d="{path}" fill="{fill}" opacity="{opacity:.3}"/>"#
        );
    }

    /// A stroked path with round ends.
    pub(super) fn stroke(&mut self, path: &str, (stroke, width): (&str, f64), opacity: f64) {
        let _ = write!(
            self.svg,
            r#"<path d="{path}" fill="none" stroke="{stroke}" stroke-width="{width:.2}" stroke-linecap="round" stroke-linejoin="round" opacity="{opacity:.3}"/>"#
        );
    }

    /// A person as a shadow, `height` tall, standing at `(x, y)`; with a hat if wanted.
    pub(super) fn person(&mut self, (x, y): (f64, f64), height: f64, fill: &str, hat: bool) {
        let h = height / 100.0;
        let at = |dx: f64, dy: f64| format!("{:.2} {:.2}", x + dx * h, y - dy * h);
        let coat = format!(
            "M{} Q{} {} L{} Q{} {} L{} L{} L{} L{}Z",
            at(-13.0, 48.0),
            at(-15.0, 80.0),
            at(-5.0, 82.0),
            at(5.0, 82.0),
            at(15.0, 80.0),
            at(13.0, 48.0),
            at(16.0, 22.0),
            at(3.0, 22.0),
            at(-3.0, 22.0),
            at(-16.0, 22.0),
        );
        self.shape(&coat, fill, 1.0);
        for side in [-1.0, 1.0] {
            let leg = format!("M{} L{}", at(5.5 * side, 26.0), at(6.5 * side, 2.0));
            self.stroke(&leg, (fill, 7.0 * h), 1.0);
        }
        self.ellipse((x, y - 89.0 * h), (6.2 * h, 7.6 * h), fill, 1.0);
        if hat {
            self.ellipse((x, y - 94.0 * h), (14.0 * h, 2.6 * h), fill, 1.0);
            let crown = format!(
                "M{} L{} Q{} {} L{}Z",
                at(-7.5, 94.0),
                at(-6.5, 102.0),
                at(0.0, 105.0),
                at(6.5, 102.0),
                at(7.5, 94.0),
            );
            self.shape(&crown, fill, 1.0);
        }
    }

    /// A bird or a bat far away.
    pub(super) fn bird(&mut self, (x, y): (f64, f64), span: f64, stroke: &str) {
        let (s, d) = (span / 2.0, span * 0.28);
        let path = format!(
            "M{:.2} {:.2}Q{:.2} {:.2} {x:.2} {y:.2}Q{:.2} {:.2} {:.2} {:.2}",
            x - s,
            y - d * 0.4,
            x - s * 0.4,
            y - d * 1.6,
            x + s * 0.4,
            y - d * 1.6,
            x + s,
            y - d * 0.4,
        );
        self.stroke(&path, (stroke, span * 0.09), 1.0);
    }
}
