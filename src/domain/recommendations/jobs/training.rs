//! The job that trains the collaborative model.

use serde_json::{Value, json};

use crate::domain::auth::Viewer;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind, JobSchedule};
use crate::domain::recommendations::RecommendationService;
use crate::domain::recommendations::training::TrainingOptions;
use crate::platform::config;

/// Trains the collaborative model, measures it and activates it.
pub struct TrainingJob {
    pub(in crate::domain) recommendations: RecommendationService,
}

impl JobHandler for TrainingJob {
    const KIND: JobKind = JobKind::new("TRAINING");
    type Parameters = TrainingOptions;

    fn schedule(settings: &config::Schedules) -> Option<JobSchedule<'_, TrainingOptions>> {
        Some(JobSchedule {
            name: "training",
            pattern: &settings.training,
            parameters: TrainingOptions::default(),
        })
    }

    async fn run(
        &self,
        options: TrainingOptions,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let service = &self.recommendations;
        let trained = service.train(&Viewer::Command, options, context).await?;
        Ok(json!({
            "model": trained.model.id, "version": trained.model.version,
            "algorithm": trained.model.algorithm, "users": trained.users, "items": trained.items,
            "pairs": trained.pairs, "seconds": trained.seconds,
            "ndcgAt10": trained.figure.as_ref().map(|figure| figure.served.ndcg_at_10.mean),
            "served": trained.figure,
        }))
    }
}
