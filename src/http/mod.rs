//! HTTP: the routes, and what surrounds every one of them.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures::{FutureExt, StreamExt};

use crate::domain::caching::model::Question;
use crate::domain::schemas::Schemas;
use crate::graphql::guard::{DocumentCache, Limits};
use crate::graphql::keepable::Keepable;
use crate::graphql::{MarqueeSchema, equip};
use crate::platform::config::{SchemaName, Settings};

pub mod asker;
pub mod files;
pub mod graphiql;
pub mod graphql;
pub mod health;
mod listening;
pub mod live;
pub mod middleware;
pub mod oauth;
pub mod origins;
mod uploads;

use asker::Asker;
use graphql::respond::Refusal;
use graphql::{Endpoint, Push, Settings as EndpointSettings, socket};
pub use listening::listening;
use live::{Doors, Live};
use origins::AllowedOrigins;

/// How much memory the documents that passed the guard may take, in bytes.
const DOCUMENT_CACHE: u64 = 32 << 20;

/// What the routes share.
#[derive(Clone)]
pub struct App {
    schemas: Arc<Schemas>,
    endpoints: Arc<std::collections::BTreeMap<SchemaName, (Endpoint<Asker>, Doors)>>,
    graphiql: bool,
    uploads: uploads::Bounds,
}

/// All routes of the server; `live` ends the connections that stay. Call it inside a runtime.
///
/// # Errors
/// When an origin of the settings cannot be read.
pub fn router(schemas: Arc<Schemas>, settings: &Settings, live: &Live) -> anyhow::Result<Router> {
    let origins = AllowedOrigins::parse(&settings.http.cors_origins)?;
    let contract = crate::graphql::schema(settings.http.introspection);
    let documents = DocumentCache::new(limits(settings), DOCUMENT_CACHE);
    let keepable = Arc::new(Keepable::new());
    let endpoint_settings = EndpointSettings {
        body_bytes: settings.http.max_body_bytes,
        execution_time: settings.http.request_timeout(),
        origins: origins.clone(),
        suggestions: settings.http.introspection,
        ..EndpointSettings::default()
    };
    let endpoints = schemas.iter().map(|(name, services)| {
        let doors = Doors::new(services.auth.clone(), live.clone(), settings.push.clone());
        let endpoint = endpoint(
            &schemas,
            name,
            contract.clone(),
            documents.clone(),
            Arc::clone(&keepable),
            endpoint_settings.clone(),
        );
        let push = push(&schemas, name, contract.clone(), doors.clone());
        (name.clone(), (endpoint.pushing(push), doors))
    });
    let app = App {
        endpoints: Arc::new(endpoints.collect()),
        graphiql: settings.http.graphiql,
        uploads: uploads::Bounds::of(settings),
        schemas,
    };
    let oauth = oauth::router(Arc::clone(&app.schemas));
    let router = Router::new()
        .route("/", get(graphiql::page))
        .route("/graphql", any(default_schema))
        .route("/graphql/{schema}", any(named_schema))
        .route("/assets/graphiql/{file}", get(graphiql::graphiql_file))
        .route("/assets/page/{file}", get(graphiql::page_file))
        .route("/files/{schema}/{name}", get(files::file))
        .route("/uploads/{schema}", post(uploads::upload))
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/health", get(health::health))
        .fallback(nowhere)
        .with_state(app)
        .merge(oauth);
    Ok(middleware::surround(router, &origins))
}

/// The endpoint of one schema.
fn endpoint(
    schemas: &Arc<Schemas>,
    name: &SchemaName,
    contract: MarqueeSchema,
    documents: DocumentCache,
    keepable: Arc<Keepable>,
    settings: EndpointSettings,
) -> Endpoint<Asker> {
    let identify = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        move |parts: &Parts| {
            let services = schemas.get(&name).map(Arc::clone);
            let token = asker::bearer(parts);
            let client = asker::client(parts);
            Box::pin(async move {
                let services = services.ok_or_else(|| Refusal::bad_request("no such schema"))?;
                Asker::of(&services.auth, token?.as_deref(), client).await
            }) as futures::future::BoxFuture<'static, _>
        }
    };
    let run = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        move |request: async_graphql::Request, call: graphql::Call<Asker>| {
            let (schemas, contract) = (Arc::clone(&schemas), contract.clone());
            let services = schemas.get(&name).map(Arc::clone);
            Box::pin(async move {
                let Some(services) = services else {
                    return async_graphql::Response::default();
                };
                let Asker { admission, client } = call.viewer;
                let caching = services.caching.clone();
                let request = equip(request, schemas, services, admission.viewer, client);
                let response = contract.execute(request).await;
                if call.kind == OperationType::Mutation {
                    // The next request may go to another server, and must see this one.
                    caching.settled().await;
                }
                response
            }) as futures::future::BoxFuture<'static, _>
        }
    };
    let keep = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        move |asked: &graphql::execute::Asked, call: &graphql::Call<Asker>| {
            let checked = &call.checked;
            let subjects = checked
                .keepable
                .get_or_init(|| keepable.judge(&checked.document));
            let users = subjects.as_ref()?.users(&asked.variables)?;
            let caching = &schemas.get(&name)?.caching;
            let question = Question {
                document: &checked.digest,
                operation: asked.operation_name.as_deref(),
                variables: &asked.variables,
                users: &users,
            };
            let key = caching.key_of_answer(&call.viewer.admission.viewer, &question)?;
            Some(graphql::Kept {
                service: caching.clone(),
                key,
            })
        }
    };
    Endpoint::new(settings, documents, Arc::new(identify), Arc::new(run)).keeping(Arc::new(keep))
}

/// How the subscriptions of one schema are executed, and who may stay for them.
fn push(
    schemas: &Arc<Schemas>,
    name: &SchemaName,
    contract: MarqueeSchema,
    doors: Doors,
) -> Push<Asker> {
    let heartbeat = Duration::from_millis(doors.limits().heartbeat_ms);
    let patience = doors.limits().patience();
    let (schemas, name) = (Arc::clone(schemas), name.clone());
    Push {
        subscribe: Arc::new(
            move |request: async_graphql::Request, call: graphql::Call<Asker>| {
                let Some(services) = schemas.get(&name).map(Arc::clone) else {
                    return futures::stream::empty().boxed();
                };
                let Asker { admission, client } = call.viewer;
                let schemas = Arc::clone(&schemas);
                let request = equip(request, schemas, services, admission.viewer, client);
                contract.execute_stream(request)
            },
        ),
        stay: Arc::new(move |asker: Asker| {
            let doors = doors.clone();
            doors.stay(asker.admission, asker.client).boxed()
        }),
        heartbeat,
        patience,
    }
}

async fn default_schema(State(app): State<App>, request: Request) -> Response {
    let name = app.schemas.default_name().clone();
    app.answer(&name, request).await
}

async fn named_schema(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match name.parse::<SchemaName>() {
        Ok(name) if app.endpoints.contains_key(&name) => app.answer(&name, request).await,
        _ => nowhere().await,
    }
}

impl App {
    async fn answer(&self, name: &SchemaName, request: Request) -> Response {
        if self.graphiql && wants_page(&request) {
            return graphiql::page(State(self.clone())).await;
        }
        match self.endpoints.get(name) {
            Some((endpoint, doors)) if socket::is_upgrade(request.headers()) => {
                socket::upgrade(endpoint.clone(), doors.clone(), request).await
            }
            Some((endpoint, _)) => endpoint.clone().handle(request).await,
            None => nowhere().await,
        }
    }
}

/// Whether a person's browser asks, who wants the page and not JSON.
fn wants_page(request: &Request) -> bool {
    let accepts = request.headers().get(ACCEPT);
    request.method() == Method::GET
        && request.uri().query().is_none()
        && accepts.is_some_and(|accept| {
            accept
                .to_str()
                .is_ok_and(|accept| accept.contains("text/html"))
        })
}

async fn nowhere() -> Response {
    let body = "There is nothing here. GraphQL is at /graphql, GraphiQL at /.\n";
    (StatusCode::NOT_FOUND, body).into_response()
}

fn limits(settings: &Settings) -> Limits {
    let graphql = &settings.graphql;
    Limits {
        source_bytes: graphql.max_source_bytes,
        tokens: graphql.max_tokens,
        brackets: graphql.max_nesting,
        fields: graphql.max_fields,
        aliases: graphql.max_aliases,
        directives: graphql.max_directives,
        depth: graphql.max_depth,
        root_fields: graphql.max_root_fields,
        auth_mutations: crate::graphql::AUTH_MUTATIONS,
        ..Limits::default()
    }
}
