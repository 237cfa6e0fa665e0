//! The GraphQL face: transport only. A resolver translates; a service decides.

use std::sync::Arc;

use async_graphql::{Context, MergedObject, MergedSubscription, Schema};

use crate::domain::Services;
use crate::domain::auth::{Client, Viewer};
use crate::domain::schemas::Schemas;

pub mod connection;
pub mod filter;
pub mod fresh;
pub mod guard;
pub mod id;
pub mod keepable;
pub mod label;
pub mod loaders;
pub mod loads;
pub mod number;
pub mod omitted;
pub mod payload;
pub mod types;

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
use types::model::ModelQuery;
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

/// Everything that can be asked.
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

/// Everything that can be changed.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Mutation(
    AuthMutation,
    UserMutation,
    ApiKeyMutation,
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

/// Everything that can be heard of as it happens.
#[derive(Clone, Copy, Default, MergedSubscription)]
pub struct Subscription(
    InteractionSubscription,
    JobSubscription,
    MonitoringSubscription,
    RecommendationSubscription,
);

/// Mutations that try a secret: at most one a document, so that a document is one attempt.
pub const AUTH_MUTATIONS: &[&str] = &[
    "changePassword",
    "login",
    "mergeUsers",
    "refreshToken",
    "register",
    "startAnonymousSession",
];

/// The whole contract.
pub type MarqueeSchema = Schema<Query, Mutation, Subscription>;

/// Builds the contract; `introspection` says whether clients may read it.
pub fn schema(introspection: bool) -> MarqueeSchema {
    let builder = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .extension(fresh::FreshLoaders)
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

/// The contract in the schema definition language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    schema(true).sdl_with_options(async_graphql::SDLExportOptions::new().include_specified_by())
}

/// What a resolver may reach for, put into each request by the transport.
pub trait Reach {
    /// The services of the schema that was asked.
    fn services(&self) -> &Arc<Services>;
    /// On whose behalf.
    fn viewer(&self) -> &Viewer;
    /// Where the request comes from.
    fn client(&self) -> Client;
    /// Every schema that this server serves.
    fn schemas(&self) -> &Schemas;
    /// This execution's own loaders. There are none while a subscription begins, only when its
    /// events are resolved.
    fn loaders(&self) -> &Arc<loaders::Loaders>;
}

impl Reach for Context<'_> {
    fn services(&self) -> &Arc<Services> {
        self.data_unchecked()
    }

    fn viewer(&self) -> &Viewer {
        self.data_unchecked()
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

/// What each request carries: the schemas there are, the services of its own, and on whose behalf.
/// Loaders come by [`fresh::FreshLoaders`].
pub fn equip(
    request: async_graphql::Request,
    schemas: Arc<Schemas>,
    services: Arc<Services>,
    viewer: Viewer,
    client: Client,
) -> async_graphql::Request {
    request
        .data(schemas)
        .data(services)
        .data(viewer)
        .data(client)
}
