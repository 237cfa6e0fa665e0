//! Merging what channels show.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::PgConnection;

use super::super::model::{AiringRow, ImportedAiring, RowCounts, Table};
use super::{Ids, Session, Stage, analyze};
use crate::domain::competition::AiringSource;
use crate::foundation::{Refusal, Result, id};
use crate::platform::db::copy::Rows;

/// The staging tables of airings. What a guide brought is remembered to its end, to find what it no longer has.
pub(super) const STAGING: &str = "
    CREATE TEMPORARY TABLE staged_channels (
        id uuid, key text, name text, time_zone text, guide_id text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_airings (
        position bigint, id uuid, channel_id uuid, content_id uuid, confidence real, title text,
        year integer, kind text, starts_at timestamptz, ends_at timestamptz, audience bigint
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE seen_airings (
        channel_id uuid, starts_at timestamptz, ends_at timestamptz, title text
    )";

/// Airings to be merged, and the channels to create for them.
pub(in super::super) struct AiringStage {
    source: AiringSource,
    ids: Ids,
    channels: Rows,
    airings: Rows,
    duplicates: u64,
    overlapping: u64,
}

impl AiringStage {
    pub(in super::super) fn new(source: AiringSource, ids: Ids) -> Self {
        Self {
            source,
            ids,
            channels: Rows::new(),
            airings: Rows::new(),
            duplicates: 0,
            overlapping: 0,
        }
    }
}

impl Stage for AiringStage {
    type Row = AiringRow;

    fn push(&mut self, row: AiringRow) {
        let airing = match row {
            AiringRow::Airing(airing) => *airing,
            AiringRow::Duplicate => {
                self.duplicates += 1;
                return;
            }
        };
        let ImportedAiring {
            channel,
            new_channel,
            title,
            year,
            kind,
            starts_at,
            ends_at,
            film,
            audience,
            overlapping,
        } = airing;
        self.overlapping += u64::from(overlapping);
        if let Some(new) = new_channel {
            self.channels
                .plain(new.id)
                .text(&new.key)
                .text(&new.name)
                .text(new.time_zone)
                .text(&new.guide_id);
            self.channels.end();
        }
        let position = self.airings.len();
        self.airings
            .plain(position)
            .plain(self.ids.next::<id::Airing>())
            .plain(channel)
            .maybe(film.map(|(film, _)| film))
            .maybe(film.map(|(_, confidence)| confidence))
            .text(&title)
            .maybe(year)
            .plain(kind.as_str())
            .plain(starts_at.to_rfc3339())
            .plain(ends_at.to_rfc3339())
            .maybe(audience);
        self.airings.end();
    }

    fn bytes(&self) -> usize {
        self.channels.bytes() + self.airings.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let now = session.now;
        session
            .bulk
            .transaction(move |connection| merge(self, connection, now).boxed())
            .boxed()
    }
}

async fn merge(
    stage: AiringStage,
    connection: &mut PgConnection,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<(Table, RowCounts)>> {
    stage
        .airings
        .copy_into(connection, "staged_airings")
        .await?;
    let mut counts = Vec::new();
    if !stage.channels.is_empty() {
        let added = channels(&stage.channels, connection, now).await?;
        let new = RowCounts {
            added,
            ..RowCounts::default()
        };
        counts.push((Table::Channels, new));
    }
    analyze(connection, "ANALYZE staged_airings").await?;
    // No channel is deleted until the airings are in.
    sqlx::query(
        "SELECT count(*) FROM (SELECT FROM channels \
         WHERE id IN (SELECT channel_id FROM staged_airings) ORDER BY id FOR KEY SHARE) AS held",
    )
    .execute(&mut *connection)
    .await?;
    // What was reported with its audience is true; a guide only says what was planned.
    let (staged, distinct, added, updated): (i64, i64, i64, i64) = sqlx::query_as(
        "WITH latest AS MATERIALIZED ( \
             SELECT DISTINCT ON (s.channel_id, s.starts_at, s.title) s.* \
             FROM staged_airings s JOIN channels c ON c.id = s.channel_id \
             ORDER BY s.channel_id, s.starts_at, s.title, s.position \
         ), written AS ( \
             INSERT INTO airings AS a (id, channel_id, content_id, title, year, kind, starts_at, \
                 ends_at, audience, source, confidence) \
             SELECT l.id, l.channel_id, i.id, l.title, l.year, l.kind, l.starts_at, l.ends_at, \
                 l.audience, $1, CASE WHEN i.id IS NOT NULL THEN l.confidence END \
             FROM latest l LEFT JOIN content_items i ON i.id = l.content_id \
             ORDER BY l.channel_id, l.starts_at, l.title \
             ON CONFLICT ON CONSTRAINT airings_slot DO UPDATE SET \
                 content_id = excluded.content_id, year = excluded.year, kind = excluded.kind, \
                 ends_at = excluded.ends_at, source = excluded.source, \
                 confidence = excluded.confidence, \
                 audience = COALESCE(excluded.audience, a.audience) \
             WHERE (a.source = 'XMLTV' OR excluded.source = 'CSV') AND \
                 ROW(a.content_id, a.year, a.kind, a.ends_at, a.source, a.confidence, a.audience) \
                 IS DISTINCT FROM ROW(excluded.content_id, excluded.year, excluded.kind, \
                     excluded.ends_at, excluded.source, excluded.confidence, \
                     COALESCE(excluded.audience, a.audience)) \
             RETURNING xmax = 0 AS added \
         ) SELECT (SELECT count(*) FROM staged_airings s JOIN channels c ON c.id = s.channel_id), \
                  (SELECT count(*) FROM latest), \
                  count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) \
           FROM written",
    )
    .bind(stage.source.as_str())
    .fetch_one(&mut *connection)
    .await?;
    if stage.source == AiringSource::Xmltv {
        sqlx::query(
            "INSERT INTO seen_airings (channel_id, starts_at, ends_at, title) \
             SELECT channel_id, starts_at, ends_at, title FROM staged_airings",
        )
        .execute(&mut *connection)
        .await?;
    }
    let (staged, distinct) = (staged.unsigned_abs(), distinct.unsigned_abs());
    let (added, updated) = (added.unsigned_abs(), updated.unsigned_abs());
    let airings = RowCounts {
        added,
        updated,
        unchanged: distinct.saturating_sub(added + updated),
        // Of a channel that was deleted in between.
        refused: (stage.airings.len() as u64).saturating_sub(staged),
        duplicates: stage.duplicates + staged.saturating_sub(distinct),
        overlapping: stage.overlapping,
        removed: 0,
    };
    counts.push((Table::Airings, airings));
    Ok(counts)
}

/// Creates channels of competitors, and answers how many.
async fn channels(
    rows: &Rows,
    connection: &mut PgConnection,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<u64> {
    rows.copy_into(connection, "staged_channels").await?;
    let inserted = sqlx::query(
        "INSERT INTO channels (id, key, name, time_zone, own, guide_ids, created_at, updated_at) \
         SELECT id, key, name, time_zone, false, ARRAY[guide_id], $1, $1 FROM staged_channels \
         ORDER BY id",
    )
    .bind(now)
    .execute(connection)
    .await;
    match inserted {
        Ok(done) => Ok(done.rows_affected()),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            let message =
                "a channel of the same key was created in the meantime; start the import again";
            Err(Refusal::Conflict {
                message: message.to_owned(),
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

impl Session {
    /// Removes what earlier guides said of the periods that the guide covers, one a channel, and what it no longer
    /// has. Forgets what it brought. Answers how many airings were removed.
    pub(in super::super) async fn remove_unseen_airings(&mut self) -> Result<u64> {
        self.bulk
            .transaction(|connection| {
                async move {
                    analyze(connection, "ANALYZE seen_airings").await?;
                    let removed = sqlx::query(
                        "WITH covered AS ( \
                             SELECT channel_id, min(starts_at) AS since, max(ends_at) AS until \
                             FROM seen_airings GROUP BY channel_id \
                         ) \
                         DELETE FROM airings a USING covered c \
                         WHERE a.channel_id = c.channel_id \
                           AND a.starts_at >= c.since AND a.starts_at < c.until \
                           AND a.source = 'XMLTV' AND a.audience IS NULL \
                           AND NOT EXISTS (SELECT FROM seen_airings s \
                                           WHERE s.channel_id = a.channel_id \
                                             AND s.starts_at = a.starts_at AND s.title = a.title)",
                    )
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                    sqlx::query("TRUNCATE seen_airings")
                        .execute(connection)
                        .await?;
                    Ok(removed)
                }
                .boxed()
            })
            .await
    }
}
