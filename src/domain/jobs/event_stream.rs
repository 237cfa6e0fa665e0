//! Streams of the events of a job while it runs.
//!
//! The events of a job are read by one task a process, however many streams there are, whenever the job
//! changes. Streams take events from what the task has read, each at its own pace.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::Stream;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::sleep;

use super::model::JobEvent;
use super::service::{JobChanged, JobService, not_found};
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::events::{Received, Subscription};

/// The delay before events that could not be read are read again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The number of events read by one statement.
const PAGE_SIZE: i64 = 1000;
/// A stream that lags behind by more events skips to the latest.
const MAX_LAG: usize = 100;

/// The feeds of jobs with streams in this process.
#[derive(Default)]
pub(super) struct Feeds(Mutex<HashMap<Id<id::Job>, Weak<Feed>>>);

/// The events of one job, as far as they were read.
#[derive(Default)]
struct Feed {
    /// All from number 1 on.
    events: RwLock<Vec<Arc<JobEvent>>>,
    read: watch::Sender<ReadState>,
}

/// The state of a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ReadState {
    /// The number of events; `None` before they were read.
    count: Option<usize>,
    /// Whether the job is over with the last of them.
    over: bool,
}

impl Feed {
    /// Appends `events`. Returns the number of the last one, the count of all, and whether the job is over.
    fn extend(&self, events: Vec<JobEvent>) -> (i64, usize, bool) {
        let mut all = self.events.write();
        all.extend(events.into_iter().map(Arc::new));
        let last = all.last();
        let over = last.is_some_and(|event| event.state.is_over());
        (last.map_or(0, |event| event.number), all.len(), over)
    }

    fn event(&self, index: usize) -> Option<Arc<JobEvent>> {
        let events = self.events.read();
        events.get(index).cloned()
    }
}

impl JobService {
    /// The events of a job: those after number `after` first, then new ones as they happen. The stream ends
    /// when the job is over. A stream that is read too slowly skips new events, but never the last.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::NotFound`] for a job that is not there or that the viewer may
    /// not see.
    pub async fn follow(
        &self,
        viewer: &Viewer,
        id: Id<id::Job>,
        after: i64,
    ) -> Result<impl Stream<Item = Arc<JobEvent>> + use<>> {
        self.find(viewer, id).await?.ok_or_else(not_found)?;
        let feed = self.feed(id);
        let read = feed.read.subscribe();
        let next = usize::try_from(after.max(0)).unwrap_or(usize::MAX);
        let stream = EventStream {
            feed,
            read,
            next,
            initial_count: None,
        };
        Ok(futures::stream::unfold(stream, EventStream::step))
    }

    /// The feed of a job. A task fills it as long as it is held.
    fn feed(&self, id: Id<id::Job>) -> Arc<Feed> {
        let mut feeds = self.feeds.0.lock();
        let known = feeds.get(&id).and_then(Weak::upgrade);
        // A job that was over may have been retried.
        if let Some(feed) = known.filter(|feed| !feed.read.borrow().over) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::default());
        feeds.insert(id, Arc::downgrade(&feed));
        tokio::spawn(read(self.clone(), id, Arc::downgrade(&feed)));
        feed
    }
}

/// Waits until a job may have events after number `known`.
async fn wait_for_change(known: i64, changes: &mut Subscription<JobChanged>) {
    loop {
        match changes.next().await {
            // Read already with an earlier event.
            Received::Event { event, .. } if event.event <= known => {}
            Received::Event { .. } | Received::Missed => return,
        }
    }
}

/// Reads the events of a job as long as its feed is held and it is not over.
async fn read(service: JobService, id: Id<id::Job>, feed: Weak<Feed>) {
    let mut changes = service.events.subscribe(Some(id.uuid())).await;
    let mut known = 0;
    loop {
        let events = service.store.events(id, known, PAGE_SIZE).await;
        let exists = match &events {
            // A job that is there has an event; one whose events are known may have been removed.
            Ok(events) if events.is_empty() => service.store.exists(id).await,
            _ => Ok(true),
        };
        let Some(feed) = feed.upgrade() else {
            return;
        };
        let (events, exists) = match (events, exists) {
            (Ok(events), Ok(exists)) => (events, exists),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(?error, "The events of a job cannot be read; trying again");
                drop(feed);
                sleep(RETRY_DELAY).await;
                continue;
            }
        };
        let more = events.len() as i64 == PAGE_SIZE;
        let (count, over);
        (known, count, over) = feed.extend(events);
        // Published as a whole: a stream never skips events that are there at its start.
        if more {
            continue;
        }
        let read = ReadState {
            count: Some(count),
            over: over || !exists,
        };
        // Wakes streams only when something changed.
        feed.read.send_if_modified(|known| {
            let change = *known != read;
            *known = read;
            change
        });
        if read.over {
            return;
        }
        drop(feed);
        wait_for_change(known, &mut changes).await;
    }
}

/// A stream of the events of a job.
struct EventStream {
    feed: Arc<Feed>,
    read: watch::Receiver<ReadState>,
    /// The index of the next event; its number is one more.
    next: usize,
    /// The number of events at the start of the stream: of these none is skipped.
    initial_count: Option<usize>,
}

impl EventStream {
    async fn step(mut self) -> Option<(Arc<JobEvent>, Self)> {
        loop {
            let ReadState { count, over } = *self.read.borrow_and_update();
            if let Some(count) = count {
                let initial_count = *self.initial_count.get_or_insert(count);
                if self.next >= initial_count && self.next + MAX_LAG < count {
                    self.next = count - 1;
                }
                if let Some(event) = self.feed.event(self.next) {
                    self.next += 1;
                    return Some((event, self));
                }
                if over {
                    return None;
                }
            }
            // The feed is held, so its sender is there.
            self.read.changed().await.ok()?;
        }
    }
}
