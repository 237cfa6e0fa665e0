//! Maintains the connection to Redis: connects, reconnects, sends and receives invalidations.
//!
//! Whenever this process may have missed invalidations of others, it invalidates its own tier. While
//! Redis is away it does so at each attempt: changes of another process are then seen after [`RETRY_INTERVAL`] and the time of the attempt at the latest.

use std::sync::Arc;

use ::redis::RedisResult;
use tokio::time::sleep;

use super::super::redis_link::{RETRY_INTERVAL, RedisLink, timed_out};
use super::generations::Generations;
use super::redis::Redis;

/// Maintains the connection until the task is aborted.
pub(super) async fn maintain(redis: Arc<Redis>, generations: Arc<Generations>) {
    let mut logged = false;
    loop {
        let was_connected = &mut false;
        let Err(error) = session(&redis, &generations, was_connected).await;
        redis.set_connection(None);
        generations.invalidate_all();
        if *was_connected || !logged {
            logged = true;
            // The kind alone: the text may hold the address and what goes with it.
            tracing::warn!(kind = ?error.kind(), "Redis is away; the cache goes on without it");
        }
        sleep(RETRY_INTERVAL).await;
    }
}

/// Runs one connection until it fails.
async fn session(
    redis: &Redis,
    generations: &Generations,
    was_connected: &mut bool,
) -> RedisResult<std::convert::Infallible> {
    let mut link = RedisLink::open(&redis.client, redis.channel()).await?;
    // From here on no invalidation is missed; earlier ones may have been.
    generations.invalidate_all();
    redis.send(link.connection()).await?;
    let mut connection = link.connection();
    connection.set_response_timeout(redis.timeout);
    redis.set_connection(Some(connection));
    *was_connected = true;
    tracing::info!("Redis is there; the cache is shared");
    loop {
        tokio::select! {
            message = link.next() => {
                for tag in message?.split_ascii_whitespace() {
                    match u64::from_str_radix(tag, 16) {
                        Ok(tag) => generations.invalidate(tag),
                        // A message of an unknown format: invalidating everything is safe.
                        Err(_) => generations.invalidate_all(),
                    }
                }
            }
            () = redis.wake.notified() => {
                if redis.connection().is_none() {
                    return Err(timed_out());
                }
                redis.send(link.connection()).await?;
            }
        }
    }
}
