//! Upkeep: the statistics of past hours, and the jobs that aggregate them and delete old data.

use async_graphql::SimpleObject;

use super::job::{ApiJob, Creation};
use crate::domain::upkeep::Hour;
use crate::domain::upkeep::jobs::{RetentionJob, StatisticsJob};
use crate::graphql::number::int;
use crate::graphql::scalars::DateTime;

impl ApiJob for StatisticsJob {
    const DESCRIPTION: &'static str = "Aggregates the hourly statistics.";

    fn creation() -> Creation {
        Creation::plain::<Self>("Aggregate the statistics of the past hours.")
    }
}

impl ApiJob for RetentionJob {
    const DESCRIPTION: &'static str = "Deletes data whose retention time is over.";

    fn creation() -> Creation {
        Creation::plain::<Self>("Delete data whose retention time is over.")
    }
}

/// Statistics of one hour, computed after its end.
#[derive(Clone, Debug, SimpleObject)]
pub struct HourlyStatistics {
    /// Start of the hour (UTC).
    hour: DateTime,
    /// Number of interactions in the hour.
    interactions: i32,
    /// Number of users with at least one interaction in the hour.
    active_users: i32,
    /// Number of recommendation lists computed in the hour.
    lists: i32,
    /// Number of items of lists for which feedback was recorded in the hour, once per kind of
    /// feedback.
    feedback: i32,
    /// Number of jobs completed in the hour.
    jobs_completed: i32,
    /// Number of jobs that failed for good in the hour.
    jobs_failed: i32,
}

impl From<Hour> for HourlyStatistics {
    fn from(hour: Hour) -> Self {
        Self {
            hour: hour.hour.into(),
            interactions: int(hour.interactions),
            active_users: int(hour.active_users),
            lists: int(hour.lists),
            feedback: int(hour.feedback),
            jobs_completed: int(hour.jobs_completed),
            jobs_failed: int(hour.jobs_failed),
        }
    }
}
