//! What a training costs, estimated from the size of the data and the settings alone.
//!
//! The search spends by these estimates and never by a clock, so that equal input gives an equal
//! choice on a busy machine and an idle one. The unit is a second of two cores of a server
//! processor with AVX-512; elsewhere all costs, that of the default recipe included, grow alike.

use super::super::als::{IalsSettings, Method};
use super::super::collaborative::{Kind, Recipe};
use super::super::matrix::Interactions;

/// Rows longer than this are looked at in this many places by models of pairs.
const LONGEST: f64 = 1000.0;

/// How large a table is, as far as costs depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub users: f64,
    pub items: f64,
    pub entries: f64,
    /// The sum of the squares of the users' numbers of entries.
    pub pairs: f64,
}

impl Size {
    pub(super) fn of(table: &Interactions) -> Self {
        let lengths = (0..table.rows()).map(|row| table.row(row).0.len() as f64);
        Self {
            users: lengths.clone().filter(|length| *length > 0.0).count() as f64,
            items: table.columns() as f64,
            entries: table.len() as f64,
            pairs: lengths.map(|length| length.min(LONGEST).powi(2)).sum(),
        }
    }

    /// Of a random share of the users.
    pub(super) fn share(self, share: f64) -> Self {
        Self {
            users: self.users * share,
            items: self.items,
            entries: self.entries * share,
            pairs: self.pairs * share,
        }
    }

    /// What training one part takes.
    pub(super) fn of_kind(&self, kind: &Kind) -> f64 {
        match kind {
            Kind::Ials(settings) => self.of_factors(settings),
            Kind::Ease(settings) => {
                let items = self.items.min(settings.most_items as f64);
                PER_CUBE * items.powi(3) + PER_SQUARE * items.powi(2) + PER_PAIR * self.pairs
            }
            Kind::Slim(settings) => {
                let items = self.items.min(settings.most_items as f64);
                // How often two items are taken together in the mean: as often as `lasso`, and half
                // of them can have a weight, and half of these will.
                let together = self.pairs / items.max(1.0).powi(2);
                let share = together / (together + f64::from(settings.lasso));
                PER_PAIR * self.pairs
                    + PER_SQUARE * items.powi(2)
                    + PER_WEIGHED_CUBE * share.powi(2) * items.powi(3)
            }
            Kind::Graph(_) => PER_STEP * self.pairs + PER_TARGET * self.items,
            Kind::Spectral(settings) => {
                let vectors = settings.vectors as f64;
                let linear = PER_STEP * self.pairs + PER_TARGET * self.items;
                let rows = self.users + self.items;
                linear
                    + PER_VECTOR_ENTRY * self.entries * vectors
                    + PER_VECTOR_ROW * rows * vectors.powi(2)
            }
            Kind::Sequential(settings) => {
                let items = self.items.min(settings.most_items as f64);
                PER_ORDERED_CUBE * items.powi(3)
                    + PER_SQUARE * items.powi(2)
                    + PER_ORDERED_PAIR * self.pairs
            }
            Kind::Popular => PER_ENTRY * self.entries,
        }
    }

    /// What training a whole recipe takes, without the neighbours that every model has besides.
    pub(super) fn of_recipe(&self, recipe: &Recipe) -> f64 {
        let parts = recipe.parts.iter();
        parts.map(|part| self.of_kind(&part.kind)).sum()
    }

    fn of_factors(&self, settings: &IalsSettings) -> f64 {
        let width = (settings.factors as f64 / 16.0).ceil() * 16.0;
        let rows = self.users + self.items;
        let sweeps = settings.sweeps as f64;
        let exact = |rows: f64, entries: f64| {
            PER_EXACT_ENTRY * entries * width.powi(2) + PER_EXACT_ROW * rows * width.powi(3)
        };
        match settings.method {
            Method::Exact => sweeps * exact(rows, 2.0 * self.entries),
            Method::Steps(steps) => {
                let steps = steps as f64 + 1.0;
                let sweep = PER_FACTOR_ENTRY * 2.0 * self.entries * width
                    + PER_FACTOR_ROW * rows * width.powi(2);
                sweeps * steps * sweep + exact(self.users, self.entries)
            }
        }
    }

    /// What ranking the catalogue for so many users takes.
    pub(super) fn of_ranking(&self, users: f64) -> f64 {
        PER_RANKED * users * self.items
    }
}

// Measured on two cores by fitting each model to tables of four shapes.
const PER_CUBE: f64 = 8e-12;
const PER_SQUARE: f64 = 1e-8;
const PER_PAIR: f64 = 1e-9;
const PER_WEIGHED_CUBE: f64 = 1.2e-10;
const PER_STEP: f64 = 1.5e-9;
const PER_TARGET: f64 = 2.5e-5;
const PER_ENTRY: f64 = 2e-9;
const PER_FACTOR_ENTRY: f64 = 4e-11;
const PER_FACTOR_ROW: f64 = 4e-11;
const PER_EXACT_ENTRY: f64 = 1e-11;
const PER_EXACT_ROW: f64 = 4e-12;
const PER_VECTOR_ENTRY: f64 = 5e-10;
const PER_VECTOR_ROW: f64 = 1e-9;
const PER_ORDERED_CUBE: f64 = 2.4e-11;
const PER_ORDERED_PAIR: f64 = 2e-9;
const PER_RANKED: f64 = 8e-9;
