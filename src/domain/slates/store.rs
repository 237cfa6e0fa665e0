//! Slates in the database.

use std::collections::HashMap;

use ranking::bandit::SIGNALS;
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, Statement,
};
use uuid::Uuid;

use super::model::{Selection, SelectionFilter, Slate, SlateItem, SlateSlot, SlateState};
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::{slate, slate_item, slate_selection};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter, stored};

mod closing;
mod decided;
mod showings;
mod state;

pub(super) use closing::{Closed, Closing};
pub(super) use decided::DecidedSlate;
pub(super) use showings::{PastAiring, PastSchedule, Showings, ShowingsByFilm};
pub(super) use state::{LockedState, NewState, StateRow};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// The slates of these ids with their films, without their logs. From where they are written: who asked for a
    /// slate a moment ago finds it.
    pub(super) async fn find_many(&self, ids: &[Id<id::Slate>]) -> Result<Vec<Slate>> {
        let rows =
            slate::Entity::find().filter(filter::among(slate::Column::Id, ids.iter().copied()));
        self.with_items(rows).await
    }

    /// The slate of a slot that is open or was selected from, if there is one.
    pub(super) async fn current(&self, slot: SlateSlot) -> Result<Option<Slate>> {
        let states = [SlateState::Selected, SlateState::Open].map(SlateState::as_str);
        let rows = slate::Entity::find()
            .filter(of_slot(slot))
            .filter(slate::Column::State.is_in(states))
            // An hour that has its film has no open slate beside it.
            .order_by_desc(slate::Column::State)
            .limit(1);
        Ok(self.with_items(rows).await?.pop())
    }

    /// The films that may not be offered for a slot: selected for any hour, or rejected for this one.
    pub(super) async fn taken(&self, slot: SlateSlot) -> Result<Vec<Id<id::Content>>> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT content_id FROM slate_selections \
             UNION \
             SELECT content_id FROM slate_exclusions \
              WHERE channel_id = $1 AND date = $2 AND hour = $3",
            [
                slot.channel.uuid().into(),
                slot.date.into(),
                i16::from(slot.hour).into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(|row| row.content_id.into()).collect())
    }

    /// The selections of slates.
    pub(super) async fn selections_of(&self, slates: &[Id<id::Slate>]) -> Result<Vec<Selection>> {
        let rows = slate_selection::Entity::find()
            .filter(filter::among(
                slate_selection::Column::SlateId,
                slates.iter().copied(),
            ))
            .all(self.db.write())
            .await?;
        rows.into_iter().map(Selection::try_from).collect()
    }

    pub(super) async fn find_selections(
        &self,
        ids: &[Id<id::Selection>],
    ) -> Result<Vec<Selection>> {
        let rows = slate_selection::Entity::find()
            .filter(filter::among(
                slate_selection::Column::Id,
                ids.iter().copied(),
            ))
            .all(self.db.write())
            .await?;
        rows.into_iter().map(Selection::try_from).collect()
    }

    pub(super) async fn selections(
        &self,
        filter: SelectionFilter,
        window: &Window,
    ) -> Result<Vec<Selection>> {
        use slate_selection::Column;
        let order = Order::by("id", Column::Id, Column::Id, ValueKind::Id, false);
        let rows = order
            .apply(selected(filter), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Selection::try_from).collect()
    }

    pub(super) async fn count_selections(&self, filter: SelectionFilter) -> Result<u64> {
        Ok(selected(filter).count(self.db.read()).await?)
    }

    async fn with_items(&self, rows: Select<slate::Entity>) -> Result<Vec<Slate>> {
        self.complete(rows.all(self.db.write()).await?).await
    }

    async fn complete(&self, rows: Vec<slate::Model>) -> Result<Vec<Slate>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = rows.iter().map(|row| Id::<id::Slate>::from(row.id));
        let items = slate_item::Entity::find()
            .filter(filter::among(slate_item::Column::SlateId, ids))
            .order_by_asc(slate_item::Column::SlateId)
            .order_by_asc(slate_item::Column::Rank)
            .all(self.db.write())
            .await?;
        let mut by_slate: HashMap<Uuid, Vec<SlateItem>> = HashMap::new();
        for row in items {
            let items = by_slate.entry(row.slate_id).or_default();
            items.push(SlateItem::try_from(row)?);
        }
        let slates = rows.into_iter().map(|row| {
            let items = by_slate.remove(&row.id).unwrap_or_default();
            read(row, items)
        });
        slates.collect()
    }
}

/// The condition on slates of one slot.
fn of_slot(slot: SlateSlot) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(slate::Column::ChannelId.eq(slot.channel.uuid()))
        .add(slate::Column::Date.eq(slot.date))
        .add(slate::Column::Hour.eq(i16::from(slot.hour)))
}

fn selected(filter: SelectionFilter) -> Select<slate_selection::Entity> {
    use slate_selection::{Column, Entity};
    let mut rows = Entity::find();
    if let Some(channel) = filter.channel {
        rows = rows.filter(Column::ChannelId.eq(channel.uuid()));
    }
    if let Some(from) = filter.from {
        rows = rows.filter(Column::Date.gte(from));
    }
    if let Some(until) = filter.until {
        rows = rows.filter(Column::Date.lte(until));
    }
    rows
}

/// An hour as the tables hold it.
fn hour(hour: i16) -> u8 {
    // The tables hold 0 to 23.
    u8::try_from(hour).unwrap_or(0)
}

fn six(table: &'static str, values: Vec<f64>) -> Result<[f64; SIGNALS]> {
    let wrong =
        |values: Vec<f64>| stored(table)(format!("{} numbers for {SIGNALS} signals", values.len()));
    values.try_into().map_err(wrong)
}

fn read(row: slate::Model, items: Vec<SlateItem>) -> Result<Slate> {
    Ok(Slate {
        id: row.id.into(),
        slot: SlateSlot {
            channel: row.channel_id.into(),
            date: row.date,
            hour: hour(row.hour),
        },
        state: row.state.parse().map_err(stored("slates"))?,
        length: usize::try_from(row.length).unwrap_or(0),
        candidates: usize::try_from(row.candidate_count).unwrap_or(0),
        model: row.model_version_id.map(Into::into),
        model_name: row.model,
        epoch: row.epoch,
        seed: row.seed,
        weights: six("slates", row.weights)?,
        items,
        log: Vec::new(),
        created_at: row.created_at,
        closed_at: row.closed_at,
    })
}

impl TryFrom<slate_item::Model> for SlateItem {
    type Error = Error;

    fn try_from(row: slate_item::Model) -> Result<Self> {
        Ok(Self {
            rank: usize::try_from(row.rank).unwrap_or(0),
            content: row.content_id.into(),
            signals: six("slate_items", row.signals)?,
            score: row.score,
            propensity: row.propensity,
            audience: row.audience,
        })
    }
}

impl TryFrom<slate_selection::Model> for Selection {
    type Error = Error;

    fn try_from(row: slate_selection::Model) -> Result<Self> {
        let signals = row.signals.iter().map(|signal| signal.parse());
        let signals = signals.collect::<Result<_, String>>();
        Ok(Self {
            id: row.id.into(),
            slate: row.slate_id.into(),
            slot: SlateSlot {
                channel: row.channel_id.into(),
                date: row.date,
                hour: hour(row.hour),
            },
            content: row.content_id.into(),
            signals: signals.map_err(stored("slate_selections"))?,
            curator: row.curator_id.map(Into::into),
            selected_at: row.selected_at,
        })
    }
}
