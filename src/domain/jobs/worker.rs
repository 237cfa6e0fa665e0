//! Workers: claim jobs from the queue, run them, renew their leases, release them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attempt::{self, StopReason};
use super::model::{Job, JobState};
use super::service::{JobChanged, JobService};
use super::store::{Claim, Heartbeat};
use crate::foundation::{Id, Result, id};
use crate::platform::events::Received;

/// How often a worker sends its heartbeat: while it runs jobs, whose leases the heartbeat renews, and while it
/// does not.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
const IDLE_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(4);
/// The most jobs claimed by one statement.
const MAX_CLAIM: usize = 32;

/// The workers of this process: run a bounded number of jobs at a time, of all schemas together.
pub struct Workers {
    stop: CancellationToken,
    all: Vec<Arc<Worker>>,
    loops: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts workers for the jobs of these schemas, with `slots` slots in all. `name` identifies the process for
    /// people.
    pub fn start(schemas: impl IntoIterator<Item = JobService>, slots: usize, name: &str) -> Self {
        let stop = CancellationToken::new();
        let free = Arc::new(Semaphore::new(slots.max(1)));
        let all: Vec<_> = schemas
            .into_iter()
            .map(|jobs| Arc::new(Worker::new(jobs, slots.max(1), &free, name)))
            .collect();
        let work = |worker: &Arc<Worker>| tokio::spawn(Arc::clone(worker).work(stop.clone()));
        let loops = all.iter().map(work).collect();
        Self { stop, all, loops }
    }

    /// Shuts down: claims nothing more; running jobs have `limit` to end; those that still run are released to
    /// the queue, from where another worker claims them at once.
    pub async fn drain(self, limit: Duration) {
        self.stop.cancel();
        let mut loops = join_all(self.loops);
        if timeout(limit, &mut loops).await.is_err() {
            for worker in &self.all {
                worker.end_all(StopReason::Drained);
            }
            loops.await;
        }
        join_all(self.all.iter().map(|worker| worker.deregister())).await;
    }
}

/// The worker of one schema.
struct Worker {
    id: Uuid,
    name: String,
    slots: i32,
    free: Arc<Semaphore>,
    jobs: JobService,
    running: Mutex<HashMap<Id<id::Job>, Running>>,
    attempts: TaskTracker,
}

/// What follows from a heartbeat.
struct NextHeartbeat {
    /// After how much time to send the next one: earlier than usual where work becomes due.
    after: Duration,
    /// Whether jobs that wait are due.
    work_is_due: bool,
}

/// A job that runs here.
struct Running {
    attempt: i16,
    control: attempt::Control,
}

impl Worker {
    fn new(jobs: JobService, slots: usize, free: &Arc<Semaphore>, name: &str) -> Self {
        let id: Id<id::Job> = Id::new(&jobs.clock, &jobs.rng);
        let attempts = TaskTracker::new();
        attempts.close();
        Self {
            id: id.uuid(),
            name: name.to_owned(),
            slots: i32::try_from(slots).unwrap_or(i32::MAX),
            free: Arc::clone(free),
            jobs,
            running: Mutex::default(),
            attempts,
        }
    }

    async fn work(self: Arc<Self>, stop: CancellationToken) {
        // Subscribed before the first claim, so that no new job is missed.
        let mut changes = self.jobs.events.subscribe(None).await;
        self.warn_of_unknown_kinds().await;
        // The worker is registered before it has any work.
        let mut schedules_known = self.register_schedules().await;
        let mut beat_at = Instant::now() + self.heartbeat(false).await.after;
        let mut more = true;
        loop {
            let (urgent, slot) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                received = changes.next() => match self.on_change(&received) {
                    Some(due_in) => {
                        beat_at = beat_at.min(Instant::now() + due_in.min(IDLE_HEARTBEAT_INTERVAL));
                        (due_in.is_zero(), None)
                    }
                    None => (false, None),
                },
                () = sleep_until(beat_at) => {
                    schedules_known = schedules_known || self.register_schedules().await;
                    let next = self.heartbeat(false).await;
                    beat_at = Instant::now() + next.after;
                    (next.work_is_due, None)
                }
                // A slot is free, and there may be work for it. It is kept: released, it would go to the worker
                // of another schema that waits here, and from there back again.
                slot = Arc::clone(&self.free).acquire_owned(), if more => (true, slot.ok()),
            };
            if urgent {
                more = Arc::clone(&self).claim(slot).await.unwrap_or_else(|error| {
                    tracing::warn!(?error, "No job can be claimed; trying again");
                    false
                });
            }
        }
        // Renews the leases of running jobs until they end.
        loop {
            self.heartbeat(true).await;
            if timeout(HEARTBEAT_INTERVAL, self.attempts.wait())
                .await
                .is_ok()
            {
                return;
            }
        }
    }
}

impl Worker {
    /// Logs a warning if jobs wait whose kinds this program does not know: it leaves them to one that does.
    async fn warn_of_unknown_kinds(&self) {
        match self.jobs.store.waiting_of_unknown_kinds().await {
            Ok(kinds) if kinds.is_empty() => {}
            Ok(kinds) => tracing::warn!(
                ?kinds,
                "Jobs wait that another version of the program has created; this one does not know their kinds"
            ),
            Err(error) => tracing::warn!(?error, "The kinds of waiting jobs cannot be read"),
        }
    }

    /// Registers the schedules of the settings; returns whether that succeeded.
    async fn register_schedules(&self) -> bool {
        let schedules_known = self.jobs.schedules.begin(&self.jobs).await;
        if let Err(error) = &schedules_known {
            tracing::warn!(?error, "The schedules cannot be read; trying again");
        }
        schedules_known.is_ok()
    }

    fn running(&self) -> parking_lot::MutexGuard<'_, HashMap<Id<id::Job>, Running>> {
        self.running.lock()
    }

    /// Stops a cancelled job; returns in how much time there may be work.
    fn on_change(&self, received: &Received<JobChanged>) -> Option<Duration> {
        let Received::Event { event, .. } = received else {
            return Some(Duration::ZERO);
        };
        if event.cancel
            && let Some(running) = self.running().get(&event.job.into())
        {
            running.control.end(StopReason::Cancelled);
        }
        (event.state == JobState::Pending).then(|| seconds(event.due_in))
    }

    /// Sends the heartbeat and renews the leases of running jobs. Stops jobs that were cancelled or whose lease
    /// is lost. Releases jobs of dead workers, and creates scheduled jobs.
    async fn heartbeat(&self, draining: bool) -> NextHeartbeat {
        // Jobs that start while the statement runs are not in its result.
        let known: Vec<_> = self.running().keys().copied().collect();
        let interval = if known.is_empty() {
            IDLE_HEARTBEAT_INTERVAL
        } else {
            HEARTBEAT_INTERVAL
        };
        let heartbeat = self
            .jobs
            .store
            .heartbeat(
                self.id,
                &self.name,
                self.slots,
                draining,
                known.iter().copied(),
                self.jobs.clock.now(),
            )
            .await;
        let heartbeat = match heartbeat {
            Ok(heartbeat) => heartbeat,
            Err(error) => {
                tracing::warn!(?error, "A worker cannot send its heartbeat");
                return NextHeartbeat {
                    after: HEARTBEAT_INTERVAL,
                    work_is_due: false,
                };
            }
        };
        self.check_leases(&known, &heartbeat);
        if heartbeat.orphans && !draining {
            match self.jobs.store.release_orphans().await {
                Ok(orphans) => {
                    for job in &orphans {
                        tracing::warn!(job = %job.id, attempt = job.attempt, "The worker of a job is dead");
                    }
                }
                Err(error) => tracing::warn!(?error, "Jobs of dead workers cannot be released"),
            }
        }
        if heartbeat.schedule_due_in.is_some_and(|due| due <= 0.0)
            && !draining
            && let Err(error) = self.jobs.schedules.fire(&self.jobs).await
        {
            tracing::warn!(?error, "The schedules cannot be read");
        }
        let due = [heartbeat.job_due_in, heartbeat.schedule_due_in];
        let due = due.into_iter().flatten().filter(|due| *due > 0.0);
        NextHeartbeat {
            after: due
                .map(seconds)
                .min()
                .map_or(interval, |due| due.min(interval)),
            work_is_due: heartbeat.job_due_in.is_some_and(|due| due <= 0.0),
        }
    }

    fn check_leases(&self, known: &[Id<id::Job>], heartbeat: &Heartbeat) {
        let held = heartbeat.held.iter().zip(&heartbeat.attempts);
        let held = held.zip(&heartbeat.cancel_asked);
        let held: HashMap<_, _> = held
            .map(|((job, attempt), cancel)| (*job, (*attempt, *cancel)))
            .collect();
        let running = self.running();
        for (job, running) in known.iter().filter_map(|job| running.get_key_value(job)) {
            match held.get(&job.uuid()) {
                // Restarted while the statement ran.
                Some((attempt, _)) if *attempt != running.attempt => {}
                Some((_, true)) => running.control.end(StopReason::Cancelled),
                Some((_, false)) => {}
                None => running.control.end(StopReason::Lost),
            }
        }
    }

    /// Claims and starts jobs for `slot` and all free slots. Returns whether more may wait: the number of free
    /// slots may change meanwhile.
    async fn claim(self: Arc<Self>, slot: Option<OwnedSemaphorePermit>) -> Result<bool> {
        let mut slots: Vec<_> = slot.into_iter().collect();
        loop {
            while slots.len() < MAX_CLAIM
                && let Ok(slot) = Arc::clone(&self.free).try_acquire_owned()
            {
                slots.push(slot);
            }
            if slots.is_empty() {
                return Ok(true);
            }
            let wanted = slots.len();
            let jobs = self.jobs.store.claim(self.id, wanted as i64).await?;
            let found = jobs.len();
            for (job, slot) in jobs.into_iter().zip(slots.drain(..)) {
                Arc::clone(&self).begin(job, slot);
            }
            if found < wanted {
                return Ok(false);
            }
        }
    }

    fn begin(self: Arc<Self>, job: Job, slot: OwnedSemaphorePermit) {
        let claim = Claim {
            job: job.id,
            worker: self.id,
            attempt: job.attempt,
        };
        let control = attempt::Control::default();
        let running = Running {
            attempt: job.attempt,
            control: control.clone(),
        };
        if let Some(earlier) = self.running().insert(job.id, running) {
            // The lease was lost and claimed again before the earlier attempt noticed.
            earlier.control.end(StopReason::Lost);
        }
        let tracker = self.attempts.clone();
        tracker.spawn(async move {
            attempt::run(self.jobs.clone(), job, claim, control).await;
            if let Entry::Occupied(running) = self.running().entry(claim.job)
                && running.get().attempt == claim.attempt
            {
                running.remove();
            }
            drop(slot);
        });
    }

    fn end_all(&self, reason: StopReason) {
        for running in self.running().values() {
            running.control.end(reason);
        }
    }

    async fn deregister(&self) {
        if let Err(error) = self.jobs.store.deregister(self.id).await {
            tracing::warn!(?error, "A worker cannot deregister");
        }
    }
}

/// A number of seconds of the database; zero if it is negative.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
