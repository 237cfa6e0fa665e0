//! Following jobs while they run.
//!
//! A job that somebody follows is read by one task a process, however many follow it: when the bus
//! says that something happened, and each second in case it could not. Followers take events from
//! what that task has read, each at its own pace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::model::JobEvent;
use super::service::{JobService, not_found};
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::Topic;

/// How often a followed job is looked at, though nobody says that it changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
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

    /// Whether a job was removed: then nothing more is heard of it.
    async fn is_gone(&self, id: Id<id::Job>) -> bool {
        let found = self.store.find_many(&Viewer::Command, &[id]).await;
        found.is_ok_and(|found| found.is_empty())
    }
}

/// Reads the events of a job as long as somebody holds its feed and it is not over.
async fn read(service: JobService, id: Id<id::Job>, feed: Weak<Feed>) {
    let mut listener = service.bus.subscribe(Topic::Job(id.uuid()));
    let mut known = 0;
    loop {
        let events = service.store.events(id, known, AT_ONCE).await;
        let Some(feed) = feed.upgrade() else {
            return;
        };
        match events {
            Ok(events) => {
                let more = events.len() as i64 == AT_ONCE;
                let nothing = events.is_empty();
                let (count, over);
                (known, count, over) = feed.extend(events);
                // Told whole: a follower takes what it finds first as the present.
                if more {
                    continue;
                }
                let read = Read {
                    count: Some(count),
                    over: over || nothing && service.is_gone(id).await,
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
            Err(error) => {
                tracing::warn!(?error, "The events of a job cannot be read; trying again");
            }
        }
        drop(feed);
        // Whatever is heard, the table says what it was.
        let _ = timeout(LOOK_EVERY, listener.next()).await;
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
