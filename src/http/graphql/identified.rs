//! Requests whose token was refused: which of them are executed all the same.
//!
//! Clients keep sending the access token they have, also when it has expired, and with it the very
//! mutation that would get them a new one. So a refused token is ignored where a request does nothing
//! but begin or renew a session; everywhere else it is the answer to the request, since who believes
//! to be signed in must not be served as somebody who is not.

use async_graphql::parser::types::OperationType;

use super::execute::Prepared;
use super::respond::Refusal;

/// The mutations that begin or renew a session: who needs them has no token that is good.
pub const SESSION_MUTATIONS: &[&str] =
    &["login", "refreshToken", "register", "startAnonymousSession"];

/// The identity behind a request, as its token tells it.
#[derive(Clone, Debug)]
pub enum Identified<V> {
    /// The token is good, or there is none.
    Accepted(V),
    /// The token is not good.
    Refused {
        /// The identity without it.
        anonymous: V,
        /// The answer to whatever needs it to be good.
        refusal: Box<Refusal>,
    },
}

impl<V> Identified<V> {
    /// On whose behalf requests are executed.
    pub fn viewer(&self) -> &V {
        match self {
            Self::Accepted(viewer)
            | Self::Refused {
                anonymous: viewer, ..
            } => viewer,
        }
    }

    /// The same with another form of the identity.
    #[must_use]
    pub fn map<W>(self, form: impl FnOnce(V) -> W) -> Identified<W> {
        match self {
            Self::Accepted(viewer) => Identified::Accepted(form(viewer)),
            Self::Refused { anonymous, refusal } => Identified::Refused {
                anonymous: form(anonymous),
                refusal,
            },
        }
    }

    /// The same outcome where the token is good. With a refused one, that refusal, unless the outcome
    /// is one that `allowed` lets through.
    ///
    /// # Errors
    /// The refusal of the token, or that of `outcome`.
    pub(super) fn admit<T>(
        &self,
        outcome: Result<T, Refusal>,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Result<T, Refusal> {
        match (self, outcome) {
            (Self::Accepted(_), outcome) => outcome,
            (Self::Refused { .. }, Ok(done)) if allowed(&done) => Ok(done),
            (Self::Refused { refusal, .. }, _) => Err((**refusal).clone()),
        }
    }
}

/// Whether a request does nothing but begin or renew sessions.
pub(super) fn begins_session<V: Send + Sync + 'static>(prepared: &Prepared<V>) -> bool {
    prepared.ready().is_some_and(|(operation, _)| {
        let canonical = &operation.canonical;
        consists_of_session_mutations(canonical.kind, &canonical.root_fields)
    })
}

fn consists_of_session_mutations(kind: OperationType, root_fields: &[String]) -> bool {
    let mut fields = root_fields.iter();
    kind == OperationType::Mutation
        && fields.all(|field| SESSION_MUTATIONS.contains(&field.as_str()))
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::types::OperationType::{Mutation, Query, Subscription};

    use super::*;

    #[test]
    fn what_only_begins_or_renews_a_session_is_told_from_everything_else() {
        let begins = |kind, fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
            consists_of_session_mutations(kind, &fields)
        };
        assert!(begins(Mutation, &["login"]));
        assert!(begins(Mutation, &["refreshToken"]));
        assert!(begins(Mutation, &["register", "startAnonymousSession"]));
        assert!(!begins(Query, &["viewer"]));
        assert!(!begins(Query, &["login"]));
        assert!(!begins(Subscription, &["login"]));
        assert!(!begins(Mutation, &["logout"]));
        assert!(!begins(Mutation, &["login", "updateProfile"]));
    }
}
