//! What a model is made of.

use serde::{Deserialize, Serialize};

use super::super::als::IalsSettings;
use super::super::ease::EaseSettings;
use super::super::graph::GraphSettings;
use super::super::sequential::SequentialSettings;
use super::super::slim::SlimSettings;
use super::super::spectral::SpectralSettings;
use super::CollaborativeError;

/// The most parts a recipe may have.
const MOST_PARTS: usize = 16;

/// Which parts a model has, and how much each counts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Recipe {
    /// The parts, at least 1 and at most 16.
    pub parts: Vec<Part>,
}

/// One part of a blend.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Part {
    /// How much it counts beside the others, positive.
    pub weight: f32,
    /// What it is, and its settings.
    pub kind: Kind,
}

/// A model of who takes what, with its settings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Implicit alternating least squares.
    Ials(IalsSettings),
    /// The linear model of EASE, or with dropout of EDLAE.
    Ease(EaseSettings),
    /// The sparse linear model SLIM.
    Slim(SlimSettings),
    /// Neighbours by steps through the graph of users and items, as RP3beta.
    Graph(GraphSettings),
    /// Filters on the graph of users and items: GF-CF.
    Spectral(SpectralSettings),
    /// What comes next, where times are known: SLIT, or with a share of SLIS SLIST.
    Sequential(SequentialSettings),
    /// What most people took.
    Popular,
}

impl Recipe {
    /// A recipe of a single part.
    pub fn of(kind: Kind) -> Self {
        Self {
            parts: vec![Part { weight: 1.0, kind }],
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`CollaborativeError::Recipe`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), CollaborativeError> {
        let refused = |complaint| Err(CollaborativeError::Recipe(complaint));
        if !(1..=MOST_PARTS).contains(&self.parts.len()) {
            return refused("a recipe has 1 to 16 parts");
        }
        for Part { weight, kind } in &self.parts {
            if !(weight.is_finite() && *weight > 0.0) {
                return refused("the weight of a part must be positive");
            }
            let complaint = match kind {
                Kind::Ials(settings) => {
                    settings.check()?;
                    None
                }
                Kind::Ease(settings) => settings.complaint(),
                Kind::Slim(settings) => settings.complaint(),
                Kind::Graph(settings) => settings.complaint(),
                Kind::Spectral(settings) => settings.complaint(),
                Kind::Sequential(settings) => settings.complaint(),
                Kind::Popular => None,
            };
            if let Some(complaint) = complaint {
                return refused(complaint);
            }
        }
        Ok(())
    }
}

impl Default for Recipe {
    /// A fair start where nothing was searched: factors and the graph, which suit small and
    /// large catalogues alike.
    fn default() -> Self {
        let part = |weight, kind| Part { weight, kind };
        Self {
            parts: vec![
                part(0.5, Kind::Ials(IalsSettings::default())),
                part(0.3, Kind::Ease(EaseSettings::default())),
                part(0.2, Kind::Graph(GraphSettings::default())),
            ],
        }
    }
}
