//! Users: type and queries.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Json, Object, Result, SimpleObject, Union};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api_key::ApiKey;
use super::content::ExternalId;
use super::email::EmailAddress;
use crate::domain::auth::{self, Scope};
use crate::domain::users::model as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::filter::{
    DateTimeFilter, StringFilter, StringListFilter, enum_filter, or_none, part, parts,
};

/// What a user may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "auth::Role")]
pub enum Role {
    /// Reads the catalogue and everything of their own.
    User,
    /// Runs slates as well.
    Curator,
    /// Sees and changes everything.
    Admin,
}

/// A person with an account, or an imported or anonymous one.
#[derive(Clone, Debug)]
pub struct User {
    user: Arc<domain::User>,
    /// Whether the caller has just proved to be this user, as by signing in.
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

/// What a user says they like.
#[derive(Clone, Debug, SimpleObject)]
pub struct Preferences {
    /// Genres, as the catalogue names them.
    favourite_genres: Vec<String>,
    /// Languages, ISO 639.
    languages: Vec<String>,
    /// Whatever else a client keeps here: a JSON object.
    extra: Json<Value>,
}

/// A person with an account, or an imported or anonymous one.
#[Object]
impl User {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.user.id.into()
    }

    /// What they are called.
    async fn display_name(&self) -> &str {
        &self.user.display_name
    }

    /// Where they get mail; null where there is none, and for viewers who may not see it.
    async fn email(&self, ctx: &Context<'_>) -> Option<EmailAddress> {
        self.personal(ctx, |user| user.email.clone().map(EmailAddress))
            .flatten()
    }

    /// What they may do.
    async fn role(&self) -> Role {
        self.user.role.into()
    }

    /// Whether nobody knows who they are.
    async fn anonymous(&self) -> bool {
        self.user.anonymous
    }

    /// What they say they like; null for viewers who may not see it.
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

    /// Where they were imported from, and their name there; null for those who were not, and for
    /// viewers who may not see it.
    async fn imported_from(&self, ctx: &Context<'_>) -> Option<ExternalId> {
        self.personal(ctx, |user| user.source.clone())
            .flatten()
            .map(|(source, id)| ExternalId { source, id })
    }

    /// Since when they may not sign in; null while they may, and for viewers who may not see it.
    async fn disabled_at(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        self.personal(ctx, |user| user.disabled_at).flatten()
    }

    /// When they came.
    async fn created_at(&self) -> DateTime<Utc> {
        self.user.created_at
    }

    /// When something of the above last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.user.updated_at
    }
}

/// Who asks: a signed-in user, or an app by its key.
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

/// Which users to list. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "UserFilter")]
pub struct UserFilterInput {
    /// Conditions on the role.
    role: Option<RoleFilter>,
    /// Conditions on the name.
    display_name: Option<StringFilter>,
    /// Conditions on the e-mail address, which is kept in lower case.
    email: Option<StringFilter>,
    /// Whether nobody knows who they are.
    anonymous: Option<bool>,
    /// Whether they may not sign in.
    disabled: Option<bool>,
    /// Conditions on the favourite genres.
    favourite_genres: Option<StringListFilter>,
    /// Conditions on the languages, ISO 639.
    languages: Option<StringListFilter>,
    /// Conditions on when they came.
    created_at: Option<DateTimeFilter>,
    /// All of these hold.
    and: Option<Vec<UserFilterInput>>,
    /// At least one of these holds; an empty list does not filter.
    or: Option<Vec<UserFilterInput>>,
    /// This does not hold.
    not: Option<Box<UserFilterInput>>,
}

impl From<UserFilterInput> for domain::UserFilter {
    fn from(input: UserFilterInput) -> Self {
        Self {
            role: or_none(input.role),
            display_name: or_none(input.display_name),
            email: or_none(input.email),
            anonymous: input.anonymous,
            disabled: input.disabled,
            favourite_genres: or_none(input.favourite_genres),
            languages: or_none(input.languages),
            created_at: or_none(input.created_at),
            and: parts(input.and),
            or: parts(input.or),
            not: part(input.not),
        }
    }
}

/// By what users are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::UserOrder")]
pub enum UserOrderField {
    /// When they came.
    CreatedAt,
    /// The name, by the letters' code points.
    DisplayName,
    /// The e-mail address.
    Email,
}

order_input! {
    /// An order of users.
    UserOrder(UserOrderField => domain::UserOrder)
}

/// Queries about users.
#[derive(Clone, Copy, Default)]
pub struct UserQuery;

/// Queries about users.
#[Object]
impl UserQuery {
    /// Who asks; null when nobody is signed in.
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

    /// One user: the viewer, and for admins and apps with `USERS_READ` anybody; else null.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::User>,
    ) -> Result<Option<User>> {
        let user = ctx.loaders().users.load_one(id).await?;
        Ok(user.map(Into::into))
    }

    /// All users, for admins and apps with `USERS_READ`. The newest first unless ordered otherwise.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<UserFilterInput>,
        #[graphql(desc = "In which order.")] order_by: Option<UserOrder>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<User>> {
        let window = Window::read(first, after, last, before)?;
        let filter: domain::UserFilter = or_none(filter);
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
        Ok(Connection::new(page, cursor, total))
    }
}
