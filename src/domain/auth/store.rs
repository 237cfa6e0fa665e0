//! Accounts and refresh tokens in the database; API keys stand in `keys`.
//!
//! Whatever begins or ends a session locks the user's row first, so that a login and the logout,
//! the ban or the new password of the same moment follow each other and none is missed.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use crate::domain::auth::Subject;
use crate::domain::users::User;
use crate::foundation::{Id, Result, Rng, id};
use crate::platform::db::Db;
use crate::platform::db::entities::{refresh_token, user};
use crate::platform::events;

mod keys;
mod rotation;

pub(super) use rotation::{Exchange, Rotation, Successor};

/// SHA-256 of a token or key. Both are random, so no salt is needed.
pub(super) type Hash = [u8; 32];

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
    rng: Rng,
}

/// A refresh token to be written.
#[derive(Clone, Copy)]
pub(super) struct NewToken {
    pub(super) hash: Hash,
    pub(super) issued_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// A user and how their password is kept.
pub(super) struct Account {
    pub(super) user: User,
    pub(super) password_hash: Option<String>,
}

impl Store {
    pub(super) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    pub(super) fn has_replica(&self) -> bool {
        self.db.has_replica()
    }

    pub(super) async fn by_email(&self, email: &str) -> Result<Option<Account>> {
        let row = user::Entity::find()
            .filter(user::Column::Email.eq(email))
            .one(self.db.write())
            .await?;
        row.map(Account::try_from).transpose()
    }

    pub(super) async fn by_id(&self, id: Id<id::User>) -> Result<Option<Account>> {
        let row = user::Entity::find_by_id(id.uuid())
            .one(self.db.write())
            .await?;
        row.map(Account::try_from).transpose()
    }

    /// Makes a user who is signed in from the start.
    pub(super) async fn register(
        &self,
        user: User,
        password_hash: Option<String>,
        session: Id<id::Session>,
        token: NewToken,
    ) -> Result<()> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let id = user.id;
                    user.insert(tx, password_hash).await?;
                    insert_token(tx, id, session, token, &rng).await
                }
                .boxed()
            })
            .await
    }

    /// Begins a session for a user whose password was compared with `seen`; `None` if the account
    /// has changed since. A new hash replaces the old one.
    pub(super) async fn begin_session(
        &self,
        id: Id<id::User>,
        seen: Option<String>,
        better: Option<String>,
        session: Id<id::Session>,
        token: NewToken,
    ) -> Result<Option<User>> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let Some(row) = locked(tx, id)
                        .await?
                        .filter(|row| row.password_hash == seen)
                    else {
                        return Ok(None);
                    };
                    if let Some(better) = better {
                        set_password(tx, id, better, None).await?;
                    }
                    insert_token(tx, id, session, token, &rng).await?;
                    Ok(Some(User::try_from(row)?))
                }
                .boxed()
            })
            .await
    }

    /// Ends one session of a user, or all.
    pub(super) async fn end_sessions(
        &self,
        user: Id<id::User>,
        only: Option<Id<id::Session>>,
        now: DateTime<Utc>,
        then: impl FnOnce(&()) + Send + 'static,
    ) -> Result<()> {
        use refresh_token::Column;
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    lock(tx, user).await?;
                    let mut which = Condition::all().add(Column::UserId.eq(user.uuid()));
                    if let Some(session) = only {
                        which = which.add(Column::FamilyId.eq(session.uuid()));
                    }
                    revoke(tx, which, now).await?;
                    events::append(tx, &[Subject::User(user)]).await
                }
                .boxed()
            })
            .await
    }

    /// Gives a user a new password and ends all sessions but `keep`; `None` if the account has
    /// changed since its password was compared with `seen`.
    pub(super) async fn change_password(
        &self,
        id: Id<id::User>,
        seen: Option<String>,
        hash: String,
        keep: Id<id::Session>,
        now: DateTime<Utc>,
        then: impl FnOnce(&Option<User>) + Send + 'static,
    ) -> Result<Option<User>> {
        use refresh_token::Column;
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    let Some(row) = locked(tx, id)
                        .await?
                        .filter(|row| row.password_hash == seen)
                    else {
                        return Ok(None);
                    };
                    set_password(tx, id, hash, Some(now)).await?;
                    let others = Condition::all()
                        .add(Column::UserId.eq(id.uuid()))
                        .add(Column::FamilyId.ne(keep.uuid()));
                    revoke(tx, others, now).await?;
                    events::append(tx, &[Subject::User(id)]).await?;
                    let mut user = User::try_from(row)?;
                    user.updated_at = now;
                    Ok(Some(user))
                }
                .boxed()
            })
            .await
    }

    /// The user of a session that is alive: one statement, by two primary probes. It asks the
    /// primary database, since a replica may not have heard of a logout yet.
    pub(super) async fn present(
        &self,
        user: Id<id::User>,
        session: Id<id::Session>,
        now: DateTime<Utc>,
    ) -> Result<Option<User>> {
        use refresh_token::Column;
        let living = refresh_token::Entity::find()
            .select_only()
            .column(Column::UserId)
            .filter(Column::FamilyId.eq(session.uuid()))
            .filter(Column::UsedAt.is_null())
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now));
        let row = user::Entity::find_by_id(user.uuid())
            .filter(user::Column::DisabledAt.is_null())
            .filter(user::Column::MergedInto.is_null())
            .filter(user::Column::Id.in_subquery(sea_orm::QueryTrait::into_query(living)))
            .one(self.db.write())
            .await?;
        row.map(User::try_from).transpose()
    }
}

async fn insert_token(
    tx: &impl ConnectionTrait,
    user: Id<id::User>,
    session: Id<id::Session>,
    token: NewToken,
    rng: &Rng,
) -> Result<()> {
    let row = refresh_token::Model {
        id: Id::<id::Session>::at(token.issued_at, rng.bytes()).uuid(),
        family_id: session.uuid(),
        user_id: user.uuid(),
        hash: token.hash.to_vec(),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        used_at: None,
        revoked_at: None,
        successor_salt: None,
    };
    refresh_token::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Locks a user's row against whatever else begins or ends sessions. References to it may still
/// be written.
async fn lock(tx: &impl ConnectionTrait, id: Id<id::User>) -> Result<Option<user::Model>> {
    Ok(user::Entity::find_by_id(id.uuid())
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?)
}

/// The same, of a user who may have sessions.
async fn locked(tx: &impl ConnectionTrait, id: Id<id::User>) -> Result<Option<user::Model>> {
    let row = lock(tx, id).await?;
    Ok(row.filter(|row| row.disabled_at.is_none() && row.merged_into.is_none()))
}

async fn set_password(
    tx: &impl ConnectionTrait,
    id: Id<id::User>,
    hash: String,
    changed_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let mut update = user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, Expr::val(hash))
        .filter(user::Column::Id.eq(id.uuid()));
    if let Some(now) = changed_at {
        update = update.col_expr(user::Column::UpdatedAt, Expr::val(now));
    }
    update.exec(tx).await?;
    Ok(())
}

/// Ends all sessions of a user whose row is locked, in the transaction that disables or merges the user.
///
/// # Errors
/// When the database fails.
pub async fn end_all_sessions(
    tx: &impl ConnectionTrait,
    user: Id<id::User>,
    now: DateTime<Utc>,
) -> Result<()> {
    revoke(tx, refresh_token::Column::UserId.eq(user.uuid()), now).await
}

async fn revoke(
    tx: &impl ConnectionTrait,
    which: impl sea_orm::sea_query::IntoCondition,
    now: DateTime<Utc>,
) -> Result<()> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::val(now))
        .filter(which)
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

impl TryFrom<user::Model> for Account {
    type Error = foundation::Error;

    fn try_from(mut row: user::Model) -> Result<Self> {
        let password_hash = row.password_hash.take();
        Ok(Self {
            user: User::try_from(row)?,
            password_hash,
        })
    }
}
