//! GraphiQL: the page for people, served from the program itself.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use super::AppState;

/// The page, and the scripts that `script/bootstrap` places beside it.
#[derive(RustEmbed)]
#[folder = "assets/"]
#[include = "page/*"]
#[include = "graphiql/*"]
struct Assets;

/// `GET /`: the page, where the settings allow it.
pub async fn page(State(state): State<AppState>) -> Response {
    if !state.graphiql {
        return super::not_found().await;
    }
    match Assets::get("page/index.html") {
        Some(page) => Html(page.data).into_response(),
        None => super::not_found().await,
    }
}

/// `GET /assets/graphiql/{file}`: a script or a style of GraphiQL's own.
pub async fn graphiql_file(State(state): State<AppState>, Path(file): Path<String>) -> Response {
    serve(&state, &format!("graphiql/{file}")).await
}

/// `GET /assets/page/{file}`: a script or a style of the page.
pub async fn page_file(State(state): State<AppState>, Path(file): Path<String>) -> Response {
    serve(&state, &format!("page/{file}")).await
}

async fn serve(state: &AppState, name: &str) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => return super::not_found().await,
    };
    match Assets::get(name).filter(|_| state.graphiql) {
        Some(file) => {
            let headers = [
                (CONTENT_TYPE, kind),
                (CACHE_CONTROL, "public, max-age=3600"),
            ];
            (StatusCode::OK, headers, file.data).into_response()
        }
        None => super::not_found().await,
    }
}
