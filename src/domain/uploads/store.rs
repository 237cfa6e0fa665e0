//! Uploaded files in the database.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::model::Upload;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::upload::{ActiveModel, Column, Entity, Model};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds all of them, or none.
    pub(super) async fn insert(&self, uploads: &[Upload]) -> Result<()> {
        let rows = uploads.iter().map(|upload| ActiveModel {
            id: Set(upload.id.uuid()),
            name: Set(upload.name.clone()),
            bytes: Set(upload.bytes),
            object: Set(upload.object.clone()),
            owner_id: Set(upload.owner.map(Id::uuid)),
            created_at: Set(upload.created_at),
        });
        Entity::insert_many(rows)
            .exec_without_returning(self.db.write())
            .await?;
        Ok(())
    }

    /// Those of `ids` that are there, in no order. From where they are written: whoever uploaded one
    /// a moment ago finds it.
    pub(super) async fn find_many(&self, ids: &[Id<id::Upload>]) -> Result<Vec<Upload>> {
        let rows = Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    pub(super) async fn list(&self, window: &Window) -> Result<Vec<Upload>> {
        let newest = Order::by(
            "createdAt",
            Column::CreatedAt,
            Column::Id,
            ValueKind::Time,
            false,
        );
        let rows = newest
            .apply(Entity::find(), window)?
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    pub(super) async fn count(&self) -> Result<u64> {
        Ok(Entity::find().count(self.db.read()).await?)
    }

    /// Some of those that were there before then, at most `most`, the oldest first.
    pub(super) async fn older(&self, before: DateTime<Utc>, most: u64) -> Result<Vec<Upload>> {
        let rows = Entity::find()
            .filter(Column::CreatedAt.lt(before))
            .order_by_asc(Column::CreatedAt)
            .limit(most)
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    /// Removes a row. Says whether there was one.
    pub(super) async fn delete(&self, id: Id<id::Upload>) -> Result<bool> {
        let gone = Entity::delete_by_id(id.uuid())
            .exec(self.db.write())
            .await?;
        Ok(gone.rows_affected > 0)
    }
}

impl From<Model> for Upload {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            bytes: row.bytes,
            object: row.object,
            owner: row.owner_id.map(Into::into),
            created_at: row.created_at,
        }
    }
}
