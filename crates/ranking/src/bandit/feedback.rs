//! What became of a slate, and the log of it that a model is fitted to.

use rustc_hash::FxHashSet;

use super::{BanditError, SIGNALS, Signal, Signals, SlateContext};

/// The most items of one slate.
pub const MAX_SHOWN: usize = 200;

/// The most events that are kept as they came. Older ones are folded into what is known.
pub const MAX_EVENTS: usize = 16_384;

/// What became of a slate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// One item was to be picked: its place among those shown, or none. The reward model is a
    /// conditional logit over the slate and "none" (McFadden 1974).
    OnePick(Option<usize>),
    /// Each item was taken or not, independently of the others; as many as were shown. The reward
    /// model is a logistic regression.
    Clicks(Vec<bool>),
    /// A past pick, at its place among others that were sampled as its negatives. That something
    /// was picked says nothing about "none", which is left out of the conditional logit.
    PastPick(usize),
}

/// What became of a slate, read back from where it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct SlateFeedback {
    /// The id of the event. What has the id of an event that is known changes nothing.
    pub event: u128,
    /// The context that the slate was made for.
    pub context: SlateContext,
    /// The signals of the items as shown, at most [`MAX_SHOWN`].
    pub shown: Vec<Signals>,
    /// What became of them.
    pub outcome: Outcome,
    /// The signals that a curator said mattered, if any.
    pub ticked: Vec<Signal>,
}

/// Refuses signals that are not numbers in [0, 1].
pub(super) fn check_signals<'a>(
    items: impl IntoIterator<Item = &'a Signals>,
) -> Result<(), BanditError> {
    for (at, signals) in items.into_iter().enumerate() {
        for (signal, &value) in Signal::ALL.iter().zip(signals) {
            if !(0.0..=1.0).contains(&value) {
                return Err(BanditError::Signal {
                    at,
                    signal: signal.name(),
                    value,
                });
            }
        }
    }
    Ok(())
}

impl SlateFeedback {
    /// Whether outcome and slate fit together.
    ///
    /// # Errors
    /// If not, if there are too many items, or if a signal is out of range.
    pub fn check(&self) -> Result<(), BanditError> {
        let problem = |problem| {
            Err(BanditError::Feedback {
                event: self.event,
                problem,
            })
        };
        let shown = self.shown.len();
        if shown > MAX_SHOWN {
            return Err(BanditError::TooMany {
                what: "items of a slate",
                given: shown,
                most: MAX_SHOWN,
            });
        }
        match &self.outcome {
            Outcome::OnePick(None) => {}
            Outcome::OnePick(Some(at)) | Outcome::PastPick(at) if *at < shown => {}
            Outcome::OnePick(Some(_)) | Outcome::PastPick(_) => {
                return problem("the pick is none of the items shown");
            }
            Outcome::Clicks(clicks) if clicks.len() == shown => {}
            Outcome::Clicks(_) => return problem("there must be one click or none for each item"),
        }
        check_signals(&self.shown)
    }

    /// What the ticked signals say about weights: equal shares of them, and 0 for the others.
    pub(super) fn ticked_shares(&self) -> Option<Signals> {
        let mut shares = [0.0; SIGNALS];
        for signal in &self.ticked {
            shares[signal.index()] = 1.0;
        }
        let total: f64 = shares.iter().sum();
        (total > 0.0).then(|| shares.map(|share| share / total))
    }
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) feedback: SlateFeedback,
    /// How many events came before it.
    pub(super) sequence: u64,
    /// How much it counts before any forgetting.
    pub(super) weight: f64,
}

/// The events in the order of their delivery, and the ids of all that ever came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EventLog {
    pub(super) events: Vec<Event>,
    /// The ids of `events` and of those that were folded.
    pub(super) known: FxHashSet<u128>,
    /// How many events came.
    pub(super) arrived: u64,
}

impl EventLog {
    /// Keeps an event, unless its id is known.
    pub(super) fn insert(&mut self, feedback: SlateFeedback, weight: f64) -> bool {
        if !self.known.insert(feedback.event) {
            return false;
        }
        self.events.push(Event {
            feedback,
            sequence: self.arrived,
            weight,
        });
        self.arrived += 1;
        true
    }

    /// The event that came last, and its place.
    pub(super) fn last(&self) -> Option<(&Event, usize)> {
        let at = self.events.len().checked_sub(1)?;
        Some((&self.events[at], at))
    }

    /// How much each event counts, the last one in full: `γ_f` to the number of events after it.
    pub(super) fn weights(&self, forgetting: f64) -> Vec<f64> {
        let weight = |event: &Event| {
            let after = self.arrived - 1 - event.sequence;
            // A power of 1 takes its time as well.
            if forgetting < 1.0 {
                event.weight * forgetting.powf(after as f64)
            } else {
                event.weight
            }
        };
        self.events.iter().map(weight).collect()
    }
}
