//! Following jobs while they run.
//!
//! A job that somebody follows is read by one task a process, however many follow it, when the bus
//! says that something happened. In case it could not, the tasks look at the table every now and
//! then, all of them by one statement. Followers take events from what their task has read, each at
//! its own pace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::model::JobEvent;
use super::service::{JobNote, JobService, not_found};
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Received, Topic};

/// How often a followed job is looked at, though nobody says that it changed: where other processes
/// cannot say so, and where they can.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const POLL_INTERVAL_SHARED: Duration = Duration::from_secs(5);
/// For how long what a look has found is good for the tasks of other jobs.
pub(super) const LOOK_HOLDS: Duration = Duration::from_millis(500);
/// So many events are read at a time.
const AT_ONCE: i64 = 1000;
/// A follower that is so many events behind the present goes on with the latest.
const BEHIND: usize = 100;

/// The jobs that are followed in this process.
#[derive(Default)]
pub(super) struct Feeds(Mutex<HashMap<Id<id::Job>, Weak<Feed>>>);

/// The events of one job, as far as they were read.
#[derive(Default)]
struct Feed {
    /// All from number 1 on.
    events: RwLock<Vec<Arc<JobEvent>>>,
    read: watch::Sender<Read>,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Read {
    /// How many events; `None` before the first reading.
    count: Option<usize>,
    /// Whether the job is over with the last of them.
    over: bool,
}

impl Feed {
    /// Puts `events` behind the others; answers the number of the last one, how many there are, and
    /// whether the job is over with it.
    fn extend(&self, events: Vec<JobEvent>) -> (i64, usize, bool) {
        let mut all = self.events.write().unwrap_or_else(PoisonError::into_inner);
        all.extend(events.into_iter().map(Arc::new));
        let last = all.last();
        let over = last.is_some_and(|event| event.state.is_over());
        (last.map_or(0, |event| event.number), all.len(), over)
    }

    fn event(&self, place: usize) -> Option<Arc<JobEvent>> {
        let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
        events.get(place).cloned()
    }
}

impl JobService {
    /// The events of a job: those behind number `after` first, then the news as they happen. The
    /// stream ends when the job is over. A follower that is too slow for the news skips some and
    /// never the last.
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
        let follower = Follower {
            feed,
            read,
            next,
            present: None,
        };
        Ok(futures::stream::unfold(follower, Follower::step))
    }

    /// The feed of a job, which somebody reads as long as it is held.
    fn feed(&self, id: Id<id::Job>) -> Arc<Feed> {
        let mut feeds = self.feeds.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = feeds.get(&id).and_then(Weak::upgrade);
        // One that is over may have been begun again.
        if let Some(feed) = known.filter(|feed| !feed.read.borrow().over) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::default());
        feeds.insert(id, Arc::downgrade(&feed));
        tokio::spawn(read(self.clone(), id, Arc::downgrade(&feed)));
        feed
    }

    /// Waits until a followed job has events behind number `known`.
    async fn news(&self, id: Id<id::Job>, known: i64, listener: &mut Listener) -> News {
        loop {
            let every = if self.bus.is_shared() {
                POLL_INTERVAL_SHARED
            } else {
                POLL_INTERVAL
            };
            match timeout(every, listener.next()).await {
                Ok(Received::Event(note)) => {
                    // What was read already is told late. A note of another version may tell anything.
                    let note = serde_json::from_str::<JobNote>(&note);
                    if note.map_or(true, |note| note.event > known) {
                        return News::Events;
                    }
                }
                Ok(Received::Lagged) => return News::Events,
                Err(_) => match self.latest().await.get(&id) {
                    Some(Some(latest)) if *latest > known => return News::Events,
                    Some(None) => return News::Gone,
                    // One that came after that look is in the next.
                    Some(Some(_)) | None => return News::Nothing,
                },
            }
        }
    }

    /// Looks at all jobs that are followed in this process, by one statement; what was found is good
    /// for a moment. Finds nothing where the database fails.
    async fn latest(&self) -> Arc<Latest> {
        let read = async {
            let followed = self.feeds.followed();
            let latest = self.store.latest(&followed).await?.into_iter();
            let mut found: Latest = followed.into_iter().map(|job| (job, None)).collect();
            found.extend(latest.map(|(job, event)| (job, Some(event))));
            Ok::<_, crate::foundation::Error>(Arc::new(found))
        };
        let latest = self.latest.try_get_with((), read).await;
        latest.unwrap_or_else(|error| {
            tracing::warn!(%error, "The jobs that are followed cannot be looked at");
            Arc::default()
        })
    }
}

/// The number of the latest event of each job that was followed when the table was looked at; `None`
/// of one that was removed.
pub(super) type Latest = HashMap<Id<id::Job>, Option<i64>>;

/// What is known of a followed job after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Nothing has changed.
    Nothing,
    /// There are events to be read.
    Events,
    /// It was removed: nothing more is heard of it.
    Gone,
}

impl Feeds {
    /// The jobs that somebody follows.
    fn followed(&self) -> Vec<Id<id::Job>> {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = feeds.iter().filter(|(_, feed)| feed.strong_count() > 0);
        held.map(|(job, _)| *job).collect()
    }
}

/// Reads the events of a job as long as somebody holds its feed and it is not over.
async fn read(service: JobService, id: Id<id::Job>, feed: Weak<Feed>) {
    let mut listener = service.bus.subscribe(Topic::Job(id.uuid()));
    let (mut known, mut news) = (0, News::Events);
    loop {
        let events = match news {
            News::Events => Some(service.store.events(id, known, AT_ONCE).await),
            News::Gone => Some(Ok(Vec::new())),
            News::Nothing => None,
        };
        let Some(feed) = feed.upgrade() else {
            return;
        };
        match events {
            Some(Ok(events)) => {
                let more = events.len() as i64 == AT_ONCE;
                let (count, over);
                (known, count, over) = feed.extend(events);
                // Told whole: a follower takes what it finds first as the present.
                if more {
                    continue;
                }
                let read = Read {
                    count: Some(count),
                    // A job that is there has an event.
                    over: over || news == News::Gone || known == 0,
                };
                // Only the news wake those who wait.
                feed.read.send_if_modified(|known| {
                    let news = *known != read;
                    *known = read;
                    news
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
        news = service.news(id, known, &mut listener).await;
    }
}

/// One who follows a job.
struct Follower {
    feed: Arc<Feed>,
    read: watch::Receiver<Read>,
    /// The place of the next event; its number is one more.
    next: usize,
    /// How many events there were when this follower came: of these none is skipped.
    present: Option<usize>,
}

impl Follower {
    async fn step(mut self) -> Option<(Arc<JobEvent>, Self)> {
        loop {
            let Read { count, over } = *self.read.borrow_and_update();
            if let Some(count) = count {
                let present = *self.present.get_or_insert(count);
                if self.next >= present && self.next + BEHIND < count {
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
