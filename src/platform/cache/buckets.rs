//! Token buckets: how much of something somebody may have, at once and a second.
//!
//! A bucket holds at most `capacity` tokens and gets `per_second` new ones (ITU-T I.371, the leaky bucket as a
//! meter). With Redis all processes share it: a script takes the tokens in one step, by the clock of Redis. Without
//! Redis, and while it is away, each process has buckets of its own. This is a few lines rather than a library: both
//! places must compute alike, and the clock is the one that tests stop.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;

use super::{Cache, CacheKind, Key};

/// The type of buckets, which no value has.
struct Bucket;

/// How large a bucket is, and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The most tokens in it; a new one is full.
    pub capacity: u64,
    /// Tokens that it gets a second; above 0.
    pub per_second: f64,
}

/// What a bucket says to somebody who wants tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// Whether the tokens were there, and are now taken; else none was taken.
    pub granted: bool,
    /// Whole tokens that are left.
    pub left: u64,
    /// How long until the wanted tokens are there; nothing where they were granted.
    pub wait: Duration,
    /// How long until the bucket is full.
    pub full_in: Duration,
}

/// A bucket of this process.
#[derive(Clone, Copy)]
pub(super) struct BucketState {
    tokens: f64,
    at: DateTime<Utc>,
}

/// The buckets of this process.
pub(super) type Buckets =
    moka::sync::Cache<u128, Arc<Mutex<BucketState>>, rustc_hash::FxBuildHasher>;

/// Takes `ARGV[3]` tokens of a bucket of `ARGV[1]` tokens that gets `ARGV[2]` a second; answers whether they were
/// there, and how many are left, as text. It is kept until it would be full again.
pub(super) const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local capacity, rate, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(state[1]) or capacity
local at = tonumber(state[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)
local granted = 0
if tokens >= wanted then
  tokens = tokens - wanted
  granted = 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate * 1000) + 1000)
return { granted, string.format('%.6f', tokens) }
";

impl Cache {
    /// Takes `wanted` tokens of the bucket `name`; of one that has fewer, none.
    pub async fn take(&self, name: &impl Serialize, rate: Rate, wanted: u64) -> Taken {
        // More than it ever holds is everything that it holds, or nobody would ever get it.
        let wanted = wanted.min(rate.capacity);
        // Of a type of its own, so that no value has this digest.
        let key = Key::new(CacheKind::Metadata, &[], name);
        let Some(digest) = self.slot::<Bucket>(&key).map(|slot| slot.digest) else {
            return taken(rate, wanted, rate.capacity as f64, true);
        };
        let shared = match self.shared.redis() {
            Some(redis) => redis.take(digest, rate, wanted).await,
            None => None,
        };
        let (granted, tokens) = shared.unwrap_or_else(|| self.take_here(digest, rate, wanted));
        taken(rate, wanted, tokens, granted)
    }

    fn take_here(&self, digest: u128, rate: Rate, wanted: u64) -> (bool, f64) {
        let now = self.shared.clock.now();
        let full = || {
            Arc::new(Mutex::new(BucketState {
                tokens: rate.capacity as f64,
                at: now,
            }))
        };
        let level = self.shared.buckets.get_with(digest, full);
        let mut level = level.lock();
        let seconds = (now - level.at).as_seconds_f64().max(0.0);
        level.tokens = (level.tokens + seconds * rate.per_second).min(rate.capacity as f64);
        level.at = now;
        let granted = level.tokens >= wanted as f64;
        if granted {
            level.tokens -= wanted as f64;
        }
        (granted, level.tokens)
    }
}

fn taken(rate: Rate, wanted: u64, tokens: f64, granted: bool) -> Taken {
    let until = |more: f64| {
        let seconds = more.max(0.0) / rate.per_second;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    };
    Taken {
        granted,
        left: tokens as u64,
        wait: match granted {
            true => Duration::ZERO,
            false => until(wanted as f64 - tokens),
        },
        full_in: until(rate.capacity as f64 - tokens),
    }
}
