//! HTTP: the routes of the server and their middleware.

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

use crate::domain::auth::Viewer;
use crate::domain::caching::model::CacheableQuery;
use crate::domain::schemas::Schemas;
use crate::graphql::guard::{DocumentCache, Limits, ReadyOperation};
use crate::graphql::response_cache::ResponseCachePolicy;
use crate::graphql::{MarqueeSchema, with_context};
use crate::platform::config::{SchemaName, Settings};
use crate::platform::db::primary::{from_primary, stream_from_primary};
use crate::platform::db::read::for_nobody;

mod compression;
pub mod connections;
pub mod files;
pub mod graphiql;
pub mod graphql;
pub mod health;
pub mod identity;
mod listening;
pub mod middleware;
pub mod oauth;
pub mod origins;
mod persisted;
pub mod public_url;
mod trusted_proxies;
mod unknown_schema;
mod upgrade_headers;
mod uploads;

use connections::{ConnectionRegistry, Connections};
use graphql::respond::Refusal;
use graphql::{Endpoint, Settings as EndpointSettings, Subscriptions, socket};
use identity::RequestIdentity;
pub use listening::listening;
use origins::AllowedOrigins;
use public_url::PublicUrlSource;
use trusted_proxies::TrustedProxies;

/// The size of the cache of parsed documents, in bytes.
const DOCUMENT_CACHE: u64 = 32 << 20;

/// The state that all routes share.
#[derive(Clone)]
pub struct AppState {
    schemas: Arc<Schemas>,
    endpoints: Arc<
        std::collections::BTreeMap<SchemaName, (Endpoint<RequestIdentity>, ConnectionRegistry)>,
    >,
    graphiql: graphiql::Page,
    uploads: uploads::Bounds,
}

/// All routes of a server without the demo, as [`router_with_page`].
///
/// # Errors
/// The same.
pub fn router(
    schemas: Arc<Schemas>,
    settings: &Settings,
    connections: &Connections,
) -> anyhow::Result<Router> {
    let page = graphiql::Page::of(settings, None)?;
    router_with_page(schemas, settings, connections, page)
}

/// All routes of the server. `connections` limits and ends long-lived connections. Call it inside a runtime.
///
/// # Errors
/// When an origin of the settings cannot be read.
pub fn router_with_page(
    schemas: Arc<Schemas>,
    settings: &Settings,
    connections: &Connections,
    page: graphiql::Page,
) -> anyhow::Result<Router> {
    let origins = AllowedOrigins::parse(&settings.http.cors_origins)?
        .with_localhost(settings.http.cors_localhost);
    let contract = crate::graphql::schema(settings.graphql.max_response_bytes);
    let documents = DocumentCache::new(
        crate::graphql::contract(settings.http.introspection)?,
        limits(settings),
        DOCUMENT_CACHE,
    );
    let cache_policy = Arc::new(ResponseCachePolicy::new());
    let persisted = persisted::PersistedSettings::read(&settings.graphql, &documents)?;
    let endpoint_settings = EndpointSettings {
        body_bytes: settings.http.max_body_bytes,
        execution_time: settings.http.request_timeout(),
        public_max_age: Duration::from_secs(settings.http.public_max_age_seconds),
        origins: origins.clone(),
        public_url: PublicUrlSource::new(settings),
        suggestions: settings.http.introspection,
        max_cost: match settings.limits.enabled {
            true => settings.limits.max_cost,
            false => u64::MAX,
        },
        tells_cost: true,
        ..EndpointSettings::default()
    };
    let endpoints = schemas.iter().map(|(name, services)| {
        let registry = ConnectionRegistry::new(
            services.auth.clone(),
            connections.clone(),
            settings.push.clone(),
        );
        let endpoint = endpoint(
            &schemas,
            name,
            contract.clone(),
            documents.clone(),
            Arc::clone(&cache_policy),
            endpoint_settings.clone(),
        );
        let persisted = persisted.of(services.caching.clone());
        let endpoint = endpoint.with_persisted(persisted, Arc::new(may_execute_untrusted));
        let endpoint = endpoint.with_limits(identity::charge_to_sender(services.auth.clone()));
        let subscriptions = subscriptions(&schemas, name, contract.clone(), registry.clone());
        (
            name.clone(),
            (endpoint.with_subscriptions(subscriptions), registry),
        )
    });
    let state = AppState {
        endpoints: Arc::new(endpoints.collect()),
        graphiql: page,
        uploads: uploads::Bounds::of(settings),
        schemas,
    };
    let oauth = oauth::router(Arc::clone(&state.schemas));
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
        .fallback(not_found)
        .with_state(state)
        .merge(oauth);
    let proxies = TrustedProxies::of(&settings.http)?;
    Ok(middleware::surround_with(router, &origins, proxies))
}

/// The endpoint of one schema.
fn endpoint(
    schemas: &Arc<Schemas>,
    name: &SchemaName,
    contract: MarqueeSchema,
    documents: DocumentCache,
    cache_policy: Arc<ResponseCachePolicy>,
    settings: EndpointSettings,
) -> Endpoint<RequestIdentity> {
    let identify = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        let public_url = settings.public_url.clone();
        move |parts: &Parts| {
            let services = schemas.get(&name).map(Arc::clone);
            let token = identity::bearer(parts);
            let client = identity::client(&parts.extensions);
            let public_url = public_url.of(parts);
            Box::pin(async move {
                let services = services.ok_or_else(|| Refusal::bad_request("no such schema"))?;
                let identified = identity::identify(&services.auth, token, client).await?;
                Ok(identified.map(|identity| identity.calling(public_url)))
            }) as futures::future::BoxFuture<'static, _>
        }
    };
    let run = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        move |request: async_graphql::Request,
              execution: graphql::ExecutionContext<RequestIdentity>| {
            let (schemas, contract) = (Arc::clone(&schemas), contract.clone());
            let services = schemas.get(&name).map(Arc::clone);
            Box::pin(async move {
                let Some(services) = services else {
                    return async_graphql::Response::default();
                };
                let RequestIdentity {
                    admission,
                    client,
                    public_url,
                } = execution.viewer;
                let (caching, auth) = (services.caching.clone(), services.auth.clone());
                let viewer = admission.viewer;
                let request = with_context(request, schemas, services, viewer.clone(), client)
                    .data(public_url);
                let execute = contract.execute(request);
                if execution.kind == OperationType::Mutation {
                    let execute = from_primary(execute);
                    let response = match viewer {
                        Viewer::Nobody => for_nobody(execute).await,
                        _ => execute.await,
                    };
                    // The next request may reach another server, which must see this change.
                    caching.flush().await;
                    auth.note_write(&viewer).await;
                    response
                } else if viewer == Viewer::Nobody {
                    for_nobody(execute).await
                } else if auth.wrote_lately(&viewer).await {
                    from_primary(execute).await
                } else {
                    execute.await
                }
            }) as futures::future::BoxFuture<'static, _>
        }
    };
    let cache_lookup = {
        let (schemas, name) = (Arc::clone(schemas), name.clone());
        move |operation: &ReadyOperation, execution: &graphql::ExecutionContext<RequestIdentity>| {
            let canonical = &operation.canonical;
            let scope = canonical
                .cache_scope
                .get_or_init(|| cache_policy.scope(&canonical.document));
            let users = scope.as_ref()?.users(&operation.variables)?;
            let caching = &schemas.get(&name)?.caching;
            let query = CacheableQuery {
                document: &operation.document.digest,
                operation: canonical.name.as_deref(),
                variables: &operation.variables,
                users: &users,
                public_url: execution.viewer.public_url.as_str(),
            };
            let key = caching.response_key(&execution.viewer.admission.viewer, &query)?;
            Some(graphql::CacheSlot {
                service: caching.clone(),
                key,
                public: matches!(execution.viewer.admission.viewer, Viewer::Nobody),
            })
        }
    };
    Endpoint::new(settings, documents, Arc::new(identify), Arc::new(run))
        .with_cache(Arc::new(cache_lookup))
}

/// Admins explore, where others may have trusted documents executed only.
fn may_execute_untrusted(identity: &RequestIdentity) -> bool {
    identity.admission.viewer.admin().is_ok()
}

/// How the subscriptions of one schema are executed and their connections registered.
fn subscriptions(
    schemas: &Arc<Schemas>,
    name: &SchemaName,
    contract: MarqueeSchema,
    registry: ConnectionRegistry,
) -> Subscriptions<RequestIdentity> {
    let heartbeat = Duration::from_millis(registry.limits().heartbeat_ms);
    let send_timeout = registry.limits().send_timeout();
    let (schemas, name) = (Arc::clone(schemas), name.clone());
    Subscriptions {
        subscribe: Arc::new(
            move |request: async_graphql::Request,
                  execution: graphql::ExecutionContext<RequestIdentity>| {
                let Some(services) = schemas.get(&name).map(Arc::clone) else {
                    return futures::stream::empty().boxed();
                };
                let RequestIdentity {
                    admission,
                    client,
                    public_url,
                } = execution.viewer;
                let schemas = Arc::clone(&schemas);
                let request = with_context(request, schemas, services, admission.viewer, client)
                    .data(public_url);
                // What is told of is newer than what a replica has.
                stream_from_primary(contract.execute_stream(request))
            },
        ),
        register: Arc::new(move |identity: RequestIdentity| {
            let registry = registry.clone();
            registry
                .register_stream(identity.admission, identity.client)
                .boxed()
        }),
        heartbeat,
        send_timeout,
    }
}

async fn default_schema(State(state): State<AppState>, request: Request) -> Response {
    let name = state.schemas.default_name().clone();
    state.answer(&name, request).await
}

async fn named_schema(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match name.parse::<SchemaName>() {
        Ok(name) if state.endpoints.contains_key(&name) => state.answer(&name, request).await,
        _ => unknown_schema::respond(&state.schemas, &name, request.extensions().get()),
    }
}

impl AppState {
    async fn answer(&self, name: &SchemaName, request: Request) -> Response {
        if self.graphiql.is_there() && wants_page(&request) {
            return graphiql::page(State(self.clone())).await;
        }
        match self.endpoints.get(name) {
            Some((endpoint, registry)) if socket::is_upgrade(request.headers()) => {
                socket::upgrade(endpoint.clone(), registry.clone(), request).await
            }
            Some((endpoint, _)) => endpoint.clone().handle(request).await,
            None => not_found().await,
        }
    }
}

/// Whether a browser asks for the HTML page rather than for JSON.
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

async fn not_found() -> Response {
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
