//! What a model is made of where nothing was chosen.

use crate::platform::config::Training as Settings;
use ranking::collaborative::{Kind, Part, Recipe};
use ranking::ease::EaseSettings;
use ranking::graph::GraphSettings;
use ranking::sequential::SequentialSettings;
use ranking::{IalsSettings, Method};

/// Half-life, in positions of a history, of what a user took: `10 ln 2`.
const RECENCY: f32 = 7.0;

/// What the model is made of where nothing was chosen. Chosen on the ratings of MovieLens small that
/// came before the held-out ones: linear models of what is liked and of what is taken at all, both
/// asked with a history that fades, lead; what comes next, and factors, add to them. Where the
/// catalogue is too large for linear models, factors and the graph are left.
pub(super) fn recipe(training: &Settings, items: usize, users: usize) -> Recipe {
    let part = |weight, kind| Part { weight, kind };
    let mut parts = vec![part(0.3, Kind::Ials(ials_settings(training)))];
    if items <= training.linear_up_to {
        // Regularisation grows with the root of the number of users.
        let scale = (users.max(1) as f32).sqrt();
        let linear = |regularisation: f32, dropout, confidence| {
            Kind::Ease(EaseSettings {
                regularisation: regularisation * scale,
                dropout,
                confidence,
                recency: RECENCY,
                ..EaseSettings::default()
            })
        };
        parts.insert(0, part(1.0, linear(4.0, 0.2, 1.0)));
        parts.insert(1, part(1.0, linear(12.0, 0.0, 0.0)));
        parts.push(part(0.6, Kind::Sequential(SequentialSettings::default())));
    } else {
        parts.push(part(0.2, Kind::Graph(GraphSettings::default())));
    }
    Recipe { parts }
}

/// The names of the parts of a recipe, joined: `ials+ease+graph`.
pub(super) fn named(recipe: &Recipe) -> String {
    let name = |part: &Part| match part.kind {
        Kind::Ials(_) => "ials",
        Kind::Ease(_) => "ease",
        Kind::Slim(_) => "slim",
        Kind::Graph(_) => "graph",
        Kind::Spectral(_) => "spectral",
        Kind::Sequential(_) => "sequential",
        Kind::Popular => "popular",
    };
    let names: Vec<&str> = recipe.parts.iter().map(name).collect();
    names.join("+")
}

/// The settings of factors, and of folding users in among them.
pub(super) fn ials_settings(training: &Settings) -> IalsSettings {
    IalsSettings {
        factors: training.factors,
        sweeps: training.sweeps,
        unobserved_weight: training.unobserved_weight,
        regularisation: training.regularisation,
        exponent: training.regularisation_exponent,
        deviation: training.initial_deviation,
        seed: training.seed,
        method: Method::Steps(3),
        ..IalsSettings::default()
    }
}
