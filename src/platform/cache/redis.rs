//! The tier in Redis, shared by several processes.
//!
//! Values are stored under `PREFIX:v:DIGEST`, the generations of tags under `PREFIX:g:DIGEST`, each with
//! a time to live; token buckets under `PREFIX:b:DIGEST`. A value is read together with the generations of its tags, in one command, and
//! is used only if they are those that it was stored with. Invalidations are published on the channel
//! `PREFIX:changes`, so that other processes invalidate their own tiers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue, RedisResult};
use tokio::sync::{Notify, watch};

use super::buckets::{Rate, SCRIPT};
use super::key::TagDigest;
use crate::foundation::Rng;

/// Longer than the time to live of any value, so that a generation outlives the values stored with it.
const GENERATION_SECONDS: u64 = 24 * 60 * 60;
/// After this many consecutive failures Redis is not used until there is a new connection.
const MAX_FAILURES: u32 = 3;
/// The number of invalidations sent in one command.
const BATCH_SIZE: usize = 500;

/// The connection to Redis and the invalidations to send.
pub(super) struct Redis {
    pub(super) client: Client,
    pub(super) timeout: Duration,
    prefix: String,
    rng: Rng,
    connection: RwLock<Option<MultiplexedConnection>>,
    failures: AtomicU32,
    pending: Mutex<PendingInvalidations>,
    /// The number of pending invalidations.
    pending_count: watch::Sender<usize>,
    /// Whether there is a connection.
    pub(super) connected: watch::Sender<bool>,
    /// Wakes the maintenance task: there is something to send, or the connection has failed.
    pub(super) wake: Notify,
}

/// Invalidations that are not in Redis yet, each with the number of its latest. They survive a loss of the
/// connection.
#[derive(Default)]
struct PendingInvalidations {
    tags: HashMap<TagDigest, u64>,
    latest: u64,
}

/// The content of a key in Redis.
pub(super) struct RedisEntry {
    /// The encoded value, if any.
    pub(super) frame: Option<Vec<u8>>,
    /// The generations of the tags; empty for a tag that was not invalidated for a day.
    pub(super) generations: Vec<Vec<u8>>,
}

impl Redis {
    pub(super) fn new(client: Client, prefix: String, timeout: Duration, rng: Rng) -> Self {
        Self {
            client,
            timeout,
            prefix,
            rng,
            connection: RwLock::default(),
            failures: AtomicU32::new(0),
            pending: Mutex::default(),
            pending_count: watch::Sender::new(0),
            connected: watch::Sender::new(false),
            wake: Notify::new(),
        }
    }

    /// The entry of `key`, with the generations of `tags`; `None` if Redis is away, or does not have the
    /// latest invalidations yet.
    pub(super) async fn get(&self, key: u128, tags: &[TagDigest]) -> Option<RedisEntry> {
        if self.is_behind(tags) {
            return None;
        }
        let mut connection = self.connection()?;
        let mut command = redis::cmd("MGET");
        command.arg(self.value_key(key));
        for tag in tags {
            command.arg(self.generation_key(*tag));
        }
        let read: RedisResult<Vec<Option<Vec<u8>>>> = command.query_async(&mut connection).await;
        let mut values = self.check(read)?.into_iter();
        let frame = values.next()?;
        Some(RedisEntry {
            frame,
            generations: values.map(Option::unwrap_or_default).collect(),
        })
    }

    /// Stores a value with a time to live. A failure is ignored.
    pub(super) async fn put(&self, key: u128, frame: &[u8], time_to_live: TimeDelta) {
        let Some(mut connection) = self.connection() else {
            return;
        };
        let mut command = redis::cmd("SET");
        command
            .arg(self.value_key(key))
            .arg(frame)
            .arg("PX")
            .arg(time_to_live.num_milliseconds().max(1));
        let written: RedisResult<()> = command.query_async(&mut connection).await;
        self.check(written);
    }

    /// Takes tokens of a bucket: whether they were there, and how many are left. `None` if Redis is away.
    pub(super) async fn take(&self, key: u128, rate: Rate, wanted: u64) -> Option<(bool, f64)> {
        let mut connection = self.connection()?;
        let mut command = redis::cmd("EVAL");
        command
            .arg(SCRIPT)
            .arg(1)
            .arg(format!("{}:b:{key:032x}", self.prefix))
            .arg(rate.capacity)
            .arg(rate.per_second)
            .arg(wanted);
        let answer: RedisResult<(u8, String)> = command.query_async(&mut connection).await;
        let (granted, tokens) = self.check(answer)?;
        Some((granted == 1, tokens.parse().ok()?))
    }

    /// Queues the invalidation of `tags`. It is sent at once, or when Redis is back.
    pub(super) fn invalidate(&self, tags: &[TagDigest]) {
        let mut pending = self.pending.lock();
        pending.latest += 1;
        let latest = pending.latest;
        pending.tags.extend(tags.iter().map(|tag| (*tag, latest)));
        self.pending_count.send_replace(pending.tags.len());
        drop(pending);
        self.wake.notify_one();
    }

    /// Waits until all invalidations are in Redis, or Redis is away, or `limit` has passed.
    pub(super) async fn flush(&self, limit: Duration) {
        let mut pending_count = self.pending_count.subscribe();
        let mut connected = self.connected.subscribe();
        let done = async {
            tokio::select! {
                _ = pending_count.wait_for(|pending_count| *pending_count == 0) => {}
                _ = connected.wait_for(|connected| !*connected) => {}
            }
        };
        // What is not sent in time is sent later.
        let _ = tokio::time::timeout(limit, done).await;
    }

    /// Sends all pending invalidations to Redis and the other processes.
    ///
    /// # Errors
    /// When Redis fails; the invalidations are then still pending.
    pub(super) async fn send(&self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        loop {
            let some: Vec<(TagDigest, u64)> = {
                let pending = self.pending.lock();
                let all = pending.tags.iter();
                all.take(BATCH_SIZE)
                    .map(|(tag, number)| (*tag, *number))
                    .collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            let mut commands = redis::pipe();
            commands.atomic();
            // A random name rather than a counter: after Redis lost its memory a counter would restart, and
            // values stored under its old numbers would be used.
            let name: u128 = u128::from_le_bytes(self.rng.bytes());
            let mut message = String::with_capacity(17 * some.len());
            for (tag, _) in &some {
                let key = self.generation_key(*tag);
                let name = name.to_le_bytes();
                commands
                    .cmd("SET")
                    .arg(key)
                    .arg(&name)
                    .arg("EX")
                    .arg(GENERATION_SECONDS);
                message += &format!("{tag:016x} ");
            }
            commands.cmd("PUBLISH").arg(self.channel()).arg(message);
            commands.query_async::<()>(&mut connection).await?;
            let mut pending = self.pending.lock();
            for (tag, number) in some {
                if pending.tags.get(&tag) == Some(&number) {
                    pending.tags.remove(&tag);
                }
            }
            self.pending_count.send_replace(pending.tags.len());
        }
    }

    pub(super) fn channel(&self) -> String {
        format!("{}:changes", self.prefix)
    }

    /// Sets or removes the connection.
    pub(super) fn set_connection(&self, connection: Option<MultiplexedConnection>) {
        self.failures.store(0, Ordering::Relaxed);
        let is_connected = connection.is_some();
        *self.connection.write() = connection;
        self.connected.send_replace(is_connected);
    }

    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        let connection = self.connection.read();
        connection.clone()
    }

    fn is_behind(&self, tags: &[TagDigest]) -> bool {
        let pending = self.pending.lock();
        !pending.tags.is_empty() && tags.iter().any(|tag| pending.tags.contains_key(tag))
    }

    /// Checks the result of a command. Several consecutive failures drop the connection, so that no request
    /// waits for a Redis that is away.
    fn check<T: FromRedisValue>(&self, answer: RedisResult<T>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.failures.store(0, Ordering::Relaxed);
                Some(answer)
            }
            Err(error) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures >= MAX_FAILURES || (error.is_io_error() && !error.is_timeout()) {
                    self.set_connection(None);
                    self.wake.notify_one();
                }
                None
            }
        }
    }

    fn value_key(&self, key: u128) -> String {
        format!("{}:v:{key:032x}", self.prefix)
    }

    fn generation_key(&self, tag: TagDigest) -> String {
        format!("{}:g:{tag:016x}", self.prefix)
    }
}
