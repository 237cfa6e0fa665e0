//! What the index of words reads, and the counts of queries, in the database.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::model::PopularQuery;
use super::popularity::TakenByUsers;
use crate::foundation::{Id, Result, id};
use crate::platform::db::Db;

/// What of an item is not on the catalogue.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredTexts {
    pub original_title: Option<String>,
    pub description: String,
    pub people: Vec<(Id<id::Person>, String)>,
    /// The ids that other systems give it.
    pub codes: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What of these items is not on the catalogue. From where writes go: what was written a moment ago
    /// is found.
    pub async fn texts(
        &self,
        ids: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, StoredTexts>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = sqlx::query(
            "SELECT c.id, c.original_title, c.description, credited.people, credited.names,
                    ARRAY (SELECT e.external_id FROM content_external_ids e WHERE e.content_id = c.id) AS codes
               FROM content_items c
               LEFT JOIN LATERAL (
                    SELECT array_agg(p.id ORDER BY p.id) AS people,
                           array_agg(p.name ORDER BY p.id) AS names
                      FROM people p
                     WHERE p.id IN (SELECT person_id FROM credits WHERE content_id = c.id)
                  ) AS credited ON true
              WHERE c.id = ANY ($1)",
        )
        .bind(ids)
        .fetch_all(self.db.pool())
        .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let people: Option<Vec<Uuid>> = row.try_get("people")?;
            let names: Option<Vec<String>> = row.try_get("names")?;
            let people = people.unwrap_or_default().into_iter().map(Into::into);
            let texts = StoredTexts {
                original_title: row.try_get("original_title")?,
                description: row.try_get("description")?,
                people: people.zip(names.unwrap_or_default()).collect(),
                codes: row.try_get("codes")?,
            };
            found.insert(row.try_get::<Uuid, _>("id")?.into(), texts);
        }
        Ok(found)
    }

    /// How many users took each item: who bought, liked, shared or rated it well, or looked at it; anonymous ones by
    /// their logarithm, so that many sessions of one visitor do not make a favourite. It reads all interactions.
    pub async fn taken(&self) -> Result<TakenByUsers> {
        let mut session = self.db.bulk_read().await?;
        let rows = sqlx::query(
            "SELECT content_id, sum(known)::float8 + 5 * ln(1 + sum(unknown)::float8 / 5) AS taken
               FROM (SELECT i.content_id,
                            (NOT u.anonymous)::int AS known, u.anonymous::int AS unknown
                       FROM interactions i JOIN users u ON u.id = i.user_id
                      WHERE u.disabled_at IS NULL
                        AND (i.kind IN ('VIEW', 'CLICK', 'ADD_TO_CART', 'PURCHASE', 'LIKE', 'SHARE')
                             OR i.kind = 'RATING' AND i.value >= 3)
                      GROUP BY i.content_id, i.user_id, u.anonymous) AS did
              GROUP BY content_id
             HAVING count(*) >= 3",
        )
        .fetch_all(session.connection())
        .await?;
        session.close().await?;
        let rows = rows.into_iter().map(|row| {
            let content: Uuid = row.try_get("content_id")?;
            Ok((content.into(), row.try_get("taken")?))
        });
        rows.collect()
    }

    /// Adds to the counts of queries.
    pub async fn count(
        &self,
        day: NaiveDate,
        queries: Vec<(String, i64)>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (queries, times): (Vec<String>, Vec<i64>) = queries.into_iter().unzip();
        sqlx::query(
            "INSERT INTO search_queries (day, query, times, last_asked_at)
             SELECT $1, asked.query, asked.times, $4
               FROM unnest($2::text[], $3::bigint[]) AS asked (query, times)
              ORDER BY asked.query
                 ON CONFLICT (day, query) DO UPDATE
                SET times = search_queries.times + excluded.times,
                    last_asked_at = greatest(search_queries.last_asked_at, excluded.last_asked_at)",
        )
        .bind(day)
        .bind(queries)
        .bind(times)
        .bind(now)
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// Forgets the counts of the days before `day`.
    pub async fn forget(&self, day: NaiveDate) -> Result<()> {
        sqlx::query("DELETE FROM search_queries WHERE day < $1")
            .bind(day)
            .execute(self.db.pool())
            .await?;
        Ok(())
    }

    /// The queries that were asked at least `least` times from the day `since` on.
    pub async fn popular(
        &self,
        since: NaiveDate,
        least: i64,
        most: usize,
    ) -> Result<Vec<PopularQuery>> {
        let rows = sqlx::query(
            "SELECT query, sum(times)::bigint AS times, max(last_asked_at) AS last_asked_at
               FROM search_queries
              WHERE day >= $1
              GROUP BY query
             HAVING sum(times) >= $2
              ORDER BY times DESC, query COLLATE \"C\"
              LIMIT $3",
        )
        .bind(since)
        .bind(least)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(self.db.pool())
        .await?;
        let popular = rows.into_iter().map(|row| {
            Ok(PopularQuery {
                query: row.try_get("query")?,
                times: row.try_get("times")?,
                last_asked_at: row.try_get("last_asked_at")?,
            })
        });
        popular.collect()
    }

    /// Whether the pools of the schema are closed for good.
    pub fn closed(&self) -> bool {
        self.db.pool().is_closed()
    }
}
