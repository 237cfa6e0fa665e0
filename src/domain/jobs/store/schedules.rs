//! When schedules come next, in the database: of many servers exactly one makes each job.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};

use super::{New, Store};
use crate::domain::jobs::model::Job;
use crate::foundation::Result;

/// A schedule that is due.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domain::jobs) struct Due {
    /// Which.
    pub(in crate::domain::jobs) name: String,
    /// Since when.
    pub(in crate::domain::jobs) next_at: DateTime<Utc>,
}

impl Store {
    /// Takes note of a schedule: when it comes first, or next if its times have changed. One that
    /// is known and unchanged stays as it is.
    pub(in crate::domain::jobs) async fn keep_schedule(
        &self,
        name: &str,
        cron: &str,
        next_at: DateTime<Utc>,
    ) -> Result<()> {
        self.db
            .write()
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "INSERT INTO schedules (name, cron, next_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET cron = $2, next_at = $3 \
                  WHERE schedules.cron <> $2",
                [name.into(), cron.into(), next_at.into()],
            ))
            .await?;
        Ok(())
    }

    /// Forgets all schedules but these.
    pub(in crate::domain::jobs) async fn drop_schedules_but(&self, names: &[String]) -> Result<()> {
        self.db
            .write()
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "DELETE FROM schedules WHERE name <> ALL ($1)",
                [names.to_vec().into()],
            ))
            .await?;
        Ok(())
    }

    /// The schedules that are due at `now`.
    pub(in crate::domain::jobs) async fn due(&self, now: DateTime<Utc>) -> Result<Vec<Due>> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT name, next_at FROM schedules WHERE next_at <= $1 ORDER BY next_at",
            [now.into()],
        );
        Ok(Due::find_by_statement(statement)
            .all(self.db.write())
            .await?)
    }

    /// Moves a schedule on and makes its job, in one transaction, or brings forward the one that
    /// waits. Of many who try, one does it: who finds it moved does nothing. Answers the job if it
    /// was changed.
    pub(in crate::domain::jobs) async fn fire(
        &self,
        due: Due,
        next_at: DateTime<Utc>,
        job: New,
    ) -> Result<Option<Job>> {
        self.db
            .transaction(move |tx| {
                async move {
                    let moved = tx
                        .execute_raw(Statement::from_sql_and_values(
                            DbBackend::Postgres,
                            "UPDATE schedules SET next_at = $3, last_at = $2, last_job = $4 \
                              WHERE name = $1 AND next_at = $2",
                            [
                                due.name.into(),
                                due.next_at.into(),
                                next_at.into(),
                                job.id.uuid().into(),
                            ],
                        ))
                        .await?;
                    if moved.rows_affected() == 0 {
                        return Ok(None);
                    }
                    // One that waits already is the one, and waits no longer.
                    Self::insert(tx, &job).await
                }
                .boxed()
            })
            .await
    }
}
