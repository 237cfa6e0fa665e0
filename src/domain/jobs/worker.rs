//! Workers: taking jobs from the queue, running them, holding them, giving them back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attempt::{self, Why};
use super::model::{Job, JobState};
use super::schedule::Schedules;
use super::service::{JobNote, JobService};
use super::store::Claim;
use crate::domain::Services;
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Received, Topic};

/// How often a worker says that it is there and looks for work, though nobody calls.
const BEAT: Duration = Duration::from_secs(1);
/// So many jobs are claimed in one statement at most.
const AT_ONCE: usize = 32;

/// What runs jobs in this process: a bounded number at a time, of all schemas together.
pub struct Workers {
    stop: CancellationToken,
    all: Vec<Arc<Worker>>,
    loops: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Begins to work for the schemas of these services, with so many slots in all. `name` tells
    /// people which process this is.
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

    /// Ends in order: nothing more is begun; what runs has `limit` to end; what then still runs
    /// goes back to the queue, from where another worker takes it at once.
    pub async fn drain(self, limit: Duration) {
        self.stop.cancel();
        let mut loops = join_all(self.loops);
        if timeout(limit, &mut loops).await.is_err() {
            for worker in &self.all {
                worker.end_all(Why::Drained);
            }
            loops.await;
        }
        join_all(self.all.iter().map(|worker| worker.leave())).await;
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
        // Listened for before the first look, so that nothing is asked for unheard.
        let mut notes = self.jobs.bus.subscribe(Topic::Jobs);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Whoever looks sees the worker before it has any work.
        beat.tick().await;
        let mut noted = self.note_schedules().await;
        self.beat(false).await;
        let mut more = true;
        loop {
            let (urgent, slot) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                heard = notes.next() => (self.hear(&heard), None),
                _ = beat.tick() => {
                    noted = noted || self.note_schedules().await;
                    self.beat(false).await;
                    (true, None)
                }
                // A slot is free, and there may be work for it. It is kept for that: given back, it
                // would go to the worker of another schema that waits here, and from there back again.
                slot = Arc::clone(&self.free).acquire_owned(), if more => (true, slot.ok()),
            };
            if urgent {
                more = Arc::clone(&self).claim(slot).await.unwrap_or_else(|error| {
                    tracing::warn!(?error, "No job can be claimed; trying again");
                    false
                });
            }
        }
        // What still runs is held until it ends.
        loop {
            self.beat(true).await;
            if timeout(BEAT, self.attempts.wait()).await.is_ok() {
                return;
            }
        }
    }
}

impl Worker {
    /// Takes note of the schedules of the settings; says whether that could be done.
    async fn note_schedules(&self) -> bool {
        let noted = self.schedules.begin(&self.jobs).await;
        if let Err(error) = &noted {
            tracing::warn!(?error, "The schedules cannot be read; trying again");
        }
        noted.is_ok()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Id<id::Job>, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what was cancelled; says whether there is new work.
    fn hear(&self, heard: &Received) -> bool {
        let Received::Event(note) = heard else {
            return true;
        };
        let Ok(note) = serde_json::from_str::<JobNote>(note) else {
            return true; // of another version of the program
        };
        if note.cancel
            && let Some(running) = self.running().get(&note.job)
        {
            running.control.end(Why::Cancelled);
        }
        note.state == JobState::Pending
    }

    /// Says that this worker is there, and holds what it runs. What is no longer its own, or was
    /// cancelled, is ended. Takes care of jobs whose worker is gone, and of schedules.
    async fn beat(&self, draining: bool) {
        // What begins while the statement is under way is not in its answer.
        let known: Vec<_> = self.running().keys().copied().collect();
        match self
            .jobs
            .store
            .beat(
                self.id,
                &self.name,
                self.slots,
                draining,
                known.iter().copied(),
            )
            .await
        {
            Ok(mine) => {
                let mine: HashMap<_, _> = mine.into_iter().map(|mine| (mine.id, mine)).collect();
                let running = self.running();
                for (job, running) in known.iter().filter_map(|job| running.get_key_value(job)) {
                    match mine.get(&job.uuid()) {
                        // Begun anew while the statement was under way.
                        Some(mine) if mine.attempt != running.attempt => {}
                        Some(mine) if mine.cancel_asked => running.control.end(Why::Cancelled),
                        Some(_) => {}
                        None => running.control.end(Why::Lost),
                    }
                }
            }
            Err(error) => tracing::warn!(?error, "A worker cannot say that it is there"),
        }
        if draining {
            return;
        }
        match self.jobs.store.rescue().await {
            Ok(rescued) => {
                for job in &rescued {
                    tracing::warn!(job = %job.id, attempt = job.attempt, "The worker of a job went away");
                    self.jobs.tell(job);
                }
            }
            Err(error) => tracing::warn!(?error, "Jobs without a worker cannot be looked for"),
        }
        if let Err(error) = self.schedules.fire(&self.jobs).await {
            tracing::warn!(?error, "The schedules cannot be looked at");
        }
    }

    /// Begins as many jobs as there are free slots, and this one. Says whether more may wait: slots
    /// may be free again by the time that anybody looks, so their number does not tell.
    async fn claim(self: Arc<Self>, slot: Option<OwnedSemaphorePermit>) -> Result<bool> {
        let mut slots: Vec<_> = slot.into_iter().collect();
        loop {
            while slots.len() < AT_ONCE
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
        self.jobs.tell(&job);
        let running = Running {
            attempt: job.attempt,
            control: control.clone(),
        };
        if let Some(earlier) = self.running().insert(job.id, running) {
            // It was lost and came back here before the earlier attempt noticed.
            earlier.control.end(Why::Lost);
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

    fn end_all(&self, why: Why) {
        for running in self.running().values() {
            running.control.end(why);
        }
    }

    async fn leave(&self) {
        if let Err(error) = self.jobs.store.leave(self.id).await {
            tracing::warn!(?error, "A worker cannot say that it ends");
        }
    }
}
