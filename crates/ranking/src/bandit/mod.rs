//! A contextual bandit that ranks films for slates, and the judging of it.
//!
//! Each candidate film has six [`Signals`] in [0, 1]; a slate is the best few by `s · w̃`, where the
//! weights `w̃` are drawn once a slate from what is known about them in this [`SlateContext`] (Thompson
//! sampling). Two samplers stand behind one interface, [`Bandit`]; they differ in how weights follow
//! from the context and in what is kept of the uncertainty ([`Sampler`]).
//!
//! What was picked is kept as events with ids. The posterior is the Laplace approximation around the
//! mode over all events that are kept, so it depends on which events there are and not on when or
//! how often each was delivered.
//!
//! | to | use |
//! |---|---|
//! | draw weights, rank, learn | [`Bandit`], [`Draw`], [`SlateFeedback`] |
//! | know how probable it was that an item was shown | [`Bandit::propensities`], [`Bandit::replay`] |
//! | say what another policy would have earned | [`Bandit::judge`], [`off_policy`] |
//! | store it | [`Bandit::to_npz`], [`Bandit::from_npz`] |
//! | compare it with other policies in invented worlds | [`simulation`] |
//! | let another program play against it | [`protocol`] |

mod artifact;
mod beliefs;
mod channels;
mod context;
mod distribution;
mod error;
mod evaluation;
mod feedback;
mod fit;
mod groups;
mod likelihood;
mod linear_algebra;
mod model;
pub mod off_policy;
mod propensity;
pub mod protocol;
mod random;
mod sampler;
mod settings;
pub mod simulation;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use artifact::ArtifactError;
pub use context::{MAX_CHANNELS, Season, SlateContext, Slot};
pub use distribution::DrawDistribution;
pub use error::BanditError;
pub use evaluation::{LoggedSlate, SlateJudgement};
pub use feedback::{MAX_EVENTS, MAX_SHOWN, Outcome, SlateFeedback};
pub use sampler::{Bandit, Draw, MAX_CANDIDATES, MAX_REPLAYS, Ranked, Weight};
pub use settings::{Sampler, Settings};

/// The number of signals.
pub const SIGNALS: usize = 6;

/// One number for each signal, in the order of [`Signal::ALL`]: a candidate's signals, each in
/// [0, 1], or weights.
pub type Signals = [f64; SIGNALS];

/// What a film is judged by. The discriminant is its place in [`Signals`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The probability that a curator picks it in this context, learned from past picks.
    Curator,
    /// The predicted audience, as a quantile.
    Audience,
    /// How much showing it now answers a rival's showing.
    Competition,
    /// How much it differs from the films programmed last.
    Diversity,
    /// How long it has not been shown, and how seldom.
    Novelty,
    /// How soon its rights end.
    Rights,
}

impl Signal {
    /// All signals in their order.
    pub const ALL: [Self; SIGNALS] = [
        Self::Curator,
        Self::Audience,
        Self::Competition,
        Self::Diversity,
        Self::Novelty,
        Self::Rights,
    ];

    /// Its place in [`Signals`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name in lower case, as in stored files and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Curator => "curator",
            Self::Audience => "audience",
            Self::Competition => "competition",
            Self::Diversity => "diversity",
            Self::Novelty => "novelty",
            Self::Rights => "rights",
        }
    }
}
