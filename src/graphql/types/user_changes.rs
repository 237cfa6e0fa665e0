//! Users: mutations.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::email::EmailAddress;
use super::job::ApiJob;
use super::user::{Role, User};
use crate::domain::upkeep::erasure::ErasureJob;
use crate::domain::users::model::{NewUser, Preferences};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::payload::{not_removable, payload, payload_errors, settle};
use crate::graphql::scalars::Json;
use crate::graphql::types::references::ExternalIdInput;
use crate::graphql::{ContextExt, Query};

/// Created by `eraseUser`.
impl ApiJob for ErasureJob {
    const DESCRIPTION: &'static str = "Erases a user with all their data.";
}

/// Changes to the preferences of a user. Fields that are omitted remain unchanged; null empties a
/// field.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PreferencesInput {
    /// Favourite genres, as named in the catalogue; at most 50 of 1–200 characters each.
    favourite_genres: MaybeUndefined<Vec<String>>,
    /// Preferred languages, as ISO 639 codes; at most 50.
    languages: MaybeUndefined<Vec<String>>,
    /// Additional preferences, as a JSON object of at most 64 KiB. Replaces the stored object as a
    /// whole.
    extra: MaybeUndefined<Json>,
}

/// The same, with `extra` known to be an object.
struct PreferencesChange {
    favourite_genres: MaybeUndefined<Vec<String>>,
    languages: MaybeUndefined<Vec<String>>,
    extra: MaybeUndefined<Map<String, Value>>,
}

impl PreferencesInput {
    fn read(self) -> foundation::Result<PreferencesChange> {
        let extra = match self.extra {
            MaybeUndefined::Value(Json(Value::Object(extra))) => MaybeUndefined::Value(extra),
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

/// Applies a change to a field: sets a given value, empties it for null, and leaves it if nothing
/// is given.
fn patch<T: Default>(given: MaybeUndefined<T>, field: &mut T) {
    match given {
        MaybeUndefined::Value(value) => *field = value,
        MaybeUndefined::Null => *field = T::default(),
        MaybeUndefined::Undefined => {}
    }
}

/// Changes to the profile of a user. Fields that are omitted remain unchanged; null removes the
/// value.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateProfileInput {
    /// ID of the user to change (default: the signed-in user). Other users require the role ADMIN
    /// or an API key with the scope USERS_WRITE.
    user_id: Option<Id<id::User>>,
    /// New display name, 1–100 characters. It cannot be removed: null is an error.
    display_name: MaybeUndefined<String>,
    /// Changes to the preferences; null removes all preferences.
    preferences: MaybeUndefined<PreferencesInput>,
}

/// Properties of a new user.
#[derive(Clone, InputObject)]
pub struct CreateUserInput {
    /// Name of the user for display, 1–100 characters.
    display_name: String,
    /// E-mail address of the user. Required with `password`.
    email: Option<EmailAddress>,
    /// Password of the user, with the same rules as in `RegisterInput`. A user without a password
    /// cannot sign in.
    password: Option<String>,
    /// Role of the user (default USER). Other roles require the role ADMIN.
    role: Option<Role>,
    /// Preferences of the user (default: none).
    preferences: Option<PreferencesInput>,
    /// ID of the user in another system. If a user has it already, they are returned as they are.
    external_id: Option<ExternalIdInput>,
}

/// A user and their new role.
#[derive(Clone, Debug, InputObject)]
pub struct SetUserRoleInput {
    /// ID of the user whose role is set.
    id: Id<id::User>,
    /// New role of the user.
    role: Role,
}

/// The user to disable.
#[derive(Clone, Debug, InputObject)]
pub struct DisableUserInput {
    /// ID of the user to disable.
    id: Id<id::User>,
}

/// The user to enable again.
#[derive(Clone, Debug, InputObject)]
pub struct EnableUserInput {
    /// ID of the user to enable.
    id: Id<id::User>,
}

/// An anonymous user and the user to merge them into: either `anonymousToken`, to merge into the
/// signed-in user, or both IDs, which requires the role ADMIN or an API key with the scope
/// USERS_WRITE.
#[derive(Clone, InputObject)]
pub struct MergeUsersInput {
    /// A valid access token of the anonymous user.
    anonymous_token: Option<String>,
    /// ID of the anonymous user.
    anonymous_id: Option<Id<id::User>>,
    /// ID of the user who receives the data.
    known_id: Option<Id<id::User>>,
}

/// The user whose data is exported.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ExportUserInput {
    /// ID of the user (default: the signed-in user). Other users require the role ADMIN.
    id: Option<Id<id::User>>,
}

payload_errors! {
    /// Errors that `updateProfile` may return.
    UpdateProfileError: InvalidInput, NotFound
}

payload_errors! {
    /// Errors that `createUser` may return.
    CreateUserError: InvalidInput, WeakPassword, EmailTaken
}

payload_errors! {
    /// Errors that `setUserRole` may return.
    SetUserRoleError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `disableUser` may return.
    DisableUserError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `enableUser` may return.
    EnableUserError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `mergeUsers` may return.
    MergeUsersError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `exportUser` may return.
    ExportUserError: NotFound, Conflict
}

payload! {
    /// Result of `updateProfile`.
    UpdateProfilePayload(UpdateProfileError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `createUser`.
    CreateUserPayload(CreateUserError) {
        /// The new user, or the one who has the external ID already; null if there are errors.
        user: Option<User>,
        /// Whether a user with the external ID existed before; they were not changed.
        repeated: bool,
    }
}

payload! {
    /// Result of `setUserRole`.
    SetUserRolePayload(SetUserRoleError) {
        /// The changed user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `disableUser`.
    DisableUserPayload(DisableUserError) {
        /// The disabled user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `enableUser`.
    EnableUserPayload(EnableUserError) {
        /// The enabled user; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `mergeUsers`.
    MergeUsersPayload(MergeUsersError) {
        /// The user who received the data; null if there are errors.
        user: Option<User>,
    }
}

payload! {
    /// Result of `exportUser`.
    ExportUserPayload(ExportUserError) {
        /// All stored data about the user, as a JSON object; null if there are errors.
        export: Option<Json>,
    }
}

/// Mutations of users.
#[derive(Clone, Copy, Default)]
pub struct UserMutation;

/// Mutations of users.
#[Object]
impl UserMutation {
    /// Changes the display name and preferences of a user. Requires the user's own session, the
    /// role ADMIN or an API key with the scope USERS_WRITE.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to make.")] input: UpdateProfileInput,
    ) -> Result<Option<UpdateProfilePayload>> {
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
            let name = not_removable("displayName", input.display_name)?;
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

    /// Creates a user, with or without a password. Requires the role ADMIN or an API key with the
    /// scope USERS_WRITE.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new user.")] input: CreateUserInput,
    ) -> Result<Option<CreateUserPayload>> {
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
            let name = input.external_id.map(|name| name.read(ctx)).transpose();
            let name = name.map_err(|refusal| refusal.under(["externalId".to_owned()]))?;
            let (viewer, users) = (ctx.viewer(), &ctx.services().users);
            users
                .create_named(viewer, new, password.as_ref(), name)
                .await
        };
        let (made, errors) = settle(made.await)?;
        Ok(Some(CreateUserPayload {
            repeated: made.as_ref().is_some_and(|made| made.repeated),
            user: made.map(|made| made.user.into()),
            errors,
            query: Query::default(),
        }))
    }

    /// Sets the role of a user, with effect from their next request. The last admin cannot lose the
    /// role ADMIN, and anonymous users cannot have another role than USER. Requires the role ADMIN.
    async fn set_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and their new role.")] input: SetUserRoleInput,
    ) -> Result<Option<SetUserRolePayload>> {
        let users = &ctx.services().users;
        let done = users.set_role(ctx.viewer(), input.id, input.role.into());
        let done = done.await;
        ctx.loaders().forget();
        SetUserRolePayload::settle(done)
    }

    /// Disables a user: ends all their sessions and prevents them from signing in. The last admin
    /// cannot be disabled. Requires the role ADMIN.
    async fn disable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to disable.")] input: DisableUserInput,
    ) -> Result<Option<DisableUserPayload>> {
        let done = ctx.services().users.disable(ctx.viewer(), input.id);
        let done = done.await;
        ctx.loaders().forget();
        DisableUserPayload::settle(done)
    }

    /// Enables a disabled user, who may then sign in again. Requires the role ADMIN.
    async fn enable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to enable.")] input: EnableUserInput,
    ) -> Result<Option<EnableUserPayload>> {
        let done = ctx.services().users.enable(ctx.viewer(), input.id);
        let done = done.await;
        ctx.loaders().forget();
        EnableUserPayload::settle(done)
    }

    /// Merges an anonymous user into another user, with all their interactions, tags,
    /// recommendation lists and content items. Where both have conflicting data, that of the other
    /// user is retained. The sessions of the anonymous user end.
    async fn merge_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users to merge.")] input: MergeUsersInput,
    ) -> Result<Option<MergeUsersPayload>> {
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

    /// Exports all stored data about a user as one JSON document of at most 16 MiB. Requires the
    /// user's own session or the role ADMIN.
    #[graphql(complexity = 500)]
    async fn export_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user whose data is exported.")] input: ExportUserInput,
    ) -> Result<Option<ExportUserPayload>> {
        let exported = async {
            let viewer = ctx.viewer();
            let id = match input.id {
                Some(id) => id,
                None => viewer.signed_in()?,
            };
            ctx.services().users.export(viewer, id).await
        };
        let exported = exported.await;
        ExportUserPayload::settle(exported.map(|export| Json::of_singles(&export)))
    }
}
