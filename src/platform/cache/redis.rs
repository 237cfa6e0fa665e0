//! The tier that several processes share.
//!
//! Values lie under `PREFIX:v:DIGEST`, the generations of tags under `PREFIX:g:DIGEST`, each with
//! a time to live. A value is read together with the generations of its tags, in one command, and
//! is believed only if they are those that it was made under. A change is told over the channel
//! `PREFIX:changes`, so that other processes drop what they hold themselves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue, RedisResult};
use tokio::sync::{Notify, watch};

use super::key::TagDigest;
use crate::foundation::Rng;

/// Longer than any value lives, so that a generation is there as long as a value made under it.
const GENERATION_SECONDS: u64 = 24 * 60 * 60;
/// After so many failures in a row nobody tries until the keeper has made a new connection.
const FAILURES: u32 = 3;
/// So many changes are told in one go.
const AT_ONCE: usize = 500;

/// Redis, when it is there.
pub(super) struct Redis {
    pub(super) client: Client,
    pub(super) timeout: Duration,
    prefix: String,
    rng: Rng,
    connection: RwLock<Option<MultiplexedConnection>>,
    failures: AtomicU32,
    unsent: Mutex<Unsent>,
    /// How many changes are not in Redis yet.
    waiting: watch::Sender<usize>,
    /// Whether there is a connection.
    pub(super) connected: watch::Sender<bool>,
    /// Wakes the keeper: there is something to send, or something is wrong.
    pub(super) wake: Notify,
}

/// Changes that are not in Redis yet, each with the number of its latest. They outlive a loss of
/// Redis, as much as this process does.
#[derive(Default)]
struct Unsent {
    tags: HashMap<TagDigest, u64>,
    latest: u64,
}

/// What Redis has under a key.
pub(super) struct Found {
    /// The value, or whatever else stands there.
    pub(super) frame: Option<Vec<u8>>,
    /// The generations of the tags; empty for one that has not changed for a day.
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
            unsent: Mutex::default(),
            waiting: watch::Sender::new(0),
            connected: watch::Sender::new(false),
            wake: Notify::new(),
        }
    }

    /// What stands under `key`, with the generations of `tags`; `None` if Redis is away, or does
    /// not know of the latest changes yet.
    pub(super) async fn get(&self, key: u128, tags: &[TagDigest]) -> Option<Found> {
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
        let mut values = self.note(read)?.into_iter();
        let frame = values.next()?;
        Some(Found {
            frame,
            generations: values.map(Option::unwrap_or_default).collect(),
        })
    }

    /// Keeps a value for as long as it lives. Where that fails, the value is not kept.
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
        self.note(written);
    }

    /// What these tags name has changed; the keeper tells Redis at once, or when it is back.
    pub(super) fn changed(&self, tags: &[TagDigest]) {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        unsent.latest += 1;
        let latest = unsent.latest;
        unsent.tags.extend(tags.iter().map(|tag| (*tag, latest)));
        self.waiting.send_replace(unsent.tags.len());
        drop(unsent);
        self.wake.notify_one();
    }

    /// Waits until Redis knows of all changes, or is away, or until the time is up.
    pub(super) async fn settled(&self, limit: Duration) {
        let mut waiting = self.waiting.subscribe();
        let mut connected = self.connected.subscribe();
        let done = async {
            tokio::select! {
                _ = waiting.wait_for(|waiting| *waiting == 0) => {}
                _ = connected.wait_for(|connected| !*connected) => {}
            }
        };
        // What is not told in time is told later.
        let _ = tokio::time::timeout(limit, done).await;
    }

    /// Tells Redis and the other processes of all changes that are not there yet.
    ///
    /// # Errors
    /// When Redis fails; the changes are then still to be sent.
    pub(super) async fn send(&self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        loop {
            let some: Vec<(TagDigest, u64)> = {
                let unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
                let all = unsent.tags.iter();
                all.take(AT_ONCE)
                    .map(|(tag, number)| (*tag, *number))
                    .collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            let mut commands = redis::pipe();
            commands.atomic();
            // A fresh name and no count: after a loss of Redis' memory a count begins again, and
            // what was kept under its old values would be believed.
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
            let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
            for (tag, number) in some {
                if unsent.tags.get(&tag) == Some(&number) {
                    unsent.tags.remove(&tag);
                }
            }
            self.waiting.send_replace(unsent.tags.len());
        }
    }

    pub(super) fn channel(&self) -> String {
        format!("{}:changes", self.prefix)
    }

    /// Begins to use a connection, or stops using the one there was.
    pub(super) fn set_connection(&self, connection: Option<MultiplexedConnection>) {
        self.failures.store(0, Ordering::Relaxed);
        let there = connection.is_some();
        *self
            .connection
            .write()
            .unwrap_or_else(PoisonError::into_inner) = connection;
        self.connected.send_replace(there);
    }

    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        let connection = self
            .connection
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        connection.clone()
    }

    fn is_behind(&self, tags: &[TagDigest]) -> bool {
        let unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        !unsent.tags.is_empty() && tags.iter().any(|tag| unsent.tags.contains_key(tag))
    }

    /// What a command answered. A failure costs the command alone; several in a row cost the
    /// connection, so that nobody waits for a Redis that is away.
    fn note<T: FromRedisValue>(&self, answer: RedisResult<T>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.failures.store(0, Ordering::Relaxed);
                Some(answer)
            }
            Err(error) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures >= FAILURES || (error.is_io_error() && !error.is_timeout()) {
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
