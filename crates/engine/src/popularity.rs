//! What is popular: a smoothed mixture of what is taken lately and what was taken at all times, by
//! people of whom something is known.
//!
//! Every user counts once an item, by the [state](super::history::State) of the two, times how far the
//! user is to be trusted ([`trust`]). For an item `i`:
//!
//! ```text
//! Rᵢ = Σ users  trust · clamp(Σ events  share · weight · 2^(−age / 90 days), −2, 2)
//! Aᵢ = Σ users  trust · weight of the state
//! x  = Σ R / (λ Σ A)
//! popularity = Rᵢ + λ Aᵢ / (1 + x),   λ = .05
//! ```
//!
//! Ages count to now, so `R` of a catalogue imported long after the fact is nearly nothing, and its
//! all-time counts decide until what its users do is worth a twentieth of them (`x = 1`); from then on
//! the prior fades. Of both sums, the part of anonymous users enters by its logarithm,
//! `5 ln(1 + part / 5)`: it orders a catalogue that only they use, and ten times as many sessions do not
//! count ten times as much.

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::{FxHashMap, FxHashSet};

use super::history::{Event, MOST_WEIGHT, StateBuilder, WeightTable};
use foundation::{Id, id};

type Content = Id<id::Content>;

/// What a user does counts half as much for what is taken lately after every so many days.
pub const HALF_LIFE_DAYS: f64 = 90.0;
/// λ: so much of the all-time mass, what is taken lately must come to, to weigh as much.
const PRIOR: f64 = 0.05;
/// Up to about so much mass, anonymous users count in full.
const ANONYMOUS_IN_FULL: f64 = 5.0;
/// Who did something to so many items has shown what they are.
const ITEMS: f64 = 5.0;
/// An anonymous user who came on so many days counts as much as a known one.
const DAYS: f64 = 4.0;
/// What fewer people took is not popular, and theirs to know.
const FEWEST_PEOPLE: u32 = 3;
/// Nor what people took of whom so little is known, in all.
const LEAST_TRUST: f64 = 0.5;

/// The account status of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccountStatus {
    /// Whether it is an anonymous visitor without an account or an import source.
    pub anonymous: bool,
    /// Whether the account is disabled; interactions of disabled users do not count.
    pub disabled: bool,
    /// When the user was first seen.
    pub created_at: DateTime<Utc>,
}

impl AccountStatus {
    /// Whether the user is established: has an account, an import source, or was first seen a day ago.
    pub fn is_established(&self, now: DateTime<Utc>) -> bool {
        !self.disabled && (!self.anonymous || now - self.created_at >= TimeDelta::days(1))
    }
}

/// How far what a user says of one item is to be trusted, in [0, 1], by what they did to others:
/// `min(1, items / 5)`, and for anonymous users that times `min(1, days / 4)`. An anonymous session with
/// a single event counts .05. Days before the user was met count as one: anybody can send events with
/// a date of last year.
pub fn trust(account: &AccountStatus, events: &[Event], now: DateTime<Utc>) -> f64 {
    if account.disabled {
        return 0.0;
    }
    let items: FxHashSet<Content> = events.iter().map(|event| event.content).collect();
    let breadth = (items.len() as f64 / ITEMS).min(1.0);
    if !account.anonymous {
        return breadth;
    }
    let first = account.created_at.date_naive();
    let days = events.iter().map(|event| event.at.date_naive().max(first));
    let days: FxHashSet<_> = days.filter(|day| *day <= now.date_naive()).collect();
    breadth * (days.len().max(1) as f64 / DAYS).min(1.0)
}

/// A sum of floats that is the same in whatever order they come: in units of 2⁻³².
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum(i128);

impl Sum {
    const UNIT: f64 = (1_u64 << 32) as f64;

    pub(super) fn add(&mut self, value: f64) {
        self.0 += (value * Self::UNIT).round() as i128;
    }

    pub(super) fn get(self) -> f64 {
        self.0 as f64 / Self::UNIT
    }
}

/// Mass by who gave it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Support {
    known: Sum,
    anonymous: Sum,
}

impl Support {
    pub(super) fn add(&mut self, account: &AccountStatus, value: f64) {
        match account.anonymous {
            true => self.anonymous.add(value),
            false => self.known.add(value),
        }
    }

    /// The whole, with the anonymous part by its logarithm.
    pub(super) fn get(self) -> f64 {
        self.mean(1.0)
    }

    /// The same of an `n`-th of it.
    pub(super) fn mean(self, n: f64) -> f64 {
        let anonymous = self.anonymous.get() / n;
        let size = ANONYMOUS_IN_FULL * (anonymous.abs() / ANONYMOUS_IN_FULL).ln_1p();
        self.known.get() / n + size.copysign(anonymous)
    }
}

/// What all users together say of one item.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    recent: Support,
    all_time: Support,
    /// How many users speak for it, and how far they are to be trusted in all.
    people: u32,
    trust: Sum,
}

/// Popularity as it is counted, user by user, in any order.
pub struct Popularity<'a> {
    weights: &'a WeightTable,
    now: DateTime<Utc>,
    items: FxHashMap<Content, Item>,
    /// Of one user, emptied for the next.
    states: FxHashMap<Content, (StateBuilder, f64)>,
}

impl<'a> Popularity<'a> {
    /// Nothing counted yet.
    pub fn new(weights: &'a WeightTable, now: DateTime<Utc>) -> Self {
        Self {
            weights,
            now,
            items: FxHashMap::default(),
            states: FxHashMap::default(),
        }
    }

    /// Counts a user with all that they did, the latest first.
    pub fn add(&mut self, account: &AccountStatus, events: &[Event]) {
        let trust = trust(account, events, self.now);
        if trust <= 0.0 {
            return;
        }
        for event in events {
            let (state, recent) = self.states.entry(event.content).or_default();
            let share = state.push(self.weights, event.kind, event.value, event.at);
            if share > 0.0 {
                let days = (self.now - event.at).as_seconds_f64().max(0.0) / 86_400.0;
                let left = (-days / HALF_LIFE_DAYS).exp2();
                let said = self.weights.weight(event.kind, event.value) * share;
                *recent += f64::from(said) * left;
            }
        }
        let most = f64::from(MOST_WEIGHT);
        for (content, (state, recent)) in self.states.drain() {
            let Some(state) = state.state(self.weights) else {
                continue;
            };
            let item = self.items.entry(content).or_default();
            let all_time = f64::from(state.weight);
            item.recent.add(account, trust * recent.clamp(-most, most));
            item.all_time.add(account, trust * all_time);
            if state.is_positive() {
                item.people += 1;
                item.trust.add(trust);
            }
        }
    }

    /// The items that are popular, with how much (above 0, comparable among themselves), the favourites
    /// first, of equals by their ids. What fewer than three people take, or people of whom hardly
    /// anything is known, is not among them.
    pub fn ranked(self) -> Vec<(Content, f64)> {
        let (mut recent, mut all_time) = (Sum::default(), Sum::default());
        for item in self.items.values() {
            recent.add(item.recent.get().max(0.0));
            all_time.add(item.all_time.get().max(0.0));
        }
        let prior = PRIOR * all_time.get();
        let lately = if prior > 0.0 {
            recent.get() / prior
        } else {
            0.0
        };
        let by_people =
            |item: &Item| item.people >= FEWEST_PEOPLE && item.trust.get() >= LEAST_TRUST;
        let popular = self.items.iter().filter(|(_, item)| by_people(item));
        let popular = popular.map(|(content, item)| {
            let prior = PRIOR * item.all_time.get() / (1.0 + lately);
            (*content, item.recent.get() + prior)
        });
        let mut popular: Vec<_> = popular.filter(|(_, score)| *score > 0.0).collect();
        popular.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        popular
    }
}

#[cfg(test)]
mod tests;
