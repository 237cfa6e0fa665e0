//! API keys: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};
use secrecy::ExposeSecret;

use super::user::User;
use crate::domain::auth::{self as domain, model::NewApiKey};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::connection::Connection;
use crate::graphql::enums::{graphql_enum, values};
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::{ContextExt, Query};

graphql_enum!(domain::Scope as Scope);

/// An API key, with which an app authenticates. Its secret is returned only by `createApiKey`.
/// Visible to admins and to the app itself.
#[derive(Clone, Debug)]
pub struct ApiKey(Arc<domain::ApiKey>);

impl From<domain::ApiKey> for ApiKey {
    fn from(key: domain::ApiKey) -> Self {
        Self(Arc::new(key))
    }
}

/// An API key, with which an app authenticates. Its secret is returned only by `createApiKey`.
/// Visible to admins and to the app itself.
#[Object]
impl ApiKey {
    /// Opaque, globally unique ID. It is not the secret of the key.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Name of the key, given when it was created.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// First characters of the secret, by which the key can be recognised.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Permissions of the key.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes.iter().copied().map(Into::into).collect()
    }

    /// The admin who created the key. Null if it was created on the command line, if the admin was
    /// erased, and if the viewer may not see them.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(user) = self.0.created_by else {
            return Ok(None);
        };
        let user = ctx.loaders().users.load_one(user).await?;
        Ok(user.map(Into::into))
    }

    /// Time when the key was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the key expires; null if it does not expire.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// Time of the last request with this key, accurate to one minute; null if it was never used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// Time when the key was revoked; null if it is not revoked.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}

/// Queries of API keys.
#[derive(Clone, Copy, Default)]
pub struct ApiKeyQuery;

/// Queries of API keys.
#[Object]
impl ApiKeyQuery {
    /// Lists all API keys, newest first. Requires the role ADMIN.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of keys to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the keys after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of keys to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the keys before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<ApiKey>>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.auth.list_api_keys(&viewer, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.auth.count_api_keys(&viewer).await }
        };
        let cursor = |key: &ApiKey| key.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }
}

/// Properties of a new API key.
#[derive(Clone, Debug, InputObject)]
pub struct CreateApiKeyInput {
    /// Name that says what the key is used for, 1–100 characters.
    name: String,
    /// Permissions of the key; at least one.
    scopes: Vec<Scope>,
    /// Time when the key expires; it must be in the future (default: never).
    expires_at: Option<DateTime>,
}

/// The API key to revoke.
#[derive(Clone, Debug, InputObject)]
pub struct RevokeApiKeyInput {
    /// ID of the API key.
    id: Id<id::ApiKey>,
}

payload_errors! {
    /// Errors that `createApiKey` may return.
    CreateApiKeyError: InvalidInput
}

payload_errors! {
    /// Errors that `revokeApiKey` may return.
    RevokeApiKeyError: NotFound
}

payload! {
    /// Result of `createApiKey`.
    CreateApiKeyPayload(CreateApiKeyError) {
        /// The new key; null if there are errors.
        api_key: Option<ApiKey>,
        /// Secret of the key, to be sent as `Authorization: Bearer <secret>`. It cannot be
        /// retrieved again; null if there are errors.
        secret: Option<String>,
    }
}

payload! {
    /// Result of `revokeApiKey`.
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
    /// Creates an API key and returns its secret, once. Requires the role ADMIN.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new key.")] input: CreateApiKeyInput,
    ) -> Result<Option<CreateApiKeyPayload>> {
        let new = NewApiKey {
            name: input.name,
            scopes: values(input.scopes),
            expires_at: input.expires_at.map(Into::into),
        };
        let made = ctx.services().auth.create_api_key(ctx.viewer(), new).await;
        let (made, errors) = settle(made)?;
        let (key, secret) = made.unzip();
        Ok(Some(CreateApiKeyPayload {
            api_key: key.map(Into::into),
            secret: secret.map(|secret| secret.expose_secret().to_owned()),
            errors,
            query: Query::default(),
        }))
    }

    /// Revokes an API key permanently and immediately. Requires the role ADMIN.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The API key to revoke.")] input: RevokeApiKeyInput,
    ) -> Result<Option<RevokeApiKeyPayload>> {
        let auth = &ctx.services().auth;
        let done = auth.revoke_api_key(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        RevokeApiKeyPayload::settle(done)
    }
}
