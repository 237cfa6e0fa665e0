//! Whether the server lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::AppState;
use crate::domain::Services;
use crate::domain::search::IndexStatus;

/// How long the database of a schema may take to answer.
const ASKING: Duration = Duration::from_millis(700);

/// `GET /live`: the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

/// `GET /ready`: 200 when every schema's database answers and what requests are answered from is in memory, 503
/// otherwise. Further lines tell how many processes run jobs and, where Redis is set up, of Redis: requests are
/// served without either, so that they decide nothing. A line for each schema says what is still being loaded, and
/// one for each model that is not served as it should be, what serves in its place; `modelSources` and the log
/// have the reason.
pub async fn ready(State(state): State<AppState>) -> Response {
    let found = check(&state).await;
    let (status, word) = match found.ready {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let redis = found.redis.map(|redis| format!("redis: {redis}\n"));
    let (workers, notes) = (found.workers, found.notes.concat());
    let redis = redis.unwrap_or_default();
    let body = format!("{word}\nworkers: {workers}\n{redis}{notes}");
    (status, body).into_response()
}

/// `GET /health`: the same as `/ready`, schema by schema, as JSON; and of each how far the index of words
/// is, `null` before anybody searched.
pub async fn health(State(state): State<AppState>) -> Response {
    let found = check(&state).await;
    let (status, word) = match found.ready {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let mut body = json!({
        "status": word,
        "version": env!("CARGO_PKG_VERSION"),
        "schemas": found.schemas,
    });
    if let Some(redis) = found.redis {
        body["redis"] = redis.into();
    }
    (status, Json(body)).into_response()
}

struct Found {
    ready: bool,
    schemas: Map<String, Value>,
    /// `ok` or `away`; `None` where none is set up.
    redis: Option<&'static str>,
    /// How many processes run jobs, of the schema that has most.
    workers: usize,
    /// Lines about what is not loaded.
    notes: Vec<String>,
}

async fn check(state: &AppState) -> Found {
    let mut found = Found {
        ready: true,
        schemas: Map::new(),
        redis: None,
        workers: 0,
        notes: Vec::new(),
    };
    // At once: probes of balancers and orchestrators wait a second.
    let asking = state.schemas.iter().map(|(_, services)| ask(services));
    let asked = futures::future::join_all(asking).await;
    for ((name, services), asked) in state.schemas.iter().zip(asked) {
        let (answers, workers) = asked;
        found.ready &= answers;
        let word = if answers { "ok" } else { "unavailable" };
        let search = services.search.progress().map(told);
        let preload = services.preload.status();
        found.ready &= preload.ready;
        let loading = preload.loading.iter().map(ToString::to_string);
        let loading: Vec<String> = loading.collect();
        if !loading.is_empty() {
            let loading = loading.join(", ");
            found.notes.push(format!("{name}: loading {loading}\n"));
        }
        let fallbacks = preload.fallbacks.iter();
        let fallbacks = fallbacks.map(|(part, serves)| format!("{part} {serves}"));
        let fallbacks: Vec<String> = fallbacks.collect();
        let notes = fallbacks.iter().map(|note| format!("{name}: {note}\n"));
        found.notes.extend(notes);
        found.schemas.insert(
            name.to_string(),
            json!({
                "database": word,
                "workers": workers,
                "search": search,
                "loading": loading,
                "fallbacks": fallbacks,
            }),
        );
        found.workers = found.workers.max(workers);
        // One Redis serves all schemas.
        let redis = services.caching.redis_connected();
        found.redis = redis.map(|there| if there { "ok" } else { "away" });
    }
    found
}

/// Whether the database answers for a schema, and how many processes run its jobs; what it does not tell within
/// [`ASKING`] is as good as nothing.
async fn ask(services: &Services) -> (bool, usize) {
    let asking = async {
        match services.schema.answers().await {
            true => (true, services.jobs.count_workers().await.unwrap_or(0)),
            false => (false, 0),
        }
    };
    let asked = tokio::time::timeout(ASKING, asking).await;
    asked.unwrap_or((false, 0))
}

/// Where the index of words stands. It decides nothing: searches are answered from what there is.
fn told(index: IndexStatus) -> Value {
    let word = match (index.complete, index.failing) {
        (_, true) => "failing",
        (true, false) => "ok",
        (false, false) => "building",
    };
    json!({ "index": word, "done": index.done, "of": index.of })
}
