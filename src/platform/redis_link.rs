//! A connection to Redis for commands and one pub/sub channel, with a liveness check.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Msg, RedisError, RedisResult};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

/// How long to wait before Redis is connected again.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The time limit of connecting and of a command.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);
/// How often a ping is published on the channel, and after how much silence the connection counts as broken.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const SILENCE_LIMIT: Duration = Duration::from_secs(15);

/// A connection for commands and a subscribed channel.
pub(super) struct RedisLink {
    connection: MultiplexedConnection,
    channel: String,
    messages: Pin<Box<dyn Stream<Item = Msg> + Send>>,
    ping_interval: Interval,
    last_message_at: Instant,
}

impl RedisLink {
    /// Connects and subscribes to `channel`.
    ///
    /// # Errors
    /// When Redis is away or does not answer within [`TIMEOUT`].
    pub(super) async fn open(client: &Client, channel: String) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let subscribe = async {
            let mut subscriber = client.get_async_pubsub().await?;
            subscriber.subscribe(&channel).await?;
            RedisResult::Ok(subscriber.into_on_message())
        };
        let messages = timeout(TIMEOUT, subscribe)
            .await
            .map_err(|_| timed_out())??;
        let mut ping_interval = interval(PING_INTERVAL);
        ping_interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection,
            channel,
            messages: Box::pin(messages),
            ping_interval,
            last_message_at: Instant::now(),
        })
    }

    /// The connection for commands, which fail after [`TIMEOUT`].
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// The next message of the channel. Cancel-safe.
    ///
    /// # Errors
    /// When the link is broken; open another one.
    pub(super) async fn next(&mut self) -> RedisResult<String> {
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    let message = message.ok_or_else(timed_out)?;
                    self.last_message_at = Instant::now();
                    let text: String = message.get_payload().unwrap_or_default();
                    // An empty message is a ping.
                    if !text.is_empty() {
                        return Ok(text);
                    }
                }
                _ = self.ping_interval.tick() => {
                    if self.last_message_at.elapsed() > SILENCE_LIMIT {
                        return Err(timed_out());
                    }
                    let mut ping = redis::cmd("PUBLISH");
                    ping.arg(&self.channel).arg("");
                    ping.query_async::<()>(&mut self.connection.clone()).await?;
                }
            }
        }
    }
}

/// The error of a connection that is open but silent.
pub(super) fn timed_out() -> RedisError {
    RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
}
