//! The GraphQL API: transport only. A resolver translates; a service decides.

use std::sync::Arc;

// What is below has the same names in every crate: `crate::domain`, `crate::graphql`.
pub extern crate self as graphql;
pub use {domain, engine, foundation};

use async_graphql::{
    Context, MergedObject, MergedSubscription, Request, Response, Schema, ValidationMode,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use crate::domain::Services;
use crate::domain::auth::{Client, Viewer};
use crate::domain::schemas::Schemas;

pub mod batch_scheduler;
pub mod connection;
pub mod enums;
pub mod errors;
pub mod execution;
pub mod filter;
pub mod guard;
pub mod loaders;
pub mod number;
pub mod payload;
pub mod public_url;
pub mod request_viewer;
pub mod response_cache;
pub mod scalars;
pub mod types;

use request_viewer::RequestViewer;
use types::api_key::{ApiKeyMutation, ApiKeyQuery};
use types::auth::AuthMutation;
use types::cache::{CacheMutation, CacheQuery};
use types::channel::{ChannelMutation, ChannelQuery};
use types::competition::{CompetitionMutation, CompetitionQuery};
use types::content::{ContentMutation, ContentQuery};
use types::embedding::EmbeddingMutation;
use types::experiment::{ExperimentMutation, ExperimentQuery};
use types::facets::FacetsQuery;
use types::generation::GenerationQuery;
use types::interaction::{InteractionMutation, InteractionQuery, InteractionSubscription};
use types::interaction_weights::{InteractionWeightsMutation, InteractionWeightsQuery};
use types::person::{PersonMutation, PersonQuery};

use types::job::{JobMutation, JobQuery, JobSubscription};
use types::model::{ModelMutation, ModelQuery};
use types::monitoring::MonitoringSubscription;
use types::node::NodeQuery;
use types::promotion::{PromotionMutation, PromotionQuery};
use types::recommendation::{
    FeedbackMutation, FeedbackQuery, RecommendationQuery, RecommendationSubscription, RelatedQuery,
};
use types::schema::SchemaQuery;
use types::search::SearchQuery;
use types::slate::{SlateMutation, SlateQuery, SlateSubscription};
use types::trace::TraceQuery;
use types::upload::{UploadMutation, UploadQuery};
use types::user::UserQuery;
use types::user_changes::UserMutation;

/// The root of all queries.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Query(
    NodeQuery,
    SchemaQuery,
    UserQuery,
    ApiKeyQuery,
    ContentQuery,
    FacetsQuery,
    PersonQuery,
    InteractionQuery,
    InteractionWeightsQuery,
    ModelQuery,
    PromotionQuery,
    ExperimentQuery,
    RecommendationQuery,
    TraceQuery,
    SearchQuery,
    CacheQuery,
    RelatedQuery,
    FeedbackQuery,
    JobQuery,
    GenerationQuery,
    UploadQuery,
    SlateQuery,
    ChannelQuery,
    CompetitionQuery,
);

/// The root of all mutations. Expected failures are returned in `errors` of the payload, all others
/// in `errors` of the response.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Mutation(
    AuthMutation,
    UserMutation,
    ApiKeyMutation,
    ModelMutation,
    PromotionMutation,
    ExperimentMutation,
    ContentMutation,
    EmbeddingMutation,
    PersonMutation,
    InteractionMutation,
    InteractionWeightsMutation,
    CacheMutation,
    FeedbackMutation,
    JobMutation,
    UploadMutation,
    SlateMutation,
    ChannelMutation,
    CompetitionMutation,
);

/// The root of all subscriptions.
#[derive(Clone, Copy, Default, MergedSubscription)]
pub struct Subscription(
    InteractionSubscription,
    JobSubscription,
    MonitoringSubscription,
    RecommendationSubscription,
    SlateSubscription,
);

/// Mutations that check or set a credential. A document may have at most one of them, so that a request
/// is one attempt.
pub const AUTH_MUTATIONS: &[&str] = &[
    "changePassword",
    "login",
    "mergeUsers",
    "refreshToken",
    "register",
    "startAnonymousSession",
];

/// The GraphQL schema, ready to execute documents.
///
/// Its futures are boxed here: a crate that polls the body of an `async` function compiles it, and all that it
/// awaits, once more.
#[derive(Clone)]
pub struct MarqueeSchema(Schema<Query, Mutation, Subscription>);

impl MarqueeSchema {
    /// Executes a query or a mutation.
    pub fn execute(&self, request: impl Into<Request>) -> BoxFuture<'static, Response> {
        let (schema, request) = (self.0.clone(), request.into());
        async move { schema.execute(request).await }.boxed()
    }

    /// Executes a subscription: one response an event.
    pub fn execute_stream(&self, request: impl Into<Request>) -> BoxStream<'static, Response> {
        self.0.execute_stream(request).boxed()
    }
}

/// Builds the GraphQL schema. An answer weighs at most `max_response_bytes` of JSON, about; the guard decides
/// who may introspect.
pub fn schema(max_response_bytes: usize) -> MarqueeSchema {
    let schema = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    );
    let schema = schema
    .extension(execution::Execution { max_response_bytes })
    // The guard validates.
    .validation_mode(ValidationMode::Fast)
    .register_output_type::<payload::UserError>()
    .register_output_type::<types::node::Node>()
    .finish();
    MarqueeSchema(schema)
}

/// The schema in the schema definition language, as stored in `schema.graphql`.
pub fn sdl() -> String {
    schema(usize::MAX)
        .0
        .sdl_with_options(async_graphql::SDLExportOptions::new().include_specified_by())
}

/// The same schema as the guard reads it; `introspection` says whether clients may query it.
///
/// # Errors
/// When the schema is invalid, which a test excludes.
pub fn contract(introspection: bool) -> anyhow::Result<guard::Contract> {
    guard::Contract::new(&sdl(), introspection)
}

/// Access of resolvers to the data that the transport puts into each request.
pub trait ContextExt {
    /// The services of the requested database schema.
    fn services(&self) -> &Arc<Services>;
    /// The viewer of the request; nobody after they have signed out in it.
    fn viewer(&self) -> &Viewer;
    /// Resolves the rest of the request on behalf of nobody, if the viewer has signed out.
    fn sign_out(&self, done: bool);
    /// The client that sent the request.
    fn client(&self) -> Client;
    /// All database schemas that this server serves.
    fn schemas(&self) -> &Schemas;
    /// The address of a file as the client can call it: a whole URL where the request tells how this server
    /// is called.
    fn absolute(&self, address: &str) -> String;
    /// The data loaders of this execution. While a subscription starts there are none, only when its
    /// events are resolved.
    fn loaders(&self) -> &Arc<loaders::Loaders>;
}

impl ContextExt for Context<'_> {
    fn services(&self) -> &Arc<Services> {
        self.data_unchecked()
    }

    fn viewer(&self) -> &Viewer {
        self.data_unchecked::<Arc<RequestViewer>>().current()
    }

    fn sign_out(&self, done: bool) {
        if done {
            self.data_unchecked::<Arc<RequestViewer>>().sign_out();
            self.loaders().forget();
        }
    }

    fn client(&self) -> Client {
        *self.data_unchecked()
    }

    fn schemas(&self) -> &Schemas {
        self.data_unchecked::<Arc<Schemas>>()
    }

    fn absolute(&self, address: &str) -> String {
        match self.data_opt::<public_url::PublicUrl>() {
            Some(public_url) => public_url.absolute(address).into_owned(),
            None => address.to_owned(),
        }
    }

    fn loaders(&self) -> &Arc<loaders::Loaders> {
        self.data_unchecked()
    }
}

/// Adds the context that resolvers read by [`ContextExt`]: schemas, services, viewer and client. Loaders
/// are added by [`execution::Execution`].
pub fn with_context(
    request: Request,
    schemas: Arc<Schemas>,
    services: Arc<Services>,
    viewer: Viewer,
    client: Client,
) -> Request {
    request
        .data(schemas)
        .data(services)
        .data(Arc::new(RequestViewer::new(viewer)))
        .data(client)
}
