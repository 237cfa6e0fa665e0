//! API keys: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use super::user::User;
use crate::domain::auth::{self as domain, model::NewApiKey};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::connection::Connection;
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::{ContextExt, Query};

/// What an app's key may do, for any user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Scope")]
pub enum Scope {
    /// Create, change and delete content and people.
    CatalogueWrite,
    /// Read users and what they did.
    UsersRead,
    /// Create and change users, and merge anonymous ones into known ones.
    UsersWrite,
    /// Record what users do.
    InteractionsWrite,
    /// Read the recommendations of users.
    RecommendationsRead,
}

/// A key for an app. The key itself is told once, by `createApiKey`.
#[derive(Clone, Debug)]
pub struct ApiKey(Arc<domain::ApiKey>);

impl From<domain::ApiKey> for ApiKey {
    fn from(key: domain::ApiKey) -> Self {
        Self(Arc::new(key))
    }
}

/// A key for an app. The key itself is told once, by `createApiKey`.
#[Object]
impl ApiKey {
    /// Opaque and unique; not the key.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How the key begins.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What it may do.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes.iter().copied().map(Into::into).collect()
    }

    /// Which admin made it; null for the shell, and for viewers who may not see the admin.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(user) = self.0.created_by else {
            return Ok(None);
        };
        let user = ctx.loaders().users.load_one(user).await?;
        Ok(user.map(Into::into))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// From when on it is refused; null for never.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When it was last used, to the minute; null for never.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }

    /// Since when it is revoked; null if it is not.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }
}

/// Queries about API keys.
#[derive(Clone, Copy, Default)]
pub struct ApiKeyQuery;

/// Queries about API keys.
#[Object]
impl ApiKeyQuery {
    /// All API keys, the newest first. For admins.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ApiKey>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.auth.list_api_keys(&viewer, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.auth.count_api_keys(&viewer).await }
        };
        let cursor = |key: &ApiKey| key.0.cursor();
        Ok(Connection::new(page, cursor, total))
    }
}

/// A key to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateApiKeyInput {
    /// What it is for, 1 to 100 characters.
    name: String,
    /// What it may do; at least one.
    scopes: Vec<Scope>,
    /// From when on it is refused; never where left out.
    expires_at: Option<DateTime<Utc>>,
}

/// Which key to revoke.
#[derive(Clone, Debug, InputObject)]
pub struct RevokeApiKeyInput {
    /// Which.
    id: Id<id::ApiKey>,
}

payload_errors! {
    /// Why `createApiKey` did not do it.
    CreateApiKeyError: InvalidInput
}

payload_errors! {
    /// Why `revokeApiKey` did not do it.
    RevokeApiKeyError: NotFound
}

payload! {
    /// What became of `createApiKey`.
    CreateApiKeyPayload(CreateApiKeyError) {
        /// The new key; null if there are errors.
        api_key: Option<ApiKey>,
        /// The key itself, to be sent as `Authorization: Bearer …`. It is told here and never
        /// again; null if there are errors.
        secret: Option<String>,
    }
}

payload! {
    /// What became of `revokeApiKey`.
    RevokeApiKeyPayload(RevokeApiKeyError) {
        /// The revoked key; null if there are errors.
        api_key: Option<ApiKey>,
    }
}

/// Mutations of API keys.
#[derive(Clone, Copy, Default)]
pub struct ApiKeyMutation;

/// Mutations of API keys.
#[Object]
impl ApiKeyMutation {
    /// Makes a key for an app and tells it, once. For admins.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let new = NewApiKey {
            name: input.name,
            scopes: input.scopes.into_iter().map(Into::into).collect(),
            expires_at: input.expires_at,
        };
        let made = ctx.services().auth.create_api_key(ctx.viewer(), new).await;
        let (made, errors) = settle(made)?;
        let (key, secret) = made.unzip();
        Ok(CreateApiKeyPayload {
            api_key: key.map(Into::into),
            secret: secret.map(|secret| secret.expose_secret().to_owned()),
            errors,
            query: Query::default(),
        })
    }

    /// Ends a key for good, at once. For admins.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let auth = &ctx.services().auth;
        let done = auth.revoke_api_key(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        RevokeApiKeyPayload::settle(done)
    }
}
