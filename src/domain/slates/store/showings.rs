//! When films were and will be shown, by the channel and by its competitors.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sea_orm::{DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use super::Store;
use crate::domain::slates::model::SlateSlot;
use crate::foundation::{Id, Result, id};

/// The showings of a film around a date, counted in days of the channel's time zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::domain::slates) struct Showings {
    /// How often the channel showed it before the date.
    pub(in crate::domain::slates) own: u32,
    /// Days from the last of these to the date.
    pub(in crate::domain::slates) own_days: Option<i64>,
    /// How often competitors showed it before the date.
    pub(in crate::domain::slates) rival: u32,
    /// Days from the last of these to the date.
    pub(in crate::domain::slates) rival_days: Option<i64>,
    /// The date minus the date of each showing by a competitor within the window of the signal, in days.
    pub(in crate::domain::slates) rival_offsets: Vec<i64>,
}

/// A film that one of our channels showed or selected.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::domain::slates) struct PastAiring {
    pub(in crate::domain::slates) channel: Id<id::Channel>,
    pub(in crate::domain::slates) content: Id<id::Content>,
    pub(in crate::domain::slates) starts_at: DateTime<Utc>,
    /// The same in the time zone of the channel.
    pub(in crate::domain::slates) local: NaiveDateTime,
    /// The number of viewers, where it is known.
    pub(in crate::domain::slates) audience: Option<i64>,
}

/// What one of our channels and its competitors showed and will show, by the clock of that channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::domain::slates) struct PastSchedule {
    /// Films that the channel showed, the earliest first.
    pub(in crate::domain::slates) own: Vec<(NaiveDateTime, Id<id::Content>)>,
    by_film: HashMap<Id<id::Content>, ShownDays>,
}

/// The days on which a film was or will be shown, each once.
#[derive(Clone, Debug, Default, PartialEq)]
struct ShownDays {
    own: BTreeSet<NaiveDate>,
    rival: BTreeSet<NaiveDate>,
}

impl PastSchedule {
    /// The showings of a film as they were known on a date, as [`Store::showings`] counts them, but without what
    /// the channel showed on the date itself; `window` is as there.
    pub(in crate::domain::slates) fn showings(
        &self,
        film: Id<id::Content>,
        date: NaiveDate,
        window: RangeInclusive<i64>,
    ) -> Showings {
        let Some(days) = self.by_film.get(&film) else {
            return Showings::default();
        };
        let since = |day: &NaiveDate| date.signed_duration_since(*day).num_days();
        let count = |days: usize| u32::try_from(days).unwrap_or(u32::MAX);
        let (own, rival) = (days.own.range(..date), days.rival.range(..=date));
        Showings {
            own: count(own.clone().count()),
            own_days: own.last().map(since),
            rival: count(rival.clone().count()),
            rival_days: rival.last().map(since),
            rival_offsets: days
                .rival
                .iter()
                .map(since)
                .filter(|offset| window.contains(offset))
                .collect(),
        }
    }
}

/// The showings of each film that has any.
pub(in crate::domain::slates) type ShowingsByFilm = HashMap<Id<id::Content>, Showings>;

#[derive(FromQueryResult)]
struct Row {
    content_id: Uuid,
    own: i64,
    own_days: Option<i32>,
    rival: i64,
    rival_days: Option<i32>,
    rival_offsets: Vec<i32>,
}

/// A selection counts as a showing at its hour, unless the schedule of the channel has it already.
const SHOWINGS: &str = "
    WITH here AS (SELECT id, time_zone FROM channels WHERE id = $1),
         shown AS (
             SELECT a.content_id, c.id = here.id AS ours,
                    (a.starts_at AT TIME ZONE here.time_zone)::date AS day
               FROM airings a
               JOIN channels c ON c.id = a.channel_id
              CROSS JOIN here
              WHERE a.content_id IS NOT NULL AND (c.id = here.id OR NOT c.own)
             UNION
             SELECT content_id, true, date FROM slate_selections WHERE channel_id = $1
         )
    SELECT content_id,
           count(*) FILTER (WHERE ours AND day <= $2) AS own,
           $2 - max(day) FILTER (WHERE ours AND day <= $2) AS own_days,
           count(*) FILTER (WHERE NOT ours AND day <= $2) AS rival,
           $2 - max(day) FILTER (WHERE NOT ours AND day <= $2) AS rival_days,
           coalesce(array_agg($2 - day) FILTER (
               WHERE NOT ours AND $2 - day BETWEEN $3 AND $4), '{}') AS rival_offsets
      FROM shown
     GROUP BY content_id";

/// What was programmed last before an hour, the latest first.
const LAST: &str = "
    WITH here AS (SELECT id, time_zone FROM channels WHERE id = $1)
    SELECT content_id FROM (
        SELECT a.content_id, a.starts_at AT TIME ZONE here.time_zone AS at
          FROM airings a JOIN here ON here.id = a.channel_id
         WHERE a.content_id IS NOT NULL
           AND a.starts_at AT TIME ZONE here.time_zone < $2 + make_interval(hours => $3)
        UNION
        SELECT content_id, date + make_interval(hours => hour)
          FROM slate_selections
         WHERE channel_id = $1 AND date + make_interval(hours => hour) < $2 + make_interval(hours => $3)
    ) AS programmed
     ORDER BY at DESC, content_id
     LIMIT $4";

/// What our channels showed, and what was selected and is not in the schedule, the latest first.
const PAST: &str = "
    SELECT a.channel_id, a.content_id, a.starts_at,
           a.starts_at AT TIME ZONE c.time_zone AS local, a.audience
      FROM airings a JOIN channels c ON c.id = a.channel_id
     WHERE c.own AND a.content_id IS NOT NULL AND a.starts_at <= $1
    UNION ALL
    SELECT s.channel_id, s.content_id,
           (s.date + make_interval(hours => s.hour)) AT TIME ZONE c.time_zone,
           s.date + make_interval(hours => s.hour), NULL
      FROM slate_selections s JOIN channels c ON c.id = s.channel_id
     WHERE NOT EXISTS (SELECT FROM airings a
                        WHERE a.channel_id = s.channel_id AND a.content_id = s.content_id
                          AND (a.starts_at AT TIME ZONE c.time_zone)::date = s.date)
     ORDER BY starts_at DESC, channel_id, content_id
     LIMIT $2";

/// What a channel of ours showed until `$2`, and what its competitors showed and will show.
const SCHEDULE: &str = "
    SELECT a.content_id, c.id = here.id AS ours, a.starts_at AT TIME ZONE here.time_zone AS local
      FROM channels here
      JOIN channels c ON c.id = here.id OR NOT c.own
      JOIN airings a ON a.channel_id = c.id
     WHERE here.id = $1 AND a.content_id IS NOT NULL AND (c.id <> here.id OR a.starts_at <= $2)
     ORDER BY a.starts_at DESC, a.id
     LIMIT $3";

/// So many are learned from at most, the latest.
const MAX_PAST: i64 = 200_000;

impl Store {
    /// What our channels showed until `now`, and what was selected for them, the latest first.
    pub(in crate::domain::slates) async fn past_airings(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<PastAiring>> {
        #[derive(FromQueryResult)]
        struct Row {
            channel_id: Uuid,
            content_id: Uuid,
            starts_at: DateTime<Utc>,
            local: NaiveDateTime,
            audience: Option<i64>,
        }
        let values = [now.into(), MAX_PAST.into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, PAST, values);
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let airing = |row: Row| PastAiring {
            channel: row.channel_id.into(),
            content: row.content_id.into(),
            starts_at: row.starts_at,
            local: row.local,
            audience: row.audience,
        };
        Ok(rows.into_iter().map(airing).collect())
    }

    /// Our own channels.
    pub(in crate::domain::slates) async fn own_channels(&self) -> Result<Vec<Id<id::Channel>>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
        }
        let sql = "SELECT id FROM channels WHERE own ORDER BY id";
        let rows = Row::find_by_statement(Statement::from_string(DbBackend::Postgres, sql))
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| row.id.into()).collect())
    }

    /// What a channel of ours showed until `now`, with what competitors show.
    pub(in crate::domain::slates) async fn past_schedule(
        &self,
        channel: Id<id::Channel>,
        now: DateTime<Utc>,
    ) -> Result<PastSchedule> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            ours: bool,
            local: NaiveDateTime,
        }
        let values = [channel.uuid().into(), now.into(), MAX_PAST.into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, SCHEDULE, values);
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let mut past = PastSchedule::default();
        for row in rows.into_iter().rev() {
            let film: Id<id::Content> = row.content_id.into();
            let days = past.by_film.entry(film).or_default();
            if !row.ours {
                days.rival.insert(row.local.date());
            } else if days.own.insert(row.local.date()) {
                past.own.push((row.local, film));
            }
        }
        Ok(past)
    }

    /// The showings around the date of a slot; those by competitors for the signal of competition are within
    /// `window`, the first and the last difference of the date and theirs in days.
    pub(in crate::domain::slates) async fn showings(
        &self,
        slot: SlateSlot,
        window: (i32, i32),
    ) -> Result<ShowingsByFilm> {
        let values = [
            slot.channel.uuid().into(),
            slot.date.into(),
            window.0.into(),
            window.1.into(),
        ];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, SHOWINGS, values);
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        let film = |row: Row| {
            let showings = Showings {
                own: count(row.own),
                own_days: row.own_days.map(i64::from),
                rival: count(row.rival),
                rival_days: row.rival_days.map(i64::from),
                rival_offsets: row.rival_offsets.into_iter().map(i64::from).collect(),
            };
            (row.content_id.into(), showings)
        };
        Ok(rows.into_iter().map(film).collect())
    }

    /// The last `most` films that the channel programmed before a slot, the latest first.
    pub(in crate::domain::slates) async fn last_programmed(
        &self,
        slot: SlateSlot,
        most: usize,
    ) -> Result<Vec<Id<id::Content>>> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
        }
        let values = [
            slot.channel.uuid().into(),
            slot.date.into(),
            i32::from(slot.hour).into(),
            i64::try_from(most).unwrap_or(i64::MAX).into(),
        ];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, LAST, values);
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| row.content_id.into()).collect())
    }
}
