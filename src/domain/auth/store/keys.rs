//! API keys in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::{Hash, Store};
use crate::domain::auth::Subject;
use crate::domain::auth::model::ApiKey;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::api_key;
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::stored;
use crate::platform::events;

impl Store {
    pub(in crate::domain::auth) async fn insert_key(
        &self,
        key: ApiKey,
        hash: Hash,
        entry: AuditEntry,
    ) -> Result<()> {
        let rng = self.rng.clone();
        self.db
            .transaction(move |tx| {
                async move {
                    let now = key.created_at;
                    let row = api_key::Model {
                        id: key.id.uuid(),
                        name: key.name,
                        prefix: key.prefix,
                        hash: hash.to_vec(),
                        scopes: key
                            .scopes
                            .iter()
                            .map(|scope| scope.as_str().to_owned())
                            .collect(),
                        created_by: key.created_by.map(Id::uuid),
                        created_at: now,
                        expires_at: key.expires_at,
                        last_used_at: None,
                        revoked_at: None,
                    };
                    api_key::Entity::insert(row.into_active_model())
                        .exec_without_returning(tx)
                        .await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// The key of this hash, whether it is good or not.
    pub(in crate::domain::auth) async fn key_by_hash(&self, hash: Hash) -> Result<Option<ApiKey>> {
        let row = api_key::Entity::find()
            .filter(api_key::Column::Hash.eq(hash.to_vec()))
            .one(self.db.write())
            .await?;
        row.map(ApiKey::try_from).transpose()
    }

    /// The key of this id, asked of the primary database: a replica may not have heard yet that it
    /// was revoked.
    pub(in crate::domain::auth) async fn key_by_id(
        &self,
        id: Id<id::ApiKey>,
    ) -> Result<Option<ApiKey>> {
        let row = api_key::Entity::find_by_id(id.uuid())
            .one(self.db.write())
            .await?;
        row.map(ApiKey::try_from).transpose()
    }

    /// Notes that a key was used, unless that is on record after `unless_since`.
    pub(in crate::domain::auth) async fn touch_key(
        &self,
        key: Id<id::ApiKey>,
        now: DateTime<Utc>,
        unless_since: DateTime<Utc>,
    ) -> Result<()> {
        use api_key::Column;
        api_key::Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::val(now))
            .filter(Column::Id.eq(key.uuid()))
            .filter(
                Condition::any()
                    .add(Column::LastUsedAt.is_null())
                    .add(Column::LastUsedAt.lte(unless_since)),
            )
            .exec(self.db.write())
            .await?;
        Ok(())
    }

    pub(in crate::domain::auth) async fn find_keys(
        &self,
        ids: &[Id<id::ApiKey>],
    ) -> Result<Vec<ApiKey>> {
        let rows = api_key::Entity::find()
            .filter(api_key::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    pub(in crate::domain::auth) async fn list_keys(&self, window: &Window) -> Result<Vec<ApiKey>> {
        use api_key::Column;
        let newest = Order::by(
            "createdAt",
            Column::CreatedAt,
            Column::Id,
            ValueKind::Time,
            false,
        );
        let rows = newest
            .apply(api_key::Entity::find(), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    pub(in crate::domain::auth) async fn count_keys(&self) -> Result<u64> {
        Ok(api_key::Entity::find().count(self.db.read()).await?)
    }

    /// Revokes a key, and says which hash it has; one that is revoked stays as it is.
    pub(in crate::domain::auth) async fn revoke_key(
        &self,
        id: Id<id::ApiKey>,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce(&Option<(ApiKey, Hash)>) + Send + 'static,
    ) -> Result<Option<(ApiKey, Hash)>> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    let row = api_key::Entity::find_by_id(id.uuid())
                        .lock(LockType::Update)
                        .one(tx)
                        .await?;
                    let Some(mut row) = row else {
                        return Ok(None);
                    };
                    if row.revoked_at.is_none() {
                        row.revoked_at = Some(now);
                        api_key::Entity::update_many()
                            .col_expr(api_key::Column::RevokedAt, Expr::val(now))
                            .filter(api_key::Column::Id.eq(id.uuid()))
                            .exec(tx)
                            .await?;
                        audit::record(tx, entry, now, &rng).await?;
                        events::append(tx, &[Subject::Key(id)]).await?;
                    }
                    let hash = Hash::try_from(row.hash.as_slice()).map_err(anyhow::Error::from)?;
                    Ok(Some((ApiKey::try_from(row)?, hash)))
                }
                .boxed()
            })
            .await
    }
}

impl TryFrom<api_key::Model> for ApiKey {
    type Error = foundation::Error;

    fn try_from(row: api_key::Model) -> Result<Self> {
        let scopes = row.scopes.iter().map(|scope| scope.parse());
        let scopes = scopes
            .collect::<Result<_, String>>()
            .map_err(stored("api_keys"))?;
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            prefix: row.prefix,
            scopes,
            created_by: row.created_by.map(Into::into),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}
