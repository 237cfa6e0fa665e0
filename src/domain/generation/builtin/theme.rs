//! What genres look like: colours, motifs, surroundings and lettering.

use super::lettering::Lettering;
use super::seeded_rng::SeededRng;
use super::typeface::{BOLD, BOLD_ITALIC, REGULAR};

/// Genres that look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    Western,
    Horror,
    ScienceFiction,
    Music,
    Romance,
    Comedy,
    Crime,
    Action,
    Adventure,
    Drama,
    General,
}

/// Seven colours that go together, as `#rrggbb`, separated by spaces, in the order of [`COLOURS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Palette(&'static str);

/// The names of a palette's colours: the sky above and below; what stands out; what is far and
/// what is near; behind the title; the title.
const COLOURS: [&str; 7] = ["high", "low", "light", "far", "near", "ground", "ink"];

impl Palette {
    /// A style sheet in which the class `near` fills and the class `line-near` strokes, and so on.
    pub(super) fn style(self) -> String {
        let colours = COLOURS.iter().zip(self.0.split(' '));
        let rules = colours.map(|(name, colour)| {
            format!(
                ".{name}{{fill:{colour}}}.line-{name}{{fill:none;stroke:{colour};stroke-linecap:round;stroke-linejoin:round}}.stop-{name}{{stop-color:{colour}}}"
            )
        });
        rules.collect()
    }
}

/// What the posters of a theme are put together from: the ids of parts, separated by spaces; one
/// that is named twice is taken twice as often.
pub(super) struct Templates {
    palettes: &'static [&'static str],
    floating: &'static str,
    standing: &'static str,
    backdrops: &'static str,
    grounds: &'static str,
}

impl Templates {
    /// One of the palettes.
    pub(super) fn palette(&self, rng: &SeededRng) -> Palette {
        Palette(rng.pick(self.palettes))
    }

    /// Motifs that may be anywhere in a picture.
    pub(super) fn floating(&self) -> Vec<&'static str> {
        self.floating.split(' ').collect()
    }

    /// Motifs that stand on the ground.
    pub(super) fn standing(&self) -> Vec<&'static str> {
        self.standing.split(' ').collect()
    }

    /// What may be behind a motif; `sky` is nothing but the sky.
    pub(super) fn backdrops(&self) -> Vec<&'static str> {
        self.backdrops.split(' ').collect()
    }

    /// What may be below a motif.
    pub(super) fn grounds(&self) -> Vec<&'static str> {
        self.grounds.split(' ').collect()
    }
}

/// Words of genres, the most telling first: the first that occurs decides.
const WORDS: &[(&str, Theme)] = &[
    ("western", Theme::Western),
    ("horror", Theme::Horror),
    ("sci-fi", Theme::ScienceFiction),
    ("science fiction", Theme::ScienceFiction),
    ("space", Theme::ScienceFiction),
    ("music", Theme::Music),
    ("concert", Theme::Music),
    ("roman", Theme::Romance),
    ("love", Theme::Romance),
    ("noir", Theme::Crime),
    ("crime", Theme::Crime),
    ("thriller", Theme::Crime),
    ("mystery", Theme::Crime),
    ("detective", Theme::Crime),
    ("comedy", Theme::Comedy),
    ("action", Theme::Action),
    ("war", Theme::Action),
    ("sport", Theme::Action),
    ("adventure", Theme::Adventure),
    ("fantasy", Theme::Adventure),
    ("animation", Theme::Adventure),
    ("children", Theme::Adventure),
    ("family", Theme::Adventure),
    ("documentary", Theme::Adventure),
    ("nature", Theme::Adventure),
    ("drama", Theme::Drama),
    ("history", Theme::Drama),
    ("biography", Theme::Drama),
];

impl Theme {
    /// The theme of these genres; where they say nothing, of the words of `prompt`.
    pub(super) fn of(genres: &[String], prompt: &str) -> Self {
        let find = |text: &str| {
            let text = text.to_lowercase();
            let mut words = WORDS.iter();
            words.find_map(|(word, theme)| text.contains(word).then_some(*theme))
        };
        find(&genres.join(" "))
            .or_else(|| find(prompt))
            .unwrap_or(Self::General)
    }

    /// How titles are set.
    pub(super) fn lettering(self) -> Lettering {
        let (face, capitals, tracking) = match self {
            Self::Western | Self::Adventure => (&BOLD, true, 0.06),
            Self::Horror => (&BOLD, true, 0.14),
            Self::ScienceFiction => (&REGULAR, true, 0.24),
            Self::Romance => (&REGULAR, false, 0.02),
            Self::Comedy | Self::Music | Self::General => (&BOLD, false, 0.0),
            Self::Crime => (&BOLD, true, 0.02),
            Self::Action => (&BOLD_ITALIC, true, 0.0),
            Self::Drama => (&REGULAR, true, 0.14),
        };
        Lettering {
            face,
            capitals,
            tracking,
        }
    }

    /// What its posters are put together from.
    pub(super) fn templates(self) -> Templates {
        match self {
            Self::Western => WESTERN,
            Self::Horror => HORROR,
            Self::ScienceFiction => SCIENCE_FICTION,
            Self::Music => MUSIC,
            Self::Romance => ROMANCE,
            Self::Comedy => COMEDY,
            Self::Crime => CRIME,
            Self::Action => ACTION,
            Self::Adventure => ADVENTURE,
            Self::Drama => DRAMA,
            Self::General => GENERAL,
        }
    }
}

const WESTERN: Templates = Templates {
    palettes: &[
        "#f2b35c #f7d9a0 #c8402b #c9713f #8c3b2a #3d1a1c #f8e3b6",
        "#3f6f7d #f3c583 #f6ead0 #b8603f #7c3a30 #2c1b22 #f5d9a6",
        "#7a2f3a #f08a4b #ffd58a #b24a3a #6b2633 #2a1220 #ffd9a0",
        "#e8d3a9 #dcb983 #b5402a #9c6b46 #5b3527 #2e1a17 #f4dfb4",
    ],
    floating: "badge stetson bull wheel horseshoe",
    standing: "cactus rider",
    backdrops: "halo sunrise bands disc flock",
    grounds: "mesas hills plain",
};

const HORROR: Templates = Templates {
    palettes: &[
        "#0d0f14 #5c1a1f #e9dcc3 #32161c #0b0a0e #060508 #e2453c",
        "#0a1412 #3d5a45 #d8e3b4 #1c2f28 #08100e #040807 #c9dd8f",
        "#120c1c #4b3566 #e8d8ef #2a1d3d #0c0814 #07040c #d86a5e",
        "#7c1d1d #b5332a #f6e3c5 #571418 #1b0a0d #120608 #f2d9b8",
    ],
    floating: "eye skull bat knife candle",
    standing: "house bare-tree hand",
    backdrops: "halo disc rain ripples flock sky",
    grounds: "hills firs plain",
};

const SCIENCE_FICTION: Templates = Templates {
    palettes: &[
        "#070b22 #2b2a6b #ff8e5e #5a4fb0 #151845 #060919 #f2e9ff",
        "#031722 #0e4f5e #f4c95d #1f8a8c #073340 #02121b #dffaf1",
        "#190a2b #72245f #ffd1a3 #d1495b #3b1350 #12061f #ffe4d3",
        "#d96c4a #eba25e #fff1d0 #a8435c #3a2052 #241338 #ffe9c9",
        "#5f7f8f #a9bdc2 #e4572e #3f5a68 #21343d #14232b #eef4f2",
    ],
    floating: "planet rocket saucer satellite comet eclipse robot helmet",
    standing: "dish saucer",
    backdrops: "stars stars ripples rays sunrise bands halo",
    grounds: "plain dome grid ridges skyline",
};

const MUSIC: Templates = Templates {
    palettes: &[
        "#f5c84b #f39a3d #f4ead6 #d6453d #1d1a26 #1d1a26 #f5c84b",
        "#1f2a5c #5b3a8c #ff6f91 #46d1c8 #0f1230 #0f1230 #fbe7ef",
        "#e9e1cf #d9c9a8 #e2583e #2f7f86 #22252e #22252e #f1e6cd",
    ],
    floating: "record guitar note microphone cassette trumpet",
    standing: "microphone",
    backdrops: "rays ripples dots split confetti",
    grounds: "plain stage",
};

const ROMANCE: Templates = Templates {
    palettes: &[
        "#5d3a72 #f7a58b #ff5d6c #c4637f #6a3a68 #33203f #ffdfd0",
        "#f7c9b8 #fbe6d4 #d8425a #e39a94 #a84f68 #4f1f35 #fde8dc",
        "#2c3f70 #f5b6a0 #ffe0b8 #8a6b9c #3f4678 #1e2242 #ffe3d1",
    ],
    floating: "heart rose envelope rings birds",
    standing: "umbrella rose",
    backdrops: "disc halo clouds arches confetti rain",
    grounds: "waves hills plain skyline",
};

const COMEDY: Templates = Templates {
    palettes: &[
        "#ffd23f #ffb627 #fff6e0 #ee4266 #2b2d5b #2b2d5b #ffd23f",
        "#6fd3d0 #3fb8c4 #fff3c9 #ff7a59 #1f3b57 #1f3b57 #ffe27a",
        "#ff9aa2 #ff7f8e #fff4dc #3d5aa8 #2a2150 #2a2150 #ffd6a5",
    ],
    floating: "disguise bow-tie balloons bowler duck grin",
    standing: "duck balloons",
    backdrops: "rays dots confetti split ripples",
    grounds: "plain stage",
};

const CRIME: Templates = Templates {
    palettes: &[
        "#101826 #2f4a5f #f3d98b #223448 #0c131d #080d14 #f3d98b",
        "#1c1020 #74304a #ffb35c #3c1f38 #150b18 #0d060f #ffc78a",
        "#d9d2c2 #b9b09c #fdf8ea #6d6a66 #23252b #17181d #efe6d2",
        "#b23a2e #d8632f #ffe0a6 #7e2a2a #1d1418 #150d10 #ffdca0",
    ],
    floating: "keyhole lens revolver target telephone",
    standing: "lamp stranger",
    backdrops: "slats rain halo split disc",
    grounds: "plain skyline stage",
};

const ACTION: Templates = Templates {
    palettes: &[
        "#f04e23 #ffb02e #fff0c2 #c2261d #33141a #1f0c11 #ffc64a",
        "#124559 #5b9aa0 #fbe8c8 #e4572e #0b2530 #08191f #ffd9a8",
        "#d7263d #f46036 #fdf0d5 #7d1128 #1b1b2f #14142a #f7c59f",
    ],
    floating: "bolt burst jet helicopter target",
    standing: "car runner",
    backdrops: "rays sunrise split dots disc bands",
    grounds: "plain skyline ridges",
};

const ADVENTURE: Templates = Templates {
    palettes: &[
        "#86c5d8 #fbe8c6 #fff8e3 #7fb0a8 #2c5f5d #16383d #f9ecc8",
        "#e98b6a #fde0b0 #fff4d6 #c77b78 #553c66 #2b2144 #fde7c3",
        "#2f5d8c #bfe0e6 #fffbe9 #6a9bbd #244a72 #122a47 #e9f4f2",
        "#4f9d84 #d9e7a8 #fff3c4 #d9774e #21544c #12352f #f7f0cf",
    ],
    floating: "compass airship kite owl",
    standing: "castle sword oak",
    backdrops: "clouds disc rays flock stars",
    grounds: "ridges firs hills waves",
};

const DRAMA: Templates = Templates {
    palettes: &[
        "#22384a #1a2b3b #f4d9a0 #35506a #0f1b27 #0b141e #f4e2bd",
        "#a63d2f #8c2f27 #fbe3b9 #c75a44 #2b1316 #210e11 #fbe3b9",
        "#57605a #454d49 #f0ead9 #77817a #1d211f #171a18 #efe8d4",
        "#c9b79c #e3d6bf #8f2d2a #8a7a64 #2c2a2e #201e22 #efe4cf",
    ],
    floating: "hourglass masks key candle window",
    standing: "chair alone oak",
    backdrops: "disc arches halo split slats sky",
    grounds: "plain stage hills",
};

const GENERAL: Templates = Templates {
    palettes: &[
        "#f3e9d6 #efe2c9 #e4572e #2e7f83 #20314a #20314a #f3e9d6",
        "#f0ece2 #e6dfd0 #f2b134 #5e548e #b5446e #2e2445 #f5ead8",
        "#13293d #16324f #f6ae2d #e76f51 #2a9d8f #0d1d2c #f4e8c9",
    ],
    floating: "quarters discs cube flower",
    standing: "arch steps",
    backdrops: "sky dots ripples split bands",
    grounds: "plain hills",
};

#[cfg(test)]
impl Theme {
    /// Every theme.
    pub(super) const ALL: [Self; 11] = [
        Self::Western,
        Self::Horror,
        Self::ScienceFiction,
        Self::Music,
        Self::Romance,
        Self::Comedy,
        Self::Crime,
        Self::Action,
        Self::Adventure,
        Self::Drama,
        Self::General,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for theme in Theme::ALL {
            for palette in theme.templates().palettes {
                let colours: Vec<&str> = palette.split(' ').collect();
                assert_eq!(colours.len(), COLOURS.len(), "{theme:?} {palette}");
                let contrast = contrast(colours[6], colours[5]);
                // Small letters need 4.5.
                assert!(contrast >= 4.5, "{theme:?} {palette}: {contrast}");
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
        for (words, prompt, theme) in [
            ("Drama|Western", "", Theme::Western),
            ("Comedy|Romance", "", Theme::Romance),
            ("Action|Sci-Fi", "", Theme::ScienceFiction),
            ("Film-Noir|Drama", "a horror", Theme::Crime),
            ("", "A HORROR film in the woods", Theme::Horror),
            ("", "a teapot", Theme::General),
            ("Kitchen", "", Theme::General),
        ] {
            assert_eq!(Theme::of(&genres(words), prompt), theme, "{words} {prompt}");
        }
    }

    #[test]
    fn the_same_seed_takes_the_same_palette_and_others_take_others() {
        let templates = Theme::Western.templates();
        let taken = |seed| templates.palette(&SeededRng::new(seed, "x"));
        assert_eq!(taken(5), taken(5));
        assert!((0..20).any(|seed| taken(seed) != taken(0)));
    }
}
