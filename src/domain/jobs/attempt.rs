//! One attempt of a job: running the work, telling how far it is, ending it one way or the other.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::model::{Job, Progress};
use super::service::JobService;
use super::store::{Claim, Ended};
use super::work::{self, Failure};
use crate::domain::Services;

/// The shortest time between two events that tell of progress. It grows with the attempt's age, so
/// that a job of hours has hundreds of events and not tens of thousands.
const LEAST_GAP: Duration = Duration::from_millis(200);
const MOST_GAP: Duration = Duration::from_secs(10);
/// How long work that is to end may take to notice. Then it is dropped where it stands, unless it is
/// being seen through.
const GRACE: Duration = Duration::from_millis(1500);
/// The first wait between two attempts, in seconds, and the longest.
const BACK_OFF: f64 = 5.0;
const MOST_BACK_OFF: f64 = 600.0;
/// How often the end of an attempt is written anew where the database does not take it.
const WRITINGS: u32 = 8;

/// Why an attempt is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Why {
    /// Somebody cancelled the job.
    Cancelled = 1,
    /// The worker stops.
    Drained = 2,
    /// The job is no longer this worker's.
    Lost = 3,
}

/// Ends an attempt from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    token: CancellationToken,
    why: Arc<AtomicU8>,
}

impl Control {
    /// Ends the attempt. The first reason is the one.
    pub(super) fn end(&self, why: Why) {
        let _ = self
            .why
            .compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst);
        self.token.cancel();
    }

    fn why(&self) -> Option<Why> {
        match self.why.load(Ordering::SeqCst) {
            1 => Some(Why::Cancelled),
            2 => Some(Why::Drained),
            3 => Some(Why::Lost),
            _ => None,
        }
    }
}

/// Where work says how far it is, from any thread.
#[derive(Clone, Debug)]
pub struct Reporter {
    progress: Arc<watch::Sender<Progress>>,
    token: CancellationToken,
    through: Arc<AtomicBool>,
}

impl Reporter {
    fn new(token: CancellationToken) -> (Self, watch::Receiver<Progress>) {
        let (progress, told) = watch::channel(Progress::default());
        let reporter = Self {
            progress: Arc::new(progress),
            token,
            through: Arc::default(),
        };
        (reporter, told)
    }

    /// For right before the step that takes effect: from here on the work is not dropped where it
    /// stands, so that a job whose effect is there is not called cancelled. Break means that it was
    /// to end before this, and nothing may take effect.
    pub fn see_through(&self) -> ControlFlow<()> {
        // Said first, looked then: whoever cancels in between finds it said.
        self.through.store(true, Ordering::SeqCst);
        if self.token.is_cancelled() {
            self.through.store(false, Ordering::SeqCst);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Says that `step` is under way and how much of the whole is done, in [0, 1]; a message says
    /// more. The answer is whether to go on.
    pub fn tell(
        &self,
        fraction: Option<f32>,
        step: &str,
        message: Option<String>,
    ) -> ControlFlow<()> {
        self.progress.send_if_modified(|known| {
            let told = Progress {
                fraction: fraction.map(|fraction| fraction.clamp(0.0, 1.0)),
                step: Some(step.to_owned()),
                message,
                remaining: None,
            };
            let news = *known != told;
            *known = told;
            news
        });
        if self.token.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Is cancelled when the work is to end.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}

/// Runs one attempt of `job` to its end and writes what became of it.
pub(super) async fn run(services: Arc<Services>, job: Job, claim: Claim, control: Control) {
    let jobs = services.jobs.clone();
    let ended = work_on(&services, &job, claim, &control).await;
    for wait in (0..WRITINGS).map(|turn| Duration::from_secs(u64::from(turn))) {
        sleep(wait).await;
        match jobs.store.end(claim, &ended).await {
            Ok(Some(job)) => {
                jobs.tell(&job);
                return;
            }
            // Somebody else has it by now.
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(job = %job.id, ?error, "The end of a job cannot be written yet");
            }
        }
    }
    tracing::error!(job = %job.id, "The end of a job was not written; it will be run again");
}

async fn work_on(services: &Arc<Services>, job: &Job, claim: Claim, control: &Control) -> Ended {
    let (reporter, told) = Reporter::new(control.token.clone());
    let through = Arc::clone(&reporter.through);
    let mut work = {
        let (services, job) = (Arc::clone(services), job.clone());
        tokio::spawn(async move { work::run(&services, &job, &reporter).await })
    };
    let outcome = tokio::select! {
        outcome = &mut work => Some(outcome),
        () = scribe(&services.jobs, claim, told, control) => None,
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        // It is to end: it may do so by itself, or is dropped.
        None => match timeout(GRACE, &mut work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                if !through.load(Ordering::SeqCst) {
                    work.abort();
                }
                work.await
            }
        },
    };
    let failure = match outcome {
        // What is done is done, even if it was to end.
        Ok(Ok(result)) => return Ended::Completed(result),
        Ok(Err(failure)) => Some(failure),
        Err(stopped) if stopped.is_panic() => {
            tracing::error!(job = %job.id, kind = job.kind().as_str(), "A job panicked");
            Some(Failure::again("the program failed; the log says how"))
        }
        Err(_) => None,
    };
    match (control.why(), failure) {
        (Some(Why::Cancelled), _) => Ended::Cancelled,
        (Some(Why::Drained | Why::Lost), _) | (None, None) => Ended::Released,
        (None, Some(Failure::GiveUp(why))) => Ended::Failed(why),
        (None, Some(Failure::Again { why, after })) => {
            let jitter = services.jobs.rng.fraction();
            Ended::Again(why, wait(job.attempt, jitter, after))
        }
    }
}

/// How many seconds to wait after attempt number `attempt`: the usual, and not less than `after`,
/// which whoever refused has asked for.
fn wait(attempt: i16, jitter: f64, after: Option<Duration>) -> f64 {
    let after = after.map_or(0.0, |after| after.as_secs_f64());
    back_off(attempt, jitter).max(after)
}

/// How long to wait after attempt number `attempt` (from 1): 5 s, growing fourfold, up to 600 s; of
/// that at least a half, the rest by `jitter` in [0, 1), so that many jobs are not retried at once.
fn back_off(attempt: i16, jitter: f64) -> f64 {
    let growth = 4_f64.powi(i32::from(attempt.clamp(1, 10)) - 1);
    (BACK_OFF * growth).min(MOST_BACK_OFF) * (0.5 + 0.5 * jitter)
}

/// Writes how far the work is, as it tells, and not too often. Ends when the work is to end.
async fn scribe(
    jobs: &JobService,
    claim: Claim,
    mut told: watch::Receiver<Progress>,
    control: &Control,
) {
    let began = Instant::now();
    let mut step = None;
    let mut last = None;
    loop {
        tokio::select! {
            () = control.token.cancelled() => return,
            changed = told.changed() => if changed.is_err() {
                // The work is over, or about to be.
                return std::future::pending().await;
            },
        }
        // A new step is told at once.
        let is_new = told.borrow().step != step;
        if let Some(last) = last.filter(|_| !is_new) {
            let gap = (began.elapsed() / 100).clamp(LEAST_GAP, MOST_GAP);
            tokio::select! {
                () = control.token.cancelled() => return,
                () = sleep_until(last + gap) => {}
            }
        }
        let mut progress = told.borrow_and_update().clone();
        progress.remaining = remaining(began.elapsed(), progress.fraction);
        step.clone_from(&progress.step);
        last = Some(Instant::now());
        match jobs.store.progress(claim, &progress).await {
            Ok(Some(job)) => jobs.tell(&job),
            Ok(None) => control.end(Why::Lost),
            // The next progress tells of this as well.
            Err(error) => tracing::warn!(job = %claim.job, ?error, "Progress cannot be written"),
        }
    }
}

/// How many seconds the rest takes if it goes on as so far; `None` while too little is done to say.
fn remaining(so_far: Duration, fraction: Option<f32>) -> Option<f32> {
    let fraction = fraction.filter(|fraction| *fraction >= 0.02)?;
    Some(so_far.as_secs_f32() * (1.0 - fraction) / fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_fourfold_up_to_ten_minutes_and_are_at_least_half_of_that() {
        let longest: Vec<f64> = (1..=6).map(|attempt| back_off(attempt, 1.0)).collect();
        assert_eq!(longest, [5.0, 20.0, 80.0, 320.0, 600.0, 600.0]);
        assert_eq!(back_off(2, 0.0), 10.0);
        assert_eq!(back_off(i16::MAX, 1.0), 600.0);
    }

    #[test]
    fn whoever_says_when_to_come_back_is_not_asked_before_even_where_that_is_an_hour() {
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(wait(1, 1.0, hour), 3600.0);
        assert_eq!(wait(3, 1.0, Some(Duration::from_secs(7))), 80.0);
        assert_eq!(wait(1, 1.0, None), 5.0);
    }

    #[test]
    fn the_rest_is_told_by_what_it_took_so_far() {
        let remaining = |fraction| remaining(Duration::from_secs(30), fraction);
        assert_eq!(remaining(None), None);
        assert_eq!(remaining(Some(0.01)), None);
        assert_eq!(remaining(Some(0.75)), Some(10.0));
        assert_eq!(remaining(Some(1.0)), Some(0.0));
    }

    #[test]
    fn work_is_seen_through_only_if_it_was_not_to_end_before() {
        let control = Control::default();
        let (reporter, _told) = Reporter::new(control.token.clone());
        assert!(!reporter.through.load(Ordering::SeqCst));
        assert_eq!(reporter.see_through(), ControlFlow::Continue(()));
        control.end(Why::Cancelled);
        assert!(reporter.through.load(Ordering::SeqCst));
        let (late, _told) = Reporter::new(control.token.clone());
        assert_eq!(late.see_through(), ControlFlow::Break(()));
        assert!(!late.through.load(Ordering::SeqCst));
    }

    #[test]
    fn the_first_reason_to_end_is_the_one() {
        let control = Control::default();
        assert_eq!(control.why(), None);
        control.end(Why::Lost);
        control.end(Why::Cancelled);
        assert_eq!(control.why(), Some(Why::Lost));
        assert!(control.token.is_cancelled());
    }
}
