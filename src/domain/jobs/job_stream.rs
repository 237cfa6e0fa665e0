//! Streams of changes of all jobs that a viewer may see.
//!
//! Changes are received as events. When some may have been missed, the running, waiting and recently finished
//! jobs are read, once for all streams of this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream};
use tokio::time::{Instant, sleep_until};

use super::model::{Job, JobFilter, JobOrder, JobState};
use super::service::{JobChanged, JobService};
use crate::domain::auth::Viewer;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::events::{Received, Subscription};

/// The least number of ended jobs of which a stream knows that it has delivered them.
const KNOWN_ENDS: usize = 1000;
/// Of a job that ended so many seconds ago, its end is committed: no statement takes longer.
const COMMITTED_WITHIN: u64 = 60;
/// Jobs that ended so many seconds ago are always read, so that a stream knows which ends it has not missed.
const LEAST_WINDOW: u64 = 3 * COMMITTED_WITHIN;

impl JobService {
    /// The jobs that the viewer may see and that match `filter`, whenever one of them changes. Unfinished jobs
    /// come first in their current state.
    ///
    /// # Errors
    /// Those of [`JobService::list`].
    pub async fn watch(
        &self,
        viewer: &Viewer,
        filter: JobFilter,
    ) -> Result<impl Stream<Item = Job> + use<>> {
        // Subscribed before reading: events in between are received.
        let changes = self.events.subscribe(None).await;
        // Jobs that finished before the stream started are not delivered.
        let current = self.began.elapsed().as_secs();
        let last = self.recent(current, LEAST_WINDOW).await.unwrap_or_default();
        let present = self.unfinished(viewer, &filter).await?;
        let mut stream = JobStream {
            service: self.clone(),
            viewer: viewer.clone(),
            filter,
            changes,
            queue: VecDeque::new(),
            open: HashMap::new(),
            ended: DeliveredEnds::default(),
            last,
            informed_at: Instant::now(),
        };
        stream.enqueue(present);
        Ok(futures::stream::unfold(stream, JobStream::step))
    }

    /// The newest matching jobs that are not over, at most a page.
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

    /// The job in the state of an event, or a later one.
    async fn job_of(&self, changed: &JobChanged) -> Option<Job> {
        let read = async {
            let jobs = self
                .store
                .find_many(&Viewer::Command, &[changed.job.into()])
                .await?;
            Ok::<_, foundation::Error>(jobs.into_iter().next())
        };
        match self
            .seen
            .try_get_with((changed.job.into(), changed.event), read)
            .await
        {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "A job that changed could not be read");
                None
            }
        }
    }

    /// The jobs that run, wait or ended within `window` seconds, read once in each second of this service;
    /// `None` when the database fails.
    async fn recent(&self, second: u64, window: u64) -> Option<Arc<Recent>> {
        let read = async {
            let jobs = self.store.recent(window).await?.into_iter();
            let recent: Recent = jobs.map(|job| (job.id, job)).collect();
            Ok::<_, foundation::Error>(Arc::new(recent))
        };
        let recent = self.recent.try_get_with((second, window), read).await;
        recent
            .inspect_err(|error| tracing::warn!(%error, "The jobs cannot be read"))
            .ok()
    }

    /// The same, read after this is called: what was read before may lack what was missed. In the next second,
    /// so that all streams that missed something share one reading.
    async fn recent_from_now(&self, window: u64) -> Option<Arc<Recent>> {
        let second = self.began.elapsed().as_secs() + 1;
        sleep_until(self.began + Duration::from_secs(second)).await;
        self.recent(second, window).await
    }
}

/// The jobs that run, wait or have recently finished.
pub(super) type Recent = HashMap<Id<id::Job>, Job>;

/// A stream of changed jobs.
struct JobStream {
    service: JobService,
    viewer: Viewer,
    filter: JobFilter,
    changes: Subscription<JobChanged>,
    /// The jobs to deliver.
    queue: VecDeque<Job>,
    /// The latest delivered event of jobs that are not over.
    open: HashMap<Id<id::Job>, i64>,
    /// The latest delivered event of jobs that are over.
    ended: DeliveredEnds,
    /// The jobs as they were last read: those that were over are known.
    last: Arc<Recent>,
    /// Until when it has been told of everything.
    informed_at: Instant,
}

/// The latest delivered events of jobs that are over: of the last [`KNOWN_ENDS`], and at most twice as many.
#[derive(Debug, Default)]
struct DeliveredEnds {
    latest: HashMap<Id<id::Job>, i64>,
    before: HashMap<Id<id::Job>, i64>,
}

impl DeliveredEnds {
    fn delivered(&self, job: Id<id::Job>) -> Option<i64> {
        let delivered = self.latest.get(&job).or_else(|| self.before.get(&job));
        delivered.copied()
    }

    fn record(&mut self, job: Id<id::Job>, event: i64) {
        self.latest.insert(job, event);
        if self.latest.len() >= KNOWN_ENDS {
            self.before = std::mem::take(&mut self.latest);
        }
    }

    /// Forgets a job that is no longer over.
    fn forget(&mut self, job: Id<id::Job>) {
        self.latest.remove(&job);
        self.before.remove(&job);
    }
}

impl JobStream {
    async fn step(mut self) -> Option<(Job, Self)> {
        loop {
            if let Some(job) = self.queue.pop_front() {
                return Some((job, self));
            }
            let received = match self.changes.next().now_or_never() {
                Some(received) => received,
                None => {
                    // Nothing waits to be received.
                    self.informed_at = Instant::now();
                    self.changes.next().await
                }
            };
            match received {
                Received::Event { event, .. } => {
                    if self.may_see(event.owner.map(Id::from), &event.asked_by) {
                        let job = self.service.job_of(&event).await;
                        if job.is_none() {
                            // It was removed.
                            self.open.remove(&event.job.into());
                        }
                        self.enqueue(job);
                    }
                }
                Received::Missed => self.catch_up().await,
            }
        }
    }

    /// Finds the changes of missed events, however long ago the last one was received.
    async fn catch_up(&mut self) {
        let began = Instant::now();
        let gap = self.informed_at.elapsed().as_secs() + COMMITTED_WITHIN;
        // Of a few lengths, so that streams share what is read.
        let window = gap.next_multiple_of(COMMITTED_WITHIN).max(LEAST_WINDOW);
        let recent = loop {
            // It is tried again each second: what was missed must not stay so.
            if let Some(recent) = self.service.recent_from_now(window).await {
                break recent;
            }
        };
        self.informed_at = began;
        let seen = recent
            .values()
            .filter(|job| self.may_see(job.owner, &job.asked_by));
        let mut seen: Vec<Job> = seen
            .filter(|job| self.is_undelivered(job))
            .cloned()
            .collect();
        seen.sort_unstable_by_key(|job| (job.finished_at.is_none(), job.finished_at, job.id));
        self.enqueue(seen);
        self.last = recent;
        self.catch_up_missing().await;
    }

    /// Reads delivered jobs that are not among the recent ones: they wait behind many others, ended a while
    /// ago, or were removed.
    async fn catch_up_missing(&mut self) {
        let open = self.open.keys().copied();
        let missing: Vec<_> = open.filter(|job| !self.last.contains_key(job)).collect();
        if missing.is_empty() {
            return;
        }
        if let Ok(jobs) = self.service.find_many(&self.viewer, &missing).await {
            let found: HashSet<_> = jobs.iter().map(|job| job.id).collect();
            self.open
                .retain(|job, _| self.last.contains_key(job) || found.contains(job));
            self.enqueue(jobs);
        }
    }

    fn may_see(&self, owner: Option<Id<id::User>>, asked_by: &str) -> bool {
        self.viewer.is_admin()
            || match self.viewer.user() {
                Some(user) => owner == Some(user),
                None => asked_by == self.viewer.name(),
            }
    }

    /// Whether this state was not delivered yet; late events repeat delivered ones.
    fn is_undelivered(&self, job: &Job) -> bool {
        let last = self.last.get(&job.id).filter(|job| job.state.is_over());
        let delivered = self
            .open
            .get(&job.id)
            .copied()
            .max(self.ended.delivered(job.id));
        let known = delivered.max(last.map(|job| job.events));
        known.is_none_or(|known| job.events > known)
    }

    /// Records jobs, and queues those that are new and match the filter.
    fn enqueue(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            if !self.is_undelivered(&job) {
                continue;
            }
            if job.state.is_over() {
                self.open.remove(&job.id);
                self.ended.record(job.id, job.events);
            } else if self.filter.matches(&job) {
                self.ended.forget(job.id);
                self.open.insert(job.id, job.events);
            }
            if self.filter.matches(&job) {
                self.queue.push_back(job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn of_ended_jobs_the_last_are_known_and_older_ones_take_no_memory() {
        let mut ended = DeliveredEnds::default();
        let ids = (0..10_000_u128).map(|number| Id::from(Uuid::from_u128(number)));
        let ids: Vec<Id<id::Job>> = ids.collect();
        for (id, event) in ids.iter().zip(1..) {
            ended.record(*id, event);
        }
        assert_eq!(ended.delivered(ids[9_999]), Some(10_000));
        assert_eq!(ended.delivered(ids[10_000 - KNOWN_ENDS]), Some(9_001));
        assert_eq!(ended.delivered(ids[0]), None);
        assert!(ended.before.len() + ended.latest.len() <= 2 * KNOWN_ENDS);
        ended.forget(ids[9_999]);
        assert_eq!(ended.delivered(ids[9_999]), None);
    }
}
