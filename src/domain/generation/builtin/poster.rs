//! A poster: a picture of its genre, a title, the year and who made it.

use std::fmt::Write;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::super::generator::ItemSummary;
use super::lettering::{Lettering, SetText, TextBox};
use super::scene;
use super::seeded_rng::SeededRng;
use super::theme::Theme;
use super::typeface::REGULAR;

/// At most so many genres are on a poster.
const GENRES: usize = 3;
/// At most so many of a cast are on a poster.
const CAST: usize = 3;
/// How lines of credits are set.
const CREDITS: Lettering = Lettering {
    face: &REGULAR,
    capitals: true,
    tracking: 0.12,
};

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Where the picture and the text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The picture above, the text in a band below.
    Band,
    /// The text above, the picture below.
    Header,
    /// The picture within a margin, the text below.
    Framed,
    /// The picture fades into the ground of the text.
    Fading,
    /// The picture is a circle, the text below.
    Medallion,
    /// The picture is an arched window, the text below.
    Arch,
    /// Side by side, for wide posters.
    Beside,
    /// The picture has nearly all, for a title without letters.
    Untitled,
}

impl Layout {
    fn of((width, height): (f64, f64), titled: bool, rng: &SeededRng) -> Self {
        if !titled {
            Self::Untitled
        } else if width > height * 1.3 {
            Self::Beside
        } else {
            rng.pick(&[
                Self::Band,
                Self::Header,
                Self::Framed,
                Self::Fading,
                Self::Medallion,
                Self::Arch,
            ])
        }
    }

    /// The areas of the picture and of the text.
    fn areas(self, (w, h): (f64, f64)) -> (Area, Area) {
        let margin = w.min(h) * 0.065;
        let area = |x: f64, y: f64, right: f64, bottom: f64| Area {
            x,
            y,
            width: (right - x).max(1.0),
            height: (bottom - y).max(1.0),
        };
        let text = |top: f64, bottom: f64| area(w * 0.08, top, w * 0.92, bottom);
        match self {
            Self::Band => (area(0.0, 0.0, w, h * 0.7), text(h * 0.73, h * 0.965)),
            Self::Header => (area(0.0, h * 0.3, w, h), text(h * 0.04, h * 0.275)),
            Self::Framed => (
                area(margin, margin, w - margin, h * 0.69),
                text(h * 0.715, h * 0.96),
            ),
            Self::Fading => (area(0.0, 0.0, w, h * 0.8), text(h * 0.7, h * 0.965)),
            Self::Medallion => {
                let diameter = (w * 0.84).min(h * 0.6);
                let top = (h * 0.66 - diameter).max(0.0) * 0.6;
                let left = (w - diameter) / 2.0;
                (
                    area(left, top, left + diameter, top + diameter),
                    text(h * 0.69, h * 0.96),
                )
            }
            Self::Arch => (
                area(w * 0.14, margin, w * 0.86, h * 0.67),
                text(h * 0.7, h * 0.96),
            ),
            Self::Beside => (
                area(0.0, 0.0, (w * 0.5).min(h * 1.1), h),
                area(
                    (w * 0.5).min(h * 1.1) + w * 0.04,
                    h * 0.1,
                    w * 0.96,
                    h * 0.9,
                ),
            ),
            Self::Untitled => (area(0.0, 0.0, w, h * 0.84), text(h * 0.86, h * 0.97)),
        }
    }

    /// The outline of the picture as the data of a path.
    fn frame(
        self,
        Area {
            x,
            y,
            width: w,
            height: h,
        }: Area,
    ) -> String {
        let r = w.min(h) / 2.0;
        match self {
            Self::Medallion => format!(
                "M{x:.2} {:.2}a{r:.2} {r:.2} 0 1 1 {w:.2} 0a{r:.2} {r:.2} 0 1 1 -{w:.2} 0Z",
                y + h / 2.0
            ),
            Self::Arch => format!(
                "M{x:.2} {:.2}V{:.2}A{:.2} {r:.2} 0 0 1 {:.2} {:.2}V{:.2}Z",
                y + h,
                y + r,
                w / 2.0,
                x + w,
                y + r,
                y + h
            ),
            _ => format!("M{x:.2} {y:.2}h{w:.2}v{h:.2}h-{w:.2}Z"),
        }
    }
}

/// Draws the poster of `summary` as SVG, the same for the same seed.
pub(super) fn svg(
    summary: &ItemSummary,
    prompt: &str,
    (width, height): (u32, u32),
    seed: i64,
) -> String {
    let rng = SeededRng::new(seed, &summary.title);
    let theme = Theme::of(&summary.genres, prompt);
    let templates = theme.templates();
    let palette = templates.palette(&rng);
    let size = (f64::from(width), f64::from(height));
    let title = theme.lettering().legible(&summary.title);
    let layout = Layout::of(size, title.is_some(), &rng);
    let (picture, text) = layout.areas(size);
    let frame = layout.frame(picture);
    let scene = scene::draw(&templates, (picture.width, picture.height), &rng);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><style>{}</style><defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="stop-high"/><stop offset="1" class="stop-low"/></linearGradient><linearGradient id="fading" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="stop-ground" stop-opacity="0"/><stop offset="1" class="stop-ground"/></linearGradient><clipPath id="frame"><path d="{frame}"/></clipPath></defs><rect class="ground" width="{width}" height="{height}"/><g clip-path="url(#frame)"><g transform="translate({:.2} {:.2})">{scene}</g></g>"##,
        palette.style(),
        picture.x,
        picture.y,
    );
    let line = size.0.min(size.1) * 0.006;
    // Writing to a String cannot fail.
    let _ = match layout {
        Layout::Fading => write!(
            svg,
            r##"<rect width="{width}" y="{:.2}" height="{:.2}" fill="url(#fading)"/><rect class="ground" width="{width}" y="{:.2}" height="{:.2}"/>"##,
            size.1 * 0.46,
            size.1 * 0.24,
            size.1 * 0.699,
            size.1 * 0.301,
        ),
        Layout::Framed | Layout::Medallion | Layout::Arch => {
            write!(
                svg,
                r#"<path class="line-ink" d="{frame}" stroke-width="{line:.2}"/>"#
            )
        }
        _ => Ok(()),
    };
    // What the sizes of letters are measured by.
    let share = if layout == Layout::Beside { 0.38 } else { 0.24 };
    let unit = (text.width * 0.5).min(size.1 * share);
    svg += &letters(summary, title.as_deref(), theme.lettering(), (text, unit));
    svg += "</svg>";
    svg
}

/// Who directed it, the title, the cast, and a line of year and genres, one below the other in an
/// area; the sizes of letters are shares of `unit` pixels.
fn letters(
    summary: &ItemSummary,
    title: Option<&str>,
    lettering: Lettering,
    (area, unit): (Area, f64),
) -> String {
    let x = area.x + area.width / 2.0;
    let mut svg = String::new();
    let mut put = |lettering: Lettering, text: &SetText, y: f64, opacity: f64| {
        let path = lettering.outline(text, (x, y));
        // Writing to a String cannot fail.
        let _ = write!(svg, r#"<path class="ink" d="{path}" opacity="{opacity}"/>"#);
    };
    let line = |text: &str, size: f64| -> Option<SetText> {
        let size = unit * size;
        let text_box = TextBox {
            width: area.width,
            height: size * 1.25,
            sizes: (size * 0.66, size),
        };
        CREDITS
            .legible(text)
            .map(|text| CREDITS.fit(&text, text_box))
    };
    let (mut top, mut bottom) = (area.y, area.y + area.height);
    let mut facts: Vec<String> = summary.year.iter().map(ToString::to_string).collect();
    facts.extend(summary.genres.iter().take(GENRES).cloned());
    if let Some(facts) = line(&facts.join(" · "), 0.092) {
        bottom -= CREDITS.depth(&facts);
        put(CREDITS, &facts, bottom, 1.0);
    }
    if summary.noun == "film" {
        let cast: Vec<String> = summary.cast.iter().take(CAST).cloned().collect();
        if let Some(cast) = line(&cast.join(" · "), 0.078) {
            bottom -= CREDITS.depth(&cast) + unit * 0.03;
            put(CREDITS, &cast, bottom, 0.85);
        }
        let makers = format!("A film by {}", summary.directors.join(", "));
        let makers = line(&makers, 0.084).filter(|_| !summary.directors.is_empty());
        if let Some(makers) = makers {
            put(CREDITS, &makers, top, 1.0);
            top += CREDITS.depth(&makers);
        }
    }
    if let Some(title) = title {
        let (top, bottom) = (top + unit * 0.02, bottom - unit * 0.05);
        let room = (bottom - top).max(1.0);
        let text_box = TextBox {
            width: area.width,
            height: room,
            sizes: (unit * 0.08, room.clamp(unit * 0.08, unit * 0.56)),
        };
        let set = lettering.fit(title, text_box);
        let y = top + (room - lettering.depth(&set)) / 2.0;
        put(lettering, &set, y, 1.0);
    }
    svg
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
    use std::collections::HashSet;

    use super::super::theme::Theme;
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
    fn films_of_one_genre_have_various_motifs_and_layouts() {
        let templates = Theme::ScienceFiction.templates();
        let motifs = [templates.floating(), templates.standing()].concat();
        let (mut of_motif, mut of_layout, mut of_palette) =
            <(HashSet<_>, HashSet<_>, HashSet<_>)>::default();
        for number in 1..=12 {
            let title = format!("Star {number}");
            let drawn = svg(&film(&title, &["Sci-Fi"]), "", (256, 384), 1);
            let between = |before: &str, after: &str| {
                let rest = drawn.split_once(before).unwrap().1;
                rest.split_once(after).unwrap().0.to_owned()
            };
            let motif = motifs
                .iter()
                .find(|id| drawn.contains(&format!("<symbol id=\"{id}\"")));
            of_motif.insert(*motif.unwrap());
            of_layout.insert(between("<clipPath id=\"frame\">", "</clipPath>"));
            of_palette.insert(between("<style>", "</style>"));
        }
        assert!(of_motif.len() >= 5, "{of_motif:?}");
        assert!(of_layout.len() >= 4, "{of_layout:?}");
        assert!(of_palette.len() >= 3, "{of_palette:?}");
    }

    #[test]
    fn every_theme_and_shape_can_be_drawn() {
        let genres = [
            "Western", "Horror", "Sci-Fi", "Music", "Romance", "Comedy", "Crime", "Action",
            "Fantasy", "Drama", "Nothing",
        ];
        let shapes = [(64, 64), (64, 1024), (1024, 64), (120, 184)];
        for (genre, theme) in genres.into_iter().zip(Theme::ALL) {
            assert_eq!(Theme::of(&[genre.to_owned()], ""), theme);
            for (shape, seed) in shapes.into_iter().zip(1..) {
                let summary = film("A Title of <Some> & \"More\" Words", &[genre]);
                let png = png(&summary, "", shape, seed);
                let png = png.unwrap_or_else(|| panic!("{genre} {shape:?}"));
                let pixels = Pixmap::decode_png(&png).unwrap();
                assert_eq!((pixels.width(), pixels.height()), shape);
                // Something is to be seen: more than a few colours.
                let colours: HashSet<_> = pixels
                    .pixels()
                    .iter()
                    .map(|pixel| (pixel.red(), pixel.green(), pixel.blue()))
                    .collect();
                assert!(colours.len() > 20, "{genre} {shape:?}: {}", colours.len());
            }
        }
    }

    #[test]
    fn letters_never_leave_their_area() {
        let area = Area {
            x: 20.0,
            y: 300.0,
            width: 260.0,
            height: 110.0,
        };
        let mut summary = film("", &["Drama", "Romance", "War"]);
        summary.directors = vec!["Somebody with a Long Name".to_owned(); 3];
        summary.cast = vec!["Another with a Longer Name".to_owned(); 5];
        let long = "The Assassination of a Very Long Title by the Coward ".repeat(6);
        let word = "Ä".repeat(150);
        for theme in Theme::ALL {
            for title in ["M", "Ångström", "ΨΥΧΉ gjpqy", long.trim(), &word] {
                let lettering = theme.lettering();
                let title = lettering.legible(title).unwrap();
                let drawn = letters(&summary, Some(&title), lettering, (area, 110.0));
                // The title, who directed it, the cast, the facts.
                assert_eq!(drawn.matches("<path").count(), 4, "{title}");
                let paths = drawn.split("d=\"").skip(1);
                for path in paths.map(|path| path.split_once('"').unwrap().0) {
                    let mut numbers = path
                        .split(|mark: char| mark.is_ascii_alphabetic() || mark == ' ')
                        .filter_map(|number| number.parse::<f64>().ok());
                    let mut points = 0;
                    while let (Some(x), Some(y)) = (numbers.next(), numbers.next()) {
                        points += 1;
                        // Slanted letters lean out of their width a little.
                        let within = (area.x - 4.0..=area.x + area.width + 4.0).contains(&x)
                            && (area.y - 1.0..=area.y + area.height + 1.0).contains(&y);
                        assert!(within, "{theme:?} {title}: {x} {y}");
                    }
                    assert!(points > 10, "{theme:?} {title}: {path}");
                }
            }
        }
    }

    #[test]
    fn a_title_in_another_script_leaves_its_room_to_the_picture() {
        let drawn = svg(&film("七人の侍", &["Drama"]), "", (256, 384), 1);
        // 84 % of 384 pixels.
        assert!(drawn.contains("v322.56"), "{drawn}");
        assert_eq!(drawn.matches(r#"<path class="ink" d="#).count(), 1);
    }
}
