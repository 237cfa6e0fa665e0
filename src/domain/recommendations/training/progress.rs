//! The progress of trainings and evaluations: which step is where in the whole.

use std::ops::ControlFlow;

use super::conflict;
use crate::foundation::{Progress, ProgressObserver, Result};

/// What a training does, in this order. An evaluation does a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading interactions.
    Read,
    /// Choosing models and settings, by trials on held-out interactions.
    Choose,
    /// Measuring the quality on held-out interactions.
    Measure,
    /// Learning from all interactions.
    Train,
    /// Storing the lists of users.
    Store,
}

impl Step {
    /// The name in [`Progress::step`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "reading interactions",
            Self::Choose => "choosing models and settings",
            Self::Measure => "measuring on held-out interactions",
            Self::Train => "learning from all interactions",
            Self::Store => "storing the lists of users",
        }
    }
}

/// What is done in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::recommendations) enum Run {
    /// A training, with or without choosing models and settings first.
    Training { choose: bool },
    /// An evaluation, likewise.
    Evaluation { choose: bool },
}

impl Run {
    /// Where a step begins in the whole and where it ends, in [0, 1]. Choosing is some fifty trainings; the
    /// other shares are as measured on a million ratings.
    fn share(self, step: Step) -> (f32, f32) {
        match (self, step) {
            (Self::Training { choose: false }, step) => match step {
                Step::Read | Step::Choose => (0.0, 0.15),
                Step::Measure => (0.15, 0.45),
                Step::Train => (0.45, 0.8),
                Step::Store => (0.8, 1.0),
            },
            (Self::Training { choose: true }, step) => match step {
                Step::Read => (0.0, 0.05),
                Step::Choose => (0.05, 0.8),
                Step::Measure => (0.83, 0.89),
                Step::Train => (0.89, 0.96),
                Step::Store => (0.96, 1.0),
            },
            (Self::Evaluation { .. }, Step::Read) => (0.0, 0.1),
            (Self::Evaluation { .. }, Step::Choose) => (0.1, 0.9),
            (Self::Evaluation { choose }, _) => (if choose { 0.9 } else { 0.1 }, 1.0),
        }
    }
}

/// Reports the steps of a run as parts of the whole.
pub(in crate::domain::recommendations) struct RunReporter {
    run: Run,
    observer: Box<dyn ProgressObserver>,
}

impl RunReporter {
    pub(in crate::domain::recommendations) fn new(
        run: Run,
        observer: impl ProgressObserver + 'static,
    ) -> Self {
        let observer = Box::new(observer);
        Self { run, observer }
    }

    fn observe(&mut self, step: Step, done: u64, of: u64) -> ControlFlow<()> {
        let progress = Progress::counted(step.name(), done, of);
        self.observer.observe(progress.within(self.run.share(step)))
    }

    /// Reports that `done` of `of` units of a step are done; `of` is 0 where it is unknown.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::Conflict`] when the observer stops the run.
    pub(in crate::domain::recommendations) fn step(
        &mut self,
        step: Step,
        done: usize,
        of: usize,
    ) -> Result<()> {
        go_on(self.observe(step, done as u64, of as u64))
    }

    /// Receives the fraction of a step that is done, in [0, 1], from a computation.
    pub(super) fn fraction(&mut self, step: Step) -> impl FnMut(f32) -> ControlFlow<()> {
        move |done| self.observe(step, (done * 100.0) as u64, 100)
    }

    /// The commit point, right before the new model is activated.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::Conflict`] when the observer stops the run.
    pub(super) fn begin_commit(&mut self) -> Result<()> {
        go_on(self.observer.begin_commit())
    }
}

fn go_on(flow: ControlFlow<()>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(conflict("the training was stopped")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_run_follow_each_other_from_nothing_to_the_whole() {
        let training = [
            Step::Read,
            Step::Choose,
            Step::Measure,
            Step::Train,
            Step::Store,
        ];
        let evaluation = [Step::Read, Step::Choose, Step::Measure];
        for choose in [false, true] {
            for (run, steps) in [
                (Run::Training { choose }, &training[..]),
                (Run::Evaluation { choose }, &evaluation[..]),
            ] {
                let mut end = 0.0;
                for step in steps.iter().filter(|step| choose || **step != Step::Choose) {
                    let share = run.share(*step);
                    assert!(end <= share.0 && share.0 < share.1, "{run:?} {step:?}");
                    end = share.1;
                }
                assert_eq!(end, 1.0);
            }
        }
    }
}
