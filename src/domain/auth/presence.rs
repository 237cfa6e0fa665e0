//! Who is still there: what the database said of a session or a key a moment ago.
//!
//! It saves one statement a request, and must never outlive a logout. Each key belongs to a
//! stripe that counts the changes to its members; what was read before a change is not believed
//! after it. Across processes an answer is believed for [`TTL`] at most.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use rustc_hash::FxBuildHasher;

use crate::foundation::{Clock, Result};

/// How long an answer is believed. The logout of another process shows after this at the latest.
const TTL: TimeDelta = TimeDelta::seconds(5);
const CAPACITY: u64 = 50_000;
const STRIPES: usize = 1024;

/// Answers about keys `K`, each of which concerns one subject `S`.
#[derive(Clone)]
pub(super) struct Presence<K, S, V> {
    answers: Cache<K, Answer<V>>,
    changes: Arc<Vec<AtomicU64>>,
    clock: Clock,
    subject: fn(&K) -> S,
}

#[derive(Clone)]
struct Answer<V> {
    value: V,
    read_at: DateTime<Utc>,
    changes: u64,
}

impl<K, S, V> Presence<K, S, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: Hash,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing is known yet; `subject` says whom a key concerns.
    pub(super) fn new(clock: Clock, subject: fn(&K) -> S) -> Self {
        Self {
            answers: Cache::new(CAPACITY),
            changes: Arc::new((0..STRIPES).map(|_| AtomicU64::new(0)).collect()),
            clock,
            subject,
        }
    }

    /// What `ask` says about `key`, or said a moment ago.
    pub(super) async fn get(&self, key: K, ask: impl AsyncFnOnce() -> Result<V>) -> Result<V> {
        let stripe = self.stripe(&(self.subject)(&key));
        // Read before the question is asked: a change in between makes the answer worthless.
        let changes = stripe.load(Ordering::SeqCst);
        let now = self.clock.now();
        if let Some(known) = self.answers.get(&key).await
            && known.changes == changes
            && (TimeDelta::zero()..TTL).contains(&(now - known.read_at))
        {
            return Ok(known.value);
        }
        let value = ask().await?;
        let answer = Answer {
            value: value.clone(),
            read_at: now,
            changes,
        };
        self.answers.insert(key, answer).await;
        Ok(value)
    }

    /// Something about `subject` has changed. Call it after the change is committed and before
    /// anybody is told of it: by `Db::transaction_then`, which no dropped request can prevent.
    pub(super) fn changed(&self, subject: &S) {
        self.stripe(subject).fetch_add(1, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub(super) fn all_changed(&self) {
        for stripe in self.changes.iter() {
            stripe.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn stripe(&self, subject: &S) -> &AtomicU64 {
        // The upper half: FxHash mixes towards the top.
        let place = (FxBuildHasher.hash_one(subject) >> 32) as usize % STRIPES;
        &self.changes[place]
    }
}
