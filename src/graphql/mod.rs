//! The GraphQL face: transport only. A resolver translates; a service decides.

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};

use crate::domain::Services;
use crate::domain::auth::{Client, Viewer};

pub mod connection;
pub mod error;
pub mod filter;
pub mod id;
pub mod loaders;
pub mod types;

use types::api_key::{ApiKeyMutation, ApiKeyQuery};
use types::auth::AuthMutation;
use types::content::{ContentMutation, ContentQuery};
use types::node::NodeQuery;
use types::user::UserQuery;
use types::user_changes::UserMutation;

/// Everything that can be asked.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Query(ContentQuery, NodeQuery, UserQuery, ApiKeyQuery);

/// Everything that can be changed.
#[derive(Clone, Copy, Default, MergedObject)]
pub struct Mutation(ContentMutation, AuthMutation, UserMutation, ApiKeyMutation);

/// The whole contract.
pub type MarqueeSchema = Schema<Query, Mutation, EmptySubscription>;

/// Builds the contract; `introspection` says whether clients may read it.
pub fn schema(introspection: bool) -> MarqueeSchema {
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription)
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
    /// Where the request comes from.
    fn client(&self) -> Client;
    /// This request's own loaders.
    fn loaders(&self) -> &loaders::Loaders;
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

    fn loaders(&self) -> &loaders::Loaders {
        self.data_unchecked()
    }
}

/// What each request carries: the services it may use, on whose behalf, from where, and loaders of
/// its own.
pub fn equip(
    request: async_graphql::Request,
    services: Arc<Services>,
    viewer: Viewer,
    client: Client,
) -> async_graphql::Request {
    let loaders = loaders::Loaders::new(&services, &viewer);
    request
        .data(loaders)
        .data(services)
        .data(viewer)
        .data(client)
}
