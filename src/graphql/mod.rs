//! The GraphQL API: transport only. A resolver translates; a service decides.

use std::sync::Arc;

use async_graphql::{Context, MergedObject, MergedSubscription, Schema};

use crate::domain::Services;
use crate::domain::auth::{Client, Viewer};
use crate::domain::schemas::Schemas;

pub mod batch_scheduler;
pub mod connection;
pub mod enums;
pub mod errors;
pub mod execution_loaders;
pub mod filter;
pub mod guard;
pub mod id;
pub mod loaders;
pub mod number;
pub mod omitted;
pub mod payload;
pub mod request_viewer;
pub mod response_cache;
pub mod types;

use request_viewer::RequestViewer;
use types::api_key::{ApiKeyMutation, ApiKeyQuery};
use types::auth::AuthMutation;
use types::cache::{CacheMutation, CacheQuery};
use types::content::{ContentMutation, ContentQuery};
use types::embedding::EmbeddingMutation;
use types::facets::FacetsQuery;
use types::generation::GenerationQuery;
use types::interaction::{InteractionMutation, InteractionQuery, InteractionSubscription};
use types::interaction_weights::{InteractionWeightsMutation, InteractionWeightsQuery};
use types::person::{PersonMutation, PersonQuery};

use types::job::{JobMutation, JobQuery, JobSubscription};
use types::model::{ModelMutation, ModelQuery};
use types::monitoring::MonitoringSubscription;
use types::node::NodeQuery;
use types::recommendation::{
    FeedbackMutation, FeedbackQuery, RecommendationQuery, RecommendationSubscription, RelatedQuery,
};
use types::schema::SchemaQuery;
use types::search::SearchQuery;
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
    RecommendationQuery,
    SearchQuery,
    CacheQuery,
    RelatedQuery,
    FeedbackQuery,
    JobQuery,
    GenerationQuery,
    UploadQuery,
);

/// The root of all mutations. Expected failures are returned in `errors` of the payload, all others
/// in `errors` of the response.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Mutation(
    AuthMutation,
    UserMutation,
    ApiKeyMutation,
    ModelMutation,
    ContentMutation,
    EmbeddingMutation,
    PersonMutation,
    InteractionMutation,
    InteractionWeightsMutation,
    CacheMutation,
    FeedbackMutation,
    JobMutation,
    UploadMutation,
);

/// The root of all subscriptions.
#[derive(Clone, Copy, Default, MergedSubscription)]
pub struct Subscription(
    InteractionSubscription,
    JobSubscription,
    MonitoringSubscription,
    RecommendationSubscription,
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

/// The GraphQL schema.
pub type MarqueeSchema = Schema<Query, Mutation, Subscription>;

/// Builds the GraphQL schema; `introspection` says whether clients may query it.
pub fn schema(introspection: bool) -> MarqueeSchema {
    let builder = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .extension(execution_loaders::ExecutionLoaders)
    .extension(omitted::OmittedVariables)
    .register_output_type::<payload::UserError>()
    .register_output_type::<types::node::Node>();
    let builder = if introspection {
        builder
    } else {
        builder.disable_introspection()
    };
    builder.finish()
}

/// The schema in the schema definition language, as stored in `schema.graphql`.
pub fn sdl() -> String {
    schema(true).sdl_with_options(async_graphql::SDLExportOptions::new().include_specified_by())
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

    fn loaders(&self) -> &Arc<loaders::Loaders> {
        self.data_unchecked()
    }
}

/// Adds the context that resolvers read by [`ContextExt`]: schemas, services, viewer and client. Loaders
/// are added by [`execution_loaders::ExecutionLoaders`].
pub fn with_context(
    request: async_graphql::Request,
    schemas: Arc<Schemas>,
    services: Arc<Services>,
    viewer: Viewer,
    client: Client,
) -> async_graphql::Request {
    request
        .data(schemas)
        .data(services)
        .data(Arc::new(RequestViewer::new(viewer)))
        .data(client)
}
