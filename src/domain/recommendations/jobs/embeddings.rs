//! The job that trains the embeddings and, since these are a source of lists, the ranker.

use serde_json::{Value, json};

use crate::domain::auth::Viewer;
use crate::domain::embeddings::EmbeddingService;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind, NoParameters};
use crate::domain::recommendations::RecommendationService;
use crate::foundation::{Error, Progress};

/// Trains the embedding model, embeds all items and activates it, then learns the ranker anew.
pub struct EmbeddingsJob {
    pub(in crate::domain) embeddings: EmbeddingService,
    pub(in crate::domain) recommendations: RecommendationService,
}

impl JobHandler for EmbeddingsJob {
    const KIND: JobKind = JobKind::new("EMBEDDINGS");
    type Parameters = NoParameters;

    async fn run(&self, _: NoParameters, context: JobContext) -> Result<Value, JobFailure> {
        let then = context.clone();
        let observe = move |at: Progress| context.report(at.within((0.0, 0.8)));
        let trained = self.embeddings.train(&Viewer::Command, observe).await?;
        let observe = move |at: Progress| {
            then.report(Progress {
                step: Some("learning how much each source counts".into()),
                ..at.within((0.8, 1.0))
            })
        };
        // The vectors are in service: that a training runs just now, which learns the same, is no failure.
        let service = &self.recommendations;
        match service.learn_ranker(&Viewer::Command, observe).await {
            Ok(_) | Err(Error::Unavailable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(json!({
            "model": trained.model.id, "version": trained.model.version, "items": trained.items,
            "dimensions": trained.dimensions, "seconds": trained.seconds,
        }))
    }
}
