//! Uploaded files in the database.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    Select,
};

use super::model::Upload;
use crate::domain::auth::Viewer;
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

    /// Adds a row, and answers it as it is kept.
    pub(super) async fn insert(&self, upload: &Upload) -> Result<Upload> {
        let row = ActiveModel {
            id: Set(upload.id.uuid()),
            name: Set(upload.name.clone()),
            bytes: Set(upload.bytes),
            sha256: Set(upload.sha256.to_vec()),
            owner_id: Set(upload.owner.map(Id::uuid)),
            created_at: Set(upload.created_at),
        };
        Ok(row.insert(self.db.write()).await?.into())
    }

    /// Those of `ids` that the viewer may see, in no order. From where they are written: whoever
    /// uploaded one a moment ago finds it.
    pub(super) async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
    ) -> Result<Vec<Upload>> {
        let rows = visible(viewer)
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    pub(super) async fn list(&self, viewer: &Viewer, window: &Window) -> Result<Vec<Upload>> {
        let newest = Order::by(
            "createdAt",
            Column::CreatedAt,
            Column::Id,
            ValueKind::Time,
            false,
        );
        let rows = newest
            .apply(visible(viewer), window)?
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    pub(super) async fn count(&self, viewer: &Viewer) -> Result<u64> {
        Ok(visible(viewer).count(self.db.read()).await?)
    }

    /// Removes a row. Says whether there was one.
    pub(super) async fn delete(&self, id: Id<id::Upload>) -> Result<bool> {
        let gone = Entity::delete_by_id(id.uuid())
            .exec(self.db.write())
            .await?;
        Ok(gone.rows_affected > 0)
    }

    /// Removes the rows of what was uploaded before then; answers how many.
    pub(super) async fn delete_older(&self, before: DateTime<Utc>) -> Result<u64> {
        let gone = Entity::delete_many()
            .filter(Column::CreatedAt.lt(before))
            .exec(self.db.write())
            .await?;
        Ok(gone.rows_affected)
    }
}

/// The only way to uploads on behalf of somebody: admins reach all, others their own.
fn visible(viewer: &Viewer) -> Select<Entity> {
    let all = Entity::find();
    if viewer.is_admin() {
        return all;
    }
    // Nobody has the nil id: an app, which cannot upload, has none of its own.
    let owner = viewer.user().map_or(uuid::Uuid::nil(), Id::uuid);
    all.filter(Column::OwnerId.eq(owner))
}

impl From<Model> for Upload {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            bytes: row.bytes,
            // The table holds 32 bytes.
            sha256: row.sha256.try_into().unwrap_or_default(),
            owner: row.owner_id.map(Into::into),
            created_at: row.created_at,
        }
    }
}
