//! What a running job is given: its progress, its cancellation and its commit point.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::foundation::{Id, Progress, ProgressObserver, id};

/// One attempt of a job, as its work sees it. Clones are of the same attempt; they may be used from any
/// thread.
#[derive(Clone, Debug)]
pub struct JobContext {
    job: Id<id::Job>,
    attempt: i16,
    progress: Arc<watch::Sender<Progress>>,
    token: CancellationToken,
    committing: Arc<AtomicBool>,
}

impl JobContext {
    /// The context of attempt number `attempt` (from 1) of a job, and where its progress is received. The work
    /// is told to stop by cancelling `token`.
    pub fn new(
        job: Id<id::Job>,
        attempt: i16,
        token: CancellationToken,
    ) -> (Self, watch::Receiver<Progress>) {
        let (progress, reported) = watch::channel(Progress::default());
        let context = Self {
            job,
            attempt,
            progress: Arc::new(progress),
            token,
            committing: Arc::default(),
        };
        (context, reported)
    }

    /// The job.
    pub fn job(&self) -> Id<id::Job> {
        self.job
    }

    /// The number of the attempt, from 1.
    pub fn attempt(&self) -> i16 {
        self.attempt
    }

    /// Cancelled when the work must stop.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Whether the work has passed its commit point.
    pub fn is_committing(&self) -> bool {
        self.committing.load(Ordering::SeqCst)
    }

    /// The commit point: call it right before the step that takes effect. From here on the work is not
    /// aborted, so that a job that has taken effect is not recorded as cancelled. `Break` means that the work
    /// must stop without taking effect.
    pub fn begin_commit(&self) -> ControlFlow<()> {
        // Stored before the check: a cancellation in between finds it.
        self.committing.store(true, Ordering::SeqCst);
        if self.token.is_cancelled() {
            self.committing.store(false, Ordering::SeqCst);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Reports the progress of the whole work. `Break` means that the work must stop.
    pub fn report(&self, progress: Progress) -> ControlFlow<()> {
        self.progress.send_if_modified(|known| {
            let reported = Progress {
                fraction: progress.fraction.map(|fraction| fraction.clamp(0.0, 1.0)),
                ..progress
            };
            let changed = *known != reported;
            *known = reported;
            changed
        });
        if self.token.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl ProgressObserver for JobContext {
    fn observe(&mut self, progress: Progress) -> ControlFlow<()> {
        self.report(progress)
    }

    fn begin_commit(&mut self) -> ControlFlow<()> {
        Self::begin_commit(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(token: &CancellationToken) -> (JobContext, watch::Receiver<Progress>) {
        let job = uuid::Uuid::from_u128(1).into();
        JobContext::new(job, 1, token.clone())
    }

    #[test]
    fn work_passes_its_commit_point_only_if_it_was_not_stopped_before() {
        let token = CancellationToken::new();
        let (work, _reported) = context(&token);
        assert!(!work.is_committing());
        assert_eq!(work.begin_commit(), ControlFlow::Continue(()));
        token.cancel();
        assert!(work.is_committing());
        let (late, _reported) = context(&token);
        assert_eq!(late.begin_commit(), ControlFlow::Break(()));
        assert!(!late.is_committing());
    }

    #[test]
    fn progress_is_received_within_its_bounds_and_only_when_it_changes() {
        let token = CancellationToken::new();
        let (work, mut reported) = context(&token);
        let too_far = Progress {
            fraction: Some(1.5),
            ..Progress::counted("writing", 3, 2)
        };
        assert_eq!(work.report(too_far.clone()), ControlFlow::Continue(()));
        assert!(reported.has_changed().unwrap());
        assert_eq!(reported.borrow_and_update().fraction, Some(1.0));
        token.cancel();
        assert_eq!(work.report(too_far), ControlFlow::Break(()));
        assert!(!reported.has_changed().unwrap());
    }
}
