//! How often what a tag names has changed, as far as this process knows.

use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{TagDigest, is_wide};

/// Counters for users, a power of two: half a mebibyte, however many users there are. Users who
/// share one make each other's values unreachable too early, which costs time and nothing else.
const NARROW: usize = 1 << 16;
/// Counters for tags that many values have: few, so that hardly two share one.
const WIDE: usize = 1 << 16;

/// A counter for each tag. What was kept under an older count is not found again.
pub(super) struct Generations {
    narrow: Box<[AtomicU64]>,
    wide: Box<[AtomicU64]>,
    all: AtomicU64,
}

impl Generations {
    pub(super) fn new() -> Self {
        let counters = |many| (0..many).map(|_| AtomicU64::new(0)).collect();
        Self {
            narrow: counters(NARROW),
            wide: counters(WIDE),
            all: AtomicU64::new(0),
        }
    }

    /// The present count of what `tag` names.
    pub(super) fn of(&self, tag: TagDigest) -> u64 {
        self.counter(tag).load(Ordering::SeqCst)
    }

    /// How often everything was given up.
    pub(super) fn of_all(&self) -> u64 {
        self.all.load(Ordering::SeqCst)
    }

    /// What `tag` names has changed.
    pub(super) fn changed(&self, tag: TagDigest) {
        self.counter(tag).fetch_add(1, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub(super) fn all_changed(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
    }

    fn counter(&self, tag: TagDigest) -> &AtomicU64 {
        let counters = if is_wide(tag) {
            &self.wide
        } else {
            &self.narrow
        };
        // The lengths are powers of two that fit into any `usize`.
        &counters[tag as usize & (counters.len() - 1)]
    }
}
