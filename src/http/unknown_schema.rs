//! What a path with a schema that is not served is answered with.

use axum::http::StatusCode;
use axum::response::Response;

use super::graphql::negotiate::MediaType;
use super::graphql::respond::Refusal;
use super::middleware::RequestId;
use crate::domain::schemas::Schemas;
use crate::graphql::errors::codes;

/// How much of the unknown name is repeated, in characters.
const REPEATED: usize = 60;

/// A refusal that names the schemas that are served, which anybody may query.
pub fn unknown_schema(schemas: &Schemas, name: &str) -> Refusal {
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(REPEATED)
        .collect();
    let served: Vec<&str> = schemas.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!(
        "there is no schema `{name}`; this server has {}",
        served.join(", ")
    );
    Refusal::new(StatusCode::NOT_FOUND, codes::NOT_FOUND, message)
}

/// The refusal as the answer to a request.
pub fn respond(schemas: &Schemas, name: &str, request_id: Option<&RequestId>) -> Response {
    let request_id = request_id.cloned().unwrap_or_default();
    unknown_schema(schemas, name).respond(MediaType::Json, request_id.as_str())
}
