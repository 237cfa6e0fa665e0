//! The log of a slate: what its weights were drawn from, and its best candidates with their signals. Other versions
//! of the bandit are judged by it.

use ranking::bandit::{DrawDistribution, SIGNALS};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::foundation::{Id, id};

/// So many candidates are kept at most, the best by the score of the draw: 40 bytes each. What another version
/// would have offered is nearly always among them.
pub(super) const MAX_LOGGED: usize = 500;

/// A candidate of a slate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LoggedCandidate {
    pub(super) content: Id<id::Content>,
    pub(super) signals: [f64; SIGNALS],
}

/// What is known of a slate beside the films that were offered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SlateLog {
    pub(super) draws: DrawDistribution,
    /// The best first.
    pub(super) candidates: Vec<LoggedCandidate>,
}

/// A log as it is stored. Signals with four bytes are exact to 1e-7.
#[derive(Serialize, Deserialize)]
struct Stored {
    draws: DrawDistribution,
    candidates: Vec<(Uuid, [f32; SIGNALS])>,
}

impl SlateLog {
    /// Its bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let stored = |candidate: &LoggedCandidate| {
            let signals = candidate.signals.map(|signal| signal as f32);
            (candidate.content.uuid(), signals)
        };
        let stored = Stored {
            draws: self.draws.clone(),
            candidates: self.candidates.iter().map(stored).collect(),
        };
        // Writing to memory what has no maps does not fail; if it did, the slate would not be judged.
        postcard::to_allocvec(&stored).unwrap_or_default()
    }

    /// The log of these bytes; `None` for those of another version of the program.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = postcard::from_bytes(bytes).ok()?;
        let read = |(content, signals): (Uuid, [f32; SIGNALS])| LoggedCandidate {
            content: content.into(),
            signals: signals.map(f64::from),
        };
        Some(Self {
            draws: stored.draws,
            candidates: stored.candidates.into_iter().map(read).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ranking::bandit::{Bandit, Settings, SlateContext};

    use super::*;

    #[test]
    fn a_log_is_read_as_it_was_written() {
        let candidate = |number: u128| LoggedCandidate {
            content: Uuid::from_u128(number).into(),
            signals: [0.0, 0.25, 0.5, 0.75, 1.0, 0.125],
        };
        let bandit = Bandit::new(Settings::default(), 1).unwrap();
        let context = SlateContext::new(21, 4, 3, 0).unwrap();
        let log = SlateLog {
            draws: bandit.draw_distribution(&context),
            candidates: vec![candidate(1), candidate(2)],
        };
        let bytes = log.to_bytes();
        assert!(bytes.len() <= 2 * 42 + 340, "{}", bytes.len());
        assert_eq!(SlateLog::from_bytes(&bytes[1..]), None);
        assert_eq!(SlateLog::from_bytes(&bytes), Some(log));
    }
}
