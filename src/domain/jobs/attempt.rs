//! One attempt of a job: runs the work, writes its progress, and records the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::model::Job;
use super::service::JobService;
use super::store::{AttemptOutcome, Claim};
use crate::domain::job_handler::{JobContext, JobFailure};
use crate::foundation::Progress;

/// The bounds of the interval between two progress events. It grows with the age of the attempt, so that a
/// job of hours has hundreds of events and not tens of thousands.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// How long work that must stop may take to do so. Then it is aborted, unless it has passed its commit
/// point.
const GRACE: Duration = Duration::from_millis(1500);
/// The first and the longest delay between two attempts, in seconds.
const MIN_BACK_OFF: f64 = 5.0;
const MAX_BACK_OFF: f64 = 600.0;
/// How often writing the outcome of an attempt is tried.
const WRITE_ATTEMPTS: u32 = 8;

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum StopReason {
    /// The job was cancelled.
    Cancelled = 1,
    /// The worker shuts down.
    Drained = 2,
    /// The worker has lost the lease of the job.
    Lost = 3,
}

/// Stops an attempt from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    token: CancellationToken,
    reason: Arc<AtomicU8>,
}

impl Control {
    /// Stops the attempt. The first reason counts.
    pub(super) fn end(&self, reason: StopReason) {
        let _ = self
            .reason
            .compare_exchange(0, reason as u8, Ordering::SeqCst, Ordering::SeqCst);
        self.token.cancel();
    }

    fn reason(&self) -> Option<StopReason> {
        match self.reason.load(Ordering::SeqCst) {
            1 => Some(StopReason::Cancelled),
            2 => Some(StopReason::Drained),
            3 => Some(StopReason::Lost),
            _ => None,
        }
    }
}

/// Runs one attempt of `job` and writes its outcome.
pub(super) async fn run(jobs: JobService, job: Job, claim: Claim, control: Control) {
    let outcome = execute(&jobs, &job, claim, &control).await;
    for wait in (0..WRITE_ATTEMPTS).map(|turn| Duration::from_secs(u64::from(turn))) {
        sleep(wait).await;
        match jobs.store.end(claim, &outcome).await {
            // `None`: another worker has it by now.
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(job = %job.id, ?error, "The end of a job cannot be written yet");
            }
        }
    }
    tracing::error!(job = %job.id, "The end of a job was not written; it will be run again");
}

async fn execute(jobs: &JobService, job: &Job, claim: Claim, control: &Control) -> AttemptOutcome {
    let (context, reported) = JobContext::new(job.id, job.attempt, control.token.clone());
    let mut work = {
        let (jobs, context) = (jobs.clone(), context.clone());
        let (kind, parameters) = (job.kind.clone(), job.parameters.clone());
        tokio::spawn(async move { jobs.registry.run(&kind, parameters, context).await })
    };
    let outcome = tokio::select! {
        outcome = &mut work => Some(outcome),
        () = write_progress(jobs, claim, reported, control) => None,
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        // It must stop: it may do so by itself, or is aborted.
        None => match timeout(GRACE, &mut work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                if !context.is_committing() {
                    work.abort();
                }
                work.await
            }
        },
    };
    let failure = match outcome {
        // Completed work stays completed, even if it was to stop.
        Ok(Ok(result)) => return AttemptOutcome::Completed(result),
        Ok(Err(failure)) => Some(failure),
        Err(stopped) if stopped.is_panic() => {
            tracing::error!(job = %job.id, kind = job.kind.as_str(), "A job panicked");
            Some(JobFailure::retry("the program failed; the log says how"))
        }
        Err(_) => None,
    };
    match (control.reason(), failure) {
        (Some(StopReason::Cancelled), _) => AttemptOutcome::Cancelled,
        (Some(StopReason::Drained | StopReason::Lost), _) | (None, None) => {
            AttemptOutcome::Released
        }
        (None, Some(JobFailure::Permanent(reason))) => AttemptOutcome::Failed(reason),
        (None, Some(JobFailure::Retry { reason, after })) => {
            let jitter = jobs.rng.fraction();
            AttemptOutcome::Retry(reason, wait(job.attempt, jitter, after))
        }
    }
}

/// The delay after attempt number `attempt`, in seconds: the backoff, but at least `after`, which the refusing
/// service has asked for.
fn wait(attempt: i16, jitter: f64, after: Option<Duration>) -> f64 {
    let after = after.map_or(0.0, |after| after.as_secs_f64());
    back_off(attempt, jitter).max(after)
}

/// The backoff after attempt number `attempt` (from 1): 5 s, growing fourfold, up to 600 s; of that at least a
/// half, the rest by `jitter` in [0, 1), so that many jobs are not retried at once.
fn back_off(attempt: i16, jitter: f64) -> f64 {
    let growth = 4_f64.powi(i32::from(attempt.clamp(1, 10)) - 1);
    (MIN_BACK_OFF * growth).min(MAX_BACK_OFF) * (0.5 + 0.5 * jitter)
}

/// Writes reported progress, at a limited rate. Returns when the work must stop.
async fn write_progress(
    jobs: &JobService,
    claim: Claim,
    mut reported: watch::Receiver<Progress>,
    control: &Control,
) {
    let began = Instant::now();
    let mut step = None;
    let mut last = None;
    loop {
        tokio::select! {
            () = control.token.cancelled() => return,
            changed = reported.changed() => if changed.is_err() {
                // The work is over, or about to be.
                return std::future::pending().await;
            },
        }
        // A new step is written at once.
        let is_new = reported.borrow().step != step;
        if let Some(last) = last.filter(|_| !is_new) {
            let interval = (began.elapsed() / 100).clamp(MIN_INTERVAL, MAX_INTERVAL);
            tokio::select! {
                () = control.token.cancelled() => return,
                () = sleep_until(last + interval) => {}
            }
        }
        let progress = reported.borrow_and_update().clone();
        let remaining = remaining(began.elapsed(), progress.fraction);
        step.clone_from(&progress.step);
        last = Some(Instant::now());
        match jobs.store.progress(claim, &progress, remaining).await {
            Ok(Some(_)) => {}
            Ok(None) => control.end(StopReason::Lost),
            // The next progress includes this one.
            Err(error) => tracing::warn!(job = %claim.job, ?error, "Progress cannot be written"),
        }
    }
}

/// The estimated remaining time in seconds; `None` while too little is done.
fn remaining(so_far: Duration, fraction: Option<f32>) -> Option<f32> {
    let fraction = fraction.filter(|fraction| *fraction >= 0.02)?;
    Some(so_far.as_secs_f32() * (1.0 - fraction) / fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_fourfold_up_to_ten_minutes_and_are_at_least_half_of_that() {
        let longest: Vec<f64> = (1..=6).map(|attempt| back_off(attempt, 1.0)).collect();
        assert_eq!(longest, [5.0, 20.0, 80.0, 320.0, 600.0, 600.0]);
        assert_eq!(back_off(2, 0.0), 10.0);
        assert_eq!(back_off(i16::MAX, 1.0), 600.0);
    }

    #[test]
    fn a_retry_waits_at_least_as_long_as_the_service_asked_for_even_an_hour() {
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(wait(1, 1.0, hour), 3600.0);
        assert_eq!(wait(3, 1.0, Some(Duration::from_secs(7))), 80.0);
        assert_eq!(wait(1, 1.0, None), 5.0);
    }

    #[test]
    fn the_remaining_time_is_estimated_from_the_elapsed_time() {
        let remaining = |fraction| remaining(Duration::from_secs(30), fraction);
        assert_eq!(remaining(None), None);
        assert_eq!(remaining(Some(0.01)), None);
        assert_eq!(remaining(Some(0.75)), Some(10.0));
        assert_eq!(remaining(Some(1.0)), Some(0.0));
    }

    #[test]
    fn the_first_reason_to_stop_counts() {
        let control = Control::default();
        assert_eq!(control.reason(), None);
        control.end(StopReason::Lost);
        control.end(StopReason::Cancelled);
        assert_eq!(control.reason(), Some(StopReason::Lost));
        assert!(control.token.is_cancelled());
    }
}
