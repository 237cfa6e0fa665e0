//! Which settings of each family are searched, from where, and what a position means.

use super::super::als::IalsSettings;
use super::super::collaborative::Kind;
use super::super::ease::{self, EaseSettings};
use super::super::graph::GraphSettings;
use super::super::matrix::Interactions;
use super::super::sequential::{self, SequentialSettings};
use super::super::slim::{self, SlimSettings};
use super::super::spectral::SpectralSettings;
use super::lattice::{Axis, Position};

/// A kind of model whose settings are searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Implicit alternating least squares.
    Ials,
    /// The linear model without dropout.
    Ease,
    /// The linear model with dropout.
    Edlae,
    /// The sparse linear model.
    Slim,
    /// Neighbours through the graph.
    Graph,
    /// Filters on the graph.
    Spectral,
    /// What comes next; takes part only where times are known.
    Sequential,
    /// What most people took; has no settings.
    Popular,
}

/// Settings of the factors that are given by the caller and therefore not searched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// See [`IalsSettings::factors`]; the other fields likewise.
    pub factors: Option<usize>,
    /// Number of sweeps.
    pub sweeps: Option<usize>,
    /// α₀.
    pub unobserved_weight: Option<f32>,
    /// λ.
    pub regularisation: Option<f32>,
    /// ν.
    pub exponent: Option<f32>,
}

impl Given {
    /// These settings with what is given put in.
    #[must_use]
    pub fn over(&self, mut settings: IalsSettings) -> IalsSettings {
        settings.factors = self.factors.unwrap_or(settings.factors);
        settings.sweeps = self.sweeps.unwrap_or(settings.sweeps);
        settings.unobserved_weight = self.unobserved_weight.unwrap_or(settings.unobserved_weight);
        settings.regularisation = self.regularisation.unwrap_or(settings.regularisation);
        settings.exponent = self.exponent.unwrap_or(settings.exponent);
        settings
    }
}

/// The widths of factors that are tried, in the order of the axis.
const WIDTHS: [usize; 10] = [8, 16, 32, 64, 96, 128, 192, 256, 384, 512];

/// The numbers of vectors of a low-pass filter that are tried, likewise.
const VECTORS: [usize; 7] = [16, 32, 64, 128, 256, 384, 512];

/// The position of the shortest half-life of what a user took: an octave a step, from 256 entries
/// at 1; at 0 the order does not matter.
const MOST_RECENT: i32 = 8;

/// The axis of the width of factors.
pub(super) const WIDTH: usize = 3;

/// The place of the largest width that is not above this.
pub(super) fn width_at(most: usize) -> i32 {
    let fitting = WIDTHS.iter().filter(|width| **width <= most).count();
    // There are ten widths.
    fitting.max(1) as i32 - 1
}

/// How much data there is: what settings mean, and where their search begins, depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    users: f32,
    items: f32,
    entries: f32,
    /// How many items carry nearly all of the entries.
    head: usize,
    /// Whether entries weigh differently.
    weighed: bool,
    /// Whether times are known.
    timed: bool,
}

impl Scale {
    pub(super) fn of(table: &Interactions) -> Self {
        let rows = 0..table.rows();
        let users = rows.filter(|row| !table.row(*row).0.is_empty()).count();
        Self {
            users: users.max(1) as f32,
            items: table.columns().max(1) as f32,
            entries: table.len().max(1) as f32,
            head: ease::head(table),
            weighed: weighed(table),
            timed: table.has_times(),
        }
    }

    /// Whether a family has something to say of this data.
    pub(super) fn is_feasible(&self, family: Family) -> bool {
        family != Family::Sequential || self.timed
    }

    /// The settings of a family that are searched, each with its range and start.
    pub(super) fn axes(&self, family: Family, given: &Given) -> Vec<Axis> {
        let of_user = self.entries / self.users;
        // How much weights say, in halves; where all are equal, what the model does anyway.
        let confidence = |usual: i32| {
            if self.weighed {
                Axis::new(0, 4, usual, 2)
            } else {
                Axis::fixed(usual)
            }
        };
        match family {
            Family::Ials => {
                // The sparser the table, the less an unobserved pair says: on films, where one
                // pair in a hundred is observed, a tenth of an observed one.
                let density = of_user / self.items;
                let weight = 2.0 * (0.1 * (density / 0.01).sqrt()).log2();
                let free = |given: bool, axis: Axis| {
                    if given { Axis::fixed(axis.start) } else { axis }
                };
                vec![
                    free(given.regularisation.is_some(), Axis::new(-8, 16, 4, 2)),
                    free(
                        given.unobserved_weight.is_some(),
                        Axis::new(-24, 4, weight.round().clamp(-24.0, 4.0) as i32, 2),
                    ),
                    free(given.exponent.is_some(), Axis::new(0, 4, 2, 1)),
                    free(
                        given.factors.is_some(),
                        Axis::new(0, WIDTHS.len() as i32 - 1, width_at(64), 1),
                    ),
                    confidence(2),
                ]
            }
            Family::Ease | Family::Edlae => {
                let start = 2.0 * (1.5 * of_user).log2();
                let dropout = match family {
                    Family::Edlae => Axis::new(0, 9, 3, 2),
                    _ => Axis::fixed(0),
                };
                vec![
                    Axis::new(-4, 30, start.round().clamp(2.0, 20.0) as i32, 2),
                    dropout,
                    confidence(2),
                    // From the time that does not matter to a half-life of a few positions.
                    if self.timed {
                        Axis::new(0, MOST_RECENT, 0, 2)
                    } else {
                        Axis::fixed(0)
                    },
                ]
            }
            Family::Slim => {
                let ridge = 2.0 * (0.4 * of_user).log2();
                // How often two items meet grows with how often each is taken.
                let lasso = 2.0 * (0.54 * (self.entries / self.items).sqrt()).log2();
                vec![
                    Axis::new(-4, 30, ridge.round().clamp(2.0, 20.0) as i32, 2),
                    Axis::new(-6, 16, lasso.round().clamp(-2.0, 12.0) as i32, 2),
                    confidence(2),
                    if self.timed {
                        Axis::new(0, MOST_RECENT, 0, 2)
                    } else {
                        Axis::fixed(0)
                    },
                ]
            }
            Family::Graph => vec![
                Axis::new(0, 20, 5, 2),
                Axis::new(0, 15, 5, 2),
                Axis::new(0, 15, 5, 2),
                Axis::new(0, 10, 3, 2),
                confidence(0),
            ],
            Family::Spectral => vec![
                Axis::new(-8, 8, -3, 2),
                Axis::new(0, VECTORS.len() as i32 - 1, 2, 1),
                confidence(2),
            ],
            Family::Sequential => vec![
                Axis::new(-4, 30, 11, 2),
                Axis::new(-1, 8, 0, 1),
                Axis::new(-1, 6, 0, 1),
                Axis::new(-1, 8, 2, 1),
                Axis::new(0, 4, 0, 1),
                confidence(0),
            ],
            Family::Popular => Vec::new(),
        }
    }

    /// What a position of [`Scale::axes`] means.
    pub(super) fn kind(&self, family: Family, at: &Position, given: &Given, seed: u64) -> Kind {
        match family {
            Family::Ials => Kind::Ials(self.factors(at, given, seed)),
            Family::Ease | Family::Edlae => Kind::Ease(EaseSettings {
                regularisation: half_octaves(at[0]),
                dropout: at[1] as f32 / 10.0,
                confidence: at[2] as f32 / 2.0,
                recency: half_life(at[3]),
                most_items: self.head,
                ..EaseSettings::default()
            }),
            Family::Slim => Kind::Slim(SlimSettings {
                ridge: half_octaves(at[0]),
                lasso: half_octaves(at[1]),
                confidence: at[2] as f32 / 2.0,
                recency: half_life(at[3]),
                most_items: self.head.min(slim::MOST_ITEMS),
                ..SlimSettings::default()
            }),
            Family::Graph => Kind::Graph(GraphSettings {
                user_exponent: at[0] as f32 / 10.0,
                source_exponent: at[1] as f32 / 10.0,
                target_exponent: at[2] as f32 / 10.0,
                shrinkage: octaves(at[3]) - 1.0,
                confidence: at[4] as f32 / 2.0,
                ..GraphSettings::default()
            }),
            Family::Spectral => Kind::Spectral(SpectralSettings {
                low_pass: half_octaves(at[0]),
                vectors: VECTORS[at[1] as usize],
                confidence: at[2] as f32 / 2.0,
                ..SpectralSettings::default()
            }),
            Family::Sequential => Kind::Sequential(SequentialSettings {
                regularisation: half_octaves(at[0]),
                source_half_life: octaves(at[1]),
                target_half_life: octaves(at[2]),
                recency: octaves(at[3]),
                together: at[4] as f32 / 4.0,
                confidence: at[5] as f32 / 2.0,
                most_items: self.head.min(sequential::MOST_ITEMS),
            }),
            Family::Popular => Kind::Popular,
        }
    }

    /// From the pull on a row of medium frequency and the unobserved weight, both in half
    /// octaves, the exponent in quarters, and the place of the width.
    fn factors(&self, at: &Position, given: &Given, seed: u64) -> IalsSettings {
        let unobserved_weight = given.unobserved_weight.unwrap_or(half_octaves(at[1]));
        let exponent = given.exponent.unwrap_or(at[2] as f32 / 4.0);
        let of_user = self.entries / self.users + unobserved_weight * self.items;
        let of_item = self.entries / self.items + unobserved_weight * self.users;
        given.over(IalsSettings {
            factors: WIDTHS[at[WIDTH] as usize],
            unobserved_weight,
            exponent,
            // Unlike λ itself, the pull means much the same whatever the exponent, the weight of
            // the unobserved and the size of the data.
            regularisation: half_octaves(at[0]) / (of_user * of_item).powf(exponent / 2.0),
            confidence: at[4] as f32 / 2.0,
            seed,
            ..IalsSettings::default()
        })
    }
}

fn weighed(table: &Interactions) -> bool {
    let mut weights = table.triplets().map(|(_, _, weight)| weight);
    let first = weights.next();
    weights.any(|weight| Some(weight) != first)
}

/// What a position of the axis of recency means.
fn half_life(at: i32) -> f32 {
    match at {
        0 => 0.0,
        at => octaves(MOST_RECENT + 1 - at),
    }
}

fn octaves(at: i32) -> f32 {
    (at as f32).exp2()
}

fn half_octaves(at: i32) -> f32 {
    (at as f32 / 2.0).exp2()
}
