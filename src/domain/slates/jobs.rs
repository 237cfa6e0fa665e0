//! The job that trains the learned signals of slates.

use serde_json::{Value, json};

use super::predictors::Trained;
use super::service::SlateService;
use crate::domain::auth::Viewer;
use crate::domain::job_handler::{
    JobContext, JobFailure, JobHandler, JobKind, JobSchedule, NoParameters,
};
use crate::platform::config;

/// Trains the models of curators and audiences.
pub struct SlateTrainingJob {
    pub(in crate::domain) slates: SlateService,
}

impl JobHandler for SlateTrainingJob {
    const KIND: JobKind = JobKind::new("SLATE_TRAINING");
    type Parameters = NoParameters;

    fn schedule(settings: &config::Schedules) -> Option<JobSchedule<'_, NoParameters>> {
        Some(JobSchedule {
            name: "slate_training",
            pattern: &settings.slate_training,
            parameters: NoParameters {},
        })
    }

    async fn run(&self, _: NoParameters, _: JobContext) -> Result<Value, JobFailure> {
        let trained = self.slates.train_predictors(&Viewer::Command).await?;
        Ok(json!({
            "curator": outcome(&trained.curator),
            "audience": outcome(&trained.audience),
            "seconds": trained.seconds,
        }))
    }
}

fn outcome(trained: &Trained) -> Value {
    match trained {
        Trained::Model(model) => json!({ "model": model.id, "version": model.version }),
        Trained::TooLittle(missing) => json!({ "missing": missing }),
    }
}
