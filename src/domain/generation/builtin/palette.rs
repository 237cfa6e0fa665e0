//! Moods and their colours.

use super::seeded_rng::SeededRng;

/// What a poster feels like; each has a scene and palettes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Western,
    Horror,
    Space,
    Music,
    Romance,
    Comedy,
    City,
    Action,
    Peaks,
    Drama,
    Mosaic,
}

/// Colours that go together, as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Palette {
    /// The sky, above.
    pub(super) high: &'static str,
    /// The sky, below.
    pub(super) low: &'static str,
    /// What stands out: suns, moons, lights.
    pub(super) light: &'static str,
    /// What stands far away.
    pub(super) far: &'static str,
    /// What stands near.
    pub(super) near: &'static str,
    /// Where the title stands.
    pub(super) ground: &'static str,
    /// The title.
    pub(super) ink: &'static str,
}

impl Palette {
    fn of([high, low, light, far, near, ground, ink]: [&'static str; 7]) -> Self {
        Self {
            high,
            low,
            light,
            far,
            near,
            ground,
            ink,
        }
    }
}

/// Words of genres, the most telling first: the first that occurs decides.
const WORDS: &[(&str, Mood)] = &[
    ("western", Mood::Western),
    ("horror", Mood::Horror),
    ("sci-fi", Mood::Space),
    ("science fiction", Mood::Space),
    ("space", Mood::Space),
    ("music", Mood::Music),
    ("concert", Mood::Music),
    ("roman", Mood::Romance),
    ("love", Mood::Romance),
    ("noir", Mood::City),
    ("crime", Mood::City),
    ("thriller", Mood::City),
    ("mystery", Mood::City),
    ("detective", Mood::City),
    ("comedy", Mood::Comedy),
    ("action", Mood::Action),
    ("war", Mood::Action),
    ("sport", Mood::Action),
    ("adventure", Mood::Peaks),
    ("fantasy", Mood::Peaks),
    ("animation", Mood::Peaks),
    ("children", Mood::Peaks),
    ("family", Mood::Peaks),
    ("documentary", Mood::Peaks),
    ("nature", Mood::Peaks),
    ("drama", Mood::Drama),
    ("history", Mood::Drama),
    ("biography", Mood::Drama),
];

impl Mood {
    /// The mood of these genres; where they say nothing, of the words of `prompt`.
    pub(super) fn of(genres: &[String], prompt: &str) -> Self {
        let find = |text: &str| {
            let text = text.to_lowercase();
            let mut words = WORDS.iter();
            words.find_map(|(word, mood)| text.contains(word).then_some(*mood))
        };
        find(&genres.join(" "))
            .or_else(|| find(prompt))
            .unwrap_or(Self::Mosaic)
    }

    /// The palettes that it may have, their colours in the order of [`Palette`].
    fn colours(self) -> &'static [[&'static str; 7]] {
        match self {
            Self::Western => &[
                [
                    "#f2b35c", "#f7d9a0", "#c8402b", "#c9713f", "#8c3b2a", "#3d1a1c", "#f8e3b6",
                ],
                [
                    "#3f6f7d", "#f3c583", "#f6ead0", "#b8603f", "#7c3a30", "#2c1b22", "#f5d9a6",
                ],
                [
                    "#7a2f3a", "#f08a4b", "#ffd58a", "#b24a3a", "#6b2633", "#2a1220", "#ffd9a0",
                ],
            ],
            Self::Horror => &[
                [
                    "#0d0f14", "#5c1a1f", "#e9dcc3", "#32161c", "#0b0a0e", "#060508", "#e2453c",
                ],
                [
                    "#0a1412", "#3d5a45", "#d8e3b4", "#1c2f28", "#08100e", "#040807", "#c9dd8f",
                ],
                [
                    "#120c1c", "#4b3566", "#e8d8ef", "#2a1d3d", "#0c0814", "#07040c", "#d86a5e",
                ],
            ],
            Self::Space => &[
                [
                    "#070b22", "#2b2a6b", "#ff8e5e", "#5a4fb0", "#151845", "#060919", "#f2e9ff",
                ],
                [
                    "#031722", "#0e4f5e", "#f4c95d", "#1f8a8c", "#073340", "#02121b", "#dffaf1",
                ],
                [
                    "#190a2b", "#72245f", "#ffd1a3", "#d1495b", "#3b1350", "#12061f", "#ffe4d3",
                ],
            ],
            Self::Music => &[
                [
                    "#f5c84b", "#f39a3d", "#f4ead6", "#d6453d", "#1d1a26", "#1d1a26", "#f5c84b",
                ],
                [
                    "#1f2a5c", "#5b3a8c", "#ff6f91", "#46d1c8", "#0f1230", "#0f1230", "#fbe7ef",
                ],
                [
                    "#e9e1cf", "#d9c9a8", "#e2583e", "#2f7f86", "#22252e", "#22252e", "#f1e6cd",
                ],
            ],
            Self::Romance => &[
                [
                    "#5d3a72", "#f7a58b", "#ff5d6c", "#c4637f", "#6a3a68", "#33203f", "#ffdfd0",
                ],
                [
                    "#f7c9b8", "#fbe6d4", "#d8425a", "#e39a94", "#a84f68", "#4f1f35", "#fde8dc",
                ],
                [
                    "#2c3f70", "#f5b6a0", "#ffe0b8", "#8a6b9c", "#3f4678", "#1e2242", "#ffe3d1",
                ],
            ],
            Self::Comedy => &[
                [
                    "#ffd23f", "#ffb627", "#fff6e0", "#ee4266", "#2b2d5b", "#ee4266", "#fffbea",
                ],
                [
                    "#6fd3d0", "#3fb8c4", "#fff3c9", "#ff7a59", "#1f3b57", "#1f3b57", "#ffe27a",
                ],
                [
                    "#ff9aa2", "#ff7f8e", "#fff4dc", "#3d5aa8", "#2a2150", "#2a2150", "#ffd6a5",
                ],
            ],
            Self::City => &[
                [
                    "#101826", "#2f4a5f", "#f3d98b", "#223448", "#0c131d", "#080d14", "#f3d98b",
                ],
                [
                    "#1c1020", "#74304a", "#ffb35c", "#3c1f38", "#150b18", "#0d060f", "#ffc78a",
                ],
                [
                    "#d9d2c2", "#b9b09c", "#fdf8ea", "#6d6a66", "#23252b", "#17181d", "#efe6d2",
                ],
            ],
            Self::Action => &[
                [
                    "#f04e23", "#ffb02e", "#fff0c2", "#c2261d", "#33141a", "#1f0c11", "#ffc64a",
                ],
                [
                    "#124559", "#5b9aa0", "#fbe8c8", "#e4572e", "#0b2530", "#08191f", "#ffd9a8",
                ],
                [
                    "#d7263d", "#f46036", "#fdf0d5", "#7d1128", "#1b1b2f", "#14142a", "#f7c59f",
                ],
            ],
            Self::Peaks => &[
                [
                    "#86c5d8", "#fbe8c6", "#fff8e3", "#7fb0a8", "#2c5f5d", "#16383d", "#f9ecc8",
                ],
                [
                    "#e98b6a", "#fde0b0", "#fff4d6", "#c77b78", "#553c66", "#2b2144", "#fde7c3",
                ],
                [
                    "#2f5d8c", "#bfe0e6", "#fffbe9", "#6a9bbd", "#244a72", "#122a47", "#e9f4f2",
                ],
            ],
            Self::Drama => &[
                [
                    "#22384a", "#1a2b3b", "#f4d9a0", "#35506a", "#0f1b27", "#0b141e", "#f4e2bd",
                ],
                [
                    "#a63d2f", "#8c2f27", "#fbe3b9", "#c75a44", "#2b1316", "#210e11", "#fbe3b9",
                ],
                [
                    "#57605a", "#454d49", "#f0ead9", "#77817a", "#1d211f", "#171a18", "#efe8d4",
                ],
            ],
            Self::Mosaic => &[
                [
                    "#f3e9d6", "#efe2c9", "#e4572e", "#2e7f83", "#20314a", "#20314a", "#f3e9d6",
                ],
                [
                    "#f0ece2", "#e6dfd0", "#f2b134", "#5e548e", "#b5446e", "#2e2445", "#f5ead8",
                ],
                [
                    "#13293d", "#16324f", "#f6ae2d", "#e76f51", "#2a9d8f", "#0d1d2c", "#f4e8c9",
                ],
            ],
        }
    }

    /// One of its palettes.
    pub(super) fn palette(self, rng: &SeededRng) -> Palette {
        Palette::of(rng.pick(self.colours()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOODS: [Mood; 11] = [
        Mood::Western,
        Mood::Horror,
        Mood::Space,
        Mood::Music,
        Mood::Romance,
        Mood::Comedy,
        Mood::City,
        Mood::Action,
        Mood::Peaks,
        Mood::Drama,
        Mood::Mosaic,
    ];

    /// Relative luminance, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        // An example that the standard's own documents give: the lightest grey on white that passes.
        assert!((contrast("#767676", "#ffffff") - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_title_can_be_read_on_its_ground() {
        for mood in MOODS {
            for colours in mood.colours() {
                let palette = Palette::of(*colours);
                let contrast = contrast(palette.ink, palette.ground);
                // Large letters need 3.
                assert!(contrast >= 3.3, "{mood:?} {palette:?}: {contrast}");
            }
        }
    }

    #[test]
    fn the_most_telling_genre_decides_and_then_the_prompt() {
        let genres = |text: &str| -> Vec<String> {
            text.split('|')
                .filter(|word| !word.is_empty())
                .map(Into::into)
                .collect()
        };
        for (words, prompt, mood) in [
            ("Drama|Western", "", Mood::Western),
            ("Comedy|Romance", "", Mood::Romance),
            ("Action|Sci-Fi", "", Mood::Space),
            ("Film-Noir|Drama", "a horror", Mood::City),
            ("", "A HORROR film in the woods", Mood::Horror),
            ("", "a teapot", Mood::Mosaic),
            ("Kitchen", "", Mood::Mosaic),
        ] {
            assert_eq!(Mood::of(&genres(words), prompt), mood, "{words} {prompt}");
        }
    }

    #[test]
    fn the_same_throw_takes_the_same_palette_and_others_take_others() {
        let taken = |seed| Mood::Western.palette(&SeededRng::new(seed, "x"));
        assert_eq!(taken(5), taken(5));
        assert!((0..20).any(|seed| taken(seed) != taken(0)));
    }
}
