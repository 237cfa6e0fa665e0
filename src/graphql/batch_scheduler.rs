//! Schedules the batches of the data loaders of an execution.
//!
//! A loader collects keys until its batch starts. A timer would add its delay to every level of a query, and
//! would still split a level that takes longer. Here a batch starts once no field of the execution can make
//! progress: all of them have then requested their keys.

use std::future::{Future, poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use futures::task::{FutureObj, Spawn, SpawnError};
use parking_lot::{Mutex, MutexGuard};

type BatchTask = FutureObj<'static, ()>;

/// The queue of batches of one execution. Only fields and batches of that execution may use it.
#[derive(Clone, Default)]
pub struct BatchScheduler(Arc<Mutex<Vec<BatchTask>>>);

impl BatchScheduler {
    /// Runs an execution, and its queued batches each time it waits; all in the calling task.
    pub async fn run<T>(&self, execution: impl Future<Output = T> + Send) -> T {
        // Each is polled when it was woken itself: an execution is a tree of hundreds of fields.
        let mut running = FuturesUnordered::new();
        running.push(execution.map(Some).boxed());
        poll_fn(|cx| {
            loop {
                match running.poll_next_unpin(cx) {
                    Poll::Ready(Some(Some(done))) => return Poll::Ready(done),
                    // A finished batch lets some fields continue.
                    Poll::Ready(Some(None)) => {}
                    // All wait. `running` is never empty: the execution is in it to the end.
                    Poll::Ready(None) | Poll::Pending => {
                        let tasks = self.drain();
                        if tasks.is_empty() {
                            return Poll::Pending;
                        }
                        running.extend(tasks.into_iter().map(|task| task.map(|()| None).boxed()));
                    }
                }
            }
        })
        .await
    }

    fn drain(&self) -> Vec<BatchTask> {
        std::mem::take(&mut *self.queue())
    }

    fn queue(&self) -> MutexGuard<'_, Vec<BatchTask>> {
        self.0.lock()
    }
}

impl Spawn for BatchScheduler {
    fn spawn_obj(&self, task: BatchTask) -> Result<(), SpawnError> {
        self.queue().push(task);
        Ok(())
    }
}

/// A timer without delay: batches start when they are run.
pub struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use async_graphql::dataloader::{DataLoader, Loader, NoCache};
    use futures::future::{join, join_all};
    use tokio::sync::Barrier;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    /// Doubles numbers, and remembers which it was asked for together.
    #[derive(Clone, Default)]
    struct Double(Arc<Mutex<Vec<Vec<u32>>>>);

    impl Loader<u32> for Double {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            let mut asked = keys.to_vec();
            asked.sort_unstable();
            self.0.lock().push(asked);
            yield_now().await;
            Ok(keys.iter().map(|key| (*key, 2 * key)).collect())
        }
    }

    impl Double {
        fn loader(&self, scheduler: &BatchScheduler) -> DataLoader<Self, NoCache> {
            DataLoader::new(self.clone(), scheduler.clone(), NoDelay)
        }
    }

    #[tokio::test]
    async fn what_fields_of_one_level_ask_for_is_read_together_whenever_they_get_to_it() {
        let (scheduler, double) = (BatchScheduler::default(), Double::default());
        let loader = double.loader(&scheduler);
        let twice = async |key| {
            let once = loader.load_one(key).await.unwrap().unwrap();
            loader.load_one(once).await.unwrap()
        };
        let fields = join_all([3, 4, 5].map(twice));
        assert_eq!(scheduler.run(fields).await, [12, 16, 20].map(Some));
        assert_eq!(*double.0.lock(), [[3, 4, 5], [6, 8, 10]]);
    }

    #[tokio::test]
    async fn a_field_that_waits_for_something_else_holds_nobody_up() {
        let (scheduler, double) = (BatchScheduler::default(), Double::default());
        let loader = double.loader(&scheduler);
        let (tell, told) = tokio::sync::oneshot::channel();
        let reads = async {
            let read = loader.load_one(7).await.unwrap();
            tell.send(read).unwrap();
        };
        let (_, heard) = scheduler.run(join(reads, told)).await;
        assert_eq!(heard, Ok(Some(14)));
    }

    /// Reads once somebody else reads, too.
    struct Together(Arc<Barrier>);

    impl Loader<u32> for Together {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            self.0.wait().await;
            Ok(keys.iter().map(|key| (*key, *key)).collect())
        }
    }

    #[tokio::test]
    async fn two_loaders_read_at_the_same_time() {
        let (scheduler, met) = (BatchScheduler::default(), Arc::new(Barrier::new(2)));
        let loader = || DataLoader::new(Together(Arc::clone(&met)), scheduler.clone(), NoDelay);
        let (one, other) = (loader(), loader());
        let both = join(one.load_one(1), other.load_one(2));
        let both = timeout(Duration::from_secs(60), scheduler.run(both));
        assert_eq!(both.await, Ok((Ok(Some(1)), Ok(Some(2)))));
    }

    /// Asks another loader.
    struct Through(DataLoader<Double, NoCache>);

    impl Loader<u32> for Through {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            self.0.load_many(keys.iter().copied()).await
        }
    }

    #[tokio::test]
    async fn a_load_may_ask_another_loader() {
        let scheduler = BatchScheduler::default();
        let through = Through(Double::default().loader(&scheduler));
        let loader = DataLoader::new(through, scheduler.clone(), NoDelay);
        let asked = timeout(Duration::from_secs(60), scheduler.run(loader.load_one(4)));
        assert_eq!(asked.await, Ok(Ok(Some(8))));
    }
}
