//! Users: type and queries.

use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject, Union};
use serde_json::Value;

use super::api_key::ApiKey;
use super::content::ExternalId;
use super::email::EmailAddress;
use crate::domain::auth::{self, Scope};
use crate::domain::users::model as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, Reference, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::enums::graphql_enum;
use crate::graphql::filter::{
    DateTimeFilter, StringFilter, StringListFilter, enum_filter, operand, or_none, part, parts,
};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::types::references::reference;

graphql_enum!(auth::Role as Role);

/// A user: somebody with an account, an imported user or an anonymous visitor.
#[derive(Clone, Debug)]
pub struct User {
    user: Arc<domain::User>,
    /// Whether the client has just proved to be this user, for example by signing in.
    proven: bool,
}

impl User {
    /// A user as their own proven self: signing in has answered who asks.
    pub fn proven(user: domain::User) -> Self {
        Self {
            user: Arc::new(user),
            proven: true,
        }
    }

    /// What only the user, admins and apps with `USERS_READ` may see; null for others, whichever
    /// way they came to hold the user.
    fn personal<T>(&self, ctx: &Context<'_>, read: impl FnOnce(&domain::User) -> T) -> Option<T> {
        let may = self.proven
            || ctx
                .viewer()
                .may_act_for(self.user.id, Scope::UsersRead)
                .is_ok();
        may.then(|| read(&self.user))
    }
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self {
            user: Arc::new(user),
            proven: false,
        }
    }
}

/// Preferences that a user has stated.
#[derive(Clone, Debug, SimpleObject)]
pub struct Preferences {
    /// Favourite genres, as named in the catalogue.
    favourite_genres: Vec<String>,
    /// Preferred languages, as ISO 639 codes.
    languages: Vec<String>,
    /// Additional preferences stored by clients, as a JSON object.
    extra: Json,
}

/// A user: somebody with an account, an imported user or an anonymous visitor.
#[Object]
impl User {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.user.id.into()
    }

    /// Name of the user for display.
    async fn display_name(&self) -> &str {
        &self.user.display_name
    }

    /// E-mail address. Null if the user has none. Visible to the user, admins and API keys with the
    /// scope USERS_READ; null for everyone else.
    async fn email(&self, ctx: &Context<'_>) -> Option<EmailAddress> {
        self.personal(ctx, |user| user.email.clone().map(EmailAddress))
            .flatten()
    }

    /// Role of the user, which determines their permissions.
    async fn role(&self) -> Role {
        self.user.role.into()
    }

    /// Whether the user is an anonymous visitor, created by `startAnonymousSession`.
    async fn anonymous(&self) -> bool {
        self.user.anonymous
    }

    /// Preferences of the user. Visible to the user, admins and API keys with the scope USERS_READ;
    /// null for everyone else.
    async fn preferences(&self, ctx: &Context<'_>) -> Option<Preferences> {
        self.personal(ctx, |user| {
            let preferences = user.preferences.clone();
            Preferences {
                favourite_genres: preferences.favourite_genres,
                languages: preferences.languages,
                extra: Json(Value::Object(preferences.extra)),
            }
        })
    }

    /// ID of the user in the system that they were imported from or that created them. Null if there is none.
    /// Visible to the user, admins and API keys with the scope USERS_READ; null for everyone else.
    async fn external_id(&self, ctx: &Context<'_>) -> Option<ExternalId> {
        self.personal(ctx, |user| user.source.clone())
            .flatten()
            .map(|(source, value)| ExternalId { source, value })
    }

    /// Time when the user was disabled. Null if the user is not disabled. Visible to the user,
    /// admins and API keys with the scope USERS_READ; null for everyone else.
    async fn disabled_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        self.personal(ctx, |user| user.disabled_at)
            .flatten()
            .map(DateTime)
    }

    /// Time when the user was created or imported.
    async fn created_at(&self) -> DateTime {
        DateTime(self.user.created_at)
    }

    /// Time when the user was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.user.updated_at)
    }
}

/// The authenticated client of a request: a user or an API key.
#[derive(Union)]
pub enum Viewer {
    /// A user with an access token.
    User(User),
    /// An app with an API key.
    ApiKey(ApiKey),
}

enum_filter! {
    /// Conditions on the role of a user.
    RoleFilter(Role)
}

/// A filter for users. All given conditions must hold; omitted ones do not restrict the result. At
/// most 100 filters may be nested by `and`, `or` and `not`, with at most 2,000 list values in all.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "UserFilter")]
pub struct UserFilterInput {
    /// Conditions on the role of the user.
    role: Option<RoleFilter>,
    /// Conditions on the display name.
    display_name: Option<StringFilter>,
    /// Conditions on the e-mail address, which is stored in lower case.
    email: Option<StringFilter>,
    /// Conditions on the ID of the user in another system, `externalId.value`, of all sources.
    external_id: Option<StringFilter>,
    /// If true, only anonymous visitors; if false, only other users.
    anonymous: MaybeUndefined<bool>,
    /// If true, only disabled users; if false, only users who are not disabled.
    disabled: MaybeUndefined<bool>,
    /// Conditions on the favourite genres in the user's preferences.
    favourite_genres: Option<StringListFilter>,
    /// Conditions on the languages in the user's preferences, ISO 639 codes.
    languages: Option<StringListFilter>,
    /// Conditions on the time when the user was created.
    created_at: Option<DateTimeFilter>,
    /// All of these filters must match.
    and: Option<Vec<UserFilterInput>>,
    /// At least one of these filters must match; an empty list does not restrict the result.
    or: Option<Vec<UserFilterInput>>,
    /// This filter must not match.
    not: Option<Box<UserFilterInput>>,
}

impl TryFrom<UserFilterInput> for domain::UserFilter {
    type Error = Refusal;

    fn try_from(input: UserFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            role: or_none("role", input.role)?,
            display_name: or_none("displayName", input.display_name)?,
            email: or_none("email", input.email)?,
            external_id: or_none("externalId", input.external_id)?,
            anonymous: operand("anonymous", input.anonymous)?,
            disabled: operand("disabled", input.disabled)?,
            favourite_genres: or_none("favouriteGenres", input.favourite_genres)?,
            languages: or_none("languages", input.languages)?,
            created_at: or_none("createdAt", input.created_at)?,
            and: parts("and", input.and)?,
            or: parts("or", input.or)?,
            not: part("not", input.not)?,
        })
    }
}

graphql_enum!(domain::UserOrder as UserOrderField);

order_input! {
    /// Order of a list of users.
    UserOrder(domain::UserOrder)
}

/// Queries of users.
#[derive(Clone, Copy, Default)]
pub struct UserQuery;

/// Queries of users.
#[Object]
impl UserQuery {
    /// The user or API key that the request is authenticated as. Null if the request has no
    /// credentials.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<Viewer>> {
        Ok(match ctx.viewer() {
            auth::Viewer::User { id, .. } => {
                let user = ctx.loaders().users.load_one(*id).await?;
                user.map(|user| Viewer::User(user.into()))
            }
            auth::Viewer::App { key, .. } => {
                let key = ctx.loaders().api_keys.load_one(*key).await?;
                key.map(|key| Viewer::ApiKey(key.into()))
            }
            auth::Viewer::Nobody | auth::Viewer::Command => None,
        })
    }

    /// Fetches a user by ID or by an ID of your own. Null if the user does not exist or the viewer may not see them. Users
    /// may fetch themselves; other users require the role ADMIN or an API key with the scope
    /// USERS_READ.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the user. Either this or `externalId` is required.")] id: Option<
            Id<id::User>,
        >,
        #[graphql(desc = "ID of the user in another system, 1–200 characters.")]
        external_id: Option<String>,
        #[graphql(
            desc = "Name of the other system (default: the setting `external_ids.source` of the server). Only together with `externalId`."
        )]
        source: Option<String>,
    ) -> Result<Option<User>> {
        let id = match reference(ctx, id, external_id, source)? {
            Reference::Id(id) => id,
            Reference::External(name) => {
                let named = ctx
                    .services()
                    .users
                    .named_by(std::slice::from_ref(&name))
                    .await?;
                match named.get(&name) {
                    Some(id) => *id,
                    None => return Ok(None),
                }
            }
        };
        let user = ctx.loaders().users.load_one(id).await?;
        Ok(user.map(Into::into))
    }

    /// Lists all users. Requires the role ADMIN or an API key with the scope USERS_READ.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only users that match this filter (default: all users).")] filter: Option<UserFilterInput>,
        #[graphql(desc = "Order of the users (default: by `CREATED_AT`, newest first).")] order_by: Option<UserOrder>,
        #[graphql(
            desc = "Number of users to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the users after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of users to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the users before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<User>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: domain::UserFilter = or_none("filter", filter)?;
        let usual = (domain::UserOrder::CreatedAt, false);
        let (by, ascending) = order_by.map_or(usual, Into::into);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .users
            .list(&viewer, &filter, (by, ascending), &window)
            .await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move { services.users.count(&viewer, &filter).await }
        };
        let cursor = move |user: &User| user.user.cursor(by, ascending);
        Ok(Some(Connection::new(page, cursor, total)))
    }
}
