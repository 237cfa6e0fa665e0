//! What rises: items that several people take more in a window of time than in the windows before it.
//!
//! In each window every user counts once an item, by the [state](super::history::State) that what they
//! did in it comes to, times [trust](super::popularity::trust). With `r` of the window and `e`, the mean
//! of those before it:
//!
//! ```text
//! rise = (r − e) / √(e + 2)
//! ```
//!
//! Counts scatter by the root of their mean (Poisson), so that this is a rise in standard deviations: a
//! favourite must rise by more than its own noise, where a plain difference would always show the
//! favourites; and the 2 keeps what was hardly taken before from rising by a handful of events, where
//! a plain ratio would show nothing but such items.

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use super::history::{Event, StateBuilder, WeightTable};
use super::popularity::{AccountStatus, Support, trust};
use foundation::{Id, id};

type Content = Id<id::Content>;

/// So much is expected of every item in a window, beside its own past.
const PRIOR: f64 = 2.0;
/// So many people at least have to take an item in the window: accounts, users with an origin, and
/// visitors who were here a day before.
const FEWEST_PEOPLE: u32 = 3;
/// By so many standard deviations they must be more than a window before would let expect.
const DEVIATIONS: f64 = 2.0;

/// A trending item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RisingItem {
    /// The item.
    pub content: Content,
    /// By how much, in standard deviations; above 0.
    pub rise: f64,
    /// What users did to it in the window: weights of states times trust.
    pub recent: f64,
    /// The mean of the same in the windows before; 0 or more.
    pub expected: f64,
}

/// The window that is looked at, and the windows of the same length before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// The end of the window.
    pub until: DateTime<Utc>,
    /// How long it is; above zero.
    pub length: TimeDelta,
    /// How many windows before it are compared with; 1 or more.
    pub before: i32,
}

impl Windows {
    /// The beginning of the window.
    pub fn from(&self) -> DateTime<Utc> {
        self.until - self.length
    }

    /// The beginning of the first window before it.
    pub fn first(&self) -> DateTime<Utc> {
        self.from() - self.length * self.before
    }

    /// In which window a moment lies: 0 is the one that is looked at, 1 the one before it.
    fn of(&self, at: DateTime<Utc>) -> Option<u32> {
        if at > self.until || at < self.first() {
            return None;
        }
        let back = (self.from() - at).num_milliseconds();
        let length = self.length.num_milliseconds().max(1);
        let windows = if back > 0 {
            (back + length - 1) / length
        } else {
            0
        };
        u32::try_from(windows).ok()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Item {
    recent: Support,
    before: Support,
    people: u32,
    people_before: u32,
}

/// What rises as it is counted, user by user, in any order.
pub struct Trending<'a> {
    weights: &'a WeightTable,
    windows: Windows,
    items: FxHashMap<Content, Item>,
    /// Of one user, emptied for the next.
    states: FxHashMap<(Content, u32), StateBuilder>,
}

impl<'a> Trending<'a> {
    /// Nothing counted yet.
    pub fn new(weights: &'a WeightTable, windows: Windows) -> Self {
        Self {
            weights,
            windows,
            items: FxHashMap::default(),
            states: FxHashMap::default(),
        }
    }

    /// Counts a user with what they did in these windows, the latest first.
    pub fn add(&mut self, account: &AccountStatus, events: &[Event]) {
        let trust = trust(account, events, self.windows.until);
        if trust <= 0.0 {
            return;
        }
        for event in events {
            if let Some(window) = self.windows.of(event.at) {
                let state = self.states.entry((event.content, window)).or_default();
                state.push(self.weights, event.kind, event.value, event.at);
            }
        }
        let established = account.is_established(self.windows.until);
        for ((content, window), state) in self.states.drain() {
            let Some(state) = state.state(self.weights) else {
                continue;
            };
            let item = self.items.entry(content).or_default();
            let person = u32::from(established && state.is_positive());
            let said = trust * f64::from(state.weight);
            if window == 0 {
                item.recent.add(account, said);
                item.people += person;
            } else {
                item.before.add(account, said);
                item.people_before += person;
            }
        }
    }

    /// The items that rise, the steepest first, of equals by their ids: those that at least three people
    /// take, and clearly more of them than before.
    pub fn rising(self) -> Vec<RisingItem> {
        let before = f64::from(self.windows.before.max(1));
        let rising = self.items.iter().filter_map(|(content, item)| {
            let (people, usual) = (
                f64::from(item.people),
                f64::from(item.people_before) / before,
            );
            let clearly = people - usual >= DEVIATIONS * (usual + 1.0).sqrt();
            let recent = item.recent.get();
            let expected = item.before.mean(before).max(0.0);
            let rise = (recent - expected) / (expected + PRIOR).sqrt();
            (item.people >= FEWEST_PEOPLE && clearly && rise > 0.0).then_some(RisingItem {
                content: *content,
                rise,
                recent,
                expected,
            })
        });
        let mut rising: Vec<RisingItem> = rising.collect();
        rising.sort_unstable_by(|a, b| b.rise.total_cmp(&a.rise).then(a.content.cmp(&b.content)));
        rising
    }
}

#[cfg(test)]
mod tests;
