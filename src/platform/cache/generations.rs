//! Generations of tags: how often each tag was invalidated, as far as this process knows.

use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{TagDigest, is_shared};

/// The number of counters for users, a power of two: half a mebibyte, however many users there are. Users
/// that share a counter invalidate each other's values, which costs time and nothing else.
const USER_COUNTERS: usize = 1 << 16;
/// The number of counters for tags that many values have.
const SHARED_COUNTERS: usize = 1 << 16;

/// A counter for each tag. Values that were cached under an older count are not found again.
pub(super) struct Generations {
    users: Box<[AtomicU64]>,
    shared: Box<[AtomicU64]>,
    all: AtomicU64,
}

impl Generations {
    pub(super) fn new() -> Self {
        let counters = |many| (0..many).map(|_| AtomicU64::new(0)).collect();
        Self {
            users: counters(USER_COUNTERS),
            shared: counters(SHARED_COUNTERS),
            all: AtomicU64::new(0),
        }
    }

    /// The generation of `tag`.
    pub(super) fn of(&self, tag: TagDigest) -> u64 {
        self.counter(tag).load(Ordering::SeqCst)
    }

    /// How often everything was invalidated.
    pub(super) fn of_all(&self) -> u64 {
        self.all.load(Ordering::SeqCst)
    }

    /// Invalidates `tag`.
    pub(super) fn invalidate(&self, tag: TagDigest) {
        self.counter(tag).fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates everything.
    pub(super) fn invalidate_all(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
    }

    fn counter(&self, tag: TagDigest) -> &AtomicU64 {
        let counters = if is_shared(tag) {
            &self.shared
        } else {
            &self.users
        };
        // The lengths are powers of two that fit into any `usize`.
        &counters[tag as usize & (counters.len() - 1)]
    }
}
