//! Events by their context: those of one share features and weights.

use rustc_hash::FxHashMap;

use super::SlateContext;
use super::feedback::Event;
use super::model::Model;

/// The events of one context, which share their features and weights.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) features: Vec<f64>,
    /// The places of features that are not 0, with them.
    pub(super) nonzero: Vec<(usize, f64)>,
    pub(super) events: Vec<usize>,
}

/// Which events share a context.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    by_context: FxHashMap<SlateContext, usize>,
    pub(super) groups: Vec<Group>,
}

impl Groups {
    /// Adds the event at a place of the log.
    pub(super) fn add(&mut self, model: &Model, context: &SlateContext, event: usize) {
        let at = *self.by_context.entry(*context).or_insert_with(|| {
            let features = model.features(context);
            self.groups.push(Group {
                nonzero: features
                    .iter()
                    .copied()
                    .enumerate()
                    .filter(|(_, feature)| *feature != 0.0)
                    .collect(),
                features,
                events: Vec::new(),
            });
            self.groups.len() - 1
        });
        self.groups[at].events.push(event);
    }

    /// Those of a log.
    pub(super) fn of(model: &Model, events: &[Event]) -> Self {
        let mut groups = Self::default();
        for (at, event) in events.iter().enumerate() {
            groups.add(model, &event.feedback.context, at);
        }
        groups
    }
}
