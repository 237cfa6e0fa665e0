//! A poster: a scene of its genre, its title below.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::super::generator::ItemSummary;
use super::canvas::Canvas;
use super::lettering::{Pen, TextBox, TypesetTitle, accented, drawable};
use super::palette::Mood;
use super::scenes;
use super::seeded_rng::SeededRng;

/// Where the ground begins, as a share of the height.
const HORIZON: f64 = 0.68;
/// At most so many genres stand on a poster.
const GENRES: usize = 3;

/// Draws the poster of `summary` as SVG, the same for the same seed.
pub(super) fn svg(
    summary: &ItemSummary,
    prompt: &str,
    (width, height): (u32, u32),
    seed: i64,
) -> String {
    let rng = SeededRng::new(seed, &summary.title);
    let mood = Mood::of(&summary.genres, prompt);
    let palette = mood.palette(&rng);
    let (w, h) = (f64::from(width), f64::from(height));
    let title = drawable(&summary.title);
    // Where no letters can be drawn, the picture has their room.
    let horizon = h * if title.is_some() { HORIZON } else { 0.84 };
    let mut canvas = Canvas::new((w, h), horizon, palette, &rng);
    canvas.raw(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"><defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{}"/><stop offset="1" stop-color="{}"/></linearGradient></defs>"#,
        palette.high, palette.low,
    ));
    canvas.rect((0.0, 0.0), (w, horizon + 1.0), "url(#sky)", 1.0);
    scenes::draw(mood, &mut canvas);
    canvas.rect((0.0, horizon), (w, h - horizon), palette.ground, 1.0);
    grain(&mut canvas);
    letters(&mut canvas, summary, title.as_deref(), mood);
    canvas.raw("</svg>");
    canvas.into_svg()
}

/// Specks, as in print.
fn grain(canvas: &mut Canvas<'_>) {
    let size = canvas.width.min(canvas.height);
    for _ in 0..420 {
        let at = (
            canvas.width * canvas.rng.fraction(),
            canvas.height * canvas.rng.fraction(),
        );
        let r = size * canvas.rng.between(0.0008, 0.0026);
        let fill = canvas.rng.pick(&["#ffffff", "#000000"]);
        canvas.circle(at, r, fill, 0.07);
    }
}

/// The title, who directed it, and a line of year and genres, all below the horizon.
fn letters(canvas: &mut Canvas<'_>, summary: &ItemSummary, title: Option<&str>, mood: Mood) {
    let (w, h, ink) = (canvas.width, canvas.height, canvas.palette.ink);
    let band = h - canvas.horizon;
    let round = matches!(
        mood,
        Mood::Comedy | Mood::Romance | Mood::Peaks | Mood::Mosaic | Mood::Music
    );
    let pen = |weight| Pen {
        colour: ink,
        weight,
        round,
    };
    let small = band.min(w * 0.4) * 0.07;
    let line = |text: &str, most: f64| {
        let text_box = TextBox {
            width: w * 0.84,
            height: most * 1.1,
            letters: (most * 0.55, most),
        };
        drawable(text).map(|text| TypesetTitle::fit(&text, text_box))
    };
    let mut facts: Vec<String> = summary.year.iter().map(ToString::to_string).collect();
    facts.extend(summary.genres.iter().take(GENRES).cloned());
    let foot = line(&facts.join("  ·  "), small);
    let Some(title) = title else {
        if let Some(foot) = foot {
            let place = (w / 2.0, canvas.horizon + (band - foot.height) / 2.0);
            let drawn = foot.draw(place, pen(1.1));
            canvas.raw(&drawn);
        }
        return;
    };
    let makers = line(
        &format!("A film by {}", summary.directors.join(", ")),
        small * 0.9,
    )
    .filter(|_| !summary.directors.is_empty() && summary.noun == "film");
    let top = canvas.horizon + band * if makers.is_some() { 0.24 } else { 0.16 };
    let bottom = h - band * if foot.is_some() { 0.27 } else { 0.16 };
    let weight = match mood {
        Mood::Horror | Mood::Drama => 1.15,
        Mood::Space => 1.0,
        Mood::City | Mood::Romance => 1.3,
        _ => 1.75,
    };
    // Accents stand above the letters and ends of strokes stick out.
    let air = if accented(title) { 0.34 } else { 0.1 };
    let text_box = TextBox {
        width: w * 0.82,
        height: (bottom - top) * (1.0 - air * 0.5),
        letters: (small * 0.62, (bottom - top).min(w * 0.17)),
    };
    let setting = TypesetTitle::fit(title, text_box);
    let left = (bottom - top) - setting.depth();
    let y = top + left / 2.0 + setting.height * air * 0.4;
    let drawn = setting.draw((w / 2.0, y), pen(weight));
    canvas.raw(&drawn);
    if let Some(makers) = makers {
        let drawn = makers.draw((w / 2.0, canvas.horizon + band * 0.1), pen(1.05));
        canvas.raw(&drawn);
    }
    if let Some(foot) = foot {
        let drawn = foot.draw((w / 2.0, h - band * 0.11 - foot.height), pen(1.05));
        canvas.raw(&drawn);
    }
}

/// The poster as PNG; `None` where it cannot be drawn, which no size within the limits brings about.
pub(super) fn png(
    summary: &ItemSummary,
    prompt: &str,
    (width, height): (u32, u32),
    seed: i64,
) -> Option<Vec<u8>> {
    let svg = svg(summary, prompt, (width, height), seed);
    let tree = Tree::from_str(&svg, &Options::default()).ok()?;
    let mut pixels = Pixmap::new(width, height)?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(title: &str, genres: &[&str]) -> ItemSummary {
        ItemSummary {
            title: title.to_owned(),
            year: Some(1968),
            genres: genres.iter().map(ToString::to_string).collect(),
            noun: "film",
            ..ItemSummary::default()
        }
    }

    #[test]
    fn a_seed_and_a_title_make_a_poster_and_others_another() {
        let west = film("The Long Ride", &["Western"]);
        let draw = |summary: &ItemSummary, seed| svg(summary, "", (256, 384), seed);
        assert_eq!(draw(&west, 3), draw(&west, 3));
        assert_ne!(draw(&west, 3), draw(&west, 4));
        assert_ne!(
            draw(&west, 3),
            draw(&film("The Short Ride", &["Western"]), 3)
        );
    }

    #[test]
    fn every_mood_and_shape_can_be_drawn() {
        let moods = [
            "Western", "Horror", "Sci-Fi", "Music", "Romance", "Comedy", "Crime", "Action",
            "Fantasy", "Drama", "Nothing",
        ];
        let shapes = [(64, 64), (64, 1024), (1024, 64), (120, 184)];
        for mood in moods {
            for shape in shapes {
                let summary = film("A Title of <Some> & \"More\" Words", &[mood]);
                let png = png(&summary, "", shape, 1);
                let png = png.unwrap_or_else(|| panic!("{mood} {shape:?}"));
                let pixels = Pixmap::decode_png(&png).unwrap();
                assert_eq!((pixels.width(), pixels.height()), shape);
                // Something is to be seen: more than a few colours.
                let mut colours: Vec<_> = pixels
                    .pixels()
                    .iter()
                    .map(|pixel| (pixel.red(), pixel.green(), pixel.blue()))
                    .collect();
                colours.sort_unstable();
                colours.dedup();
                assert!(colours.len() > 20, "{mood} {shape:?}: {}", colours.len());
            }
        }
    }

    #[test]
    fn a_title_that_cannot_be_lettered_leaves_its_room_to_the_picture() {
        let drawn = svg(&film("七人の侍", &["Drama"]), "", (256, 384), 1);
        // 84 % of 384 pixels.
        assert!(drawn.contains(r#"y="322.56""#), "{drawn}");
    }
}
