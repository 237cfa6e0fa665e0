//! Taking a learned ranker into service, with a model and after the embeddings have changed.

use std::sync::Arc;

use serde_json::json;

use super::{Run, RunReporter};
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, NewVersion, another_training};
use crate::domain::recommendations::replay_evaluation::{ReplayOutcome, ReplayReport};
use crate::domain::recommendations::served_ranker::StoredRanker;
use crate::domain::recommendations::service::RecommendationService;
use crate::foundation::{Id, ProgressObserver, Result, id};

impl RecommendationService {
    /// Judges the lists of the collaborative model in service anew and learns their ranker: after the
    /// embeddings have changed, so that a source that lowers the served figure has no say. Answers the
    /// figure; `None` before the first training, and where nobody can be replayed. `observer` receives the
    /// progress of the whole and may stop it.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for whoever is no admin;
    /// [`crate::foundation::Error::Unavailable`] while a training of the schema runs;
    /// [`crate::foundation::Refusal::Conflict`] when it was stopped.
    pub async fn learn_ranker(
        &self,
        viewer: &Viewer,
        observer: impl ProgressObserver + 'static,
    ) -> Result<Option<ReplayReport>> {
        viewer.admin()?;
        let Some(model) = self.models.active(ModelKind::Collaborative).await? else {
            return Ok(None);
        };
        let Some(plan) = self.plan_of(&model).await? else {
            return Ok(None);
        };
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let mut progress = RunReporter::new(Run::Evaluation { choose: false }, observer);
        let data = self.read(&mut store, plan.items(), &mut progress).await;
        let evaluation = match data {
            Ok(data) => {
                let (data, plan) = (Arc::new(data), Arc::new(plan));
                self.evaluation(data, plan, progress).await
            }
            Err(error) => Err(error),
        };
        store.end().await;
        let (evaluation, _) = evaluation?;
        let figure = evaluation
            .as_ref()
            .map(|evaluation| evaluation.figure.clone());
        if let Some(ranker) = self.keep_ranker(model.id, evaluation).await? {
            self.models.activate(ranker).await?;
        }
        self.refresh_ranker().await?;
        Ok(figure)
    }

    /// Keeps the ranker that was learned with a model, or notes that the configured weights were as good. It
    /// becomes active with the model.
    pub(super) async fn keep_ranker(
        &self,
        model: Id<id::Model>,
        evaluation: Option<ReplayOutcome>,
    ) -> Result<Option<Id<id::Model>>> {
        let Some(ReplayOutcome { figure, ranker }) = evaluation else {
            return Ok(None);
        };
        let stored = StoredRanker {
            collaborative: model.uuid(),
            learned: ranker.is_some(),
            ranker: ranker.unwrap_or_default(),
        };
        let algorithm = if stored.learned {
            "conditional-logit"
        } else {
            "configured"
        };
        let settings = serde_json::to_value(&stored).map_err(anyhow::Error::from)?;
        let metrics = json!({ "served": figure });
        let version = self
            .models
            .begin_version(NewVersion {
                kind: ModelKind::Ranker,
                algorithm: algorithm.to_owned(),
                settings,
                created_at: self.clock.now(),
                trained_with: Some(model),
            })
            .await?;
        self.models.finish(version.id, metrics).await?;
        Ok(Some(version.id))
    }
}
