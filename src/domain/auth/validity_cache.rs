//! A short-lived cache of the validity of sessions and API keys.
//!
//! It saves one statement a request, and must never outlive a logout. Each key belongs to a stripe that
//! counts the changes to its members; an entry that was read before a change is not used after it. Changes
//! of other processes take effect after [`TTL`] at the latest.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use rustc_hash::FxBuildHasher;

use crate::foundation::{Clock, Result};

/// How long an entry is used. A logout in another process takes effect after this at the latest.
const TTL: TimeDelta = TimeDelta::seconds(5);
const CAPACITY: u64 = 50_000;
const STRIPES: usize = 1024;

/// Caches values `V` by keys `K`, each of which belongs to one subject `S`.
#[derive(Clone)]
pub(super) struct ValidityCache<K, S, V> {
    entries: Cache<K, Entry<V>>,
    changes: Arc<Vec<AtomicU64>>,
    clock: Clock,
    subject: fn(&K) -> S,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    read_at: DateTime<Utc>,
    changes: u64,
}

impl<K, S, V> ValidityCache<K, S, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: Hash,
    V: Clone + Send + Sync + 'static,
{
    /// An empty cache; `subject` maps a key to its subject.
    pub(super) fn new(clock: Clock, subject: fn(&K) -> S) -> Self {
        Self {
            entries: Cache::new(CAPACITY),
            changes: Arc::new((0..STRIPES).map(|_| AtomicU64::new(0)).collect()),
            clock,
            subject,
        }
    }

    /// The cached value of `key`, or else the result of `read`.
    pub(super) async fn get(&self, key: K, read: impl AsyncFnOnce() -> Result<V>) -> Result<V> {
        let stripe = self.stripe(&(self.subject)(&key));
        // Loaded before the value is read: a change in between invalidates the value.
        let changes = stripe.load(Ordering::SeqCst);
        let now = self.clock.now();
        if let Some(known) = self.entries.get(&key).await
            && known.changes == changes
            && (TimeDelta::zero()..TTL).contains(&(now - known.read_at))
        {
            return Ok(known.value);
        }
        let value = read().await?;
        let entry = Entry {
            value: value.clone(),
            read_at: now,
            changes,
        };
        self.entries.insert(key, entry).await;
        Ok(value)
    }

    /// Invalidates the entries of `subject`. Call it after the change is committed and before it is
    /// announced: by `Db::transaction_then`, which no dropped request can prevent.
    pub(super) fn invalidate(&self, subject: &S) {
        self.stripe(subject).fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates all entries.
    pub(super) fn invalidate_all(&self) {
        for stripe in self.changes.iter() {
            stripe.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn stripe(&self, subject: &S) -> &AtomicU64 {
        // The upper half: FxHash mixes towards the top.
        let index = (FxBuildHasher.hash_one(subject) >> 32) as usize % STRIPES;
        &self.changes[index]
    }
}
