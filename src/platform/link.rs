//! A way to Redis over which commands go and a channel is heard, and that notices when it breaks.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Msg, RedisError, RedisResult};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

/// How long to wait before Redis is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// How long a connection may take to be made, and something to be told.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How often the channel is tried out, and after how much silence it counts as broken.
const BEAT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);

/// A connection for commands, and a channel.
pub(super) struct Link {
    connection: MultiplexedConnection,
    channel: String,
    messages: Pin<Box<dyn Stream<Item = Msg> + Send>>,
    beat: Interval,
    heard: Instant,
}

impl Link {
    /// Connects and begins to hear `channel`.
    ///
    /// # Errors
    /// When Redis is away or does not answer within [`PATIENCE`].
    pub(super) async fn open(client: &Client, channel: String) -> RedisResult<Self> {
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = client
            .get_multiplexed_async_connection_with_config(&patient)
            .await?;
        let subscribe = async {
            let mut hearing = client.get_async_pubsub().await?;
            hearing.subscribe(&channel).await?;
            RedisResult::Ok(hearing.into_on_message())
        };
        let messages = timeout(PATIENCE, subscribe).await.map_err(|_| silent())??;
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection,
            channel,
            messages: Box::pin(messages),
            beat,
            heard: Instant::now(),
        })
    }

    /// The connection for commands, which are given up after [`PATIENCE`].
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// The next message of the channel. It may be dropped half-way without losing any.
    ///
    /// # Errors
    /// When the link is broken; open another one.
    pub(super) async fn next(&mut self) -> RedisResult<String> {
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    let message = message.ok_or_else(silent)?;
                    self.heard = Instant::now();
                    let text: String = message.get_payload().unwrap_or_default();
                    // An empty one is a beat.
                    if !text.is_empty() {
                        return Ok(text);
                    }
                }
                _ = self.beat.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return Err(silent());
                    }
                    let mut beating = redis::cmd("PUBLISH");
                    beating.arg(&self.channel).arg("");
                    beating.query_async::<()>(&mut self.connection.clone()).await?;
                }
            }
        }
    }
}

/// The link is there, but nothing comes over it.
pub(super) fn silent() -> RedisError {
    RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
}
