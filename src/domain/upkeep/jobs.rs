//! The jobs of upkeep: aggregating statistics, and removing what is past its retention time.

use serde_json::{Value, json};

use super::service::UpkeepService;
use crate::domain::auth::Viewer;
use crate::domain::job_handler::{
    JobContext, JobFailure, JobHandler, JobKind, JobSchedule, NoParameters,
};
use crate::platform::config;

/// Aggregates the statistics of the past hours.
pub struct StatisticsJob {
    pub(in crate::domain) upkeep: UpkeepService,
}

/// Removes data past its retention time.
pub struct RetentionJob {
    pub(in crate::domain) upkeep: UpkeepService,
}

impl JobHandler for StatisticsJob {
    const KIND: JobKind = JobKind::new("STATISTICS");
    type Parameters = NoParameters;

    fn schedule(settings: &config::Schedules) -> Option<JobSchedule<'_, NoParameters>> {
        Some(JobSchedule {
            name: "statistics",
            pattern: &settings.statistics,
            parameters: NoParameters {},
        })
    }

    async fn run(&self, _: NoParameters, _: JobContext) -> Result<Value, JobFailure> {
        let hours = self.upkeep.sum_up(&Viewer::Command).await?;
        Ok(json!({ "hours": hours }))
    }
}

impl JobHandler for RetentionJob {
    const KIND: JobKind = JobKind::new("RETENTION");
    type Parameters = NoParameters;

    fn schedule(settings: &config::Schedules) -> Option<JobSchedule<'_, NoParameters>> {
        Some(JobSchedule {
            name: "retention",
            pattern: &settings.retention,
            parameters: NoParameters {},
        })
    }

    async fn run(&self, _: NoParameters, _: JobContext) -> Result<Value, JobFailure> {
        Ok(json!(self.upkeep.remove_old(&Viewer::Command).await?))
    }
}
