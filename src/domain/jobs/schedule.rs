//! Jobs that come at their times: nightly trainings and the like.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use croner::Cron;

use super::model::NewJob;
use super::parameters::JobParameters;
use super::registry::JobRegistry;
use super::service::JobService;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::{Clock, Result};

/// The schedules of the settings.
#[derive(Clone)]
pub(super) struct Schedules {
    all: Arc<[Schedule]>,
    clock: Clock,
}

struct Schedule {
    name: &'static str,
    cron: Cron,
    job: JobParameters,
}

impl Schedules {
    /// The schedules of the registered kinds; one whose pattern is empty does not come. Settings with a pattern
    /// that cannot be read are refused at the start.
    pub(super) fn new(ctx: &SchemaContext, registry: &JobRegistry) -> Self {
        let all = registry
            .schedules(&ctx.settings.schedules)
            .filter_map(|schedule| {
                Some(Schedule {
                    name: schedule.name,
                    cron: schedule.pattern.parse().ok()?,
                    job: schedule.parameters,
                })
            });
        Self {
            all: all.collect(),
            clock: ctx.clock.clone(),
        }
    }

    /// Takes note of the schedules, and forgets those that the settings no longer have. What is
    /// known stays as it is, so that a schedule that came while nobody worked is made up for, once.
    pub(super) async fn begin(&self, jobs: &JobService) -> Result<()> {
        let now = self.clock.now();
        for schedule in self.all.iter() {
            if let Some(next) = schedule.after(now) {
                let pattern = schedule.cron.as_str();
                jobs.store
                    .keep_schedule(schedule.name, pattern, next)
                    .await?;
            }
        }
        let names: Vec<String> = self.all.iter().map(|one| one.name.to_owned()).collect();
        jobs.store.drop_schedules_but(&names).await
    }

    /// Makes the jobs of the schedules that are due. Of many servers that do this at once one makes
    /// each.
    pub(super) async fn fire(&self, jobs: &JobService) -> Result<()> {
        let now = self.clock.now();
        for due in jobs.store.due(now).await? {
            let Some(schedule) = self.all.iter().find(|one| one.name == due.name) else {
                continue; // of a server with other settings
            };
            let Some(next) = schedule.after(now) else {
                continue;
            };
            let new = jobs.prepared(&Viewer::Command, NewJob::now(schedule.job.clone()))?;
            let new = super::store::New {
                asked_by: format!("schedule {}", schedule.name),
                ..new
            };
            jobs.store.fire(due, next, new).await?;
        }
        Ok(())
    }
}

impl Schedule {
    /// When it comes next after `now`, UTC; `None` for a pattern that never comes again.
    fn after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_next_occurrence(&now, false).ok()
    }
}
