//! The progress of long work: one type from the computation to the client.

use std::borrow::Cow;
use std::ops::ControlFlow;

/// How far a piece of work is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The fraction of the whole work that is done, in [0, 1]; `None` where that is unknown.
    pub fraction: Option<f32>,
    /// The current step, in a few fixed words; `None` before the first.
    pub step: Option<Cow<'static, str>>,
    /// Further details for people, such as `200 of 1000`.
    pub message: Option<String>,
}

impl Progress {
    /// A step of which `done` of `of` units are done. `of` is 0 where it is unknown: then the fraction is
    /// that of the beginning of the step, 0.
    pub fn counted(step: &'static str, done: u64, of: u64) -> Self {
        let fraction = if of == 0 {
            0.0
        } else {
            (done as f32 / of as f32).min(1.0)
        };
        let message = match (done, of) {
            (0, 0) => None,
            (done, 0) => Some(format!("{done}")),
            (done, of) => Some(format!("{done} of {of}")),
        };
        Self {
            fraction: Some(fraction),
            step: Some(Cow::Borrowed(step)),
            message,
        }
    }

    /// The same as a part of larger work: its beginning is at the fraction `start` of the whole and its end at
    /// `end`, both in [0, 1].
    #[must_use]
    pub fn within(self, (start, end): (f32, f32)) -> Self {
        Self {
            fraction: self.fraction.map(|done| start + (end - start) * done),
            ..self
        }
    }

    /// Whether the current step is this one.
    pub fn is_at(&self, step: &str) -> bool {
        self.step.as_deref() == Some(step)
    }
}

/// Receives the progress of work, and may stop it. Closures that take a [`Progress`] are observers.
pub trait ProgressObserver: Send {
    /// Receives the progress. `Break` means that the work must stop.
    fn observe(&mut self, progress: Progress) -> ControlFlow<()>;

    /// The commit point: called right before the step that takes effect. After `Continue` the work is not
    /// stopped any more; `Break` means that it must stop without taking effect.
    fn begin_commit(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(Progress) -> ControlFlow<()> + Send> ProgressObserver for F {
    fn observe(&mut self, progress: Progress) -> ControlFlow<()> {
        self(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_work_lies_between_its_bounds() {
        let half = Progress::counted("reading", 50, 100).within((0.25, 0.75));
        assert_eq!(half.fraction, Some(0.5));
        assert_eq!(half.message.as_deref(), Some("50 of 100"));
        assert!(half.is_at("reading") && !half.is_at("writing"));
        let more_than_all = Progress::counted("reading", 120, 100).within((0.25, 0.75));
        assert_eq!(more_than_all.fraction, Some(0.75));
    }

    #[test]
    fn work_of_unknown_size_says_how_much_is_done() {
        let unknown = Progress::counted("reading", 70, 0).within((0.25, 0.75));
        assert_eq!(unknown.fraction, Some(0.25));
        assert_eq!(unknown.message.as_deref(), Some("70"));
        assert_eq!(Progress::counted("reading", 0, 0).message, None);
    }
}
