//! Users by the ids that other systems give them.

use std::collections::HashMap;

use secrecy::SecretString;

use super::model::{NewUser, User};
use super::service::{UsersService, not_found};
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{Error, ExternalId, Id, Reference, Refusal, Result, id};

/// The most characters of a display name.
const MAX_NAME: usize = 100;

/// What the creation of a user led to.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedUser {
    /// The user.
    pub user: User,
    /// Whether they were there before, with the external id; nothing was changed then.
    pub repeated: bool,
}

impl UsersService {
    /// The users that these ids name, whoever may see them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn named_by(&self, ids: &[ExternalId]) -> Result<HashMap<ExternalId, Id<id::User>>> {
        self.store.named_by(ids).await
    }

    /// The id of the user that a viewer with `scope` names, or who the viewer is where none is named. An external
    /// id tells those who may not act for others nothing but whether it is their own.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`](crate::foundation::Error::Unauthenticated) and
    /// [`Error::Forbidden`](crate::foundation::Error::Forbidden) for a user whom the viewer may not act for,
    /// [`Refusal::NotFound`] for an external id that names no user.
    pub async fn resolve(
        &self,
        viewer: &Viewer,
        reference: Option<&Reference<id::User>>,
        scope: Scope,
    ) -> Result<Id<id::User>> {
        let user = match reference {
            None => return viewer.signed_in(),
            Some(Reference::Id(id)) => *id,
            Some(Reference::External(external)) => {
                let found = self.named_by(std::slice::from_ref(external)).await?;
                match found.get(external) {
                    Some(user) => *user,
                    None => return Err(viewer.admin_or(scope).err().unwrap_or_else(not_found)),
                }
            }
        };
        viewer.may_act_for(user, scope)?;
        Ok(user)
    }

    /// Whether an interaction that names an unknown user creates them.
    pub fn creates_unknown(&self) -> bool {
        self.external_ids.create.users()
    }

    /// Creates users without a password for those of `ids` that name none; their display names are the external ids
    /// until somebody says more. Answers the users of all ids.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`](crate::foundation::Error::Unauthenticated) and
    /// [`Error::Forbidden`](crate::foundation::Error::Forbidden) for all but admins and apps that record
    /// interactions or write users.
    pub async fn create_unknown(
        &self,
        viewer: &Viewer,
        ids: Vec<ExternalId>,
    ) -> Result<HashMap<ExternalId, Id<id::User>>> {
        viewer
            .admin_or(Scope::UsersWrite)
            .or_else(|_| viewer.admin_or(Scope::InteractionsWrite))?;
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let users = ids.iter().map(|name| {
            let shown = name.value.replace(char::is_control, " ");
            let shown: String = shown.trim().chars().take(MAX_NAME).collect();
            // An id may consist of controls alone.
            let shown = if shown.is_empty() {
                "?".to_owned()
            } else {
                shown
            };
            User {
                source: Some((name.source.clone(), name.value.clone())),
                ..NewUser::named(shown).into_user(&self.clock, &self.rng)
            }
        });
        self.store.create_missing(users).await?;
        self.named_by(&ids).await
    }

    /// Makes a user as [`UsersService::create`] does, with the id that another system gives them. Where it names a
    /// user already, that user is answered as they are, so that a repeated creation is harmless.
    ///
    /// # Errors
    /// Those of [`UsersService::create`].
    pub async fn create_named(
        &self,
        viewer: &Viewer,
        new: NewUser,
        password: Option<&SecretString>,
        name: Option<ExternalId>,
    ) -> Result<CreatedUser> {
        let Some(name) = name else {
            let user = self.create(viewer, new, password).await?;
            return Ok(CreatedUser {
                user,
                repeated: false,
            });
        };
        viewer.admin_or(Scope::UsersWrite)?;
        if let Some(known) = self.existing(&name).await? {
            return Ok(known);
        }
        let (mut user, hash, entry) = self.new_user(viewer, new, password).await?;
        user.source = Some((name.source.clone(), name.value.clone()));
        match self.store.insert(user.clone(), hash, entry).await {
            Ok(()) => Ok(CreatedUser {
                user,
                repeated: false,
            }),
            // Somebody else created them at the same moment.
            Err(Error::Refused(Refusal::Conflict { message })) => {
                let known = self.existing(&name).await?;
                known.ok_or_else(|| Refusal::Conflict { message }.into())
            }
            Err(error) => Err(error),
        }
    }

    /// The user whom `name` names, as the outcome of a repeated creation.
    async fn existing(&self, name: &ExternalId) -> Result<Option<CreatedUser>> {
        let Some(id) = self
            .named_by(std::slice::from_ref(name))
            .await?
            .remove(name)
        else {
            return Ok(None);
        };
        let user = self.store.find_many(&[id]).await?.pop();
        Ok(user.map(|user| CreatedUser {
            user,
            repeated: true,
        }))
    }
}
