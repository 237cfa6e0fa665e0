//! When the loaders of an execution read.
//!
//! A loader gathers what the fields ask for until it is told to begin. A clock that tells it would
//! add its tick to every level of a query, and would still split a level that takes longer. Here the
//! execution itself tells: once no field can get any further, all of them have asked.

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

type Load = FutureObj<'static, ()>;

/// The reading that the fields of one execution wait for. Only fields of that execution ask, and
/// loads: nobody else would be noticed.
#[derive(Clone, Default)]
pub struct Loads(Arc<Mutex<Vec<Load>>>);

impl Loads {
    /// Runs an execution, and its loads each time it waits; all in the task that awaits this.
    pub async fn beside<T>(&self, execution: impl Future<Output = T> + Send) -> T {
        // Each is polled when it was woken itself: an execution is a tree of hundreds of fields.
        let mut running = FuturesUnordered::new();
        running.push(execution.map(Some).boxed());
        poll_fn(|cx| {
            loop {
                match running.poll_next_unpin(cx) {
                    Poll::Ready(Some(Some(done))) => return Poll::Ready(done),
                    // What was read lets some fields go on.
                    Poll::Ready(Some(None)) => {}
                    // All wait. It is never empty: the execution is in it to the end.
                    Poll::Ready(None) | Poll::Pending => {
                        let loads = self.take();
                        if loads.is_empty() {
                            return Poll::Pending;
                        }
                        running.extend(loads.into_iter().map(|load| load.map(|()| None).boxed()));
                    }
                }
            }
        })
        .await
    }

    fn take(&self) -> Vec<Load> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Load>> {
        self.0.lock()
    }
}

impl Spawn for Loads {
    fn spawn_obj(&self, load: Load) -> Result<(), SpawnError> {
        self.waiting().push(load);
        Ok(())
    }
}

/// The clock of the loaders: they begin when they are run.
pub struct AtOnce;

impl Timer for AtOnce {
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
        fn loader(&self, loads: &Loads) -> DataLoader<Self, NoCache> {
            DataLoader::new(self.clone(), loads.clone(), AtOnce)
        }
    }

    #[tokio::test]
    async fn what_fields_of_one_level_ask_for_is_read_together_whenever_they_get_to_it() {
        let (loads, double) = (Loads::default(), Double::default());
        let loader = double.loader(&loads);
        let twice = async |key| {
            let once = loader.load_one(key).await.unwrap().unwrap();
            loader.load_one(once).await.unwrap()
        };
        let fields = join_all([3, 4, 5].map(twice));
        assert_eq!(loads.beside(fields).await, [12, 16, 20].map(Some));
        assert_eq!(*double.0.lock(), [[3, 4, 5], [6, 8, 10]]);
    }

    #[tokio::test]
    async fn a_field_that_waits_for_something_else_holds_nobody_up() {
        let (loads, double) = (Loads::default(), Double::default());
        let loader = double.loader(&loads);
        let (tell, told) = tokio::sync::oneshot::channel();
        let reads = async {
            let read = loader.load_one(7).await.unwrap();
            tell.send(read).unwrap();
        };
        let (_, heard) = loads.beside(join(reads, told)).await;
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
        let (loads, met) = (Loads::default(), Arc::new(Barrier::new(2)));
        let loader = || DataLoader::new(Together(Arc::clone(&met)), loads.clone(), AtOnce);
        let (one, other) = (loader(), loader());
        let both = join(one.load_one(1), other.load_one(2));
        let both = timeout(Duration::from_secs(60), loads.beside(both));
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
        let loads = Loads::default();
        let through = Through(Double::default().loader(&loads));
        let loader = DataLoader::new(through, loads.clone(), AtOnce);
        let asked = timeout(Duration::from_secs(60), loads.beside(loader.load_one(4)));
        assert_eq!(asked.await, Ok(Ok(Some(8))));
    }
}
