//! Keeps the connection to Redis: makes it, makes it again, tells of changes and hears of them.
//!
//! Whenever this process may have missed what others changed, it gives up all that it holds
//! itself. While Redis is away it does so at each attempt: what another process changed meanwhile
//! is then seen after [`RETRY`] and the time of the attempt at the latest.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{AsyncConnectionConfig, RedisError, RedisResult};
use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::generations::Generations;
use super::redis::Redis;

/// How long to wait before Redis is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a connection may take to be made, and a change to be told.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the channel is tried out, and after how much silence it counts as broken.
const BEAT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);

/// Keeps the connection until the task is aborted.
pub(super) async fn keep(redis: Arc<Redis>, generations: Arc<Generations>) {
    let mut told = false;
    loop {
        let was_there = &mut false;
        let Err(error) = session(&redis, &generations, was_there).await;
        redis.set_connection(None);
        generations.all_changed();
        if *was_there || !told {
            told = true;
            // The kind alone: the text may hold the address and what goes with it.
            tracing::warn!(kind = ?error.kind(), "Redis is away; the cache goes on without it");
        }
        sleep(RETRY).await;
    }
}

/// One connection, from its beginning to its end.
async fn session(
    redis: &Redis,
    generations: &Generations,
    was_there: &mut bool,
) -> RedisResult<std::convert::Infallible> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(redis.timeout));
    let client = &redis.client;
    let connection = client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?;
    let mut sending = connection.clone();
    sending.set_response_timeout(PATIENCE);
    let subscribe = async {
        let mut channel = client.get_async_pubsub().await?;
        channel.subscribe(redis.channel()).await?;
        RedisResult::Ok(channel.into_on_message())
    };
    let mut channel = timeout(PATIENCE, subscribe).await.map_err(|_| silent())??;
    // From here on nothing is missed; what was changed before may have been.
    generations.all_changed();
    redis.send(sending.clone()).await?;
    redis.set_connection(Some(connection));
    *was_there = true;
    tracing::info!("Redis is there; the cache is shared");
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            message = channel.next() => {
                let message = message.ok_or_else(silent)?;
                heard = Instant::now();
                let text: String = message.get_payload().unwrap_or_default();
                for tag in text.split_ascii_whitespace() {
                    match u64::from_str_radix(tag, 16) {
                        Ok(tag) => generations.changed(tag),
                        // Not ours; whatever it was to say, this is safe.
                        Err(_) => generations.all_changed(),
                    }
                }
            }
            () = redis.wake.notified() => {
                if redis.connection().is_none() {
                    return Err(silent());
                }
                redis.send(sending.clone()).await?;
            }
            _ = beat.tick() => {
                if heard.elapsed() > SILENCE {
                    return Err(silent());
                }
                let mut beating = ::redis::cmd("PUBLISH");
                beating.arg(redis.channel()).arg("");
                beating.query_async::<()>(&mut sending.clone()).await?;
            }
        }
    }
}

fn silent() -> RedisError {
    RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
}
