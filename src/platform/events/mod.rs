//! Events: what happened, told to the subscriptions of this process and of all others.
//!
//! An event is a row of the table `events` (an outbox), written by [`append`] in the transaction of the
//! change. It exists exactly if the change does, and whoever receives it finds the change. The commit
//! notifies the listening processes (`NOTIFY`); each reads the new rows on one connection of its own, once
//! for all its subscriptions ([`EventListener`]). A lost connection, a slow process and a transaction that
//! commits late lose nothing: a reader continues from the snapshot of its last look at the table. Where
//! notifications do not arrive, such as behind a transaction pooler, the reader looks at the table once a
//! second. Nothing crosses schemas.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::config::SchemaName;
use crate::foundation::{Result, Rng};

mod reader;

/// How long a subscription waits for the reader's first look at the table. If that takes longer, since the
/// database is away, the subscription begins with [`Received::Missed`].
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The beginning of a statement that writes events from rows: `topic` (text), `key` (uuid or null) and
/// `payload` (jsonb). For changes that are one statement; [`append`] is for transactions.
pub const APPEND: &str = "INSERT INTO events (topic, key, payload)";

/// A kind of event.
pub trait Event: Serialize + DeserializeOwned {
    /// The name of the topic: subscribers to it receive all events of this kind.
    const TOPIC: &'static str;

    /// What the event is about. Subscribers to a key receive only its events. `None` where all
    /// subscribers want all events.
    fn key(&self) -> Option<Uuid> {
        None
    }
}

/// Writes events in the transaction of `connection`: they are received when it commits, in this order.
///
/// # Errors
/// When the database fails, or an event cannot be written as JSON.
pub async fn append<T: Event>(connection: &impl ConnectionTrait, events: &[T]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    // An array of a statement has no nulls: the empty text stands for no key.
    let key = |event: &T| event.key().map(|key| key.to_string()).unwrap_or_default();
    let keys: Vec<String> = events.iter().map(key).collect();
    let payloads: Vec<String> = events
        .iter()
        .map(serde_json::to_string)
        .collect::<serde_json::Result<_>>()
        .map_err(anyhow::Error::from)?;
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!(
            "{APPEND} SELECT $1, nullif(key, '')::uuid, payload::jsonb \
               FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS new (key, payload, place) \
              ORDER BY place"
        ),
        [T::TOPIC.into(), keys.into(), payloads.into()],
    );
    connection.execute_raw(statement).await?;
    Ok(())
}

/// What a subscription receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// An event.
    Event {
        /// Its number, which no other event of the schema has. Larger numbers may be received first:
        /// numbers are assigned when events are written, and events are received when they are committed.
        number: i64,
        /// The event itself.
        event: T,
    },
    /// Events may have been missed: this subscription was too slow, the database was away for minutes, or
    /// another version of the program wrote something unreadable. Read the table of what changed.
    Missed,
}

/// The events of all schemas for this process: a connection that listens, and one reader. Both start with
/// the first subscription. Cheap to clone.
#[derive(Clone)]
pub struct EventListener(Arc<Shared>);

struct Shared {
    inner: Arc<Inner>,
    /// The reader, once it was started.
    reader: Mutex<Option<AbortHandle>>,
}

/// What the reader and the subscriptions share.
struct Inner {
    /// A number that no other process has.
    origin: u64,
    /// The address of a direct connection to the database.
    url: String,
    topics: Topics,
    /// The schemas with subscriptions.
    wanted: Mutex<HashSet<Arc<str>>>,
    /// Notified when a schema is added to `wanted`.
    added: Notify,
    /// The schemas that the reader has looked at: whatever is committed from then on is received.
    read: watch::Sender<HashSet<Arc<str>>>,
    /// Whether the database notifies this process; `None` before the first connection.
    notified: watch::Sender<Option<bool>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.lock().take() {
            reader.abort();
        }
    }
}

impl EventListener {
    /// The events of the database at `url`, which must be a direct connection for notifications to arrive.
    /// It connects with the first subscription.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let inner = Inner {
            // Never seeded: two processes of one origin would take each other's events for their own.
            origin: Rng::system()?.seed(),
            url: url.to_owned(),
            topics: Topics::default(),
            wanted: Mutex::default(),
            added: Notify::new(),
            read: watch::Sender::default(),
            notified: watch::Sender::new(None),
        };
        Ok(Self(Arc::new(Shared {
            inner: Arc::new(inner),
            reader: Mutex::new(None),
        })))
    }

    /// The events of one schema.
    pub fn of(&self, schema: &SchemaName) -> Events {
        Events {
            shared: Arc::clone(&self.0),
            schema: schema.as_str().into(),
        }
    }

    /// Ends the reader: subscriptions receive nothing more.
    pub fn close(&self) {
        if let Some(reader) = self.0.reader.lock().as_ref() {
            reader.abort();
        }
    }

    /// Waits until the database notifies this process (`true`) or the reader has found that it does not
    /// (`false`), once there is a subscription.
    pub async fn wait_for_notifications(&self, arrive: bool) {
        let mut notified = self.0.inner.notified.subscribe();
        // The sender lives as long as `self`.
        let _ = notified
            .wait_for(|notified| *notified == Some(arrive))
            .await;
    }
}

/// The events of one schema. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
    schema: Arc<str>,
}

impl Events {
    /// A number that no other process has, for events whose own process has nothing to learn from them.
    pub fn origin(&self) -> u64 {
        self.shared.inner.origin
    }

    /// Subscribes to all events of the kind `T`, or to those about `key`. Whatever is committed after this
    /// returns is received: subscribe first and then read the table.
    pub async fn subscribe<T: Event>(&self, key: Option<Uuid>) -> Subscription<T> {
        let inner = &self.shared.inner;
        let channel = Channel {
            schema: Arc::clone(&self.schema),
            topic: T::TOPIC.into(),
            key,
        };
        let receiver = inner.topics.subscribe(&channel);
        self.shared.start(&self.schema);
        let mut read = inner.read.subscribe();
        let is_read = read.wait_for(|read| read.contains(&self.schema));
        let in_time = timeout(START_TIMEOUT, is_read).await.is_ok();
        Subscription {
            shared: Arc::clone(&self.shared),
            channel,
            receiver: Some(receiver),
            missed: !in_time,
            kind: PhantomData,
        }
    }
}

impl Shared {
    /// Makes the reader read `schema`; the first call starts it.
    fn start(&self, schema: &Arc<str>) {
        if !self.inner.wanted.lock().insert(Arc::clone(schema)) {
            return;
        }
        self.inner.added.notify_one();
        let mut reader = self.reader.lock();
        if reader.is_none() {
            let task = tokio::spawn(reader::run(Arc::clone(&self.inner)));
            *reader = Some(task.abort_handle());
        }
    }
}

/// A subscription to the events of a kind, or to those about one key, until it is dropped.
pub struct Subscription<T> {
    shared: Arc<Shared>,
    channel: Channel,
    /// `Some` until the subscription is dropped.
    receiver: Option<Receiver<Delivery>>,
    /// Whether events may have been missed that the receiver does not know of.
    missed: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: Event> Subscription<T> {
    /// The next event. Cancel-safe.
    pub async fn next(&mut self) -> Received<T> {
        if self.missed {
            // Not before the reader has looked: what is committed between the two would be lost.
            let mut read = self.shared.inner.read.subscribe();
            let schema = &self.channel.schema;
            // The sender lives as long as `self`.
            let _ = read.wait_for(|read| read.contains(schema)).await;
            self.missed = false;
            return Received::Missed;
        }
        let Some(receiver) = &mut self.receiver else {
            return std::future::pending().await;
        };
        match receiver.recv().await {
            Ok(Delivery::Event { number, payload }) => match serde_json::from_str(&payload) {
                Ok(event) => Received::Event { number, event },
                Err(error) => {
                    tracing::debug!(%error, topic = T::TOPIC, "An event cannot be read");
                    Received::Missed
                }
            },
            Ok(Delivery::Missed) => Received::Missed,
            Err(RecvError::Lagged(_)) => {
                // The table has everything up to now, so that queued events say nothing new.
                *receiver = receiver.resubscribe();
                Received::Missed
            }
            // The sender stays for as long as there is a subscription.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        let topics = &self.shared.inner.topics;
        topics.leave(&self.channel, self.receiver.take());
    }
}

/// What the reader sends to subscriptions.
#[derive(Clone, Debug)]
enum Delivery {
    Event { number: i64, payload: Arc<str> },
    Missed,
}

/// What subscriptions can be to: a topic of a schema, or one key of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Channel {
    schema: Arc<str>,
    topic: Arc<str>,
    key: Option<Uuid>,
}

impl Channel {
    /// How many events wait for a slow subscription before it is told that it missed some. The memory is
    /// allocated with the first subscription, so the numerous small channels have little.
    fn capacity(&self) -> usize {
        if self.key.is_some() { 32 } else { 512 }
    }
}

/// The channels with subscriptions in this process.
#[derive(Default)]
struct Topics(Mutex<HashMap<Channel, Sender<Delivery>>>);

impl Topics {
    fn subscribe(&self, channel: &Channel) -> Receiver<Delivery> {
        let mut all = self.0.lock();
        if let Some(sender) = all.get(channel) {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(channel.capacity());
        all.insert(channel.clone(), sender);
        receiver
    }

    /// Drops the receiver while the channels are locked: otherwise two concurrent calls would each see the
    /// other receiver, and the channel would stay.
    fn leave(&self, channel: &Channel, receiver: Option<Receiver<Delivery>>) {
        let mut all = self.0.lock();
        drop(receiver);
        if all
            .get(channel)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            all.remove(channel);
        }
    }

    /// Sends an event to the subscriptions to its topic and to its key.
    fn deliver(&self, mut channel: Channel, delivery: &Delivery) {
        let all = self.0.lock();
        if channel.key.is_some()
            && let Some(sender) = all.get(&channel)
        {
            // An event without subscriptions is no failure.
            let _ = sender.send(delivery.clone());
        }
        channel.key = None;
        if let Some(sender) = all.get(&channel) {
            let _ = sender.send(delivery.clone());
        }
    }

    /// Tells all subscriptions of a schema that they may have missed events.
    fn deliver_missed(&self, schema: &str) {
        let all = self.0.lock();
        for (_, sender) in all.iter().filter(|(channel, _)| *channel.schema == *schema) {
            let _ = sender.send(Delivery::Missed);
        }
    }
}
