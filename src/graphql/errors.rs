//! Error formatting: every entry of `errors[]` gets a code and the id of its request. Expected failures
//! of a mutation are not formatted here: they are part of its payload, see `payload`.
//!
//! How async-graphql reports failures, as found by running it:
//!
//! | failure | path | `data` | how it is recognised |
//! |---|---|---|---|
//! | does not parse | no | absent | the message begins with a source excerpt (` --> 1:2`) |
//! | does not validate | no | absent | locations only |
//! | limits of the schema | no | absent | fixed sentences |
//! | unknown or missing `operationName` | no | absent | fixed sentences |
//! | bad argument, literal or variable | no | absent | `Invalid value for argument` |
//! | subscription over HTTP | no | absent | a fixed sentence |
//! | a variable or value that only the resolver reads | yes | partial | fixed beginnings |
//! | a resolver | yes | partial | its own code, or none |
//!
//! An error without a path comes from before the execution, so a response without data whose
//! errors all lack a path is a *request error*: see [`is_request_error`].

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};

use crate::graphql::guard::{Checked, operation::argument_has_variable};

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
    /// The parsed document, if any: it distinguishes invalid variables from invalid literals.
    pub checked: Option<&'a Checked>,
}

/// Sets the code and the request id of each error of `response`, shortens messages, keeps the first
/// [`ERRORS`] errors, and masks the message of errors that are faults of the server.
pub fn format_errors(response: &mut Response, with: ErrorFormat<'_>) {
    response.errors.truncate(ERRORS);
    for error in &mut response.errors {
        format_domain_error(error, with.request_id);
        if code(error).is_none() {
            let code = code_for(error, with.checked);
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

fn code_for(error: &ServerError, checked: Option<&Checked>) -> &'static str {
    let message = error.message.as_str();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|begin| message.starts_with(begin));
    if !error.path.is_empty() {
        // Errors of async-graphql have no source; what a resolver returned with `?` does.
        let from_engine = error.source.is_none();
        let missing_variable = begins(&["Variable "]) && message.ends_with(" is not defined.");
        return if from_engine && (missing_variable || begins(INPUT_READ_LATE)) {
            codes::BAD_USER_INPUT
        } else {
            codes::INTERNAL_SERVER_ERROR
        };
    }
    if begins(&["Invalid value for argument"]) {
        let from_variable = checked.zip(error.locations.first());
        return match from_variable {
            Some((checked, position)) if argument_has_variable(&checked.document, *position) => {
                codes::BAD_USER_INPUT
            }
            _ => codes::GRAPHQL_VALIDATION_FAILED,
        };
    }
    if begins(&[" --> "]) {
        codes::GRAPHQL_PARSE_FAILED
    } else if begins(OVER_A_LIMIT) {
        codes::OPERATION_TOO_COMPLEX
    } else if begins(WRONG_OPERATION) {
        codes::BAD_USER_INPUT
    } else {
        codes::GRAPHQL_VALIDATION_FAILED
    }
}

const INPUT_READ_LATE: &[&str] = &[
    "Failed to parse \"",
    "Expected input type \"",
    "Invalid value for argument",
];

const OVER_A_LIMIT: &[&str] = &[
    "Query is too complex.",
    "Query is nested too deep.",
    "The recursion depth of the query",
    "The number of directives",
    "The amount of aliases",
    "recursion limit exceeded.",
];

const WRONG_OPERATION: &[&str] = &[
    "Unknown operation named",
    "Operation name required",
    "Subscriptions are not supported",
];
