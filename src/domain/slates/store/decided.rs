//! Slates that curators have decided about, with their logs.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use crate::domain::slates::model::{Period, Slate, SlateState};
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::slate;

/// A slate with its log, and what was selected from it.
#[derive(Clone, Debug)]
pub(in crate::domain::slates) struct DecidedSlate {
    pub(in crate::domain::slates) slate: Slate,
    /// The selected film; `None` where all were rejected.
    pub(in crate::domain::slates) selected: Option<Id<id::Content>>,
}

impl Store {
    /// One page of the slates that were decided in a period, the latest first: those before `before`.
    pub(in crate::domain::slates) async fn decided(
        &self,
        period: Period,
        before: Option<&Slate>,
        most: u64,
    ) -> Result<Vec<DecidedSlate>> {
        use slate::Column::{ClosedAt, Id as SlateId, State};
        let states = [SlateState::Selected, SlateState::Rejected].map(SlateState::as_str);
        let mut rows = slate::Entity::find()
            .filter(State.is_in(states))
            .filter(ClosedAt.gte(period.from))
            .filter(ClosedAt.lt(period.until))
            .order_by_desc(ClosedAt)
            .order_by_desc(SlateId)
            .limit(most);
        if let Some((slate, closed_at)) = before.and_then(|slate| Some((slate, slate.closed_at?))) {
            let earlier = Condition::all()
                .add(ClosedAt.eq(closed_at))
                .add(SlateId.lt(slate.id.uuid()));
            rows = rows.filter(Condition::any().add(ClosedAt.lt(closed_at)).add(earlier));
        }
        let mut rows = rows.all(self.db.read()).await?;
        let logs = rows.iter_mut().map(|row| std::mem::take(&mut row.log));
        let logs: Vec<Vec<u8>> = logs.collect();
        let slates = self.complete(rows).await?;
        let ids: Vec<Id<id::Slate>> = slates.iter().map(|slate| slate.id).collect();
        let selections = self.selections_of(&ids).await?.into_iter();
        let selected: HashMap<Id<id::Slate>, Id<id::Content>> = selections
            .map(|selection| (selection.slate, selection.content))
            .collect();
        let decided = slates.into_iter().zip(logs).map(|(mut slate, log)| {
            slate.log = log;
            DecidedSlate {
                selected: selected.get(&slate.id).copied(),
                slate,
            }
        });
        Ok(decided.collect())
    }
}
