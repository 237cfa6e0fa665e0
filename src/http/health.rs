//! Whether the server lives, and whether it can serve.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::App;

/// `GET /live`: the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

/// `GET /ready`: 200 when every schema's database answers, 503 otherwise.
pub async fn ready(State(app): State<App>) -> Response {
    let (ready, _) = look(&app).await;
    match ready {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// `GET /health`: the same as `/ready`, schema by schema, as JSON.
pub async fn health(State(app): State<App>) -> Response {
    let (ready, schemas) = look(&app).await;
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let word = if ready { "ok" } else { "unavailable" };
    let body = json!({ "status": word, "version": env!("CARGO_PKG_VERSION"), "schemas": schemas });
    (status, Json(body)).into_response()
}

async fn look(app: &App) -> (bool, Map<String, Value>) {
    let mut ready = true;
    let mut schemas = Map::new();
    for (name, services) in app.schemas.iter() {
        let answers = services.schema.answers().await;
        ready &= answers;
        let word = if answers { "ok" } else { "unavailable" };
        schemas.insert(name.to_string(), json!({ "database": word }));
    }
    (ready, schemas)
}
