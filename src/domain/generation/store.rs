//! Generated items in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, Statement,
};
use uuid::Uuid;

use super::model::Generated;
use crate::domain::content::Content;
use crate::domain::content::service::not_found;
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::content_item;
use crate::platform::db::entities::generated::{Column, Entity, Model};
use crate::platform::db::{Db, filter, stored};
use crate::platform::objects::ObjectName;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// What becomes of a thing that was made.
pub(super) enum ContentChange {
    /// An item of its own.
    Item(Box<Content>),
    /// The poster of an item, at this address.
    Poster(Id<id::Content>, String),
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// What a job made, by number; empty where it has made nothing yet.
    pub(super) async fn of_job(&self, job: Uuid) -> Result<Vec<Generated>> {
        let rows = Entity::find()
            .filter(Column::JobId.eq(job))
            .order_by_asc(Column::Number)
            .all(self.db.write())
            .await?;
        rows.into_iter().map(Generated::try_from).collect()
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Content>]) -> Result<Vec<Generated>> {
        let rows = Entity::find()
            .filter(filter::among(Column::ContentId, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Generated::try_from).collect()
    }

    /// Those of `names` that no item has, as what was generated or in the address of its poster, and
    /// no person as their photo. An item that was deleted before `gone` has nothing.
    pub(super) async fn unnamed(
        &self,
        names: &[ObjectName],
        gone: DateTime<Utc>,
    ) -> Result<Vec<ObjectName>> {
        let mut left: Vec<String> = names.iter().map(ToString::to_string).collect();
        // The second reads all posters: rarely, since few files come that far.
        for sql in [
            "SELECT file AS name FROM unnest($1::text[]) AS file \
              WHERE NOT EXISTS (SELECT FROM generated JOIN content_items ON id = content_id \
                                 WHERE object = file AND (deleted_at IS NULL OR deleted_at >= $2))",
            "SELECT file AS name FROM unnest($1::text[]) AS file \
              WHERE NOT EXISTS (SELECT FROM content_items \
                                 WHERE substring(poster_url FROM '/files/[^/]+/([^/?#]+)') = file \
                                   AND (deleted_at IS NULL OR deleted_at >= $2)) \
                AND NOT EXISTS (SELECT FROM people \
                                 WHERE substring(photo_url FROM '/files/[^/]+/([^/?#]+)') = file)",
        ] {
            if left.is_empty() {
                break;
            }
            let values = [left.into(), gone.into()];
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let rows = self.db.write().query_all_raw(statement).await?;
            let names = rows.iter().map(|row| row.try_get("", "name"));
            left = names.collect::<Result<_, DbErr>>()?;
        }
        let names = left.iter().map(|name| name.parse());
        names
            .collect::<Result<_, String>>()
            .map_err(stored("generated"))
    }

    /// Keeps what was made, all of it or nothing. `false` where the job has made it already.
    pub(super) async fn keep(
        &self,
        job: Option<Uuid>,
        made: Vec<(ContentChange, Generated)>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.db
            .transaction(move |tx| {
                async move {
                    if let Some(job) = job
                        && is_done(tx, job).await?
                    {
                        return Ok(false);
                    }
                    for (change, generated) in made {
                        match change {
                            ContentChange::Item(content) => {
                                let row = content_item::Model::from(*content);
                                content_item::Entity::insert(row.into_active_model())
                                    .exec_without_returning(tx)
                                    .await?;
                            }
                            ContentChange::Poster(item, url) => poster(tx, item, url, now).await?,
                        }
                        insert_generated(tx, generated).await?;
                    }
                    Ok(true)
                }
                .boxed()
            })
            .await
    }
}

/// Whether a job has made its things. Two runs of one job follow each other here.
async fn is_done(tx: &DatabaseTransaction, job: Uuid) -> Result<bool> {
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock(hashtext('generated'), hashtext($1))",
        [job.to_string().into()],
    ))
    .await?;
    let known = Entity::find().filter(Column::JobId.eq(job)).one(tx).await?;
    Ok(known.is_some())
}

async fn poster(
    tx: &DatabaseTransaction,
    item: Id<id::Content>,
    url: String,
    now: DateTime<Utc>,
) -> Result<()> {
    let done = content_item::Entity::update_many()
        .col_expr(content_item::Column::PosterUrl, Expr::val(url))
        .col_expr(content_item::Column::UpdatedAt, Expr::val(now))
        .filter(content_item::Column::Id.eq(item.uuid()))
        .filter(content_item::Column::DeletedAt.is_null())
        .exec(tx)
        .await?;
    if done.rows_affected == 0 {
        return Err(not_found());
    }
    Ok(())
}

async fn insert_generated(tx: &DatabaseTransaction, generated: Generated) -> Result<()> {
    let row = Model {
        content_id: generated.content.uuid(),
        generator: generated.generator,
        prompt: generated.prompt,
        parameters: generated.parameters,
        details: generated.details,
        job_id: generated.job,
        number: generated.number,
        seed: generated.seed,
        object: generated.file.to_string(),
        bytes: generated.bytes,
        created_at: generated.created_at,
    };
    // A new poster takes the place of the one before.
    let again = OnConflict::column(Column::ContentId)
        .update_columns([
            Column::Generator,
            Column::Prompt,
            Column::Parameters,
            Column::Details,
            Column::JobId,
            Column::Number,
            Column::Seed,
            Column::Object,
            Column::Bytes,
            Column::CreatedAt,
        ])
        .to_owned();
    Entity::insert(row.into_active_model())
        .on_conflict(again)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

impl TryFrom<Model> for Generated {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        Ok(Self {
            content: row.content_id.into(),
            generator: row.generator,
            prompt: row.prompt,
            parameters: row.parameters,
            details: row.details,
            job: row.job_id,
            number: row.number,
            seed: row.seed,
            file: row.object.parse().map_err(stored("generated"))?,
            bytes: row.bytes,
            created_at: row.created_at,
        })
    }
}
