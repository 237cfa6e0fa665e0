//! The error of services, and the refusals that are part of the contract.

use std::sync::Arc;
use std::time::Duration;

/// The result of a service.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a service did not do what was asked. One place, [`Error::code`], names the codes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in, or the credentials are no longer good.
    #[error("{0}")]
    Unauthenticated(String),
    /// Somebody is signed in who may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// An expected ending that the caller can act upon.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Something this server depends upon does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours: logged with the request id, never sent.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// The endings that a caller is expected to handle: a mutation returns them as typed errors in
/// its payload, everything else as an error with a code.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value that cannot be accepted.
    #[error("{message}")]
    InvalidInput {
        /// Where in the input: `["price"]`, `["items", "3", "kind"]`.
        path: Vec<String>,
        /// What is wrong and what to do.
        message: String,
    },
    /// A thing that is not there, or not for this viewer.
    #[error("there is no such {thing}")]
    NotFound {
        /// Which thing, in the singular.
        thing: &'static str,
    },
    /// The present state does not allow it.
    #[error("{message}")]
    Conflict {
        /// What stands against it and what to do.
        message: String,
    },
    /// An account with this e-mail address exists.
    #[error("an account with this e-mail address exists; sign in, or use another address")]
    EmailTaken,
    /// A password that is too easy to guess.
    #[error("{message}")]
    WeakPassword {
        /// What a password needs.
        message: String,
    },
    /// An unknown account or a wrong password; which of them is not told.
    #[error("the e-mail address or the password is not right")]
    InvalidCredentials,
    /// A refresh token that is unknown, expired, revoked or already used.
    #[error("this refresh token is no longer good; sign in again")]
    InvalidToken,
    /// Too many attempts from this account or address.
    #[error("too many attempts; try again in {} seconds", whole_seconds(*retry_after))]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
}

impl Error {
    /// What nobody signed in hears where somebody must be.
    pub fn signed_out() -> Self {
        Self::Unauthenticated("sign in first: send `Authorization: Bearer <token>`".to_owned())
    }

    /// The error of a work that several waited for, as each of them gets it.
    pub fn shared(error: Arc<Self>) -> Self {
        match &*error {
            Self::Unauthenticated(message) => Self::Unauthenticated(message.clone()),
            Self::Forbidden(message) => Self::Forbidden(message.clone()),
            Self::Refused(refusal) => Self::Refused(refusal.clone()),
            Self::Unavailable(message) => Self::Unavailable(message.clone()),
            Self::Internal(_) => Self::Internal(error.into()),
        }
    }

    /// The code that clients switch upon (`extensions.code`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::Refused(refusal) => refusal.code(),
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }
}

impl Refusal {
    /// A bad value at one field of the input.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidInput {
            path: vec![field.into()],
            message: message.into(),
        }
    }

    /// The same refusal, found one level further out in the input.
    #[must_use]
    pub fn under(self, outer: impl IntoIterator<Item = String>) -> Self {
        match self {
            Self::InvalidInput { path, message } => Self::InvalidInput {
                path: outer.into_iter().chain(path).collect(),
                message,
            },
            other => other,
        }
    }

    /// Where in the input the refusal lies; empty where it concerns all of it.
    pub fn path(&self) -> &[String] {
        match self {
            Self::InvalidInput { path, .. } => path,
            _ => &[],
        }
    }

    /// The code that clients switch upon.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } | Self::WeakPassword { .. } => "BAD_USER_INPUT",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Conflict { .. } | Self::EmailTaken => "CONFLICT",
            Self::InvalidCredentials | Self::InvalidToken => "UNAUTHENTICATED",
            Self::TooManyAttempts { .. } => "RATE_LIMITED",
        }
    }
}

/// A wait in whole seconds, rounded up: who comes back after so many has waited long enough.
pub fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_and_never_to_nothing() {
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2000, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
