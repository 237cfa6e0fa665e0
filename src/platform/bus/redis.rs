//! The way to the other processes: one channel of Redis for everything.
//!
//! A message is a line `ORIGIN SCHEMA TOPIC` and the note after it; `ORIGIN` alone says that notes
//! of that process were lost. While Redis is away notes are dropped. Whoever loses the connection
//! tells their own listeners, and on return those of the others if there was anything to tell.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisResult};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::super::link::{Link, PATIENCE, RETRY};
use super::{Heard, Place, Topic, Topics};

/// How many notes wait for Redis at most.
const WAITING: usize = 4096;
/// So many are sent in one go.
const AT_ONCE: usize = 256;

/// What waits to be sent.
pub(super) enum Outgoing {
    /// A message.
    Message(String),
    /// Says when everything before it has been sent.
    Settled(oneshot::Sender<()>),
}

/// The other processes.
pub(super) struct Remote {
    origin: String,
    queue: mpsc::Sender<Outgoing>,
    connected: watch::Sender<bool>,
    /// Whether a note was dropped that the others have not been told of.
    lost: AtomicBool,
}

impl Remote {
    pub(super) fn new(origin: u64) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, waiting) = mpsc::channel(WAITING);
        let remote = Self {
            origin: format!("{origin:016x}"),
            queue,
            connected: watch::Sender::new(false),
            lost: AtomicBool::new(false),
        };
        (remote, waiting)
    }

    /// Tells the others, if Redis is there and keeps up; a missing note is a lost one.
    pub(super) fn tell(&self, (schema, topic): &Place, note: Option<&str>) {
        let told = self.is_there()
            && note
                .zip(serde_json::to_string(topic).ok())
                .is_some_and(|(note, topic)| {
                    let message = format!("{} {schema} {topic}\n{note}", self.origin);
                    self.queue.try_send(Outgoing::Message(message)).is_ok()
                });
        if !told {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_there(&self) -> bool {
        *self.connected.borrow()
    }

    pub(super) async fn becomes(&self, there: bool) {
        let mut connected = self.connected.subscribe();
        // The sender lives as long as `self`.
        let _ = connected.wait_for(|connected| *connected == there).await;
    }

    /// Waits a moment until everything that waits has been sent, or Redis is away.
    pub(super) async fn settled(&self) {
        if !self.is_there() {
            return;
        }
        let sent = async {
            let (settled, wait) = oneshot::channel();
            let queued = self.queue.send(Outgoing::Settled(settled)).await;
            if queued.is_ok() {
                // An error says that Redis went meanwhile.
                let _ = wait.await;
            }
        };
        // What is not told in time is lost; the tables have it.
        let _ = timeout(PATIENCE, sent).await;
    }
}

/// Keeps the connection until the task is aborted.
pub(super) async fn keep(
    remote: Arc<Remote>,
    topics: Arc<Topics>,
    client: Client,
    channel: String,
    mut queue: mpsc::Receiver<Outgoing>,
) {
    let mut told = false;
    loop {
        let was_there = &mut false;
        let Err(error) = session(&remote, &topics, &client, &channel, &mut queue, was_there).await;
        remote.connected.send_replace(false);
        if *was_there {
            // What was on its way may not have arrived.
            remote.lost.store(true, Ordering::Relaxed);
            topics.all_missed();
        }
        if *was_there || !told {
            told = true;
            // The kind alone: the text may hold the address and what goes with it.
            tracing::warn!(kind = ?error.kind(), "Redis is away; events stay in this process");
        }
        sleep(RETRY).await;
    }
}

/// One connection, from its beginning to its end.
async fn session(
    remote: &Remote,
    topics: &Topics,
    client: &Client,
    channel: &str,
    queue: &mut mpsc::Receiver<Outgoing>,
    was_there: &mut bool,
) -> RedisResult<Infallible> {
    let mut link = Link::open(client, channel.to_owned()).await?;
    // From here on nothing is missed; what was told before may have been.
    *was_there = true;
    remote.connected.send_replace(true);
    topics.all_missed();
    confess(remote, channel, link.connection()).await?;
    tracing::info!("Redis is there; events are shared");
    let mut some = Vec::new();
    loop {
        tokio::select! {
            message = link.next() => hear(remote, topics, &message?),
            // The sender lives in `remote`, so that there is always one more.
            _ = queue.recv_many(&mut some, AT_ONCE) => {
                send(channel, &mut some, link.connection()).await?;
                confess(remote, channel, link.connection()).await?;
            }
        }
    }
}

/// Hands on what another process told.
fn hear(remote: &Remote, topics: &Topics, message: &str) {
    let (head, note) = message.split_once('\n').unwrap_or((message, ""));
    let mut words = head.splitn(3, ' ');
    if words.next() == Some(&remote.origin) {
        return;
    }
    let place = words.next().zip(words.next()).and_then(|(schema, topic)| {
        let topic: Topic = serde_json::from_str(topic).ok()?;
        Some((schema.into(), topic))
    });
    match place {
        Some(place) => {
            if let Some(here) = topics.listened(&place) {
                let _ = here.send(Heard::Note(note.into()));
            }
        }
        // Something was lost, or a program of another version told something: this is safe.
        None => topics.all_missed(),
    }
}

async fn send(
    channel: &str,
    some: &mut Vec<Outgoing>,
    mut connection: MultiplexedConnection,
) -> RedisResult<()> {
    let mut commands = ::redis::pipe();
    let mut settled = Vec::new();
    for one in some.drain(..) {
        match one {
            Outgoing::Message(message) => {
                commands.cmd("PUBLISH").arg(channel).arg(message).ignore();
            }
            Outgoing::Settled(one) => settled.push(one),
        }
    }
    if !commands.is_empty() {
        commands.query_async::<()>(&mut connection).await?;
    }
    for one in settled {
        let _ = one.send(());
    }
    Ok(())
}

/// Tells the others that notes of this process were lost, if any were.
async fn confess(
    remote: &Remote,
    channel: &str,
    mut connection: MultiplexedConnection,
) -> RedisResult<()> {
    if remote.lost.swap(false, Ordering::Relaxed) {
        let mut command = ::redis::cmd("PUBLISH");
        command.arg(channel).arg(&remote.origin);
        let told: RedisResult<()> = command.query_async(&mut connection).await;
        if told.is_err() {
            remote.lost.store(true, Ordering::Relaxed);
        }
        return told;
    }
    Ok(())
}
