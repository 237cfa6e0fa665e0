//! The job that measures the quality of recommendations.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::auth::Viewer;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind};
use crate::domain::recommendations::RecommendationService;

/// Measures the quality of recommendations on held-out interactions.
pub struct EvaluationJob {
    pub(in crate::domain) recommendations: RecommendationService,
}

/// What is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationParameters {
    /// Whether to search for the best models and settings instead of evaluating those in use.
    pub choose: bool,
}

impl JobHandler for EvaluationJob {
    const KIND: JobKind = JobKind::new("EVALUATION");
    type Parameters = EvaluationParameters;

    async fn run(
        &self,
        EvaluationParameters { choose }: EvaluationParameters,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let service = &self.recommendations;
        let evaluated = service.evaluate(&Viewer::Command, choose, context).await?;
        Ok(json!(evaluated))
    }
}
