//! Users: reading, listing, changing them, and what admins do with them.

use std::collections::HashMap;

use secrecy::SecretString;
use serde_json::json;

use super::erasure;
use super::export;
use super::merge;
use super::model::{NewUser, User, UserFilter, UserOrder, check_name};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::{AuthService, Role, Scope, Viewer};
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Findings, Id, Refusal, Result, Rng, id};
use crate::platform::cache::{Cache, Tag};
use crate::platform::config::ExternalIdSettings;
use crate::platform::db::audit::AuditEntry;

/// The users of one schema.
#[derive(Clone)]
pub struct UsersService {
    pub(super) store: Store,
    merge: merge::store::Store,
    pub(super) erasure: erasure::store::Store,
    export: export::store::Store,
    pub(super) auth: AuthService,
    pub(super) cache: Cache,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) external_ids: ExternalIdSettings,
}

impl UsersService {
    /// The users of the schema of `ctx`; `auth` keeps their passwords and sessions.
    pub fn new(ctx: &SchemaContext, auth: &AuthService) -> Self {
        let (db, rng) = (&ctx.db, &ctx.rng);
        Self {
            store: Store::new(db.clone(), rng.clone()),
            merge: merge::store::Store::new(db.clone(), rng.clone()),
            erasure: erasure::store::Store::new(db.clone(), rng.clone()),
            export: export::store::Store::new(db.clone(), rng.clone()),
            auth: auth.clone(),
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            rng: rng.clone(),
            external_ids: ctx.settings.external_ids.of(db.schema()),
        }
    }

    /// The users of these ids that `viewer` may see: themselves; for admins and apps with
    /// `USERS_READ` all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::User>],
    ) -> Result<HashMap<Id<id::User>, User>> {
        let mut visible = ids.to_vec();
        visible.retain(|id| viewer.may_act_for(*id, Scope::UsersRead).is_ok());
        if visible.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(&visible).await?;
        Ok(found.into_iter().map(|user| (user.id, user)).collect())
    }

    /// One page of all users. For admins and apps with `USERS_READ`.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`] for a cursor of
    /// another order or a filter too large.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &UserFilter,
        order: (UserOrder, bool),
        window: &Window,
    ) -> Result<Page<User>> {
        viewer.admin_or(Scope::UsersRead)?;
        filter.check()?;
        let rows = self.store.list(filter, order, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many users [`UsersService::list`] would list in all.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn count(&self, viewer: &Viewer, filter: &UserFilter) -> Result<u64> {
        viewer.admin_or(Scope::UsersRead)?;
        filter.check()?;
        self.store.count(filter).await
    }

    /// Makes a user, with or without a password. For admins and apps with `USERS_WRITE`; only
    /// admins give another role than [`Role::User`].
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`],
    /// [`Refusal::WeakPassword`], [`Refusal::EmailTaken`].
    pub async fn create(
        &self,
        viewer: &Viewer,
        new: NewUser,
        password: Option<&SecretString>,
    ) -> Result<User> {
        let (user, hash, entry) = self.new_user(viewer, new, password).await?;
        self.store.insert(user.clone(), hash, entry).await?;
        Ok(user)
    }

    /// A user whom `viewer` may create, the hash of their password, and the line of the audit log.
    pub(super) async fn new_user(
        &self,
        viewer: &Viewer,
        new: NewUser,
        password: Option<&SecretString>,
    ) -> Result<(User, Option<String>, AuditEntry)> {
        viewer.admin_or(Scope::UsersWrite)?;
        if new.role > Role::User {
            viewer.admin()?;
        }
        let mut findings = Findings::default();
        findings.require(
            !new.anonymous || (new.email.is_none() && password.is_none()),
            "email",
            "an anonymous user has neither an e-mail address nor a password",
        );
        findings.require(
            password.is_none() || new.anonymous || new.email.is_some(),
            "email",
            "a password goes with an e-mail address to sign in with",
        );
        let hash = self.auth.checked(&new, password, findings).await?;
        let user = new.into_user(&self.clock, &self.rng);
        let entry = audit_entry(
            viewer,
            "user.create",
            user.id,
            json!({ "role": user.role.as_str() }),
        );
        Ok((user, hash, entry))
    }

    /// Changes a user's name and preferences: `change` edits the present ones. For the user,
    /// admins, and apps with `USERS_WRITE`.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`],
    /// [`Refusal::NotFound`].
    pub async fn update_profile(
        &self,
        viewer: &Viewer,
        id: Id<id::User>,
        change: impl FnOnce(&mut User) + Send + 'static,
    ) -> Result<User> {
        viewer.may_act_for(id, Scope::UsersWrite)?;
        let entry =
            (viewer.user() != Some(id)).then(|| audit_entry(viewer, "user.update", id, json!({})));
        let done = self
            .store
            .update_profile(id, self.clock.now(), entry, move |user| {
                change(user);
                user.display_name = user.display_name.trim().to_owned();
                let mut findings = Findings::default();
                findings.take(check_name(&user.display_name));
                findings.take(user.preferences.check());
                Ok(findings.finish()?)
            })
            .await;
        self.cache.invalidate(&[Tag::User(id)]);
        done
    }

    /// Gives a user a role; it holds from their next request on. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`],
    /// [`Refusal::Conflict`] for the last admin or an anonymous user.
    pub async fn set_role(&self, viewer: &Viewer, id: Id<id::User>, role: Role) -> Result<User> {
        viewer.admin()?;
        let entry = audit_entry(viewer, "user.role", id, json!({ "role": role.as_str() }));
        let (now, then) = (self.clock.now(), self.auth.forgets(id));
        self.store.set_role(id, role, now, entry, then).await
    }

    /// Keeps a user out, with all their sessions. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`],
    /// [`Refusal::Conflict`] for the last admin.
    pub async fn disable(&self, viewer: &Viewer, id: Id<id::User>) -> Result<User> {
        self.set_disabled(viewer, id, true, "user.disable").await
    }

    /// Lets a user in again. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`].
    pub async fn enable(&self, viewer: &Viewer, id: Id<id::User>) -> Result<User> {
        self.set_disabled(viewer, id, false, "user.enable").await
    }

    /// Makes an anonymous user part of the viewer, who proves by an access token of that user that
    /// they may.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Refusal::InvalidInput`] for a token that is not good,
    /// [`Refusal::Conflict`] where one is not anonymous or the other is.
    pub async fn merge_by_token(&self, viewer: &Viewer, token: &SecretString) -> Result<User> {
        let known = viewer.signed_in()?;
        let anonymous = self.auth.proven(token).await?;
        self.merged(viewer, anonymous, known).await
    }

    /// Makes an anonymous user part of a known one. For admins and apps with `USERS_WRITE`.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`],
    /// [`Refusal::Conflict`] where one is not anonymous or the other is.
    pub async fn merge(
        &self,
        viewer: &Viewer,
        anonymous: Id<id::User>,
        known: Id<id::User>,
    ) -> Result<User> {
        viewer.admin_or(Scope::UsersWrite)?;
        self.merged(viewer, anonymous, known).await
    }

    /// Lets those pass who may have this user erased: the user and admins; apps with `USERS_WRITE` unless the user has
    /// a role of more than USER. A user who is not there is found out later.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn check_erasable(&self, viewer: &Viewer, id: Id<id::User>) -> Result<()> {
        viewer.may_act_for(id, Scope::UsersWrite)?;
        if viewer.user() == Some(id) || viewer.is_admin() {
            return Ok(());
        }
        let user = self.store.find_many(&[id]).await?.pop();
        match user {
            Some(user) if user.role > Role::User => Err(Error::Forbidden(
                "an API key does not erase curators and admins; an admin does".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Everything that is stored about a user, row by row: `sink` gets the section and the row,
    /// in the order of [`export::SECTIONS`]. For the user and admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`], and those of
    /// `sink`, which end it.
    pub async fn export_rows(
        &self,
        viewer: &Viewer,
        id: Id<id::User>,
        sink: &mut export::Sink<'_>,
    ) -> Result<()> {
        if viewer.user() != Some(id) {
            viewer.admin()?;
        }
        let user = self.store.find_many(&[id]).await?.pop();
        let user = user.ok_or_else(not_found)?;
        if viewer.user() != Some(id) {
            let entry = audit_entry(viewer, "user.export", id, json!({}));
            self.export.note(entry, self.clock.now()).await?;
        }
        sink("user", export::profile(&user))?;
        self.export.rows(id, sink).await
    }

    /// The same as one document of at most [`export::MAX_EXPORT_BYTES`].
    ///
    /// # Errors
    /// Those of [`UsersService::export_rows`]; [`Refusal::Conflict`] where it would be larger.
    pub async fn export(&self, viewer: &Viewer, id: Id<id::User>) -> Result<serde_json::Value> {
        let mut document = export::Document::new(self.clock.now());
        self.export_rows(viewer, id, &mut |section, row| document.add(section, row))
            .await?;
        Ok(document.finish())
    }

    async fn merged(
        &self,
        viewer: &Viewer,
        anonymous: Id<id::User>,
        known: Id<id::User>,
    ) -> Result<User> {
        let details = json!({ "into": known.to_string() });
        let entry = audit_entry(viewer, "user.merge", anonymous, details);
        let (now, then) = (self.clock.now(), self.auth.forgets(anonymous));
        let merging = self.merge.merge(anonymous, known, now, entry, then);
        let done = merging.await;
        // What the one had made is the other's now, also in the catalogue.
        let touched = [Tag::User(anonymous), Tag::User(known), Tag::Catalogue];
        self.cache.invalidate(&touched);
        done
    }

    async fn set_disabled(
        &self,
        viewer: &Viewer,
        id: Id<id::User>,
        disabled: bool,
        action: &'static str,
    ) -> Result<User> {
        viewer.admin()?;
        let entry = audit_entry(viewer, action, id, json!({}));
        let (now, then) = (self.clock.now(), self.auth.forgets(id));
        self.store
            .set_disabled(id, disabled, now, entry, then)
            .await
    }
}

/// What is said of a user who is not there, or not for this viewer.
pub fn not_found() -> Error {
    Refusal::NotFound { thing: "user" }.into()
}

pub(super) fn audit_entry(
    viewer: &Viewer,
    action: &'static str,
    subject: Id<id::User>,
    details: serde_json::Value,
) -> AuditEntry {
    AuditEntry {
        actor: viewer.name(),
        action,
        subject: subject.to_string(),
        details,
    }
}
