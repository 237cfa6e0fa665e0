//! Streams of changes of all jobs that a viewer may see.
//!
//! The bus publishes changes as they happen. Without Redis, those of other processes do not arrive: therefore
//! every few seconds the running, waiting and recently finished jobs are polled, once for all streams of this
//! process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::time::{Instant, sleep_until};

use super::model::{Job, JobFilter, JobOrder, JobState};
use super::service::{JobChanged, JobService};
use crate::domain::auth::Viewer;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Received, Topic};

/// How often a stream polls the table without events. Jobs that finished longer ago than
/// [`JobService::recent`] returns are not found by it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

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
        let listener = self.bus.subscribe(Topic::Jobs);
        // Jobs that finished before the stream started are not delivered.
        let last = self.recent().await.unwrap_or_default();
        let present = self.unfinished(viewer, &filter).await?;
        let mut stream = JobStream {
            service: self.clone(),
            viewer: viewer.clone(),
            filter,
            listener,
            poll_at: Instant::now() + POLL_INTERVAL,
            queue: VecDeque::new(),
            open: HashMap::new(),
            ended: DeliveredEnds::default(),
            last,
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
                .find_many(&Viewer::Command, &[changed.job])
                .await?;
            Ok::<_, crate::foundation::Error>(jobs.into_iter().next())
        };
        match self
            .seen
            .try_get_with((changed.job, changed.event), read)
            .await
        {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(%error, "A job that changed could not be read");
                None
            }
        }
    }

    /// The jobs that run, wait or have recently finished, read at most once a second; `None` when the database
    /// fails.
    async fn recent(&self) -> Option<Arc<Recent>> {
        let read = async {
            let jobs = self.store.recent().await?.into_iter();
            let recent: Recent = jobs.map(|job| (job.id, job)).collect();
            Ok::<_, crate::foundation::Error>(Arc::new(recent))
        };
        let recent = self.recent.try_get_with((), read).await;
        recent
            .inspect_err(|error| tracing::warn!(%error, "The jobs cannot be polled"))
            .ok()
    }
}

/// The result of polling.
pub(super) type Recent = HashMap<Id<id::Job>, Job>;

/// A stream of changed jobs.
struct JobStream {
    service: JobService,
    viewer: Viewer,
    filter: JobFilter,
    listener: Listener,
    poll_at: Instant,
    /// The jobs to deliver.
    queue: VecDeque<Job>,
    /// The latest delivered event of jobs that are not over.
    open: HashMap<Id<id::Job>, i64>,
    /// The latest delivered event of jobs that are over.
    ended: DeliveredEnds,
    /// The last polled jobs: those that were over are known.
    last: Arc<Recent>,
}

/// The latest delivered events of jobs that are over, since the poll before the last. Older events are no
/// longer on their way, and polling finds only jobs that ended later or that the last poll had found.
#[derive(Debug, Default)]
struct DeliveredEnds {
    since_last: HashMap<Id<id::Job>, i64>,
    before: HashMap<Id<id::Job>, i64>,
}

impl DeliveredEnds {
    fn delivered(&self, job: Id<id::Job>) -> Option<i64> {
        let delivered = self.since_last.get(&job).or_else(|| self.before.get(&job));
        delivered.copied()
    }

    fn record(&mut self, job: Id<id::Job>, event: i64) {
        self.since_last.insert(job, event);
    }

    /// Forgets a job that is no longer over.
    fn forget(&mut self, job: Id<id::Job>) {
        self.since_last.remove(&job);
        self.before.remove(&job);
    }

    /// Starts the next poll.
    fn age(&mut self) {
        self.before = std::mem::take(&mut self.since_last);
    }
}

impl JobStream {
    async fn step(mut self) -> Option<(Job, Self)> {
        loop {
            if let Some(job) = self.queue.pop_front() {
                return Some((job, self));
            }
            let event = tokio::select! {
                event = self.listener.next() => event,
                () = sleep_until(self.poll_at) => Received::Lagged,
            };
            match event {
                Received::Event(changed) => {
                    let Ok(changed) = serde_json::from_str::<JobChanged>(&changed) else {
                        continue; // of another version of the program
                    };
                    if self.may_see(changed.owner, &changed.asked_by) {
                        let job = self.service.job_of(&changed).await;
                        self.enqueue(job);
                    }
                }
                Received::Lagged => self.poll().await,
            }
        }
    }

    /// Finds changes without events.
    async fn poll(&mut self) {
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
        let mut seen: Vec<Job> = seen
            .filter(|job| self.is_undelivered(job))
            .cloned()
            .collect();
        seen.sort_unstable_by_key(|job| (job.finished_at.is_none(), job.finished_at, job.id));
        self.enqueue(seen);
        self.last = recent;
        self.ended.age();
        self.poll_missing().await;
    }

    /// Reads delivered jobs that polling no longer finds: they wait behind many others, ended a while ago, or
    /// were removed.
    async fn poll_missing(&mut self) {
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
    fn ended_jobs_are_known_for_two_polls_and_then_take_no_memory() {
        let mut ended = DeliveredEnds::default();
        let ids = (0..1000_u128).map(|number| Id::from(Uuid::from_u128(number)));
        let ids: Vec<Id<id::Job>> = ids.collect();
        for (id, event) in ids.iter().zip(1..) {
            ended.record(*id, event);
        }
        ended.age();
        ended.record(ids[0], 7);
        assert_eq!(
            (ended.delivered(ids[0]), ended.delivered(ids[999])),
            (Some(7), Some(1000))
        );
        ended.age();
        assert_eq!(
            (ended.delivered(ids[0]), ended.delivered(ids[999])),
            (Some(7), None)
        );
        assert_eq!(ended.before.len() + ended.since_last.len(), 1);
        ended.forget(ids[0]);
        assert_eq!(ended.delivered(ids[0]), None);
    }
}
