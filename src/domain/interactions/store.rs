//! Interactions in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, IntoColumnRef, LockType};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;

use super::model::{Attribution, Interaction, InteractionFilter, InteractionKind};
use super::stream::InteractionsRecorded;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::{interaction, user};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter, stored};
use crate::platform::events;

use interaction::Column;

mod counts;
mod keys;
mod recorded;
mod weights;

pub(super) use keys::{EarlierKeys, IdempotencyKey, KeyName, Seen};
pub(super) use recorded::RecordedRow;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// An interaction that may be written.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) interaction: Interaction,
    pub(super) key: Option<IdempotencyKey>,
}

/// What became of a candidate.
pub(super) enum Written {
    Recorded(Interaction),
    /// Its key was seen before.
    Seen(Seen),
    NoSuchUser,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// What the keys of `candidates` did before, where they were seen before.
    pub(super) async fn seen(&self, candidates: &[&Candidate]) -> Result<EarlierKeys> {
        let names = candidates.iter().filter_map(|candidate| candidate.name());
        keys::earlier(self.db.write(), names.collect()).await
    }

    /// Whose list, and which content, stands behind each attribution that exists.
    pub(super) async fn served(
        &self,
        candidates: &[&Candidate],
    ) -> Result<HashMap<Attribution, (Id<id::User>, Id<id::Content>)>> {
        #[derive(FromQueryResult)]
        struct Row {
            list_id: Uuid,
            rank: i32,
            user_id: Uuid,
            content_id: Uuid,
        }
        let named: HashSet<Attribution> = candidates
            .iter()
            .filter_map(|candidate| candidate.interaction.attribution)
            .collect();
        if named.is_empty() {
            return Ok(HashMap::new());
        }
        let lists = filter::uuids(named.iter().map(|named| named.list));
        let ranks: Vec<i32> = named.iter().map(|named| named.rank).collect();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT item.list_id, item.rank, list.user_id, item.content_id \
               FROM unnest($1::uuid[], $2::integer[]) AS named (list_id, rank) \
               JOIN recommendation_items AS item USING (list_id, rank) \
               JOIN recommendation_lists AS list ON list.id = named.list_id",
            [lists, ranks.into()],
        );
        // A client may answer faster than a replica follows.
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let found = rows.into_iter().map(|row| {
            let attribution = Attribution {
                list: row.list_id.into(),
                rank: row.rank,
            };
            (attribution, (row.user_id.into(), row.content_id.into()))
        });
        Ok(found.collect())
    }

    /// Writes `candidates` in one transaction and a fixed number of statements, and says of each
    /// what became of it. A key and its interaction are written together: of many writers of the
    /// same key the first wins, and the others wait for it and find it seen.
    pub(super) async fn write(
        &self,
        candidates: Vec<Candidate>,
        now: DateTime<Utc>,
        origin: u64,
        then: impl FnOnce(&Vec<Written>) + Send + 'static,
    ) -> Result<Vec<Written>> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        self.db
            .transaction_then(then, move |tx| {
                async move { write(tx, candidates, now, origin).await }.boxed()
            })
            .await
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Interaction>]) -> Result<Vec<Interaction>> {
        find_many(self.db.read(), ids.iter().map(|id| id.uuid())).await
    }

    pub(super) async fn history(
        &self,
        user: Id<id::User>,
        filter: &InteractionFilter,
        window: &Window,
    ) -> Result<Vec<Interaction>> {
        let rows = Order::by("interactions", Column::Id, Column::Id, ValueKind::Id, false)
            .apply(of(user, filter), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Interaction::try_from).collect()
    }

    pub(super) async fn count_history(
        &self,
        user: Id<id::User>,
        filter: &InteractionFilter,
    ) -> Result<u64> {
        Ok(of(user, filter).count(self.db.read()).await?)
    }

    /// Deletes an interaction, if it is `owner`'s where one is given. Its idempotency key stays, so
    /// that a late repeat does not bring it back.
    pub(super) async fn delete(
        &self,
        id: Id<id::Interaction>,
        owner: Option<Id<id::User>>,
    ) -> Result<Option<Id<id::User>>> {
        let mut delete = interaction::Entity::delete_many().filter(Column::Id.eq(id.uuid()));
        if let Some(owner) = owner {
            delete = delete.filter(Column::UserId.eq(owner.uuid()));
        }
        let gone = delete.exec_with_returning(self.db.write()).await?;
        Ok(gone.first().map(|row| row.user_id.into()))
    }
}

async fn write(
    tx: &sea_orm::DatabaseTransaction,
    candidates: Vec<Candidate>,
    now: DateTime<Utc>,
    origin: u64,
) -> Result<Vec<Written>> {
    // Locked against deletion until the interactions stand, in one order for all writers.
    let users: HashSet<Uuid> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(filter::among(
            user::Column::Id,
            candidates
                .iter()
                .map(|candidate| candidate.interaction.user),
        ))
        .order_by_asc(user::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<Uuid>()
        .all(tx)
        .await?
        .into_iter()
        .collect();
    // Of several with the same key in one call the first is the one.
    let mut first: HashMap<KeyName, &Candidate> = HashMap::new();
    for candidate in &candidates {
        if let Some(name) = candidate.name()
            && users.contains(&name.0.uuid())
        {
            first.entry(name).or_insert(candidate);
        }
    }
    let won = keys::claim(tx, &first, now).await?;
    let mine = |candidate: &Candidate| {
        users.contains(&candidate.interaction.user.uuid())
            && (candidate.key.is_none() || won.contains(&candidate.interaction.id))
    };
    let rows: Vec<_> = candidates
        .iter()
        .filter(|candidate| mine(candidate))
        .map(|candidate| row(&candidate.interaction).into_active_model())
        .collect();
    if !rows.is_empty() {
        interaction::Entity::insert_many(rows)
            .exec_without_returning(tx)
            .await?;
        let recorded = candidates.iter().filter(|candidate| mine(candidate));
        let recorded = recorded.map(|candidate| &candidate.interaction);
        events::append(tx, &InteractionsRecorded::of(recorded, origin)).await?;
    }
    let lost = candidates.iter().filter(|candidate| !mine(candidate));
    let earlier = keys::earlier(tx, lost.filter_map(Candidate::name).collect()).await?;
    let settled = candidates.into_iter().map(|candidate| {
        if mine(&candidate) {
            return Written::Recorded(candidate.interaction);
        }
        match earlier.seen(&candidate) {
            Some(seen) => Written::Seen(seen),
            None => Written::NoSuchUser,
        }
    });
    Ok(settled.collect())
}

async fn find_many(
    connection: &impl sea_orm::ConnectionTrait,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<Interaction>> {
    let rows = interaction::Entity::find()
        .filter(filter::among(Column::Id, ids))
        .all(connection)
        .await?;
    rows.into_iter().map(Interaction::try_from).collect()
}

/// The only way into a history: rows are always read for their owner.
fn of(owner: Id<id::User>, wanted: &InteractionFilter) -> sea_orm::Select<interaction::Entity> {
    let column = |column: Column| Expr::col(column.into_column_ref());
    let when = &wanted.occurred_at;
    let all = Condition::all()
        .add(filter::comparison(
            &column(Column::Kind),
            &wanted.kind.map(InteractionKind::as_str),
        ))
        .add(filter::comparison(
            &column(Column::ContentId),
            &wanted.content.map(Id::uuid),
        ))
        .add(filter::comparison(&column(Column::OccurredAt), when))
        .add(between(
            when.gte.or(when.gt).or(when.eq),
            when.lte.or(when.lt).or(when.eq),
        ));
    interaction::Entity::find()
        .filter(Column::UserId.eq(owner.uuid()))
        .filter(all)
}

/// The interactions that can have happened in a range of time, both ends included: an id begins
/// with its moment, so that the range is one of the index, and partitions outside are not read.
fn between(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Condition {
    // An id has 48 bits for the milliseconds.
    let in_reach = |when: &DateTime<Utc>| when.timestamp_millis() < 1 << 48;
    let mut all = Condition::all();
    if let Some(from) = from.filter(in_reach) {
        let least: Id<id::Interaction> = Id::at(from, [0; 10]);
        all = all.add(Column::Id.gte(least.uuid()));
    }
    if let Some(until) = until.filter(in_reach) {
        let most: Id<id::Interaction> = Id::at(until, [0xff; 10]);
        all = all.add(Column::Id.lte(most.uuid()));
    }
    all
}

fn row(interaction: &Interaction) -> interaction::Model {
    interaction::Model {
        id: interaction.id.uuid(),
        user_id: interaction.user.uuid(),
        content_id: interaction.content.uuid(),
        kind: interaction.kind.as_str().to_owned(),
        value: interaction.value,
        occurred_at: interaction.occurred_at,
        list_id: interaction.attribution.map(|item| item.list.uuid()),
        list_rank: interaction.attribution.map(|item| item.rank),
    }
}

impl TryFrom<interaction::Model> for Interaction {
    type Error = foundation::Error;

    fn try_from(row: interaction::Model) -> Result<Self> {
        let attribution = row.list_id.zip(row.list_rank);
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            content: row.content_id.into(),
            kind: row.kind.parse().map_err(stored("interactions"))?,
            value: row.value,
            occurred_at: row.occurred_at,
            attribution: attribution.map(|(list, rank)| Attribution {
                list: list.into(),
                rank,
            }),
        })
    }
}
