//! What users did, user by user, out of the database.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::domain::interactions::InteractionKind;
use crate::engine::history::Event;
use crate::engine::popularity::AccountStatus;
use crate::foundation::{Id, Result, id};

/// A stretch of time, as the ids of the interactions in it, both ends included. An id begins with its
/// moment: the range is one of the key, and other months are not read.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeRange(Uuid, Uuid);

/// All that ever happened.
pub(super) const ALL_TIME: TimeRange = TimeRange(Uuid::nil(), Uuid::max());

impl TimeRange {
    /// From one moment to another, to the millisecond.
    pub(super) fn between(from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let end = |at, rest| Id::<id::Interaction>::at(at, rest).uuid();
        Self(end(from, [0; 10]), end(until, [0xff; 10]))
    }
}

/// One user, with all that they did in the stretch.
pub(in crate::domain::recommendations) struct UserHistory {
    pub(in crate::domain::recommendations) user: Uuid,
    pub(in crate::domain::recommendations) account: AccountStatus,
    /// The latest first.
    pub(in crate::domain::recommendations) events: Vec<Event>,
}

/// Hands every user who did something in `range` to `each`, in no order, without holding them all. A
/// user is one row of arrays: one row an event would take several times as long.
pub(super) async fn each(
    connection: &mut PgConnection,
    range: TimeRange,
    mut each: impl FnMut(UserHistory) -> Result<()> + Send,
) -> Result<()> {
    let mut rows = sqlx::query(
        "SELECT did.*, users.anonymous, users.disabled_at IS NOT NULL AS disabled, users.created_at
           FROM (SELECT user_id, array_agg(id) AS ids, array_agg(content_id) AS contents,
                        array_agg(array_position($1::text[], kind)::smallint) AS kinds,
                        array_agg(coalesce(value, 0)) AS stars
                   FROM interactions WHERE id BETWEEN $2 AND $3 GROUP BY user_id) AS did
           JOIN users ON users.id = did.user_id",
    )
    .bind(kinds())
    .bind(range.0)
    .bind(range.1)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        each(UserHistory {
            user: row.try_get("user_id")?,
            account: AccountStatus {
                anonymous: row.try_get("anonymous")?,
                disabled: row.try_get("disabled")?,
                created_at: row.try_get("created_at")?,
            },
            events: events(&row)?,
        })?;
    }
    Ok(())
}

/// The names of all kinds, in their order: the database tells kinds by their places among these, from 1.
pub(super) fn kinds() -> Vec<&'static str> {
    let kinds = InteractionKind::ALL.iter();
    kinds.map(|kind| kind.as_str()).collect()
}

/// The events of a row, the latest first: arrays named `ids`, `contents`, `kinds` (places among
/// [`kinds`]) and `stars` (0 for none), in any order that they share.
pub(super) fn events(row: &PgRow) -> Result<Vec<Event>> {
    let ids: Vec<Uuid> = row.try_get("ids")?;
    let contents: Vec<Uuid> = row.try_get("contents")?;
    let kinds: Vec<i16> = row.try_get("kinds")?;
    let stars: Vec<f32> = row.try_get("stars")?;
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by(|a, b| ids[*b].cmp(&ids[*a]));
    let events = order.into_iter().map(|at| {
        // Postgres counts from 1.
        let kind = usize::try_from(kinds[at])
            .ok()
            .and_then(|kind| kind.checked_sub(1));
        let kind = kind.and_then(|kind| InteractionKind::ALL.get(kind));
        Ok(Event {
            content: contents[at].into(),
            kind: *kind.ok_or_else(|| anyhow::anyhow!("an unknown kind of interaction"))?,
            value: (stars[at] > 0.0).then_some(stars[at]),
            at: Id::<id::Interaction>::from(ids[at]).time(),
        })
    });
    events.collect()
}
