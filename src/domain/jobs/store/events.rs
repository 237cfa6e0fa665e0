//! What happened to jobs, in the database.

use sea_orm::{DbBackend, EntityTrait, FromQueryResult, PaginatorTrait, Statement};

use super::Store;
use crate::domain::jobs::model::JobEvent;
use crate::foundation::{Error, Id, Progress, Result, id};
use crate::platform::db::entities::generation_job;
use crate::platform::db::stored;

impl Store {
    /// The events of a job behind number `after`, in order, at most `most`.
    pub(in crate::domain::jobs) async fn events(
        &self,
        job: Id<id::Job>,
        after: i64,
        most: i64,
    ) -> Result<Vec<JobEvent>> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT number, at, state, attempt, fraction, step, message, remaining \
               FROM job_events WHERE job_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            [job.uuid().into(), after.into(), most.into()],
        );
        let rows = EventRow::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        rows.into_iter().map(JobEvent::try_from).collect()
    }

    /// Whether a job is there.
    pub(in crate::domain::jobs) async fn exists(&self, job: Id<id::Job>) -> Result<bool> {
        let found = generation_job::Entity::find_by_id(job.uuid())
            .count(self.db.write())
            .await?;
        Ok(found > 0)
    }
}

#[derive(FromQueryResult)]
struct EventRow {
    number: i64,
    at: chrono::DateTime<chrono::Utc>,
    state: String,
    attempt: i16,
    fraction: Option<f32>,
    step: Option<String>,
    message: Option<String>,
    remaining: Option<f32>,
}

impl TryFrom<EventRow> for JobEvent {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self> {
        Ok(Self {
            number: row.number,
            at: row.at,
            state: row.state.parse().map_err(stored("job_events"))?,
            attempt: row.attempt,
            progress: Progress {
                fraction: row.fraction,
                step: row.step.map(Into::into),
                message: row.message,
            },
            remaining: row.remaining,
        })
    }
}
