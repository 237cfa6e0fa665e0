//! The log of a slate: its best candidates with their signals, from which other versions of the bandit are
//! judged by what was decided.

use ranking::bandit::SIGNALS;
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

/// A candidate as it is stored. Signals with four bytes are exact to 1e-7.
#[derive(Serialize, Deserialize)]
struct Stored {
    content: Uuid,
    signals: [f32; SIGNALS],
}

/// The bytes of a log.
pub(super) fn to_bytes(candidates: &[LoggedCandidate]) -> Vec<u8> {
    let stored = |candidate: &LoggedCandidate| Stored {
        content: candidate.content.uuid(),
        signals: candidate.signals.map(|signal| signal as f32),
    };
    let stored: Vec<Stored> = candidates.iter().map(stored).collect();
    // Writing to memory what has no maps does not fail; if it did, the slate would not be judged.
    postcard::to_allocvec(&stored).unwrap_or_default()
}

/// The candidates of a log; `None` for bytes of another version of the program.
#[cfg(test)]
fn from_bytes(bytes: &[u8]) -> Option<Vec<LoggedCandidate>> {
    let stored: Vec<Stored> = postcard::from_bytes(bytes).ok()?;
    let read = |stored: Stored| LoggedCandidate {
        content: stored.content.into(),
        signals: stored.signals.map(f64::from),
    };
    Some(stored.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_as_it_was_written() {
        let candidate = |number: u128| LoggedCandidate {
            content: Uuid::from_u128(number).into(),
            signals: [0.0, 0.25, 0.5, 0.75, 1.0, 0.125],
        };
        let candidates = [candidate(1), candidate(2)];
        let bytes = to_bytes(&candidates);
        assert_eq!(from_bytes(&bytes).unwrap(), candidates);
        assert!(bytes.len() <= 2 * 42 + 1, "{}", bytes.len());
        assert_eq!(from_bytes(&bytes[1..]), None);
    }
}
