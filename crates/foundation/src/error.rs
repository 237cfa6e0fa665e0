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
    /// A refusal of any other kind, with its place in the input.
    #[error("{refusal}")]
    At {
        /// Where in the input: `["email"]`, `["interactions", "3", "contentId"]`.
        path: Vec<String>,
        /// What is refused; not itself of this kind, nor [`Refusal::InvalidInput`].
        refusal: Box<Self>,
    },
    /// Everything that is wrong with an input, at least two findings: see [`super::Findings`].
    #[error("{}", sentences(_0))]
    Several(Vec<Self>),
}

/// The messages of several refusals, as one text.
fn sentences(refusals: &[Refusal]) -> String {
    let messages: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    messages.join("; ")
}

impl Error {
    /// The same error; a refusal lies one level further out in the input.
    #[must_use]
    pub fn under(self, outer: impl IntoIterator<Item = String>) -> Self {
        match self {
            Self::Refused(refusal) => refusal.under(outer).into(),
            other => other,
        }
    }

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

    /// The same refusal, at one field of the input.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        self.under([field.to_owned()])
    }

    /// The same refusal, found one level further out in the input.
    #[must_use]
    pub fn under(self, outer: impl IntoIterator<Item = String>) -> Self {
        let outer: Vec<String> = outer.into_iter().collect();
        self.map_path(&|path| outer.iter().cloned().chain(path).collect())
    }

    /// The same refusal, whose place in the input `change` makes of the present one.
    #[must_use]
    pub fn map_path(self, change: &dyn Fn(Vec<String>) -> Vec<String>) -> Self {
        match self {
            Self::InvalidInput { path, message } => Self::InvalidInput {
                path: change(path),
                message,
            },
            Self::At { path, refusal } => Self::At {
                path: change(path),
                refusal,
            },
            Self::Several(all) => {
                let changed = all.into_iter().map(|one| one.map_path(change));
                Self::Several(changed.collect())
            }
            other => Self::At {
                path: change(Vec::new()),
                refusal: Box::new(other),
            },
        }
    }

    /// Where in the input the refusal lies, the first of several; empty where it concerns all of it.
    pub fn path(&self) -> &[String] {
        match self {
            Self::InvalidInput { path, .. } | Self::At { path, .. } => path,
            Self::Several(all) => all.first().map_or(&[], Self::path),
            _ => &[],
        }
    }

    /// What is refused, one by one.
    pub fn each(self) -> Vec<Self> {
        match self {
            Self::Several(all) => all,
            one => vec![one],
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
            Self::At { refusal, .. } => refusal.code(),
            // They come from one check of an input; where the codes differ, the first is told first.
            Self::Several(all) => all.first().map_or("BAD_USER_INPUT", Self::code),
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
    fn every_refusal_has_its_place_and_several_keep_each_their_own() {
        let invalid = Refusal::invalid("name", "too long").under(["person".to_owned()]);
        assert_eq!(invalid.path(), ["person", "name"]);
        let taken = Refusal::EmailTaken.at("email").at("user");
        assert_eq!(
            (taken.path(), taken.code()),
            (&["user".to_owned(), "email".to_owned()][..], "CONFLICT")
        );
        assert_eq!(taken.to_string(), Refusal::EmailTaken.to_string());
        let both = Refusal::Several(vec![invalid, taken]).under(["row".to_owned()]);
        assert!(
            both.to_string().starts_with("too long; an account"),
            "{both}"
        );
        let paths: Vec<Vec<String>> = both.each().iter().map(|one| one.path().to_vec()).collect();
        assert_eq!(paths, [["row", "person", "name"], ["row", "user", "email"]]);
        assert_eq!(Refusal::EmailTaken.each(), [Refusal::EmailTaken]);
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_to_nothing() {
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2000, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
