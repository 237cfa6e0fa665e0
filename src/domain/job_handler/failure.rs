//! Why an attempt of a job failed.

use std::time::Duration;

use crate::foundation::Error;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub enum JobFailure {
    /// Another attempt may succeed.
    Retry {
        /// What went wrong, for people; no secret and nobody's data.
        reason: String,
        /// The least delay before the next attempt, if the refusing service asked for one.
        after: Option<Duration>,
    },
    /// Another attempt would fail too. The reason is for people; no secret and nobody's data.
    Permanent(String),
}

impl JobFailure {
    /// A failure that another attempt may overcome.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
            after: None,
        }
    }

    /// The work was stopped: cancelled, or its worker shuts down.
    pub fn stopped() -> Self {
        Self::retry("it was stopped")
    }
}

impl From<Error> for JobFailure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(why) => Self::retry(why),
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "A job failed");
                Self::retry("the program failed; the log says how")
            }
            refused => Self::Permanent(refused.to_string()),
        }
    }
}
