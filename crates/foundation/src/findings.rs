//! Checks that tell everything that is wrong with an input, and not only the first of it.

use super::{Error, Refusal, Result};

/// What was found wrong with an input so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Refusal>);

impl Findings {
    /// Notes a refusal, once.
    pub fn note(&mut self, refusal: Refusal) {
        for one in refusal.each() {
            if !self.0.contains(&one) {
                self.0.push(one);
            }
        }
    }

    /// Notes that a field is wrong unless `good`.
    pub fn require(&mut self, good: bool, field: &str, message: &str) {
        if !good {
            self.note(Refusal::invalid(field, message));
        }
    }

    /// The outcome of a part; a refusal is noted, and there is no outcome then.
    pub fn take<T>(&mut self, outcome: Result<T, Refusal>) -> Option<T> {
        outcome.map_err(|refusal| self.note(refusal)).ok()
    }

    /// The same for a service's outcome.
    ///
    /// # Errors
    /// Whatever is no refusal.
    pub fn take_refused<T>(&mut self, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(done) => Ok(Some(done)),
            Err(Error::Refused(refusal)) => {
                self.note(refusal);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// What was found: one refusal, or [`Refusal::Several`].
    pub fn finish(self) -> Result<(), Refusal> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.into_refusal())
    }

    /// Ends the checks with the outcome of the last one.
    ///
    /// # Errors
    /// What was found, that of the last check included.
    pub fn finish_with<T>(mut self, last: Result<T, Refusal>) -> Result<T, Refusal> {
        match last {
            Ok(done) => self.finish().map(|()| done),
            Err(refusal) => {
                self.note(refusal);
                Err(self.into_refusal())
            }
        }
    }

    fn into_refusal(mut self) -> Refusal {
        match self.0.len() {
            1 => self.0.remove(0),
            _ => Refusal::Several(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told() {
        let mut findings = Findings::default();
        findings.require(true, "year", "too late");
        assert_eq!(findings.take::<i32>(Ok(7)), Some(7));
        assert!(findings.is_empty());
        assert_eq!(Findings::default().finish(), Ok(()));
        findings.require(false, "title", "too long");
        let title = Refusal::invalid("title", "too long");
        let mut one = Findings::default();
        one.note(title.clone());
        assert_eq!(one.finish(), Err(title.clone()));
        assert_eq!(findings.take::<i32>(Err(Refusal::EmailTaken)), None);
        let several = Refusal::Several(vec![title.clone(), Refusal::EmailTaken]);
        assert_eq!(findings.finish(), Err(several.clone()));
        let last = |outcome| {
            let mut findings = Findings::default();
            findings.note(title.clone());
            findings.finish_with(outcome)
        };
        assert_eq!(last(Ok(())), Err(title.clone()));
        assert_eq!(last(Err(Refusal::EmailTaken)), Err(several.clone()));
        assert_eq!(Findings::default().finish_with(Ok(7)), Ok(7));
        // Parts that found several themselves make one list.
        let mut outer = Findings::default();
        outer.note(title.clone());
        let part: Result<Option<()>> = outer.take_refused(Err(several.into()));
        assert!(matches!(part, Ok(None)));
        assert_eq!(outer.finish().unwrap_err().each().len(), 2, "each once");
        let fault = Findings::default().take_refused::<()>(Err(Error::signed_out()));
        assert!(matches!(fault, Err(Error::Unauthenticated(_))));
    }
}
