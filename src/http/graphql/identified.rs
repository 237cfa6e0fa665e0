//! Requests whose token was refused: which of them are executed all the same.
//!
//! Clients keep sending the access token they have, also when it has expired, and with it the very
//! mutation that would get them a new one. So a refused token is ignored where a request does nothing
//! but begin or renew a session; everywhere else it is the answer to the request, since who believes
//! to be signed in must not be served as somebody who is not.

use async_graphql::parser::types::{ExecutableDocument, OperationType, SelectionSet};
use async_graphql::parser::types::{OperationDefinition, Selection};

use super::execute::Prepared;
use super::respond::Refusal;
use crate::graphql::guard::operation;

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
    prepared.ready().is_some_and(|(request, execution)| {
        let document = &execution.checked.document;
        operation::select(document, request.operation_name.as_deref())
            .is_some_and(|operation| consists_of_session_mutations(document, operation))
    })
}

fn consists_of_session_mutations(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> bool {
    operation.ty == OperationType::Mutation
        && all_are_session_mutations(document, &operation.selection_set.node)
}

/// Whether each field of a root selection set is one of [`SESSION_MUTATIONS`], those in fragments
/// included. The guard has refused fragments that contain themselves.
fn all_are_session_mutations(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| match &selection.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            name == "__typename" || SESSION_MUTATIONS.contains(&name)
        }
        Selection::InlineFragment(inline) => {
            all_are_session_mutations(document, &inline.node.selection_set.node)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.is_some_and(|fragment| {
                all_are_session_mutations(document, &fragment.node.selection_set.node)
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn begins(source: &str, name: Option<&str>) -> bool {
        let document = parse_query(source).unwrap();
        let operation = operation::select(&document, name).unwrap();
        consists_of_session_mutations(&document, operation)
    }

    #[test]
    fn what_only_begins_or_renews_a_session_is_told_from_everything_else() {
        for source in [
            "mutation { login { tokens { accessToken } } }",
            "mutation Renew { a: refreshToken { user { id } } __typename }",
            "mutation { register { query { viewer { __typename } } } }",
            "mutation { ... { startAnonymousSession { user { id } } } }",
            "mutation { ...M } fragment M on Mutation { login { errors { message } } }",
        ] {
            assert!(begins(source, None), "{source}");
        }
        for source in [
            "{ viewer { __typename } }",
            "{ login: viewer { __typename } }",
            "subscription { login }",
            "mutation { logout { done } }",
            "mutation { login: logout { done } }",
            "mutation { login { user { id } } updateProfile { user { id } } }",
            "mutation { login { user { id } } ... { updateProfile { user { id } } } }",
            "mutation { login { user { id } } ...M } fragment M on Mutation { logout { done } }",
        ] {
            assert!(!begins(source, None), "{source}");
        }
    }

    #[test]
    fn only_the_operation_that_runs_counts() {
        let source = "mutation In { login { user { id } } } mutation Out { logout { done } }";
        assert!(begins(source, Some("In")));
        assert!(!begins(source, Some("Out")));
    }

    #[test]
    fn a_refused_token_is_the_answer_to_whatever_is_not_let_through() {
        let refused = Identified::Refused {
            anonymous: (),
            refusal: Box::new(Refusal::unauthenticated("expired")),
        };
        let malformed = || Err::<(), _>(Refusal::bad_request("not JSON"));
        let message = |outcome: Result<(), Refusal>| outcome.unwrap_err().message;
        assert!(refused.admit(Ok(()), |()| true).is_ok());
        assert_eq!(message(refused.admit(Ok(()), |()| false)), "expired");
        assert_eq!(message(refused.admit(malformed(), |()| true)), "expired");
        let accepted = Identified::Accepted(());
        assert!(accepted.admit(Ok(()), |()| false).is_ok());
        assert_eq!(message(accepted.admit(malformed(), |()| true)), "not JSON");
    }
}
