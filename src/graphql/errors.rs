//! Error formatting: every entry of `errors[]` gets a code and the id of its request. Expected failures
//! of a mutation are not formatted here: they are part of its payload, see `payload`.
//!
//! Errors of the guard have their codes already, and so have those that a resolver returned with `?` from a
//! service. What is left are values that only a resolver reads, such as ids: async-graphql reports them with the
//! path of the field and with fixed beginnings of their messages.
//!
//! An error without a path comes from before the execution, so a response without data whose
//! errors all lack a path is a *request error*: see [`is_request_error`].

use async_graphql::{ErrorExtensionValues, PathSegment, Response, ServerError, Value};

mod source;

use source::format_domain_error;

/// The codes of the contract.
pub mod codes {
    /// The request has no valid credential.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The viewer may not do this.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// The object does not exist, or the viewer may not see it.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// A value is invalid; the message names it.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The document cannot be parsed.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not conform to the schema.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// The hash of a persisted query is unknown; send the document with it.
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
    /// Automatic persisted queries are off; send whole documents.
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The document exceeds a limit.
    pub const OPERATION_TOO_COMPLEX: &str = "OPERATION_TOO_COMPLEX";
    /// Too many requests; retry later.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The request conflicts with the current state.
    pub const CONFLICT: &str = "CONFLICT";
    /// A dependency of the server is unavailable, or a time limit was reached.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// An internal error; the log has its details under the request id.
    pub const INTERNAL_SERVER_ERROR: &str = "INTERNAL_SERVER_ERROR";
}

/// The message of an internal error.
pub const MASKED: &str = "something went wrong on our side";

/// The longest message in a response, in characters.
pub const MESSAGE_CHARACTERS: usize = 300;

/// The most errors in one response.
pub const ERRORS: usize = 10;

/// The parameters of [`format_errors`].
#[derive(Debug, Clone, Copy)]
pub struct ErrorFormat<'a> {
    /// The value of `extensions.requestId`.
    pub request_id: &'a str,
    /// Whether "Did you mean …?" stays in messages. It reveals names of the schema.
    pub suggestions: bool,
}

/// Sets the code and the request id of each error of `response`, shortens messages, keeps the first
/// [`ERRORS`] errors, and masks the message of errors that are faults of the server.
pub fn format_errors(response: &mut Response, with: ErrorFormat<'_>) {
    response.errors.truncate(ERRORS);
    for error in &mut response.errors {
        format_domain_error(error, with.request_id);
        if code(error).is_none() {
            let code = code_for(error);
            if code == codes::INTERNAL_SERVER_ERROR {
                tracing::error!(request.id = with.request_id, error = %error.message, path = ?error.path, "A resolver failed without a code");
                MASKED.clone_into(&mut error.message);
            }
            set_code(error, code);
        }
        if !with.suggestions
            && let Some(start) = error.message.find(" Did you mean ")
        {
            error.message.truncate(start);
        }
        error.message = shorten(std::mem::take(&mut error.message));
        error
            .extensions
            .get_or_insert_default()
            .set("requestId", with.request_id);
    }
}

/// Whether the execution never began, so that `data` must be absent from the response.
#[must_use]
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The `extensions.code` of an error, if any.
#[must_use]
pub fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Sets the `extensions.code` of an error.
pub fn set_code(error: &mut ServerError, code: &str) {
    error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default)
        .set("code", code);
}

/// Sets the `extensions.inputPath` of an error: where in the input the invalid value is.
pub fn set_input_path(error: &mut ServerError, path: &[PathSegment]) {
    let path = path.iter().map(|segment| match segment {
        PathSegment::Field(name) => Value::String(name.clone()),
        PathSegment::Index(index) => Value::Number((*index).into()),
    });
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("inputPath", Value::List(path.collect()));
}

/// An error that belongs to the whole request.
#[must_use]
pub fn request_error(code: &str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    error
}

/// Truncates a text to [`MESSAGE_CHARACTERS`] at a character boundary.
#[must_use]
pub fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARACTERS) {
        // One character makes room for the sign that says something is missing.
        let end = text[..end]
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn code_for(error: &ServerError) -> &'static str {
    let begins = |beginning: &&str| error.message.starts_with(beginning);
    if error.path.is_empty() {
        // Of those that the engine itself reports before it executes, one is left.
        let unsupported = error.message.starts_with("Subscriptions are not supported");
        return if unsupported {
            codes::BAD_USER_INPUT
        } else {
            codes::GRAPHQL_VALIDATION_FAILED
        };
    }
    // Errors of async-graphql have no source; what a resolver returned with `?` does.
    if error.source.is_none() && INPUT_READ_LATE.iter().any(begins) {
        codes::BAD_USER_INPUT
    } else {
        codes::INTERNAL_SERVER_ERROR
    }
}

const INPUT_READ_LATE: &[&str] = &[
    "Failed to parse \"",
    "Expected input type \"",
    "Invalid value for argument",
];
