//! Merging people and their credits.

use std::collections::HashMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use rustc_hash::FxHashSet;
use sqlx::PgConnection;

use super::super::model::{FilmCredits, RowCounts, Table};
use super::{Ids, Session, Stage, TMDB, analyze};
use crate::foundation::{Result, id};
use crate::platform::db::copy::Rows;

/// The credits of films to be merged; those that a film had are replaced.
pub(in super::super) struct CreditStage {
    ids: Ids,
    films: Rows,
    people: Rows,
    seen: FxHashSet<u64>,
    credits: Rows,
}

impl CreditStage {
    pub(in super::super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            films: Rows::new(),
            people: Rows::new(),
            seen: FxHashSet::default(),
            credits: Rows::new(),
        }
    }
}

impl Stage for CreditStage {
    type Row = FilmCredits;

    fn push(&mut self, cast: FilmCredits) {
        self.films.plain(cast.key);
        self.films.end();
        let mut positions: HashMap<_, i32> = HashMap::new();
        for credit in cast.credits {
            if self.seen.insert(credit.person) {
                let id = self.ids.next::<id::Person>();
                self.people
                    .plain(id)
                    .plain(credit.person)
                    .text(&credit.name);
                self.people.end();
            }
            let position = positions.entry(credit.role).or_default();
            self.credits
                .plain(cast.key)
                .plain(credit.person)
                .plain(credit.role.as_str())
                .plain(*position)
                .maybe_text(credit.character.as_deref());
            self.credits.end();
            *position += 1;
        }
    }

    fn bytes(&self) -> usize {
        self.films.bytes() + self.people.bytes() + self.credits.bytes()
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
    stage: CreditStage,
    connection: &mut PgConnection,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<(Table, RowCounts)>> {
    stage.films.copy_into(connection, "staged_cast").await?;
    stage.people.copy_into(connection, "staged_people").await?;
    stage
        .credits
        .copy_into(connection, "staged_credits")
        .await?;
    analyze(
        connection,
        "ANALYZE staged_cast, staged_people, staged_credits",
    )
    .await?;
    let added = sqlx::query(
        "INSERT INTO people (id, name, source, external_id, created_at, updated_at) \
         SELECT id, name, $1, external_id, $2, $2 FROM staged_people ORDER BY id \
         ON CONFLICT (source, external_id) WHERE source IS NOT NULL DO NOTHING",
    )
    .bind(TMDB)
    .bind(now)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let people = RowCounts {
        added,
        unchanged: stage.people.len() as u64 - added,
        ..RowCounts::default()
    };
    let all = sqlx::query(
        "INSERT INTO resolved_credits \
         SELECT e.content_id, p.id, s.role, s.position, s.character FROM staged_credits s \
         JOIN content_external_ids e ON e.source = $1 AND e.external_id = s.film \
         JOIN people p ON p.source = $1 AND p.external_id = s.person",
    )
    .bind(TMDB)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    analyze(connection, "ANALYZE resolved_credits").await?;
    let removed = sqlx::query(
        "DELETE FROM credits c USING staged_cast s, content_external_ids e \
         WHERE e.source = $1 AND e.external_id = s.film AND c.content_id = e.content_id \
         AND NOT EXISTS (SELECT FROM resolved_credits r WHERE r.content_id = c.content_id \
                         AND r.role = c.role AND r.position = c.position)",
    )
    .bind(TMDB)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let (added, updated): (i64, i64) = sqlx::query_as(
        "WITH written AS ( \
             INSERT INTO credits AS c (content_id, person_id, role, position, character) \
             SELECT content_id, person_id, role, position, character FROM resolved_credits \
             ORDER BY content_id, role, position \
             ON CONFLICT (content_id, role, position) DO UPDATE \
             SET person_id = excluded.person_id, character = excluded.character \
             WHERE (c.person_id, c.character) IS DISTINCT FROM \
                   (excluded.person_id, excluded.character) \
             RETURNING xmax = 0 AS added \
         ) SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM written",
    )
    .fetch_one(connection)
    .await?;
    let (added, updated) = (added.unsigned_abs(), updated.unsigned_abs());
    let credits = RowCounts {
        added,
        updated: updated + removed,
        unchanged: all.saturating_sub(added + updated),
        ..RowCounts::default()
    };
    Ok(vec![(Table::People, people), (Table::Credits, credits)])
}
