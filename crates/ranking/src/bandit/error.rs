//! What the bandit refuses.

use thiserror::Error;

/// Why the bandit refuses something.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BanditError {
    /// A part of a context is out of range.
    #[error(
        "hour {hour}, weekday {weekday}, month {month}: the hour is 0 to 23, the weekday 0 (Monday) \
         to 6, the month 1 to 12"
    )]
    SlateContext {
        /// The hour given.
        hour: u8,
        /// The weekday given.
        weekday: u8,
        /// The month given.
        month: u8,
    },
    /// A setting is out of range.
    #[error("the bandit's setting `{setting}` must be {range}, not {value}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it may be, in words.
        range: &'static str,
        /// What was given.
        value: f64,
    },
    /// A signal is not a number in [0, 1].
    #[error("signal `{signal}` of item {at} is {value}; signals are numbers from 0 to 1")]
    Signal {
        /// The place of the item among those given, from 0.
        at: usize,
        /// The name of the signal.
        signal: &'static str,
        /// What was given.
        value: f64,
    },
    /// Feedback that does not fit the slate.
    #[error("feedback {event}: {problem}")]
    Feedback {
        /// The id of the event.
        event: u128,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// A slate whose weights this bandit would not have made of the same draw.
    #[error(
        "the slate was drawn by another sampler or with other settings of it, whose draws are not of the same \
         numbers; only a bandit of the same sampler can be judged by it"
    )]
    OtherSampler,
    /// A logged slate that does not fit together.
    #[error("judging needs 1 to 1048576 replays, and places of candidates that there are")]
    Log,
    /// Too many of something.
    #[error("{given} {what} are too many; at most {most} are allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// How many may be.
        most: usize,
    },
}
