//! The bus: tells those who listen that something happened.
//!
//! The tables are the truth; the bus only spares listeners from asking them all the time. What is
//! published is heard here at once, and over Redis, where it is set up, in the other processes.
//! Nothing is kept for later: whenever a listener may have missed something it hears
//! [`Heard::Missed`], and reads the table. Nothing crosses schemas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::config::{SchemaName, Settings};
use crate::foundation::Rng;

mod redis;

use redis::Remote;

/// How often one who listens looks at the table, though nothing is heard: without Redis nothing is
/// heard of other processes.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is told about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// One job, by its id.
    Job(Uuid),
    /// All jobs.
    Jobs,
    /// The lists of one user, by their id.
    Recommendations(Uuid),
    /// Which model is served.
    Models,
    /// What users do.
    Interactions,
    /// The end of sessions, and changes of what their users may do.
    Sessions,
}

impl Topic {
    /// How many notes wait for a slow listener before it hears that it has missed some. The memory
    /// is taken when somebody begins to listen, so the many small topics have little.
    fn room(&self) -> usize {
        match self {
            Self::Job(_) | Self::Recommendations(_) => 32,
            Self::Jobs | Self::Models | Self::Interactions | Self::Sessions => 512,
        }
    }
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something happened: the note of who published it, as JSON.
    Note(Arc<str>),
    /// Something may have been lost, since this listener was slow, or Redis went or came back:
    /// read the table.
    Missed,
}

/// The buses of all schemas of this process, which share the connection to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Buses(Arc<Shared>);

struct Shared {
    topics: Arc<Topics>,
    remote: Option<(Arc<Remote>, AbortHandle)>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((_, keeper)) = &self.remote {
            keeper.abort();
        }
    }
}

impl Buses {
    /// Buses as the settings say. Redis is looked for in the background: a start does not wait for
    /// it, and it may come and go. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address of Redis cannot be read, or the system has no randomness.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let topics = Arc::new(Topics::default());
        let remote = match settings.redis.client()? {
            None => None,
            Some(client) => {
                // Never seeded: two processes with one origin would not hear each other.
                let origin = Rng::system()?.seed();
                let (remote, queue) = Remote::new(origin);
                let channel = format!("{}:events", settings.redis.prefix);
                let (remote, heard) = (Arc::new(remote), Arc::clone(&topics));
                let keeper = redis::keep(Arc::clone(&remote), heard, client, channel, queue);
                Some((remote, tokio::spawn(keeper).abort_handle()))
            }
        };
        Ok(Self(Arc::new(Shared { topics, remote })))
    }

    /// The bus of one schema.
    pub fn of(&self, schema: &SchemaName) -> Bus {
        Bus {
            shared: Arc::clone(&self.0),
            schema: schema.as_str().into(),
        }
    }

    /// Waits until Redis is there, or is away, as asked; for good if none is set up.
    pub async fn redis_becomes(&self, there: bool) {
        match &self.0.remote {
            Some((remote, _)) => remote.becomes(there).await,
            None => std::future::pending().await,
        }
    }

    /// Waits a moment for Redis to hear of the last notes of this process.
    pub async fn close(&self) {
        if let Some((remote, _)) = &self.0.remote {
            remote.settled().await;
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
    /// Tells all who listen to `topic`, here at once and in other processes through Redis. It never
    /// fails and never waits: who could not be told hears [`Heard::Missed`] later. Publish after
    /// the commit, so that who then reads the table finds the change.
    pub fn publish(&self, topic: Topic, note: impl Serialize) {
        let place = (Arc::clone(&self.schema), topic);
        let here = self.shared.topics.listened(&place);
        let remote = self.shared.remote.as_ref();
        if here.is_none() && remote.is_none() {
            return;
        }
        let note: Option<Arc<str>> = match serde_json::to_string(&note) {
            Ok(note) => Some(note.into()),
            Err(error) => {
                tracing::error!(topic = ?place.1, %error, "A note cannot be written as JSON");
                None
            }
        };
        if let Some(here) = here {
            // Nobody left to hear it is no failure.
            let _ = here.send(note.clone().map_or(Heard::Missed, Heard::Note));
        }
        if let Some((remote, _)) = remote {
            remote.tell(&place, note.as_deref());
        }
    }

    /// Whether what other processes tell is heard just now: whether Redis is set up and there. When
    /// that ends, all who listen hear [`Heard::Missed`].
    pub fn is_shared(&self) -> bool {
        let remote = self.shared.remote.as_ref();
        remote.is_some_and(|(remote, _)| remote.is_there())
    }

    /// Begins to listen to `topic`. Subscribe first and read the table then: what happens in
    /// between is heard.
    pub fn subscribe(&self, topic: Topic) -> Listener {
        let place = (Arc::clone(&self.schema), topic);
        let topics = Arc::clone(&self.shared.topics);
        let receiver = Some(topics.subscribe(&place));
        Listener {
            topics,
            place,
            receiver,
        }
    }
}

/// Hears of one topic until it is dropped.
pub struct Listener {
    topics: Arc<Topics>,
    place: Place,
    /// There until the listener is dropped.
    receiver: Option<Receiver<Heard>>,
}

impl Listener {
    /// Waits for what is heard next. It may be dropped half-way without losing anything.
    pub async fn next(&mut self) -> Heard {
        let Some(receiver) = &mut self.receiver else {
            return std::future::pending().await;
        };
        match receiver.recv().await {
            Ok(heard) => heard,
            Err(RecvError::Lagged(_)) => {
                // The table has all that happened up to now, so what still waits says nothing new.
                *receiver = receiver.resubscribe();
                Heard::Missed
            }
            // The sender stays for as long as there is a listener.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.topics.leave(&self.place, self.receiver.take());
    }
}

/// A topic of a schema.
type Place = (Arc<str>, Topic);

/// The topics that somebody in this process listens to, and only those.
#[derive(Default)]
struct Topics(Mutex<HashMap<Place, Sender<Heard>>>);

impl Topics {
    fn listened(&self, place: &Place) -> Option<Sender<Heard>> {
        self.all().get(place).cloned()
    }

    fn subscribe(&self, place: &Place) -> Receiver<Heard> {
        let mut all = self.all();
        if let Some(sender) = all.get(place) {
            return sender.subscribe();
        }
        let (sender, receiver) = channel(place.1.room());
        all.insert(place.clone(), sender);
        receiver
    }

    /// The receiver goes while the topics are locked: otherwise two who leave at once would each
    /// see the other, and the topic would stay.
    fn leave(&self, place: &Place, receiver: Option<Receiver<Heard>>) {
        let mut all = self.all();
        drop(receiver);
        if all
            .get(place)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            all.remove(place);
        }
    }

    /// Everybody who listens to anything may have missed something.
    fn all_missed(&self) {
        let senders: Vec<Sender<Heard>> = self.all().values().cloned().collect();
        for sender in senders {
            let _ = sender.send(Heard::Missed);
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Sender<Heard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
