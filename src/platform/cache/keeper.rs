//! Keeps the connection to Redis: makes it, makes it again, tells of changes and hears of them.
//!
//! Whenever this process may have missed what others changed, it gives up all that it holds
//! itself. While Redis is away it does so at each attempt: what another process changed meanwhile
//! is then seen after [`RETRY`] and the time of the attempt at the latest.

use std::sync::Arc;

use ::redis::RedisResult;
use tokio::time::sleep;

use super::super::link::{Link, RETRY, silent};
use super::generations::Generations;
use super::redis::Redis;

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
    let mut link = Link::open(&redis.client, redis.channel()).await?;
    // From here on nothing is missed; what was changed before may have been.
    generations.all_changed();
    redis.send(link.connection()).await?;
    let mut connection = link.connection();
    connection.set_response_timeout(redis.timeout);
    redis.set_connection(Some(connection));
    *was_there = true;
    tracing::info!("Redis is there; the cache is shared");
    loop {
        tokio::select! {
            message = link.next() => {
                for tag in message?.split_ascii_whitespace() {
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
                redis.send(link.connection()).await?;
            }
        }
    }
}
