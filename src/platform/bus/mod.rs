//! The event bus: publishes events to listeners.
//!
//! The tables are the source of truth; the bus spares listeners from polling them. Events reach the listeners
//! of this process at once, and those of other processes through Redis, if configured. Events are not
//! stored: a listener that may have missed some receives [`Received::Lagged`], and reads the table. Nothing
//! crosses schemas.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::config::{SchemaName, Settings};
use crate::foundation::Rng;

mod redis;

use redis::RedisBridge;

/// How often a listener polls the table even without events: without Redis, events of other processes do
/// not arrive.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The topic of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// A job, by its id.
    Job(Uuid),
    /// All jobs.
    Jobs,
    /// What a user does, by the id of the user.
    User(Uuid),
    /// The stored lists of a user, by the id of the user.
    Recommendations(Uuid),
    /// The served models.
    Models,
    /// Recorded interactions.
    Interactions,
    /// Ended sessions and changed rights.
    Sessions,
}

impl Topic {
    /// How many events wait for a slow listener before it is told that it lags. The memory is allocated
    /// with the first listener, so the numerous small topics have little.
    fn capacity(&self) -> usize {
        match self {
            Self::Job(_) | Self::User(_) | Self::Recommendations(_) => 32,
            Self::Jobs | Self::Models | Self::Interactions | Self::Sessions => 512,
        }
    }
}

/// What a listener receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// An event, with its payload as JSON.
    Event(Arc<str>),
    /// Events may have been lost, since this listener was slow, or Redis went away or came back: read the
    /// table.
    Lagged,
}

/// The buses of all schemas of this process, which share the connection to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Buses(Arc<Shared>);

struct Shared {
    topics: Arc<Topics>,
    bridge: Option<(Arc<RedisBridge>, AbortHandle)>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((_, maintenance)) = &self.bridge {
            maintenance.abort();
        }
    }
}

impl Buses {
    /// Opens the buses. Redis is connected in the background: opening does not wait for it, and it may come
    /// and go. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address of Redis cannot be read, or the system has no randomness.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let topics = Arc::new(Topics::default());
        let bridge = match settings.redis.client()? {
            None => None,
            Some(client) => {
                // Never seeded: two processes with one origin would not hear each other.
                let origin = Rng::system()?.seed();
                let (bridge, queue) = RedisBridge::new(origin);
                let channel = format!("{}:events", settings.redis.prefix);
                let (bridge, received) = (Arc::new(bridge), Arc::clone(&topics));
                let maintenance =
                    redis::maintain(Arc::clone(&bridge), received, client, channel, queue);
                Some((bridge, tokio::spawn(maintenance).abort_handle()))
            }
        };
        Ok(Self(Arc::new(Shared { topics, bridge })))
    }

    /// The bus of one schema.
    pub fn of(&self, schema: &SchemaName) -> Bus {
        Bus {
            shared: Arc::clone(&self.0),
            schema: schema.as_str().into(),
        }
    }

    /// Waits until Redis is connected or disconnected, as `connected` says; forever if none is configured.
    pub async fn wait_for_redis(&self, connected: bool) {
        match &self.0.bridge {
            Some((bridge, _)) => bridge.wait_for_connection(connected).await,
            None => std::future::pending().await,
        }
    }

    /// Waits up to a second until the last events of this process are in Redis.
    pub async fn close(&self) {
        if let Some((bridge, _)) = &self.0.bridge {
            bridge.flush().await;
        }
    }
}

/// The bus of one schema. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    schema: Arc<str>,
}

impl Bus {
    /// Publishes an event to the listeners of `topic`, of this process at once and of others through Redis.
    /// It never fails and never waits: a listener that could not be reached receives [`Received::Lagged`] later. Publish after the
    /// commit, so that a listener that then reads the table finds the change.
    pub fn publish(&self, topic: Topic, payload: impl Serialize) {
        let channel = (Arc::clone(&self.schema), topic);
        let local = self.shared.topics.sender(&channel);
        let bridge = self.shared.bridge.as_ref();
        if local.is_none() && bridge.is_none() {
            return;
        }
        let payload: Option<Arc<str>> = match serde_json::to_string(&payload) {
            Ok(payload) => Some(payload.into()),
            Err(error) => {
                tracing::error!(topic = ?channel.1, %error, "The payload of an event cannot be written as JSON");
                None
            }
        };
        if let Some(local) = local {
            // An event without listeners is no failure.
            let _ = local.send(payload.clone().map_or(Received::Lagged, Received::Event));
        }
        if let Some((bridge, _)) = bridge {
            bridge.publish(&channel, payload.as_deref());
        }
    }

    /// Whether events of other processes arrive at the moment: whether Redis is configured and connected.
    /// When that ends, all listeners receive [`Received::Lagged`].
    pub fn is_shared(&self) -> bool {
        let bridge = self.shared.bridge.as_ref();
        bridge.is_some_and(|(bridge, _)| bridge.is_connected())
    }

    /// Subscribes to `topic`. Subscribe first and then read the table: events in between are received.
    pub fn subscribe(&self, topic: Topic) -> Listener {
        let channel = (Arc::clone(&self.schema), topic);
        let topics = Arc::clone(&self.shared.topics);
        let receiver = Some(topics.subscribe(&channel));
        Listener {
            topics,
            channel,
            receiver,
        }
    }
}

/// A subscription to one topic, until it is dropped.
pub struct Listener {
    topics: Arc<Topics>,
    channel: Channel,
    /// `Some` until the listener is dropped.
    receiver: Option<Receiver<Received>>,
}

impl Listener {
    /// The next event. Cancel-safe.
    pub async fn next(&mut self) -> Received {
        let Some(receiver) = &mut self.receiver else {
            return std::future::pending().await;
        };
        match receiver.recv().await {
            Ok(received) => received,
            Err(RecvError::Lagged(_)) => {
                // The table has everything up to now, so that queued events say nothing new.
                *receiver = receiver.resubscribe();
                Received::Lagged
            }
            // The sender stays for as long as there is a listener.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.topics.leave(&self.channel, self.receiver.take());
    }
}

/// A topic of a schema.
type Channel = (Arc<str>, Topic);

/// The topics with listeners in this process.
#[derive(Default)]
struct Topics(Mutex<HashMap<Channel, Sender<Received>>>);

impl Topics {
    fn sender(&self, channel: &Channel) -> Option<Sender<Received>> {
        self.all().get(channel).cloned()
    }

    fn subscribe(&self, channel: &Channel) -> Receiver<Received> {
        let mut all = self.all();
        if let Some(sender) = all.get(channel) {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(channel.1.capacity());
        all.insert(channel.clone(), sender);
        receiver
    }

    /// Drops the receiver while the topics are locked: otherwise two concurrent calls would each see the
    /// other receiver, and the topic would stay.
    fn leave(&self, channel: &Channel, receiver: Option<Receiver<Received>>) {
        let mut all = self.all();
        drop(receiver);
        if all
            .get(channel)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            all.remove(channel);
        }
    }

    /// Tells all listeners that they may have missed events.
    fn notify_lagged(&self) {
        let senders: Vec<Sender<Received>> = self.all().values().cloned().collect();
        for sender in senders {
            let _ = sender.send(Received::Lagged);
        }
    }

    fn all(&self) -> parking_lot::MutexGuard<'_, HashMap<Channel, Sender<Received>>> {
        self.0.lock()
    }
}
