//! Which database queries go to where there is a replica.
//!
//! A replica follows a moment late. Whoever has just written must find what they wrote, and what is kept
//! for long must not be made of old rows, so such work runs in [`from_primary`]: inside of it
//! [`super::Db::read`] is the primary. The choice belongs to the task, so that it reaches whatever the
//! work calls, and ends at what it spawns.

use std::future::Future;

use futures::stream::{BoxStream, StreamExt, poll_fn};

tokio::task_local! {
    /// Set while reads go to the primary.
    static FROM_PRIMARY: ();
}

/// Runs `work`, whose reads go to the primary.
pub async fn from_primary<T>(work: impl Future<Output = T>) -> T {
    FROM_PRIMARY.scope((), work).await
}

/// The same for everything that a stream does to yield its items.
pub fn stream_from_primary<T: 'static>(mut stream: BoxStream<'static, T>) -> BoxStream<'static, T> {
    poll_fn(move |cx| FROM_PRIMARY.sync_scope((), || stream.poll_next_unpin(cx))).boxed()
}

/// Whether the present task reads from the primary.
pub(super) fn reads_from_primary() -> bool {
    FROM_PRIMARY.try_with(|()| ()).is_ok()
}

#[cfg(test)]
mod tests {
    use futures::stream::once;

    use super::*;

    #[tokio::test]
    async fn work_inside_reads_from_the_primary_and_what_comes_after_does_not() {
        let asks = || async {
            tokio::task::yield_now().await;
            reads_from_primary()
        };
        assert!(!asks().await);
        assert!(from_primary(asks()).await);
        assert!(from_primary(from_primary(asks())).await);
        let spawned = from_primary(async { tokio::spawn(asks()).await.unwrap() });
        assert!(!spawned.await);
        let mut stream = stream_from_primary(once(asks()).boxed());
        assert_eq!(stream.next().await, Some(true));
        assert!(!asks().await);
    }
}
