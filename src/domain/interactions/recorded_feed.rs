//! What was recorded lately, read once for all streams of this process.
//!
//! Whenever an event tells of interactions, one task reads what was recorded since its last look: all that the
//! snapshot of now contains and the one of then does not. Streams take these batches, each at its own pace; one
//! that falls behind reads the table itself.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::store::{RecordedRow, Store};
use super::stream::InteractionsRecorded;
use crate::foundation::Result;
use crate::platform::db::snapshot::Snapshot;
use crate::platform::events::Events;

/// So many rows are held at most. More at once are left to the streams to read.
const MAX_ROWS: usize = 10_000;
/// The delay before the table is looked at again when it could not be read.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The feed of a schema, while there are streams.
#[derive(Clone, Default)]
pub(super) struct RecordedFeeds(Arc<Mutex<Weak<RecordedFeed>>>);

/// The latest batches.
#[derive(Default)]
pub(super) struct RecordedFeed {
    log: RwLock<Log>,
    /// The number of the next batch; `None` before the first look.
    next: watch::Sender<Option<u64>>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct Log {
    /// The snapshot of the last look, at the end of the last batch.
    head: Option<Arc<Snapshot>>,
    /// The number of the first batch that is held.
    first: u64,
    batches: VecDeque<Arc<RecordedBatch>>,
    rows: usize,
}

/// What one look found.
pub(super) struct RecordedBatch {
    /// By their position.
    pub rows: Vec<RecordedRow>,
    /// The snapshot of the look.
    pub until: Arc<Snapshot>,
}

/// The answer to whoever asks for a batch.
pub(super) enum BatchLookup {
    Batch(Arc<RecordedBatch>),
    /// It will come.
    NotYet,
    /// It is not held any more.
    Gone,
}

impl RecordedFeeds {
    /// The feed. A task fills it as long as it is held.
    pub fn feed(&self, store: &Store, events: &Events) -> Arc<RecordedFeed> {
        let mut current = self.0.lock();
        if let Some(feed) = current.upgrade() {
            return feed;
        }
        let feed = Arc::new(RecordedFeed::default());
        let task = follow(store.clone(), events.clone(), Arc::downgrade(&feed));
        *feed.task.lock() = Some(tokio::spawn(task).abort_handle());
        *current = Arc::downgrade(&feed);
        feed
    }
}

impl Drop for RecordedFeed {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl RecordedFeed {
    /// Tells of new batches.
    pub fn changes(&self) -> watch::Receiver<Option<u64>> {
        self.next.subscribe()
    }

    /// The number of the next batch, and the snapshot that it follows; `None` before the first look.
    pub fn head(&self) -> Option<(u64, Arc<Snapshot>)> {
        let log = self.log.read();
        let head = log.head.clone()?;
        Some((log.next(), head))
    }

    /// The batch of this number.
    pub fn batch(&self, number: u64) -> BatchLookup {
        let log = self.log.read();
        let Some(index) = number.checked_sub(log.first) else {
            return BatchLookup::Gone;
        };
        let batch = usize::try_from(index)
            .ok()
            .and_then(|index| log.batches.get(index));
        batch.map_or(BatchLookup::NotYet, |batch| {
            BatchLookup::Batch(Arc::clone(batch))
        })
    }

    /// Looks at the table once.
    async fn look(&self, store: &Store) -> Result<()> {
        let until = Arc::new(store.snapshot().await?);
        let head = self.log.read().head.clone();
        let Some(head) = head else {
            self.publish(|log| log.head = Some(until));
            return Ok(());
        };
        let between = (&*head, &*until);
        let rows = store.recorded_between(between, None, MAX_ROWS + 1).await?;
        if rows.is_empty() {
            // The next look begins here, and streams that wait have nothing to learn.
            self.log.write().skip_to(until);
        } else {
            self.publish(|log| log.append(rows, until));
        }
        Ok(())
    }

    fn publish(&self, change: impl FnOnce(&mut Log)) {
        let next = {
            let mut log = self.log.write();
            change(&mut log);
            log.next()
        };
        self.next.send_replace(Some(next));
    }
}

impl Log {
    fn next(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    /// Nothing was recorded until `snapshot`.
    fn skip_to(&mut self, snapshot: Arc<Snapshot>) {
        self.head = Some(snapshot);
    }

    /// Adds a batch, and drops the oldest ones where there are too many rows: all of them, the new one
    /// included, if that alone is too large.
    fn append(&mut self, rows: Vec<RecordedRow>, until: Arc<Snapshot>) {
        self.head = Some(Arc::clone(&until));
        self.rows += rows.len();
        self.batches
            .push_back(Arc::new(RecordedBatch { rows, until }));
        while self.rows > MAX_ROWS
            && let Some(oldest) = self.batches.pop_front()
        {
            self.rows -= oldest.rows.len();
            self.first += 1;
        }
    }
}

/// Fills the feed as long as it is held.
async fn follow(store: Store, events: Events, feed: Weak<RecordedFeed>) {
    // Subscribed before reading: what is recorded in between is received.
    let mut recorded = events.subscribe::<InteractionsRecorded>(None).await;
    loop {
        let Some(feed) = feed.upgrade() else {
            return;
        };
        if let Err(error) = feed.look(&store).await {
            tracing::warn!(?error, "What was recorded cannot be read; trying again");
            drop(feed);
            sleep(RETRY_DELAY).await;
            continue;
        }
        drop(feed);
        // Whatever it says, the table has it.
        recorded.next().await;
        // One look is enough for all that have come by now.
        while recorded.next().now_or_never().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::interactions::{Interaction, InteractionKind};
    use uuid::Uuid;

    fn rows(many: usize) -> Vec<RecordedRow> {
        let interaction = Interaction {
            id: Uuid::nil().into(),
            user: Uuid::nil().into(),
            content: Uuid::nil().into(),
            kind: InteractionKind::View,
            value: None,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            attribution: None,
        };
        let row = RecordedRow {
            interaction,
            transaction: 1,
        };
        vec![row; many]
    }

    #[test]
    fn the_latest_batches_are_held_and_no_more_than_memory_is_for() {
        let feed = RecordedFeed::default();
        let until: Arc<Snapshot> = Arc::new("1:1:".parse().unwrap());
        assert!(feed.head().is_none());
        for _ in 0..30 {
            feed.publish(|log| log.append(rows(1_000), Arc::clone(&until)));
        }
        assert_eq!(feed.head().map(|(next, _)| next), Some(30));
        assert!(matches!(feed.batch(19), BatchLookup::Gone));
        assert!(matches!(feed.batch(20), BatchLookup::Batch(batch) if batch.rows.len() == 1_000));
        assert!(matches!(feed.batch(30), BatchLookup::NotYet));
        feed.publish(|log| log.append(rows(MAX_ROWS + 1), Arc::clone(&until)));
        assert!(matches!(feed.batch(29), BatchLookup::Gone));
        assert!(matches!(feed.batch(30), BatchLookup::Gone));
        assert!(matches!(feed.batch(31), BatchLookup::NotYet));
    }
}
