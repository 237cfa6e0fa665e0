//! The names of failures: every entry of `errors[]` leaves with a code and the id of its request.
//! What a mutation refuses on purpose does not come here: it is part of the answer, see `payload`.
//!
//! How the engine reports what went wrong, as found by running it:
//!
//! | failure | path | `data` | what to tell it by |
//! |---|---|---|---|
//! | does not parse | no | absent | the message draws the source (` --> 1:2`) |
//! | does not validate | no | absent | places, nothing else |
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

use source::name_domain_error;

/// The codes of the contract.
pub mod codes {
    /// Nobody is signed in, or the token is bad.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The viewer may not do this.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// There is no such thing, or not for this viewer.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// A value is wrong; the message says which.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The document is not GraphQL.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not fit the schema.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// The hash is not known; send the document with it.
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
    /// The document is over a limit.
    pub const OPERATION_TOO_COMPLEX: &str = "OPERATION_TOO_COMPLEX";
    /// Too many requests; wait.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// Someone else changed it first.
    pub const CONFLICT: &str = "CONFLICT";
    /// Something the server needs is away, or the time was up.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A fault of the server; the log has the details under the request id.
    pub const INTERNAL_SERVER_ERROR: &str = "INTERNAL_SERVER_ERROR";
}

/// What a caller reads where the server is at fault.
pub const MASKED: &str = "something went wrong on our side";

/// The longest message that leaves, in characters.
pub const MESSAGE_CHARACTERS: usize = 300;

/// The most errors that leave with one response.
pub const ERRORS: usize = 10;

/// What [`label`] needs to know of the request.
#[derive(Debug, Clone, Copy)]
pub struct Labelling<'a> {
    /// Goes into `extensions.requestId`.
    pub request_id: &'a str,
    /// Whether "Did you mean …?" stays; it tells the names of a hidden schema.
    pub suggestions: bool,
    /// The document, where one was parsed: it tells bad variables from bad literals.
    pub checked: Option<&'a Checked>,
}

/// Gives each error of `response` its code and the request id, shortens messages, keeps the
/// first errors, and hides the message of what has no code and is nobody's input.
pub fn label(response: &mut Response, with: Labelling<'_>) {
    response.errors.truncate(ERRORS);
    for error in &mut response.errors {
        name_domain_error(error, with.request_id);
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

/// Whether the execution never began, so that `data` must be left out of the answer.
#[must_use]
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The code of an error, if it has one.
#[must_use]
pub fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Sets the code of an error.
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

/// Cuts a text to [`MESSAGE_CHARACTERS`], between two characters.
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
        // The engine's own sentences carry no source; what a resolver returned with `?` does.
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
            Some((checked, place)) if argument_has_variable(&checked.document, *place) => {
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
