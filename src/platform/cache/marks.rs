//! Marks: names that are remembered for a short time, by all processes that share a Redis.

use chrono::TimeDelta;
use serde::Serialize;

use super::{Cache, CacheKind, Key, Mark};

/// What a mark is in Redis.
const MARKED: &[u8] = b"1";

impl Cache {
    /// Remembers `name` for so long. Other processes know of it when this is done, if Redis answers.
    pub async fn mark(&self, name: &impl Serialize, lifetime: TimeDelta) {
        let Some(digest) = self.mark_digest(name) else {
            return;
        };
        let until = self.shared.clock.now() + lifetime;
        self.shared.marks.insert(digest, until);
        if let Some(redis) = self.shared.redis() {
            redis.put(digest, MARKED, lifetime).await;
        }
    }

    /// Whether `name` was marked and the time is not over.
    pub async fn is_marked(&self, name: &impl Serialize) -> bool {
        let Some(digest) = self.mark_digest(name) else {
            return false;
        };
        if let Some(until) = self.shared.marks.get(&digest)
            && self.shared.clock.now() < until
        {
            return true;
        }
        match self.shared.redis() {
            Some(redis) => {
                let entry = redis.get(digest, &[]).await;
                entry.is_some_and(|entry| entry.frame.is_some())
            }
            None => false,
        }
    }

    fn mark_digest(&self, name: &impl Serialize) -> Option<u128> {
        // Of a type of its own, so that no value has this digest.
        let key = Key::new(CacheKind::Metadata, &[], name);
        self.slot::<Mark>(&key).map(|slot| slot.digest)
    }
}
