//! Users in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, IntoColumnRef, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::model::{Email, Preferences, User, UserFilter, UserOrder};
use super::service::not_found;
use crate::domain::auth::{Role, Subject, end_all_sessions};
use crate::foundation::page::Window;
use crate::foundation::{Id, Refusal, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::user;
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, broken_constraint, filter, stored};
use crate::platform::events;

use user::Column;

mod external_ids;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
    rng: Rng,
}

impl Store {
    pub(super) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::User>]) -> Result<Vec<User>> {
        let rows = user::Entity::find()
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(User::try_from).collect()
    }

    pub(super) async fn list(
        &self,
        filter: &UserFilter,
        (order, ascending): (UserOrder, bool),
        window: &Window,
    ) -> Result<Vec<User>> {
        let rows = keyset(order, ascending)
            .apply(listed(filter), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(User::try_from).collect()
    }

    pub(super) async fn count(&self, filter: &UserFilter) -> Result<u64> {
        Ok(listed(filter).count(self.db.read()).await?)
    }

    pub(super) async fn insert(
        &self,
        user: User,
        password_hash: Option<String>,
        entry: AuditEntry,
    ) -> Result<()> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let now = user.created_at;
                    user.insert(tx, password_hash).await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Changes a user's name and preferences; `entry` is set where somebody else does it.
    pub(super) async fn update_profile(
        &self,
        id: Id<id::User>,
        now: DateTime<Utc>,
        entry: Option<AuditEntry>,
        change: impl FnOnce(&mut User) -> Result<()> + Send + 'static,
    ) -> Result<User> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let row = locked(tx, id).await?;
                    let mut user = User::try_from(row)?;
                    change(&mut user)?;
                    user.updated_at = now;
                    let mut row = user::ActiveModel {
                        id: sea_orm::Unchanged(id.uuid()),
                        ..Default::default()
                    };
                    row.display_name = sea_orm::Set(user.display_name.clone());
                    row.preferences = sea_orm::Set(user.preferences.to_json());
                    row.updated_at = sea_orm::Set(now);
                    row.update_without_returning(tx).await?;
                    if let Some(entry) = entry {
                        audit::record(tx, entry, now, &rng).await?;
                    }
                    Ok(user)
                }
                .boxed()
            })
            .await
    }

    /// Gives a user a role, and refuses to take it from the last admin.
    pub(super) async fn set_role(
        &self,
        id: Id<id::User>,
        role: Role,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce(&User) + Send + 'static,
    ) -> Result<User> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    let mut row = with_admins(tx, id, role < Role::Admin).await?;
                    if row.anonymous {
                        let message = "an anonymous user has no other role than USER".to_owned();
                        return Err(Refusal::Conflict { message }.into());
                    }
                    role.as_str().clone_into(&mut row.role);
                    row.updated_at = now;
                    set(tx, id, Column::Role, role.as_str().into(), now).await?;
                    events::append(tx, &[Subject::User(id)]).await?;
                    audit::record(tx, entry, now, &rng).await?;
                    User::try_from(row)
                }
                .boxed()
            })
            .await
    }

    /// Disables a user and ends their sessions, or enables them again. The last admin stays.
    pub(super) async fn set_disabled(
        &self,
        id: Id<id::User>,
        disabled: bool,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce(&User) + Send + 'static,
    ) -> Result<User> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    let mut row = with_admins(tx, id, disabled).await?;
                    if row.disabled_at.is_some() == disabled {
                        return User::try_from(row);
                    }
                    row.disabled_at = disabled.then_some(now);
                    row.updated_at = now;
                    set(tx, id, Column::DisabledAt, row.disabled_at.into(), now).await?;
                    if disabled {
                        end_all_sessions(tx, id, now).await?;
                    }
                    events::append(tx, &[Subject::User(id)]).await?;
                    audit::record(tx, entry, now, &rng).await?;
                    User::try_from(row)
                }
                .boxed()
            })
            .await
    }
}

async fn locked(tx: &impl ConnectionTrait, id: Id<id::User>) -> Result<user::Model> {
    user::Entity::find_by_id(id.uuid())
        .filter(Column::MergedInto.is_null())
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?
        .ok_or_else(not_found)
}

/// Locks a user together with all admins, in one order, so that two admins who depose each other
/// follow each other: the second finds that they would be the last to go.
pub(super) async fn with_admins(
    tx: &impl ConnectionTrait,
    id: Id<id::User>,
    deposes: bool,
) -> Result<user::Model> {
    let admin = Condition::all()
        .add(Column::Role.eq(Role::Admin.as_str()))
        .add(Column::DisabledAt.is_null());
    let rows = user::Entity::find()
        .filter(Condition::any().add(Column::Id.eq(id.uuid())).add(admin))
        .filter(Column::MergedInto.is_null())
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    let admins: Vec<_> = rows
        .iter()
        .filter(|row| row.role == Role::Admin.as_str() && row.disabled_at.is_none())
        .map(|row| row.id)
        .collect();
    if deposes && admins == [id.uuid()] {
        let message = "this is the last admin; make somebody else an admin first".to_owned();
        return Err(Refusal::Conflict { message }.into());
    }
    rows.into_iter()
        .find(|row| row.id == id.uuid())
        .ok_or_else(not_found)
}

async fn set(
    tx: &impl ConnectionTrait,
    id: Id<id::User>,
    column: Column,
    value: sea_orm::Value,
    now: DateTime<Utc>,
) -> Result<()> {
    user::Entity::update_many()
        .col_expr(column, Expr::val(value))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::Id.eq(id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// The only way into listing: users who turned out to be others are left out.
fn listed(filter: &UserFilter) -> Select<user::Entity> {
    user::Entity::find()
        .filter(Column::MergedInto.is_null())
        .filter(condition(filter))
}

fn condition(wanted: &UserFilter) -> Condition {
    let column = |column: Column| Expr::col(column.into_column_ref());
    let preferences = column(Column::Preferences);
    let mut all = Condition::all()
        .add(filter::comparison(
            &column(Column::Role),
            &wanted.role.map(Role::as_str),
        ))
        .add(filter::text(
            &column(Column::DisplayName),
            &wanted.display_name,
        ))
        .add(filter::text(&column(Column::Email), &wanted.email))
        .add(filter::text(
            &column(Column::ExternalId),
            &wanted.external_id,
        ))
        .add(filter::json_list(
            &preferences,
            "favouriteGenres",
            &wanted.favourite_genres,
        ))
        .add(filter::json_list(
            &preferences,
            "languages",
            &wanted.languages,
        ))
        .add(filter::comparison(
            &column(Column::CreatedAt),
            &wanted.created_at,
        ));
    if let Some(anonymous) = wanted.anonymous {
        all = all.add(Column::Anonymous.eq(anonymous));
    }
    match wanted.disabled {
        Some(true) => all = all.add(Column::DisabledAt.is_not_null()),
        Some(false) => all = all.add(Column::DisabledAt.is_null()),
        None => {}
    }
    let parts = (&wanted.and[..], &wanted.or[..], wanted.not.as_deref());
    filter::nested(all, parts, condition)
}

fn keyset(order: UserOrder, ascending: bool) -> Order {
    let by = |name, column: Column, kind| Order::by(name, column, Column::Id, kind, ascending);
    match order {
        UserOrder::CreatedAt => by("createdAt", Column::CreatedAt, ValueKind::Time),
        UserOrder::DisplayName => by("displayName", Column::DisplayName, ValueKind::Text),
        UserOrder::Email => by("email", Column::Email, ValueKind::Text).nullable(),
    }
}

impl User {
    /// Writes a new user; a taken e-mail address is refused.
    pub(in crate::domain) async fn insert(
        self,
        tx: &impl ConnectionTrait,
        password_hash: Option<String>,
    ) -> Result<()> {
        let row = self.into_row(password_hash);
        let written = user::Entity::insert(row.into_active_model())
            .exec_without_returning(tx)
            .await;
        match written {
            Err(error) if broken_constraint(&error).as_deref() == Some("users_email") => {
                Err(Refusal::EmailTaken.at("email").into())
            }
            Err(error) if broken_constraint(&error).as_deref() == Some("users_external") => {
                let message = "a user with this external id exists".to_owned();
                Err(Refusal::Conflict { message }.into())
            }
            other => Ok(other.map(|_| ())?),
        }
    }
}

impl User {
    fn into_row(self, password_hash: Option<String>) -> user::Model {
        let (source, external_id) = self.source.unzip();
        user::Model {
            id: self.id.uuid(),
            email: self.email.map(|email| email.to_string()),
            display_name: self.display_name,
            role: self.role.as_str().to_owned(),
            password_hash,
            anonymous: self.anonymous,
            preferences: self.preferences.to_json(),
            source,
            external_id,
            merged_into: self.merged_into.map(Id::uuid),
            disabled_at: self.disabled_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl TryFrom<user::Model> for User {
    type Error = foundation::Error;

    fn try_from(row: user::Model) -> Result<Self> {
        let email = row.email.as_deref().map(str::parse::<Email>).transpose();
        Ok(Self {
            id: row.id.into(),
            display_name: row.display_name,
            email: email.map_err(|error| stored("users")(error.to_owned()))?,
            role: row.role.parse().map_err(stored("users"))?,
            anonymous: row.anonymous,
            preferences: Preferences::from_json(row.preferences),
            source: row.source.zip(row.external_id),
            merged_into: row.merged_into.map(Into::into),
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
