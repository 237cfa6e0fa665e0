//! Channels in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::extension::postgres::PgFunc;
use sea_orm::sea_query::{ArrayType, BinOper, Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, Select, Value,
};

use super::model::{Channel, Fields};
use super::service::not_found;
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::db::entities::channel::{Column, Entity, Model};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, broken_constraint, filter};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Channel>]) -> Result<Vec<Channel>> {
        let rows = Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Channel::from).collect())
    }

    pub(super) async fn by_keys(&self, keys: &[String]) -> Result<Vec<Channel>> {
        let rows = Entity::find()
            .filter(Expr::col(Column::Key).eq(PgFunc::any(texts(keys))))
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Channel::from).collect())
    }

    pub(super) async fn list(&self, own: Option<bool>, window: &Window) -> Result<Vec<Channel>> {
        let order = Order {
            column: Expr::cust("key COLLATE \"C\""),
            ..Order::by("key", Column::Key, Column::Id, ValueKind::Text, true)
        };
        let rows = order
            .apply(listed(own), window)?
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Channel::from).collect())
    }

    pub(super) async fn count(&self, own: Option<bool>) -> Result<u64> {
        Ok(listed(own).count(self.db.read()).await?)
    }

    pub(super) async fn all(&self) -> Result<Vec<Channel>> {
        let rows = Entity::find()
            .order_by_asc(Column::Id)
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(Channel::from).collect())
    }

    pub(super) async fn insert(&self, channel: Channel) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    lock(tx).await?;
                    check_guide_ids(tx, channel.id, &channel.fields.guide_ids).await?;
                    let insert = Entity::insert(row(channel).into_active_model());
                    let done = insert.exec_without_returning(tx).await;
                    done.map_err(key_taken)?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn update(
        &self,
        id: Id<id::Channel>,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Fields) -> Result<()> + Send + 'static,
    ) -> Result<Channel> {
        self.db
            .transaction(move |tx| {
                async move {
                    lock(tx).await?;
                    let before = Entity::find_by_id(id.uuid())
                        .one(tx)
                        .await?
                        .ok_or_else(not_found)?;
                    let mut channel = Channel::from(before);
                    change(&mut channel.fields)?;
                    channel.updated_at = now;
                    check_guide_ids(tx, id, &channel.fields.guide_ids).await?;
                    let change = row(channel.clone()).into_active_model().reset_all();
                    let done = change.update_without_returning(tx).await;
                    done.map_err(key_taken)?;
                    Ok(channel)
                }
                .boxed()
            })
            .await
    }

    /// Deletes a channel, and its airings with it. Says whether there was one.
    pub(super) async fn delete(&self, id: Id<id::Channel>) -> Result<bool> {
        let gone = Entity::delete_by_id(id.uuid())
            .exec(self.db.write())
            .await?;
        Ok(gone.rows_affected > 0)
    }
}

fn listed(own: Option<bool>) -> Select<Entity> {
    let all = Entity::find();
    match own {
        Some(own) => all.filter(Column::Own.eq(own)),
        None => all,
    }
}

/// Waits until nobody else writes channels: two changes at once follow each other, so that none is lost and no
/// two channels get the same id in guides.
async fn lock(tx: &impl ConnectionTrait) -> Result<()> {
    tx.execute_unprepared("LOCK TABLE channels IN SHARE ROW EXCLUSIVE MODE")
        .await?;
    Ok(())
}

/// Refuses ids in guides that another channel has.
async fn check_guide_ids(
    tx: &impl ConnectionTrait,
    own: Id<id::Channel>,
    ids: &[String],
) -> Result<()> {
    let overlap = Expr::col(Column::GuideIds).binary(BinOper::Custom("&&"), texts(ids));
    let other = Entity::find()
        .filter(overlap)
        .filter(Column::Id.ne(own.uuid()))
        .one(tx)
        .await?;
    let Some(other) = other else {
        return Ok(());
    };
    let message = format!(
        "the channel `{}` has one of these ids in guides; take it from there first",
        other.key
    );
    Err(Refusal::Conflict { message }.into())
}

/// Texts as one value of the type `text[]`.
fn texts(texts: &[String]) -> Value {
    let texts = texts
        .iter()
        .map(|text| Value::from(text.as_str()))
        .collect();
    Value::Array(ArrayType::String, Some(Box::new(texts)))
}

fn key_taken(error: DbErr) -> Error {
    if broken_constraint(&error).as_deref() == Some("channels_key") {
        let message = "there is a channel with this key; take another";
        return Refusal::Conflict {
            message: message.to_owned(),
        }
        .into();
    }
    error.into()
}

fn row(channel: Channel) -> Model {
    let Fields {
        key,
        name,
        time_zone,
        own,
        guide_ids,
    } = channel.fields;
    Model {
        id: channel.id.uuid(),
        key,
        name,
        time_zone,
        own,
        guide_ids,
        created_at: channel.created_at,
        updated_at: channel.updated_at,
    }
}

impl From<Model> for Channel {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            fields: Fields {
                key: row.key,
                name: row.name,
                time_zone: row.time_zone,
                own: row.own,
                guide_ids: row.guide_ids,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
