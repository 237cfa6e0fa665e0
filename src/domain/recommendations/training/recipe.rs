//! What a model is made of where nothing was chosen.

use crate::platform::config::Training as Settings;
use ranking::collaborative::{Kind, Part, Recipe};
use ranking::{IalsSettings, Method};

/// What the model is made of: the recipe of the settings, or else the usual one, with factors as
/// the settings say. Where the catalogue is too large for it, the linear model is left out.
pub(super) fn recipe(training: &Settings, items: usize) -> Recipe {
    let usual = Recipe::default().parts.into_iter();
    let parts = usual.filter_map(|part| match part.kind {
        Kind::Ials(_) => Some(Part {
            kind: Kind::Ials(settings(training)),
            ..part
        }),
        Kind::Ease(_) if items > training.linear_up_to => None,
        _ => Some(part),
    });
    Recipe {
        parts: parts.collect(),
    }
}

/// The names of the parts of a recipe, joined: `ials+ease+graph`.
pub(super) fn named(recipe: &Recipe) -> String {
    let name = |part: &Part| match part.kind {
        Kind::Ials(_) => "ials",
        Kind::Ease(_) => "ease",
        Kind::Graph(_) => "graph",
        Kind::Spectral(_) => "spectral",
        Kind::Sequential(_) => "sequential",
        Kind::Popular => "popular",
    };
    let names: Vec<&str> = recipe.parts.iter().map(name).collect();
    names.join("+")
}

fn settings(training: &Settings) -> IalsSettings {
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
