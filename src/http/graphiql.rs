//! GraphiQL: the page for people, served from the program itself.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use super::App;

/// The page, and the scripts that `script/bootstrap` places beside it.
#[derive(RustEmbed)]
#[folder = "assets/"]
#[include = "page/*"]
#[include = "graphiql/*"]
struct Assets;

/// `GET /`: the page, where the settings allow it.
pub async fn page(State(app): State<App>) -> Response {
    if !app.graphiql {
        return super::nowhere().await;
    }
    match Assets::get("page/index.html") {
        Some(page) => Html(page.data).into_response(),
        None => super::nowhere().await,
    }
}

/// `GET /assets/graphiql/{file}`: a script or a style of GraphiQL's own.
pub async fn graphiql_file(State(app): State<App>, Path(file): Path<String>) -> Response {
    serve(&app, &format!("graphiql/{file}")).await
}

/// `GET /assets/page/{file}`: a script or a style of the page.
pub async fn page_file(State(app): State<App>, Path(file): Path<String>) -> Response {
    serve(&app, &format!("page/{file}")).await
}

async fn serve(app: &App, name: &str) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => return super::nowhere().await,
    };
    match Assets::get(name).filter(|_| app.graphiql) {
        Some(file) => {
            let headers = [
                (CONTENT_TYPE, kind),
                (CACHE_CONTROL, "public, max-age=3600"),
            ];
            (StatusCode::OK, headers, file.data).into_response()
        }
        None => super::nowhere().await,
    }
}
