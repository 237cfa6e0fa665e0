//! Watching jobs come and go: every change of any that the viewer may see.
//!
//! The bus tells of changes as they happen. It does not tell of those in other processes where there
//! is no Redis, or none just now: so every few seconds the table is asked what runs, waits and has
//! just ended, once for all who watch in this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::time::{Instant, sleep_until};

use super::model::{Job, JobFilter, JobOrder, JobState};
use super::service::{JobNote, JobService};
use crate::domain::auth::Viewer;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Received, Topic};

/// How often one who watches looks at the table, though nobody says that a job changed. What ended
/// longer ago than [`JobService::recent`] remembers is not found by it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

impl JobService {
    /// The jobs that the viewer may see and that fit, whenever one of them changes. Those that are
    /// not over come first, as they are now.
    ///
    /// # Errors
    /// Those of [`JobService::list`].
    pub async fn watch(
        &self,
        viewer: &Viewer,
        filter: JobFilter,
    ) -> Result<impl Stream<Item = Job> + use<>> {
        // Listened for before looking: what happens in between is heard.
        let listener = self.bus.subscribe(Topic::Jobs);
        // What ended before anybody watched is no news.
        let last = self.recent().await.unwrap_or_default();
        let present = self.unfinished(viewer, &filter).await?;
        let mut watcher = Watcher {
            service: self.clone(),
            viewer: viewer.clone(),
            filter,
            listener,
            poll_at: Instant::now() + POLL_INTERVAL,
            news: VecDeque::new(),
            open: HashMap::new(),
            over: Over::default(),
            last,
        };
        watcher.take(present);
        Ok(futures::stream::unfold(watcher, Watcher::step))
    }

    /// The newest jobs that fit and are not over, at most a page.
    async fn unfinished(&self, viewer: &Viewer, filter: &JobFilter) -> Result<Vec<Job>> {
        let window = Window::read(Some(100), None, None, None)?;
        let order = (JobOrder::CreatedAt, false);
        let mut filter = filter.clone();
        let states = filter
            .state
            .one_of
            .get_or_insert_with(|| JobState::ALL.to_vec());
        states.retain(|state| !state.is_over());
        let page = self.list(viewer, &filter, order, &window).await?;
        let mut jobs = page.rows;
        jobs.reverse();
        Ok(jobs)
    }

    /// The job as the event of a note left it, or later.
    async fn noted(&self, note: &JobNote) -> Option<Job> {
        let read = async {
            let jobs = self.store.find_many(&Viewer::Command, &[note.job]).await?;
            Ok::<_, crate::foundation::Error>(jobs.into_iter().next())
        };
        match self.seen.try_get_with((note.job, note.event), read).await {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "A job that changed could not be read");
                None
            }
        }
    }

    /// What runs, waits or has just ended, read once a second at most; `None` where the database
    /// fails.
    async fn recent(&self) -> Option<Arc<Recent>> {
        let read = async {
            let jobs = self.store.recent().await?.into_iter();
            let recent: Recent = jobs.map(|job| (job.id, job)).collect();
            Ok::<_, crate::foundation::Error>(Arc::new(recent))
        };
        let recent = self.recent.try_get_with((), read).await;
        recent
            .inspect_err(|error| tracing::warn!(%error, "The jobs cannot be looked at"))
            .ok()
    }
}

/// What a look at the table found.
pub(super) type Recent = HashMap<Id<id::Job>, Job>;

/// One who watches the jobs.
struct Watcher {
    service: JobService,
    viewer: Viewer,
    filter: JobFilter,
    listener: Listener,
    poll_at: Instant,
    /// What is to be told.
    news: VecDeque<Job>,
    /// The latest event that was told, of jobs that are not over.
    open: HashMap<Id<id::Job>, i64>,
    /// The same of jobs that are over.
    over: Over,
    /// What the last look found: what was over then is known.
    last: Arc<Recent>,
}

/// The latest event that was told of jobs that are over, since the last look but one. By then a note
/// of it is no longer under way, and a look finds only what ended later, or what the last one found.
#[derive(Debug, Default)]
struct Over {
    since_last: HashMap<Id<id::Job>, i64>,
    before: HashMap<Id<id::Job>, i64>,
}

impl Over {
    fn told(&self, job: Id<id::Job>) -> Option<i64> {
        let told = self.since_last.get(&job).or_else(|| self.before.get(&job));
        told.copied()
    }

    fn tell(&mut self, job: Id<id::Job>, event: i64) {
        self.since_last.insert(job, event);
    }

    /// It is no longer over.
    fn forget(&mut self, job: Id<id::Job>) {
        self.since_last.remove(&job);
        self.before.remove(&job);
    }

    /// Another look.
    fn age(&mut self) {
        self.before = std::mem::take(&mut self.since_last);
    }
}

impl Watcher {
    async fn step(mut self) -> Option<(Job, Self)> {
        loop {
            if let Some(job) = self.news.pop_front() {
                return Some((job, self));
            }
            let heard = tokio::select! {
                heard = self.listener.next() => heard,
                () = sleep_until(self.poll_at) => Received::Lagged,
            };
            match heard {
                Received::Event(note) => {
                    let Ok(note) = serde_json::from_str::<JobNote>(&note) else {
                        continue; // of another version of the program
                    };
                    if self.may_see(note.owner, &note.asked_by) {
                        let job = self.service.noted(&note).await;
                        self.take(job);
                    }
                }
                Received::Lagged => self.look().await,
            }
        }
    }

    /// Finds what changed unheard.
    async fn look(&mut self) {
        self.poll_at = Instant::now() + POLL_INTERVAL;
        let Some(recent) = self.service.recent().await else {
            return;
        };
        if Arc::ptr_eq(&recent, &self.last) {
            return;
        }
        let seen = recent
            .values()
            .filter(|job| self.may_see(job.owner, &job.asked_by));
        let mut seen: Vec<Job> = seen.filter(|job| self.is_news(job)).cloned().collect();
        seen.sort_unstable_by_key(|job| (job.finished_at.is_none(), job.finished_at, job.id));
        self.take(seen);
        self.last = recent;
        self.over.age();
        self.look_for_lost().await;
    }

    /// Looks for what was told and is no longer found: it waits behind many others, ended a while
    /// ago, or was removed.
    async fn look_for_lost(&mut self) {
        let open = self.open.keys().copied();
        let lost: Vec<_> = open.filter(|job| !self.last.contains_key(job)).collect();
        if lost.is_empty() {
            return;
        }
        if let Ok(jobs) = self.service.find_many(&self.viewer, &lost).await {
            let found: HashSet<_> = jobs.iter().map(|job| job.id).collect();
            self.open
                .retain(|job, _| self.last.contains_key(job) || found.contains(job));
            self.take(jobs);
        }
    }

    fn may_see(&self, owner: Option<Id<id::User>>, asked_by: &str) -> bool {
        self.viewer.is_admin()
            || match self.viewer.user() {
                Some(user) => owner == Some(user),
                None => asked_by == self.viewer.name(),
            }
    }

    /// Whether this was not told yet; notes that come late tell what was told already.
    fn is_news(&self, job: &Job) -> bool {
        let last = self.last.get(&job.id).filter(|job| job.state.is_over());
        let told = self.open.get(&job.id).copied().max(self.over.told(job.id));
        let known = told.max(last.map(|job| job.events));
        known.is_none_or(|known| job.events > known)
    }

    /// Takes note of jobs, and of those that are news and fit that they are to be told.
    fn take(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            if !self.is_news(&job) {
                continue;
            }
            if job.state.is_over() {
                self.open.remove(&job.id);
                self.over.tell(job.id, job.events);
            } else if self.filter.matches(&job) {
                self.over.forget(job.id);
                self.open.insert(job.id, job.events);
            }
            if self.filter.matches(&job) {
                self.news.push_back(job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_is_over_is_known_for_two_looks_and_then_takes_no_room() {
        let mut over = Over::default();
        let ids = (0..1000_u128).map(|number| Id::from(Uuid::from_u128(number)));
        let ids: Vec<Id<id::Job>> = ids.collect();
        for (id, event) in ids.iter().zip(1..) {
            over.tell(*id, event);
        }
        over.age();
        over.tell(ids[0], 7);
        assert_eq!(
            (over.told(ids[0]), over.told(ids[999])),
            (Some(7), Some(1000))
        );
        over.age();
        assert_eq!((over.told(ids[0]), over.told(ids[999])), (Some(7), None));
        assert_eq!(over.before.len() + over.since_last.len(), 1);
        over.forget(ids[0]);
        assert_eq!(over.told(ids[0]), None);
    }
}
