//! The bridge to other processes: one Redis channel for all events.
//!
//! A message is a line `ORIGIN SCHEMA TOPIC` and the payload after it; `ORIGIN` alone says that events of that
//! process were lost. While Redis is away, events are dropped. A process that loses the connection notifies
//! its own listeners, and after reconnecting those of the others if events were lost.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisResult};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::super::redis_link::{RETRY_INTERVAL, RedisLink, TIMEOUT};
use super::{Channel, Received, Topic, Topics};

/// The most events that wait for Redis.
const QUEUE_SIZE: usize = 4096;
/// The number of events sent in one command.
const BATCH_SIZE: usize = 256;

/// An entry of the send queue.
pub(super) enum Queued {
    /// A message to publish.
    Message(String),
    /// Notified when everything before it has been sent.
    Flush(oneshot::Sender<()>),
}

/// Publishes events to other processes.
pub(super) struct RedisBridge {
    origin: String,
    queue: mpsc::Sender<Queued>,
    connected: watch::Sender<bool>,
    /// Whether an event was dropped and the others have not been notified.
    lost: AtomicBool,
}

impl RedisBridge {
    pub(super) fn new(origin: u64) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, waiting) = mpsc::channel(QUEUE_SIZE);
        let bridge = Self {
            origin: format!("{origin:016x}"),
            queue,
            connected: watch::Sender::new(false),
            lost: AtomicBool::new(false),
        };
        (bridge, waiting)
    }

    /// Queues an event, if Redis is connected and keeps up. `None` as payload counts as a lost event.
    pub(super) fn publish(&self, (schema, topic): &Channel, payload: Option<&str>) {
        let sent = self.is_connected()
            && payload
                .zip(serde_json::to_string(topic).ok())
                .is_some_and(|(payload, topic)| {
                    let message = format!("{} {schema} {topic}\n{payload}", self.origin);
                    self.queue.try_send(Queued::Message(message)).is_ok()
                });
        if !sent {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    pub(super) async fn wait_for_connection(&self, connected: bool) {
        let mut state = self.connected.subscribe();
        // The sender lives as long as `self`.
        let _ = state.wait_for(|state| *state == connected).await;
    }

    /// Waits up to [`TIMEOUT`] until the queue has been sent, or Redis is away.
    pub(super) async fn flush(&self) {
        if !self.is_connected() {
            return;
        }
        let sent = async {
            let (flushed, wait) = oneshot::channel();
            let queued = self.queue.send(Queued::Flush(flushed)).await;
            if queued.is_ok() {
                // An error means that Redis went away meanwhile.
                let _ = wait.await;
            }
        };
        // What is not sent in time is lost; the tables have it.
        let _ = timeout(TIMEOUT, sent).await;
    }
}

/// Maintains the connection until the task is aborted.
pub(super) async fn maintain(
    bridge: Arc<RedisBridge>,
    topics: Arc<Topics>,
    client: Client,
    channel: String,
    mut queue: mpsc::Receiver<Queued>,
) {
    let mut logged = false;
    loop {
        let was_connected = &mut false;
        let Err(error) = session(
            &bridge,
            &topics,
            &client,
            &channel,
            &mut queue,
            was_connected,
        )
        .await;
        bridge.connected.send_replace(false);
        if *was_connected {
            // What was on its way may not have arrived.
            bridge.lost.store(true, Ordering::Relaxed);
            topics.notify_lagged();
        }
        if *was_connected || !logged {
            logged = true;
            // The kind alone: the text may hold the address and what goes with it.
            tracing::warn!(kind = ?error.kind(), "Redis is away; events stay in this process");
        }
        sleep(RETRY_INTERVAL).await;
    }
}

/// Runs one connection until it fails.
async fn session(
    bridge: &RedisBridge,
    topics: &Topics,
    client: &Client,
    channel: &str,
    queue: &mut mpsc::Receiver<Queued>,
    was_connected: &mut bool,
) -> RedisResult<Infallible> {
    let mut link = RedisLink::open(client, channel.to_owned()).await?;
    // From here on no event is missed; earlier ones may have been.
    *was_connected = true;
    bridge.connected.send_replace(true);
    topics.notify_lagged();
    announce_loss(bridge, channel, link.connection()).await?;
    tracing::info!("Redis is there; events are shared");
    let mut some = Vec::new();
    loop {
        tokio::select! {
            message = link.next() => deliver(bridge, topics, &message?),
            // The sender lives in `bridge`, so that there is always one more.
            _ = queue.recv_many(&mut some, BATCH_SIZE) => {
                send(channel, &mut some, link.connection()).await?;
                announce_loss(bridge, channel, link.connection()).await?;
            }
        }
    }
}

/// Delivers a message of another process to the listeners of this one.
fn deliver(bridge: &RedisBridge, topics: &Topics, message: &str) {
    let (head, payload) = message.split_once('\n').unwrap_or((message, ""));
    let mut words = head.splitn(3, ' ');
    if words.next() == Some(&bridge.origin) {
        return;
    }
    let channel = words.next().zip(words.next()).and_then(|(schema, topic)| {
        let topic: Topic = serde_json::from_str(topic).ok()?;
        Some((schema.into(), topic))
    });
    match channel {
        Some(channel) => {
            if let Some(here) = topics.sender(&channel) {
                let _ = here.send(Received::Event(payload.into()));
            }
        }
        // Events were lost, or the message has an unknown format: this is safe.
        None => topics.notify_lagged(),
    }
}

async fn send(
    channel: &str,
    some: &mut Vec<Queued>,
    mut connection: MultiplexedConnection,
) -> RedisResult<()> {
    let mut commands = ::redis::pipe();
    let mut flushed = Vec::new();
    for one in some.drain(..) {
        match one {
            Queued::Message(message) => {
                commands.cmd("PUBLISH").arg(channel).arg(message).ignore();
            }
            Queued::Flush(one) => flushed.push(one),
        }
    }
    if !commands.is_empty() {
        commands.query_async::<()>(&mut connection).await?;
    }
    for one in flushed {
        let _ = one.send(());
    }
    Ok(())
}

/// Tells the other processes that events of this one were lost, if any were.
async fn announce_loss(
    bridge: &RedisBridge,
    channel: &str,
    mut connection: MultiplexedConnection,
) -> RedisResult<()> {
    if bridge.lost.swap(false, Ordering::Relaxed) {
        let mut command = ::redis::cmd("PUBLISH");
        command.arg(channel).arg(&bridge.origin);
        let sent: RedisResult<()> = command.query_async(&mut connection).await;
        if sent.is_err() {
            bridge.lost.store(true, Ordering::Relaxed);
        }
        return sent;
    }
    Ok(())
}
