//! The history of one user: events, and the states they come to.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustc_hash::{FxHashMap, FxHashSet};

use super::kind::InteractionKind;
use super::state::{State, StateBuilder};
use super::weights::WeightTable;
use foundation::{Id, id};

pub(super) type Content = Id<id::Content>;

/// Something a user did to an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// To which item.
    pub content: Content,
    /// What.
    pub kind: InteractionKind,
    /// The stars of a rating, 0.5 to 5; `None` for every other kind.
    pub value: Option<f32>,
    /// When, to the millisecond.
    pub at: DateTime<Utc>,
}

/// An item that a user's history speaks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positive {
    /// Which.
    pub content: Content,
    /// How much, in (0, 2].
    pub weight: f32,
    /// When the user did something to it last.
    pub latest: DateTime<Utc>,
}

/// What one user did, and what it comes to by one version of the table of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The latest first.
    events: Vec<Event>,
    /// The share of each event in the state of its item.
    shares: Vec<f32>,
    /// In the order of the items' ids.
    states: Vec<(Content, State)>,
    weights: Arc<WeightTable>,
}

impl History {
    /// The history of these events, which come in the order of time, the latest first. All states are
    /// computed here, once.
    pub fn new(events: Vec<Event>, weights: Arc<WeightTable>) -> Self {
        let mut slots: FxHashMap<Content, usize> = FxHashMap::default();
        let mut builders: Vec<(Content, StateBuilder)> = Vec::new();
        let mut shares = Vec::with_capacity(events.len());
        for event in &events {
            let slot = *slots.entry(event.content).or_insert_with(|| {
                builders.push((event.content, StateBuilder::default()));
                builders.len() - 1
            });
            let builder = &mut builders[slot].1;
            shares.push(builder.push(&weights, event.kind, event.value, event.at));
        }
        builders.sort_unstable_by_key(|(content, _)| *content);
        let states = builders.iter();
        let states = states.filter_map(|(content, built)| Some((*content, built.state(&weights)?)));
        Self {
            states: states.collect(),
            events,
            shares,
            weights,
        }
    }

    /// What the user did, the latest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The share of each event in the state of its item, as [`StateBuilder::push`] says.
    pub(super) fn shares(&self) -> &[f32] {
        &self.shares
    }

    /// The table of weights that the states were computed with.
    pub fn weights(&self) -> &WeightTable {
        &self.weights
    }

    /// Whether the user did nothing.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// When the user did something last.
    pub fn latest(&self) -> Option<DateTime<Utc>> {
        self.events.first().map(|event| event.at)
    }

    /// The state of every item that the user did something to, in the order of the items' ids.
    pub fn states(&self) -> &[(Content, State)] {
        &self.states
    }

    /// The state of one item; `None` where the user did nothing to it.
    pub fn state(&self, content: Content) -> Option<&State> {
        let found = self.states.binary_search_by_key(&content, |state| state.0);
        found.ok().map(|slot| &self.states[slot].1)
    }

    /// The items that the history speaks for, in the order of their ids.
    pub fn positives(&self) -> Vec<Positive> {
        let positive = self.states.iter().filter(|(_, state)| state.is_positive());
        let positive = positive.map(|(content, state)| Positive {
            content: *content,
            weight: state.weight,
            latest: state.latest,
        });
        positive.collect()
    }

    /// What stays out of the user's lists at `now`.
    pub fn excluded(&self, now: DateTime<Utc>) -> FxHashSet<Content> {
        let states = self.states.iter();
        let excluded = states.filter(|(_, state)| state.exclusion.holds(now));
        excluded.map(|(content, _)| *content).collect()
    }
}
