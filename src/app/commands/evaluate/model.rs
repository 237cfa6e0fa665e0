//! The models that can be judged.

use clap::ValueEnum;
use serde::Serialize;

use ranking::IalsSettings;
use ranking::collaborative::{Kind, Recipe};
use ranking::ease::EaseSettings;
use ranking::graph::GraphSettings;
use ranking::selection::{Family, Given};
use ranking::sequential::SequentialSettings;
use ranking::slim::SlimSettings;
use ranking::spectral::SpectralSettings;

/// The models that can be evaluated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// The best blend of all models below.
    Auto,
    /// The blend that is used without a search.
    Default,
    /// Implicit alternating least squares.
    Als,
    /// The linear model EASE.
    Ease,
    /// EASE with dropout (EDLAE).
    Edlae,
    /// The sparse linear model SLIM.
    Slim,
    /// Neighbourhood model on the graph of users and items; RP3beta is a special case.
    #[value(alias = "rp3beta")]
    Graph,
    /// Spectral filters on the graph of users and items (GF-CF).
    #[value(alias = "gf-cf")]
    Spectral,
    /// Sequential model for rows with times (SLIST).
    #[value(alias = "slist")]
    Sequential,
    /// Popularity: the items with most interactions.
    Popular,
}

impl Model {
    /// The families that are searched for this model; none if there is nothing to search.
    pub fn families(self) -> Vec<Family> {
        match self {
            Self::Auto => vec![
                Family::Ials,
                Family::Edlae,
                Family::Slim,
                Family::Graph,
                Family::Spectral,
                Family::Sequential,
            ],
            Self::Als => vec![Family::Ials],
            Self::Ease => vec![Family::Ease],
            Self::Edlae => vec![Family::Edlae],
            Self::Slim => vec![Family::Slim],
            Self::Graph => vec![Family::Graph],
            Self::Spectral => vec![Family::Spectral],
            Self::Sequential => vec![Family::Sequential],
            Self::Default | Self::Popular => Vec::new(),
        }
    }

    /// What is trained where nothing is searched.
    pub fn default_recipe(self, given: &Given, seed: u64) -> Recipe {
        let factors = given.over(IalsSettings {
            seed,
            ..IalsSettings::default()
        });
        let mut recipe = match self {
            Self::Auto | Self::Default => Recipe::default(),
            Self::Als => Recipe::of(Kind::Ials(factors.clone())),
            Self::Ease => Recipe::of(Kind::Ease(EaseSettings {
                dropout: 0.0,
                ..EaseSettings::default()
            })),
            Self::Edlae => Recipe::of(Kind::Ease(EaseSettings::default())),
            Self::Slim => Recipe::of(Kind::Slim(SlimSettings::default())),
            Self::Graph => Recipe::of(Kind::Graph(GraphSettings::default())),
            Self::Spectral => Recipe::of(Kind::Spectral(SpectralSettings::default())),
            Self::Sequential => Recipe::of(Kind::Sequential(SequentialSettings::default())),
            Self::Popular => Recipe::of(Kind::Popular),
        };
        for part in &mut recipe.parts {
            if let Kind::Ials(settings) = &mut part.kind {
                *settings = factors.clone();
            }
        }
        recipe
    }
}
