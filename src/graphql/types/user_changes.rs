//! Users: mutations.

use async_graphql::{Context, InputObject, Json, MaybeUndefined, Object, Result};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::email::EmailAddress;
use super::user::{Role, User};
use crate::domain::users::model::{NewUser, Preferences};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::payload::{payload, payload_errors};

/// A change of what a user likes: what is left out stays, what is null is emptied.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PreferencesInput {
    /// Genres, as the catalogue names them; at most 50.
    favourite_genres: MaybeUndefined<Vec<String>>,
    /// Languages, ISO 639; at most 50.
    languages: MaybeUndefined<Vec<String>>,
    /// Whatever else a client wants to keep: a JSON object of at most 64 KiB, replaced whole.
    extra: MaybeUndefined<Value>,
}

/// The same, with what is open known to be an object.
struct PreferencesChange {
    favourite_genres: MaybeUndefined<Vec<String>>,
    languages: MaybeUndefined<Vec<String>>,
    extra: MaybeUndefined<Map<String, Value>>,
}

impl PreferencesInput {
    fn read(self) -> crate::foundation::Result<PreferencesChange> {
        let extra = match self.extra {
            MaybeUndefined::Value(Value::Object(extra)) => MaybeUndefined::Value(extra),
            MaybeUndefined::Value(_) => {
                let refusal = Refusal::invalid("extra", "this must be a JSON object");
                return Err(refusal.under(["preferences".to_owned()]).into());
            }
            MaybeUndefined::Null => MaybeUndefined::Null,
            MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        };
        Ok(PreferencesChange {
            favourite_genres: self.favourite_genres,
            languages: self.languages,
            extra,
        })
    }
}

impl PreferencesChange {
    fn apply(self, preferences: &mut Preferences) {
        patch(self.favourite_genres, &mut preferences.favourite_genres);
        patch(self.languages, &mut preferences.languages);
        patch(self.extra, &mut preferences.extra);
    }
}

/// Writes what is given, empties what is null, and leaves the rest.
fn patch<T: Default>(given: MaybeUndefined<T>, field: &mut T) {
    match given {
        MaybeUndefined::Value(value) => *field = value,
        MaybeUndefined::Null => *field = T::default(),
        MaybeUndefined::Undefined => {}
    }
}

/// A change of a user's profile: what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateProfileInput {
    /// Whose, for admins and apps with `USERS_WRITE`; the viewer's where left out.
    user_id: Option<Id<id::User>>,
    /// What they are called, 1 to 100 characters.
    display_name: Option<String>,
    /// What they like; null empties all of it.
    preferences: MaybeUndefined<PreferencesInput>,
}

/// A user to be made.
#[derive(Clone, InputObject)]
pub struct CreateUserInput {
    /// What they are called, 1 to 100 characters.
    display_name: String,
    /// Where they get mail.
    email: Option<EmailAddress>,
    /// What they sign in with; without one they cannot sign in.
    password: Option<String>,
    /// What they may do; only admins give another than `USER`.
    role: Option<Role>,
    /// What they like.
    preferences: Option<PreferencesInput>,
}

/// Which user gets which role.
#[derive(Clone, Debug, InputObject)]
pub struct SetUserRoleInput {
    /// Whom.
    id: Id<id::User>,
    /// What they may do from now on.
    role: Role,
}

/// Which user to keep out.
#[derive(Clone, Debug, InputObject)]
pub struct DisableUserInput {
    /// Whom.
    id: Id<id::User>,
}

/// Which user to let in again.
#[derive(Clone, Debug, InputObject)]
pub struct EnableUserInput {
    /// Whom.
    id: Id<id::User>,
}

/// Which anonymous user becomes part of which known one: either `anonymousToken`, and the viewer
/// is the known one; or both ids, for admins and apps with `USERS_WRITE`.
#[derive(Clone, InputObject)]
pub struct MergeUsersInput {
    /// An access token of the anonymous user.
    anonymous_token: Option<String>,
    /// The anonymous user.
    anonymous_id: Option<Id<id::User>>,
    /// The known user.
    known_id: Option<Id<id::User>>,
}

/// Whose data to export.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ExportUserInput {
    /// Whose, for admins; the viewer's where left out.
    id: Option<Id<id::User>>,
}

payload_errors! {
    /// Why `updateProfile` did not do it.
    UpdateProfileError: InvalidInput, NotFound
}

payload_errors! {
    /// Why `createUser` did not do it.
    CreateUserError: InvalidInput, WeakPassword, EmailTaken
}

payload_errors! {
    /// Why `setUserRole` did not do it.
    SetUserRoleError: NotFound, Conflict
}

payload_errors! {
    /// Why `disableUser` did not do it.
    DisableUserError: NotFound, Conflict
}

payload_errors! {
    /// Why `enableUser` did not do it.
    EnableUserError: NotFound, Conflict
}

payload_errors! {
    /// Why `mergeUsers` did not do it.
    MergeUsersError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Why `exportUser` did not do it.
    ExportUserError: NotFound, Conflict
}

payload! {
    /// What became of `updateProfile`.
    UpdateProfilePayload(UpdateProfileError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `createUser`.
    CreateUserPayload(CreateUserError) {
        /// The new user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `setUserRole`.
    SetUserRolePayload(SetUserRoleError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `disableUser`.
    DisableUserPayload(DisableUserError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `enableUser`.
    EnableUserPayload(EnableUserError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `mergeUsers`.
    MergeUsersPayload(MergeUsersError) {
        /// The known user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// What became of `exportUser`.
    ExportUserPayload(ExportUserError) {
        /// Everything that is stored about the user; null if there are errors.
        export: Option<Json<Value>>,
    }
}

/// Mutations of users.
#[derive(Clone, Copy, Default)]
pub struct UserMutation;

/// Mutations of users.
#[Object]
impl UserMutation {
    /// Changes the viewer's own profile. Admins and apps with `USERS_WRITE` may name another's.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload> {
        let changed = async {
            let viewer = ctx.viewer();
            let id = match input.user_id {
                Some(id) => id,
                None => viewer.signed_in()?,
            };
            let preferences = match input.preferences {
                MaybeUndefined::Value(input) => MaybeUndefined::Value(input.read()?),
                MaybeUndefined::Null => MaybeUndefined::Null,
                MaybeUndefined::Undefined => MaybeUndefined::Undefined,
            };
            let name = input.display_name;
            let users = &ctx.services().users;
            let change = users.update_profile(viewer, id, move |user| {
                if let Some(name) = name {
                    user.display_name = name;
                }
                match preferences {
                    MaybeUndefined::Value(change) => change.apply(&mut user.preferences),
                    MaybeUndefined::Null => user.preferences = Preferences::default(),
                    MaybeUndefined::Undefined => {}
                }
            });
            change.await
        };
        let done = changed.await;
        ctx.loaders().forget();
        UpdateProfilePayload::settle(done)
    }

    /// Makes a user, with or without a password. For admins and apps with `USERS_WRITE`.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user.")] input: CreateUserInput,
    ) -> Result<CreateUserPayload> {
        let made = async {
            let mut new = NewUser::named(input.display_name);
            new.email = input.email.map(|email| email.0);
            if let Some(role) = input.role {
                new.role = role.into();
            }
            if let Some(preferences) = input.preferences {
                preferences.read()?.apply(&mut new.preferences);
            }
            let password = input.password.map(SecretString::from);
            let users = &ctx.services().users;
            users.create(ctx.viewer(), new, password.as_ref()).await
        };
        CreateUserPayload::settle(made.await)
    }

    /// Gives a user a role, which holds from their next request on. For admins; the last admin
    /// stays one.
    async fn set_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, and which role.")] input: SetUserRoleInput,
    ) -> Result<SetUserRolePayload> {
        let users = &ctx.services().users;
        let done = users.set_role(ctx.viewer(), input.id, input.role.into());
        let done = done.await;
        ctx.loaders().forget();
        SetUserRolePayload::settle(done)
    }

    /// Keeps a user out and ends their sessions. For admins; the last admin stays.
    async fn disable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: DisableUserInput,
    ) -> Result<DisableUserPayload> {
        let done = ctx.services().users.disable(ctx.viewer(), input.id);
        let done = done.await;
        ctx.loaders().forget();
        DisableUserPayload::settle(done)
    }

    /// Lets a user in again, who then signs in anew. For admins.
    async fn enable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: EnableUserInput,
    ) -> Result<EnableUserPayload> {
        let done = ctx.services().users.enable(ctx.viewer(), input.id);
        let done = done.await;
        ctx.loaders().forget();
        EnableUserPayload::settle(done)
    }

    /// Makes an anonymous user part of a known one, with all they did: interactions, tags, lists
    /// and content. Where both have the same, that of the known user stays. The anonymous
    /// user's sessions end.
    async fn merge_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, and into whom.")] input: MergeUsersInput,
    ) -> Result<MergeUsersPayload> {
        let merged = async {
            let (viewer, users) = (ctx.viewer(), &ctx.services().users);
            match (input.anonymous_token, input.anonymous_id, input.known_id) {
                (Some(token), None, None) => users.merge_by_token(viewer, &token.into()).await,
                (None, Some(anonymous), Some(known)) => users.merge(viewer, anonymous, known).await,
                _ => {
                    let message = "give `anonymousToken`, or `anonymousId` with `knownId`";
                    Err(Refusal::invalid("anonymousToken", message).into())
                }
            }
        };
        let done = merged.await;
        ctx.loaders().forget();
        MergeUsersPayload::settle(done)
    }

    /// Everything that is stored about the viewer as one JSON document of at most 16 MiB; for
    /// admins, about anybody.
    #[graphql(complexity = 500)]
    async fn export_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose data.")] input: ExportUserInput,
    ) -> Result<ExportUserPayload> {
        let exported = async {
            let viewer = ctx.viewer();
            let id = match input.id {
                Some(id) => id,
                None => viewer.signed_in()?,
            };
            ctx.services().users.export(viewer, id).await
        };
        ExportUserPayload::settle(exported.await)
    }
}
