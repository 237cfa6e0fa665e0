//! Making slates and closing them: what is learned is written in the transaction of the decision.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, Statement,
};

use super::state::NewState;
use super::{LockedState, StateRow, Store, of_slot, read};
use crate::domain::slates::model::{Selection, Slate, SlateItem, SlateSlot, SlateState};
use crate::domain::slates::updates::SlateChanged;
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::db::broken_constraint;
use crate::platform::db::entities::{slate, slate_item, slate_selection};
use crate::platform::events;

/// A decision about a slate.
pub(in crate::domain::slates) struct Closing {
    pub(in crate::domain::slates) slate: Id<id::Slate>,
    /// The selection; `None` to reject all films.
    pub(in crate::domain::slates) selection: Option<Selection>,
    pub(in crate::domain::slates) now: DateTime<Utc>,
}

/// What became of a decision.
pub(in crate::domain::slates) enum Closed {
    /// It was carried out, and the bandit has learned.
    Done {
        slate: Slate,
        /// Selections since the last version.
        selections: i32,
    },
    /// The same film had been selected from the slate before.
    Repeated(Slate, Selection),
    /// Another version was activated, which the state must be begun from first.
    Outdated,
}

/// What the bandit is after it has learned from a slate: `None` for the selected film where all were rejected.
type Learn = dyn FnOnce(&StateRow, &Slate, Option<&Selection>) -> Result<NewState> + Send;

impl Store {
    /// Stores a new slate in the place of `replaced`, if that is still open. `false` where somebody else has
    /// made one meanwhile; nothing was stored then.
    pub(in crate::domain::slates) async fn insert(
        &self,
        slate: Slate,
        replaced: Option<Id<id::Slate>>,
    ) -> Result<bool> {
        self.db
            .transaction(move |tx| {
                async move {
                    if let Some(replaced) = replaced {
                        close(tx, replaced, SlateState::Expired, slate.created_at).await?;
                    }
                    let taken = slate_selection::Entity::find()
                        .filter(slate_selection::Column::ChannelId.eq(slate.slot.channel.uuid()))
                        .filter(slate_selection::Column::Date.eq(slate.slot.date))
                        .filter(slate_selection::Column::Hour.eq(i16::from(slate.slot.hour)))
                        .one(tx)
                        .await?;
                    if taken.is_some() {
                        return Ok(false);
                    }
                    let inserted = slate::Entity::insert(row(&slate).into_active_model())
                        // The index on open slates has a condition, which a target would have to repeat.
                        .on_conflict(OnConflict::new().do_nothing().to_owned())
                        .exec_without_returning(tx)
                        .await?;
                    if inserted == 0 {
                        return Ok(false);
                    }
                    let items = slate.items.iter();
                    let items = items.map(|item| item_row(slate.id, item).into_active_model());
                    slate_item::Entity::insert_many(items)
                        .exec_without_returning(tx)
                        .await?;
                    events::append(tx, &[SlateChanged::of(&slate)]).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    /// Carries out a decision: the state of the bandit, what `learn` makes of it, is written with it or not at
    /// all. `active` is the version that is active, as far as the caller knows.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown slate; [`Refusal::Conflict`] for one that is closed and for a film
    /// that is selected for another hour; [`Refusal::InvalidInput`] for a film that is not in the slate.
    pub(in crate::domain::slates) async fn close(
        &self,
        closing: Closing,
        active: Option<Id<id::Model>>,
        learn: Box<Learn>,
    ) -> Result<Closed> {
        self.db
            .transaction(move |tx| async move { decide(tx, closing, active, learn).await }.boxed())
            .await
    }

    /// Begins the state anew from the version `active`, whose bytes are `bytes`, unless that has happened or
    /// another version is active by now.
    pub(in crate::domain::slates) async fn restart(
        &self,
        active: Id<id::Model>,
        bytes: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    let locked = LockedState::lock(tx).await?;
                    let row = locked.read().await?;
                    if row.is_current() || row.active() != Some(active) {
                        return Ok(());
                    }
                    let state = NewState {
                        continued: Some(active),
                        epoch: row.epoch.saturating_add(1),
                        state: bytes,
                        updates: 0,
                        selections: 0,
                    };
                    locked.write(state, now).await
                }
                .boxed()
            })
            .await
    }

    /// Removes all slates with what was decided about them, and what was learned.
    pub(in crate::domain::slates) async fn remove_all(&self) -> Result<()> {
        self.db
            .transaction(|tx| {
                async move {
                    LockedState::lock(tx).await?;
                    for statement in [
                        "DELETE FROM slates",
                        "DELETE FROM slate_exclusions",
                        "DELETE FROM bandit_state",
                    ] {
                        tx.execute_unprepared(statement).await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// Forgets what was rejected for a slot and closes its open slate. Returns how many films may come back.
    pub(in crate::domain::slates) async fn abandon(
        &self,
        slot: SlateSlot,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        self.db
            .transaction(move |tx| {
                async move {
                    let forgotten = tx
                        .execute_raw(Statement::from_sql_and_values(
                            DbBackend::Postgres,
                            "DELETE FROM slate_exclusions \
                              WHERE channel_id = $1 AND date = $2 AND hour = $3",
                            [
                                slot.channel.uuid().into(),
                                slot.date.into(),
                                i16::from(slot.hour).into(),
                            ],
                        ))
                        .await?;
                    let open = slate::Entity::find()
                        .filter(of_slot(slot))
                        .filter(slate::Column::State.eq(SlateState::Open.as_str()))
                        .one(tx)
                        .await?;
                    if let Some(open) = open {
                        close(tx, open.id.into(), SlateState::Abandoned, now).await?;
                    }
                    events::append(tx, &[SlateChanged::of_slot(slot)]).await?;
                    Ok(forgotten.rows_affected())
                }
                .boxed()
            })
            .await
    }
}

async fn decide(
    tx: &DatabaseTransaction,
    closing: Closing,
    active: Option<Id<id::Model>>,
    learn: Box<Learn>,
) -> Result<Closed> {
    let row = slate::Entity::find_by_id(closing.slate.uuid())
        .lock_exclusive()
        .one(tx)
        .await?;
    let row = row.ok_or(Refusal::NotFound { thing: "slate" })?;
    let items = slate_item::Entity::find()
        .filter(slate_item::Column::SlateId.eq(row.id))
        .all(tx)
        .await?;
    let items = items.into_iter().map(SlateItem::try_from);
    let mut items: Vec<SlateItem> = items.collect::<Result<_>>()?;
    items.sort_unstable_by_key(|item| item.rank);
    let mut slate = read(row, items)?;
    if slate.state != SlateState::Open {
        return already_closed(tx, slate, closing.selection.as_ref()).await;
    }
    if let Some(selection) = &closing.selection
        && !slate
            .items
            .iter()
            .any(|item| item.content == selection.content)
    {
        let message = "this film is not in the slate; select one of its films";
        return Err(Refusal::invalid("contentId", message).into());
    }
    let locked = LockedState::lock(tx).await?;
    let state = locked.read().await?;
    if !state.is_current() && state.active() != active {
        return Ok(Closed::Outdated);
    }
    slate.closed_at = Some(closing.now);
    match &closing.selection {
        Some(selection) => {
            slate.state = SlateState::Selected;
            insert_selection(tx, selection, slate.slot).await?;
        }
        None => {
            slate.state = SlateState::Rejected;
            exclude(tx, &slate, closing.now).await?;
        }
    }
    close(tx, slate.id, slate.state, closing.now).await?;
    let learned = learn(&state, &slate, closing.selection.as_ref())?;
    let selections = learned.selections;
    locked.write(learned, closing.now).await?;
    events::append(tx, &[SlateChanged::of(&slate)]).await?;
    Ok(Closed::Done { slate, selections })
}

/// The answer about a slate that is closed: a selection that was made before is repeated.
async fn already_closed(
    tx: &DatabaseTransaction,
    slate: Slate,
    wanted: Option<&Selection>,
) -> Result<Closed> {
    let made = slate_selection::Entity::find()
        .filter(slate_selection::Column::SlateId.eq(slate.id.uuid()))
        .one(tx)
        .await?;
    let made = made.map(Selection::try_from).transpose()?;
    if let (Some(made), Some(wanted)) = (made, wanted)
        && made.content == wanted.content
    {
        return Ok(Closed::Repeated(slate, made));
    }
    let message = match slate.state {
        SlateState::Selected => "a film was selected from this slate already",
        SlateState::Rejected => "this slate was rejected; query `slate` for a new one",
        SlateState::Abandoned => "this slate was abandoned; query `slate` for a new one",
        SlateState::Open | SlateState::Expired => {
            "another slate took the place of this one; query `slate` for it"
        }
    };
    Err(conflict(message))
}

async fn insert_selection(
    tx: &DatabaseTransaction,
    selection: &Selection,
    slot: SlateSlot,
) -> Result<()> {
    let signals = selection
        .signals
        .iter()
        .map(|signal| signal.as_str().to_owned());
    let row = slate_selection::Model {
        id: selection.id.uuid(),
        slate_id: selection.slate.uuid(),
        channel_id: slot.channel.uuid(),
        date: slot.date,
        hour: slot.hour.into(),
        content_id: selection.content.uuid(),
        signals: signals.collect(),
        curator_id: selection.curator.map(Id::uuid),
        selected_at: selection.selected_at,
    };
    let inserted = slate_selection::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) => match broken_constraint(&error).as_deref() {
            Some("slate_selections_content_id_key") => Err(conflict(
                "this film is selected for another hour; regenerate the slate or select another film",
            )),
            Some("slate_selections_channel_id_date_hour_key") => {
                Err(conflict("a film is selected for this hour already"))
            }
            _ => Err(error.into()),
        },
    }
}

async fn exclude(tx: &DatabaseTransaction, slate: &Slate, now: DateTime<Utc>) -> Result<()> {
    let films: Vec<_> = slate.items.iter().map(|item| item.content.uuid()).collect();
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "INSERT INTO slate_exclusions (channel_id, date, hour, content_id, excluded_at) \
         SELECT $1, $2, $3, film, $5 FROM unnest($4::uuid[]) AS film \
         ON CONFLICT DO NOTHING",
        [
            slate.slot.channel.uuid().into(),
            slate.slot.date.into(),
            i16::from(slate.slot.hour).into(),
            films.into(),
            now.into(),
        ],
    ))
    .await?;
    Ok(())
}

/// Closes a slate that is open.
async fn close(
    tx: &DatabaseTransaction,
    slate: Id<id::Slate>,
    state: SlateState,
    now: DateTime<Utc>,
) -> Result<()> {
    slate::Entity::update_many()
        .col_expr(slate::Column::State, Expr::val(state.as_str()))
        .col_expr(slate::Column::ClosedAt, Expr::val(now))
        .filter(slate::Column::Id.eq(slate.uuid()))
        .filter(slate::Column::State.eq(SlateState::Open.as_str()))
        .exec(tx)
        .await?;
    Ok(())
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}

fn small(number: usize) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn row(slate: &Slate) -> slate::Model {
    slate::Model {
        id: slate.id.uuid(),
        channel_id: slate.slot.channel.uuid(),
        date: slate.slot.date,
        hour: slate.slot.hour.into(),
        state: slate.state.as_str().to_owned(),
        length: small(slate.length),
        candidate_count: i32::try_from(slate.candidates).unwrap_or(i32::MAX),
        model_version_id: slate.model.map(Id::uuid),
        model: slate.model_name.clone(),
        epoch: slate.epoch,
        seed: slate.seed,
        weights: slate.weights.to_vec(),
        log: slate.log.clone(),
        created_at: slate.created_at,
        closed_at: slate.closed_at,
    }
}

fn item_row(slate: Id<id::Slate>, item: &SlateItem) -> slate_item::Model {
    slate_item::Model {
        slate_id: slate.uuid(),
        rank: small(item.rank),
        content_id: item.content.uuid(),
        signals: item.signals.to_vec(),
        score: item.score,
        propensity: item.propensity,
        audience: item.audience,
    }
}
