//! Workers: claim jobs from the queue, run them, renew their leases, release them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attempt::{self, StopReason};
use super::model::{Job, JobState};
use super::schedule::Schedules;
use super::service::{JobChanged, JobService};
use super::store::Claim;
use crate::domain::Services;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Received, Topic};

/// How often a worker sends its heartbeat and looks for work without events.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// The most jobs claimed by one statement.
const MAX_CLAIM: usize = 32;

/// The workers of this process: run a bounded number of jobs at a time, of all schemas together.
pub struct Workers {
    stop: CancellationToken,
    all: Vec<Arc<Worker>>,
    loops: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts workers for these schemas, with `slots` slots in all. `name` identifies the process for people.
    pub fn start(
        schemas: impl IntoIterator<Item = Arc<Services>>,
        slots: usize,
        name: &str,
    ) -> Self {
        let stop = CancellationToken::new();
        let free = Arc::new(Semaphore::new(slots.max(1)));
        let all: Vec<_> = schemas
            .into_iter()
            .map(|services| Arc::new(Worker::new(services, slots.max(1), &free, name)))
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
    services: Arc<Services>,
    jobs: JobService,
    schedules: Schedules,
    running: Mutex<HashMap<Id<id::Job>, Running>>,
    attempts: TaskTracker,
}

/// A job that runs here.
struct Running {
    attempt: i16,
    control: attempt::Control,
}

impl Worker {
    fn new(services: Arc<Services>, slots: usize, free: &Arc<Semaphore>, name: &str) -> Self {
        let jobs = services.jobs.clone();
        let id: Id<id::Job> = Id::new(&jobs.clock, &jobs.rng);
        let attempts = TaskTracker::new();
        attempts.close();
        Self {
            id: id.uuid(),
            name: name.to_owned(),
            slots: i32::try_from(slots).unwrap_or(i32::MAX),
            free: Arc::clone(free),
            schedules: services.schedules.clone(),
            services,
            jobs,
            running: Mutex::default(),
            attempts,
        }
    }

    async fn work(self: Arc<Self>, stop: CancellationToken) {
        // Subscribed before the first claim, so that no new job is missed.
        let mut events = self.jobs.bus.subscribe(Topic::Jobs);
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The worker is registered before it has any work.
        heartbeat.tick().await;
        let mut schedules_known = self.register_schedules().await;
        self.heartbeat(false).await;
        let mut more = true;
        loop {
            let (urgent, slot) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.next() => (self.on_event(&event), None),
                _ = heartbeat.tick() => {
                    schedules_known = schedules_known || self.register_schedules().await;
                    self.heartbeat(false).await;
                    (true, None)
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
    /// Registers the schedules of the settings; returns whether that succeeded.
    async fn register_schedules(&self) -> bool {
        let schedules_known = self.schedules.begin(&self.jobs).await;
        if let Err(error) = &schedules_known {
            tracing::warn!(?error, "The schedules cannot be read; trying again");
        }
        schedules_known.is_ok()
    }

    fn running(&self) -> parking_lot::MutexGuard<'_, HashMap<Id<id::Job>, Running>> {
        self.running.lock()
    }

    /// Stops a cancelled job; returns whether there may be new work.
    fn on_event(&self, event: &Received) -> bool {
        let Received::Event(changed) = event else {
            return true;
        };
        let Ok(changed) = serde_json::from_str::<JobChanged>(changed) else {
            return true; // of another version of the program
        };
        if changed.cancel
            && let Some(running) = self.running().get(&changed.job)
        {
            running.control.end(StopReason::Cancelled);
        }
        changed.state == JobState::Pending
    }

    /// Sends the heartbeat and renews the leases of running jobs. Stops jobs that were cancelled or whose lease
    /// is lost. Releases jobs of dead workers, and creates scheduled jobs.
    async fn heartbeat(&self, draining: bool) {
        // Jobs that start while the statement runs are not in its result.
        let known: Vec<_> = self.running().keys().copied().collect();
        match self
            .jobs
            .store
            .heartbeat(
                self.id,
                &self.name,
                self.slots,
                draining,
                known.iter().copied(),
            )
            .await
        {
            Ok(leases) => {
                let leases: HashMap<_, _> =
                    leases.into_iter().map(|lease| (lease.id, lease)).collect();
                let running = self.running();
                for (job, running) in known.iter().filter_map(|job| running.get_key_value(job)) {
                    match leases.get(&job.uuid()) {
                        // Restarted while the statement ran.
                        Some(lease) if lease.attempt != running.attempt => {}
                        Some(lease) if lease.cancel_asked => {
                            running.control.end(StopReason::Cancelled);
                        }
                        Some(_) => {}
                        None => running.control.end(StopReason::Lost),
                    }
                }
            }
            Err(error) => tracing::warn!(?error, "A worker cannot send its heartbeat"),
        }
        if draining {
            return;
        }
        match self.jobs.store.release_orphans().await {
            Ok(orphans) => {
                for job in &orphans {
                    tracing::warn!(job = %job.id, attempt = job.attempt, "The worker of a job is dead");
                    self.jobs.publish(job);
                }
            }
            Err(error) => tracing::warn!(?error, "Jobs of dead workers cannot be released"),
        }
        if let Err(error) = self.schedules.fire(&self.jobs).await {
            tracing::warn!(?error, "The schedules cannot be read");
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
        self.jobs.publish(&job);
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
            attempt::run(Arc::clone(&self.services), job, claim, control).await;
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
