//! Streams of the events of a job while it runs.
//!
//! The events of a job are read by one task a process, however many streams there are, when the bus
//! publishes a change. In addition, the tasks poll the table from time to time, all of them by one
//! statement. Streams take events from what the task has read, each at its own pace.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::Stream;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::timeout;

use super::model::JobEvent;
use super::service::{JobChanged, JobService, not_found};
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Received, Topic};

/// How often a job is polled without events: where events of other processes do not arrive, and where they
/// do.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const POLL_INTERVAL_SHARED: Duration = Duration::from_secs(5);
/// How long the result of polling is used for the tasks of other jobs.
pub(super) const POLL_RESULT_TTL: Duration = Duration::from_millis(500);
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

    /// Waits until a job has events after number `known`.
    async fn wait_for_change(
        &self,
        id: Id<id::Job>,
        known: i64,
        listener: &mut Listener,
    ) -> FeedChange {
        loop {
            let every = if self.bus.is_shared() {
                POLL_INTERVAL_SHARED
            } else {
                POLL_INTERVAL
            };
            match timeout(every, listener.next()).await {
                Ok(Received::Event(changed)) => {
                    // The event may be known already. One of another version is treated as a change.
                    let changed = serde_json::from_str::<JobChanged>(&changed);
                    if changed.map_or(true, |changed| changed.event > known) {
                        return FeedChange::Events;
                    }
                }
                Ok(Received::Lagged) => return FeedChange::Events,
                Err(_) => match self.latest().await.get(&id) {
                    Some(Some(latest)) if *latest > known => return FeedChange::Events,
                    Some(None) => return FeedChange::Removed,
                    // A job that was added after that poll is in the next.
                    Some(Some(_)) | None => return FeedChange::None,
                },
            }
        }
    }

    /// Polls all jobs with streams in this process, by one statement whose result is used for a moment.
    /// Empty when the database fails.
    async fn latest(&self) -> Arc<LatestEvents> {
        let read = async {
            let followed = self.feeds.followed();
            let latest = self.store.latest(&followed).await?.into_iter();
            let mut found: LatestEvents = followed.into_iter().map(|job| (job, None)).collect();
            found.extend(latest.map(|(job, event)| (job, Some(event))));
            Ok::<_, crate::foundation::Error>(Arc::new(found))
        };
        let latest = self.latest.try_get_with((), read).await;
        latest.unwrap_or_else(|error| {
            tracing::warn!(%error, "The jobs with streams cannot be polled");
            Arc::default()
        })
    }
}

/// The number of the latest event of each polled job; `None` for a removed job.
pub(super) type LatestEvents = HashMap<Id<id::Job>, Option<i64>>;

/// The result of waiting for changes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FeedChange {
    /// Nothing has changed.
    None,
    /// There are new events.
    Events,
    /// The job was removed.
    Removed,
}

impl Feeds {
    /// The jobs with streams.
    fn followed(&self) -> Vec<Id<id::Job>> {
        let feeds = self.0.lock();
        let held = feeds.iter().filter(|(_, feed)| feed.strong_count() > 0);
        held.map(|(job, _)| *job).collect()
    }
}

/// Reads the events of a job as long as its feed is held and it is not over.
async fn read(service: JobService, id: Id<id::Job>, feed: Weak<Feed>) {
    let mut listener = service.bus.subscribe(Topic::Job(id.uuid()));
    let (mut known, mut change) = (0, FeedChange::Events);
    loop {
        let events = match change {
            FeedChange::Events => Some(service.store.events(id, known, PAGE_SIZE).await),
            FeedChange::Removed => Some(Ok(Vec::new())),
            FeedChange::None => None,
        };
        let Some(feed) = feed.upgrade() else {
            return;
        };
        match events {
            Some(Ok(events)) => {
                let more = events.len() as i64 == PAGE_SIZE;
                let (count, over);
                (known, count, over) = feed.extend(events);
                // Published as a whole: a stream never skips events that are there at its start.
                if more {
                    continue;
                }
                let read = ReadState {
                    count: Some(count),
                    // A job that is there has an event.
                    over: over || change == FeedChange::Removed || known == 0,
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
            }
            Some(Err(error)) => {
                tracing::warn!(?error, "The events of a job cannot be read; trying again");
            }
            None => {}
        }
        drop(feed);
        change = service.wait_for_change(id, known, &mut listener).await;
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
