//! GraphiQL: the page for people, served from the program itself.
//!
//! The page is a client like any other: what somebody may read and do is decided by the API, with the token of
//! whoever signs in on the page. The settings say whether there is a page, and whom it lets in.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Serialize;

use super::AppState;
use crate::domain::demo::LOGINS;
use crate::platform::config::{GraphiqlAccess, SchemaName, Settings};

mod examples;

use examples::Example;

/// The page, and the scripts that `script/bootstrap` places beside it.
#[derive(RustEmbed)]
#[folder = "assets/"]
#[include = "page/*"]
#[include = "graphiql/*"]
struct Assets;

/// The page as the settings want it.
#[derive(Clone, Debug)]
pub struct Page {
    /// What the page asks for when it is opened; `None` where there is no page.
    settings: Option<Bytes>,
}

/// What the page is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageSettings {
    /// Whether only admins are let in.
    admins_only: bool,
    /// The logins of the demo; empty where it was not loaded by this start.
    logins: Vec<DemoLogin>,
    examples: Vec<Example>,
}

/// A login of the demo, whose password is known to everybody.
#[derive(Serialize)]
struct DemoLogin {
    schema: String,
    role: &'static str,
    email: &'static str,
    password: &'static str,
}

impl Page {
    /// The page of a server that was started with these settings, and with the demo in a schema or without it.
    /// Where the settings say `auto`, there is one for the demo and for a server that only this machine can
    /// reach.
    ///
    /// # Errors
    /// When an example that is part of the program cannot be read.
    pub fn of(settings: &Settings, demo: Option<&SchemaName>) -> anyhow::Result<Self> {
        let admins_only = match settings.http.graphiql {
            GraphiqlAccess::Auto if demo.is_some() || settings.listen.ip().is_loopback() => false,
            GraphiqlAccess::Auto | GraphiqlAccess::Off => return Ok(Self { settings: None }),
            GraphiqlAccess::Admins => true,
            GraphiqlAccess::On => false,
        };
        let logins = demo
            .into_iter()
            .flat_map(|schema| LOGINS.map(|login| (schema, login)));
        let logins = logins.map(|(schema, login)| DemoLogin {
            schema: schema.to_string(),
            role: login.role.as_str(),
            email: login.email,
            password: login.password,
        });
        let settings = PageSettings {
            admins_only,
            logins: logins.collect(),
            examples: examples::all()?,
        };
        Ok(Self {
            settings: Some(serde_json::to_vec(&settings)?.into()),
        })
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.settings.is_some()
    }
}

/// `GET /`: the page, where the settings allow it.
pub async fn page(State(state): State<AppState>) -> Response {
    if !state.graphiql.is_there() {
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

/// `GET /assets/page/{file}`: a script or a style of the page, or `settings.json`, what it is told.
pub async fn page_file(State(state): State<AppState>, Path(file): Path<String>) -> Response {
    match state.graphiql.settings.clone() {
        Some(settings) if file == "settings.json" => {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
            ];
            (headers, settings).into_response()
        }
        _ => serve(&state, &format!("page/{file}")).await,
    }
}

async fn serve(state: &AppState, name: &str) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => return super::not_found().await,
    };
    match Assets::get(name).filter(|_| state.graphiql.is_there()) {
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
