//! Sums and removals in the database.

use chrono::{DateTime, NaiveDate, Utc};
use futures::FutureExt;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::model::Hour;
use crate::foundation::{Id, Result, id};
use crate::platform::db::Db;

/// So many rows go in one statement, so that none takes long and locks much.
const AT_ONCE: i64 = 5_000;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// An hour, and the ids of what happened in it: from the first to before the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) first: Uuid,
    pub(super) last: Uuid,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Counts the interactions of hours anew that were summed up, and of which more has been recorded since
    /// this was done last, in one transaction. `span` gives the hour of a moment.
    pub(super) async fn recount(
        &self,
        span: impl Fn(DateTime<Utc>) -> Span + Send + 'static,
    ) -> Result<()> {
        #[derive(FromQueryResult)]
        struct Row {
            hour: DateTime<Utc>,
        }
        // All parts of a statement see the position as it was before.
        let late = "WITH before AS (SELECT snapshot FROM statistics_position), \
             moved AS (INSERT INTO statistics_position (snapshot) VALUES (pg_current_snapshot()) \
                       ON CONFLICT (single) DO UPDATE SET snapshot = excluded.snapshot) \
             SELECT DISTINCT hourly_statistics.hour \
               FROM before \
               JOIN interactions ON recorded_in IS NOT NULL \
                AND recorded_in >= pg_snapshot_xmin(before.snapshot) \
                AND NOT pg_visible_in_snapshot(recorded_in, before.snapshot) \
               JOIN hourly_statistics \
                 ON hour = date_trunc('hour', occurred_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";
        let recounted = self.db.transaction(move |tx| {
            async move {
                let late = Statement::from_string(DbBackend::Postgres, late);
                for Row { hour } in Row::find_by_statement(late).all(tx).await? {
                    let Span { first, last, .. } = span(hour);
                    tx.execute_raw(Statement::from_sql_and_values(
                        DbBackend::Postgres,
                        "UPDATE hourly_statistics \
                            SET (interactions, active_users) = \
                                (SELECT count(*), count(DISTINCT user_id) \
                                   FROM interactions WHERE id >= $2 AND id < $3) \
                          WHERE hour = $1",
                        [hour.into(), first.into(), last.into()],
                    ))
                    .await?;
                }
                Ok(())
            }
            .boxed()
        });
        recounted.await
    }

    /// Sums those hours up that were not; each in a statement of its own.
    pub(super) async fn sum_up(&self, hours: &[Span]) -> Result<u64> {
        let mut done = 0;
        for hour in hours {
            let statement = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "INSERT INTO hourly_statistics \
                 SELECT $1, acts.all, acts.users, \
                        (SELECT count(*) FROM recommendation_lists WHERE id >= $3 AND id < $4), \
                        (SELECT count(*) FROM feedback WHERE at >= $1 AND at < $2), \
                        (SELECT count(*) FROM generation_jobs WHERE state = 'COMPLETED' \
                            AND finished_at >= $1 AND finished_at < $2), \
                        (SELECT count(*) FROM generation_jobs WHERE state = 'FAILED' \
                            AND finished_at >= $1 AND finished_at < $2) \
                   FROM (SELECT count(*) AS all, count(DISTINCT user_id) AS users \
                           FROM interactions WHERE id >= $3 AND id < $4) AS acts \
                  WHERE NOT EXISTS (SELECT FROM hourly_statistics WHERE hour = $1) \
                 ON CONFLICT DO NOTHING",
                [
                    hour.from.into(),
                    hour.until.into(),
                    hour.first.into(),
                    hour.last.into(),
                ],
            );
            done += self
                .db
                .write()
                .execute_raw(statement)
                .await?
                .rows_affected();
        }
        Ok(done)
    }

    pub(super) async fn hours(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Hour>> {
        #[derive(FromQueryResult)]
        struct Row {
            hour: DateTime<Utc>,
            interactions: i64,
            active_users: i64,
            lists: i64,
            feedback: i64,
            jobs_completed: i64,
            jobs_failed: i64,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT * FROM hourly_statistics WHERE hour >= $1 AND hour < $2 ORDER BY hour",
            [from.into(), until.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let hours = rows.into_iter().map(|row| Hour {
            hour: row.hour,
            interactions: row.interactions,
            active_users: row.active_users,
            lists: row.lists,
            feedback: row.feedback,
            jobs_completed: row.jobs_completed,
            jobs_failed: row.jobs_failed,
        });
        Ok(hours.collect())
    }

    /// Jobs that were over before then.
    pub(super) async fn jobs(&self, before: DateTime<Utc>) -> Result<u64> {
        self.remove(
            "DELETE FROM generation_jobs WHERE id IN \
                 (SELECT id FROM generation_jobs WHERE finished_at < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    /// Lists whose id comes before that; their items and what was said of them go first.
    pub(super) async fn lists(&self, before: Uuid) -> Result<u64> {
        for items in [
            "DELETE FROM recommendation_items WHERE (list_id, rank) IN \
                 (SELECT list_id, rank FROM recommendation_items WHERE list_id < $1 LIMIT $2)",
            "DELETE FROM feedback WHERE id IN \
                 (SELECT id FROM feedback WHERE list_id < $1 LIMIT $2)",
        ] {
            self.remove(items, before.into()).await?;
        }
        self.remove(
            "DELETE FROM recommendation_lists WHERE id IN \
                 (SELECT id FROM recommendation_lists WHERE id < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    pub(super) async fn keys(&self, before: DateTime<Utc>) -> Result<u64> {
        self.remove(
            "DELETE FROM idempotency_keys WHERE (user_id, key) IN \
                 (SELECT user_id, key FROM idempotency_keys WHERE recorded_at < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    /// Sessions that ended before then.
    pub(super) async fn sessions(&self, before: DateTime<Utc>) -> Result<u64> {
        self.remove(
            "DELETE FROM refresh_tokens WHERE id IN \
                 (SELECT id FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    pub(super) async fn queries(&self, before: NaiveDate) -> Result<u64> {
        self.remove(
            "DELETE FROM search_queries WHERE (day, query) IN \
                 (SELECT day, query FROM search_queries WHERE day < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    /// Models that were begun before then and never served.
    pub(super) async fn candidates(&self, before: DateTime<Utc>) -> Result<u64> {
        self.remove(
            "DELETE FROM model_versions WHERE id IN \
                 (SELECT id FROM model_versions \
                   WHERE state = 'CANDIDATE' AND created_at < $1 LIMIT $2)",
            before.into(),
        )
        .await
    }

    /// The jobs that run.
    pub(super) async fn running(&self) -> Result<Vec<Id<id::Job>>> {
        let sql = "SELECT id FROM generation_jobs WHERE state = 'RUNNING'";
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let rows = self.db.write().query_all_raw(statement).await?;
        let ids = rows.iter().map(|row| row.try_get::<Uuid>("", "id"));
        Ok(ids
            .map(|id| id.map(Into::into))
            .collect::<Result<_, DbErr>>()?)
    }

    /// Runs a removal until nothing is left to remove.
    async fn remove(&self, sql: &str, before: Value) -> Result<u64> {
        let mut removed = 0;
        loop {
            let values = [before.clone(), AT_ONCE.into()];
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let gone = self.db.write().execute_raw(statement).await?;
            removed += gone.rows_affected();
            if gone.rows_affected() < AT_ONCE as u64 {
                return Ok(removed);
            }
        }
    }
}
