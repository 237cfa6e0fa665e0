//! Formats errors that a resolver returned with `?`, by their type.

use std::sync::Arc;

use async_graphql::{ServerError, Value};

use super::{MASKED, codes, set_code};
use crate::foundation::id::InvalidId;
use crate::foundation::{Error, Refusal};

/// Sets the code of an error that a service returned. Internal errors are logged with the id of the
/// request, and their messages are masked.
pub(super) fn format_domain_error(error: &mut ServerError, request_id: &str) {
    let Some(FormattedError { code, path, fault }) = FormattedError::of(error) else {
        return;
    };
    if let Some(fault) = fault {
        tracing::error!(request.id = request_id, error = fault, path = ?error.path, "A service failed");
        error.message = MASKED.to_owned();
    }
    set_code(error, code);
    if !path.is_empty() {
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("inputPath", Value::List(path));
    }
}

/// The code and details of a domain error.
struct FormattedError {
    code: &'static str,
    /// The path of the invalid value in the input.
    path: Vec<Value>,
    /// The text for the log, for an internal error.
    fault: Option<String>,
}

impl FormattedError {
    /// Tries each error type that resolvers return: async-graphql keeps the value that `?` was given
    /// behind `dyn Any`.
    fn of(error: &ServerError) -> Option<Self> {
        let shared = || error.source::<Arc<Error>>().map(AsRef::as_ref);
        if let Some(error) = error.source::<Error>().or_else(shared) {
            return Some(error.into());
        }
        if let Some(refusal) = error.source::<Refusal>() {
            return Some(refusal.into());
        }
        if error.source::<InvalidId>().is_some() {
            return Some(Self::plain(codes::BAD_USER_INPUT));
        }
        let fault = error.source::<anyhow::Error>()?;
        Some(Self::fault(fault))
    }

    fn plain(code: &'static str) -> Self {
        Self {
            code,
            path: Vec::new(),
            fault: None,
        }
    }

    fn fault(fault: &anyhow::Error) -> Self {
        Self {
            fault: Some(format!("{fault:?}")),
            ..Self::plain(codes::INTERNAL_SERVER_ERROR)
        }
    }
}

impl From<&Error> for FormattedError {
    fn from(error: &Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Internal(fault) => Self::fault(fault),
            other => Self::plain(other.code()),
        }
    }
}

impl From<&Refusal> for FormattedError {
    fn from(refusal: &Refusal) -> Self {
        let path = refusal.path().iter().cloned().map(Value::String);
        Self {
            path: path.collect(),
            ..Self::plain(refusal.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ErrorFormat, code, format_errors};
    use super::*;
    use crate::foundation::{Id, id};

    /// What leaves where a resolver returns this with `?`.
    fn with_formatted_errors(error: impl Into<async_graphql::Error>) -> ServerError {
        let mut error = error
            .into()
            .into_server_error(async_graphql::Pos::default());
        error.path = vec![async_graphql::PathSegment::Field("field".to_owned())];
        let mut response = async_graphql::Response::from_errors(vec![error]);
        let format = ErrorFormat {
            request_id: "test",
            suggestions: true,
        };
        format_errors(&mut response, format);
        response.errors.remove(0)
    }

    fn input_path(error: &ServerError) -> Option<String> {
        let path = error.extensions.as_ref()?.get("inputPath")?;
        Some(path.to_string())
    }

    #[test]
    fn an_error_of_a_service_keeps_its_code_and_its_words() {
        let error = with_formatted_errors(Error::Forbidden("this needs the role ADMIN".to_owned()));
        assert_eq!(code(&error), Some("FORBIDDEN"));
        assert_eq!(error.message, "this needs the role ADMIN");
        let error = with_formatted_errors(Error::Unavailable("try again".to_owned()));
        assert_eq!(code(&error), Some("UNAVAILABLE"));
        assert_eq!(error.message, "try again");
    }

    #[test]
    fn an_error_that_many_fields_share_keeps_its_code_and_place() {
        let shared = Arc::new(Error::from(Refusal::invalid("first", "too many")));
        let error = with_formatted_errors(shared);
        assert_eq!(code(&error), Some("BAD_USER_INPUT"));
        assert_eq!(error.message, "too many");
        assert_eq!(input_path(&error).as_deref(), Some(r#"["first"]"#));
    }

    #[test]
    fn a_refusal_by_itself_keeps_its_code_and_place() {
        let error = with_formatted_errors(Refusal::invalid("id", "not an id"));
        assert_eq!(code(&error), Some("BAD_USER_INPUT"));
        assert_eq!(error.message, "not an id");
        assert_eq!(input_path(&error).as_deref(), Some(r#"["id"]"#));
        let error = with_formatted_errors(Refusal::NotFound { thing: "person" });
        assert_eq!(code(&error), Some("NOT_FOUND"));
        assert_eq!(error.message, "there is no such person");
    }

    #[test]
    fn a_text_that_is_no_id_is_the_callers_error() {
        let invalid = "nonsense".parse::<Id<id::User>>().unwrap_err();
        let error = with_formatted_errors(invalid);
        assert_eq!(code(&error), Some("BAD_USER_INPUT"));
        assert_eq!(error.message, invalid.to_string());
    }

    #[test]
    fn a_fault_of_ours_is_masked_in_whichever_form_it_comes() {
        let fault = || anyhow::anyhow!("the password of the database is swordfish");
        for error in [
            with_formatted_errors(Error::Internal(fault())),
            with_formatted_errors(Arc::new(Error::Internal(fault()))),
            with_formatted_errors(fault()),
        ] {
            assert_eq!(code(&error), Some("INTERNAL_SERVER_ERROR"));
            assert_eq!(error.message, MASKED);
        }
    }
}
