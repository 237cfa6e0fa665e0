//! Telling more channels apart than before.

use super::fit::{Folded, Posterior};
use super::groups::Groups;
use super::model::Model;
use super::{Bandit, BanditError};

impl Bandit {
    /// Tells so many channels apart from now on; fewer than it does already change nothing. What it has learned from
    /// events that it keeps becomes as if it had told them apart from the beginning; events that were folded
    /// say nothing of channels that were not told apart then.
    ///
    /// # Errors
    /// For more than [`MAX_CHANNELS`](super::MAX_CHANNELS) channels.
    pub fn tell_apart(&mut self, channels: usize) -> Result<(), BanditError> {
        if channels <= self.model.channels {
            return Ok(());
        }
        let wider = Self::new(self.model.settings.clone(), channels)?.model;
        let (mut posterior, folded) = match &self.folded {
            None => (Posterior::prior(&wider), None),
            Some(folded) => (
                self.posterior.widened(&self.model, &wider),
                Some(folded.widened(&self.model, &wider)),
            ),
        };
        if folded.is_none() {
            for event in &self.log.events {
                posterior.inform(&wider, event);
            }
        }
        self.groups = Groups::of(&wider, &self.log.events);
        (self.posterior, self.folded, self.model) = (posterior, folded, wider);
        self.refit();
        Ok(())
    }
}

/// The place of each parameter of a model in one that tells more channels apart: features of channels are the last.
fn places(from: &Model, to: &Model) -> Vec<usize> {
    let place = |at: usize| at / from.features * to.features + at % from.features;
    (0..from.size()).map(place).collect()
}

/// A vector over the parameters of `to`: `values` at those of `from`, and `rest` elsewhere.
fn widened(from: &Model, to: &Model, values: &[f64], rest: &[f64]) -> Vec<f64> {
    let mut out = rest.to_vec();
    for (place, value) in places(from, to).into_iter().zip(values) {
        out[place] = *value;
    }
    out
}

/// The same for a square matrix whose other entries are 0, but for those of the diagonal, `rest`.
fn widened_square(from: &Model, to: &Model, values: &[f64], rest: &[f64]) -> Vec<f64> {
    let size = to.size();
    let mut out = vec![0.0; size * size];
    for (at, value) in rest.iter().enumerate() {
        out[at * (size + 1)] = *value;
    }
    let places = places(from, to);
    for (row, values) in places.iter().zip(values.chunks_exact(from.size())) {
        for (column, value) in places.iter().zip(values) {
            out[row * size + column] = *value;
        }
    }
    out
}

impl Folded {
    /// The same for a model that tells more channels apart.
    pub(super) fn widened(&self, from: &Model, to: &Model) -> Self {
        let nothing = vec![0.0; to.size()];
        Self {
            precision: widened_square(from, to, &self.precision, &nothing),
            linear: widened(from, to, &self.linear, &nothing),
            arrived: self.arrived,
        }
    }
}

impl Posterior {
    /// The same for a model that tells more channels apart, of which it knows the prior.
    pub(super) fn widened(&self, from: &Model, to: &Model) -> Self {
        let mut out = Self {
            mean: widened(from, to, &self.mean, &to.prior_mean),
            precision: widened_square(from, to, &self.precision, &to.prior_precision),
            factor: None,
            slope: None,
        };
        out.factorise(to);
        out
    }
}
