//! The GraphQL face: transport only. A resolver translates; a service decides.

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};

use crate::domain::Services;
use crate::domain::auth::Viewer;

pub mod connection;
pub mod error;
pub mod filter;
pub mod id;
pub mod loaders;
pub mod number;
pub mod omitted;
pub mod types;

use types::content::{ContentMutation, ContentQuery};
use types::facets::FacetsQuery;
use types::interaction::{InteractionMutation, InteractionQuery};
use types::interaction_weights::{InteractionWeightsMutation, InteractionWeightsQuery};
use types::person::{PersonMutation, PersonQuery};

/// Everything that can be asked.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Query(
    ContentQuery,
    InteractionQuery,
    InteractionWeightsQuery,
    PersonQuery,
    FacetsQuery,
);

/// Everything that can be changed.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Mutation(
    ContentMutation,
    InteractionMutation,
    InteractionWeightsMutation,
    PersonMutation,
);

/// The whole contract.
pub type MarqueeSchema = Schema<Query, Mutation, EmptySubscription>;

/// Builds the contract; `introspection` says whether clients may read it.
pub fn schema(introspection: bool) -> MarqueeSchema {
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .extension(omitted::OmittedVariables)
        .register_output_type::<error::UserError>()
        .register_output_type::<types::node::Node>();
    let builder = if introspection {
        builder
    } else {
        builder.disable_introspection()
    };
    builder.finish()
}

/// What a resolver may reach for, put into each request by the transport.
pub trait Reach {
    /// The services of the schema that was asked.
    fn services(&self) -> &Arc<Services>;
    /// On whose behalf.
    fn viewer(&self) -> &Viewer;
    /// This request's own loaders.
    fn loaders(&self) -> &Arc<loaders::Loaders>;
}

impl Reach for Context<'_> {
    fn services(&self) -> &Arc<Services> {
        self.data_unchecked()
    }

    fn viewer(&self) -> &Viewer {
        self.data_unchecked()
    }

    fn loaders(&self) -> &Arc<loaders::Loaders> {
        self.data_unchecked()
    }
}

/// What each request carries: the services it may use, on whose behalf, and loaders of its own.
pub fn equip(
    request: async_graphql::Request,
    services: Arc<Services>,
    viewer: Viewer,
) -> async_graphql::Request {
    let loaders = Arc::new(loaders::Loaders::new(&services, &viewer));
    request.data(loaders).data(services).data(viewer)
}
