//! Promoting versions behind checks.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;

use super::checks::{PromotionCheck, TrainedFigures, of_policy, of_training};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::domain::slates::{Period, PolicyEvaluation, SlateService};
use crate::foundation::{Clock, Error, Id, Refusal, Result, id};
use crate::platform::config;

/// What came of a promotion.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The version, active now if it was promoted.
    pub model: ModelVersion,
    /// Whether it was.
    pub promoted: bool,
    /// What it was checked for.
    pub checks: Vec<PromotionCheck>,
    /// How it was judged by slates, if it is a version of the bandit.
    pub evaluation: Option<PolicyEvaluation>,
}

impl Promotion {
    /// Why it was refused: a sentence for each check that was not passed.
    pub fn reasons(&self) -> Vec<&str> {
        let failed = self.checks.iter().filter(|check| !check.passed);
        failed.map(|check| check.message.as_str()).collect()
    }
}

/// Promotes versions of models of one schema.
#[derive(Clone)]
pub struct PromotionService {
    models: ModelService,
    slates: SlateService,
    clock: Clock,
    settings: Arc<config::Settings>,
}

impl PromotionService {
    /// The promotions of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, models: ModelService, slates: SlateService) -> Self {
        Self {
            models,
            slates,
            clock: ctx.clock.clone(),
            settings: Arc::clone(&ctx.settings),
        }
    }

    /// The last days, as many as the setting `promotion.days` says.
    pub fn default_period(&self) -> Period {
        let until = self.clock.now();
        let days = TimeDelta::days(self.settings.promotion.days.into());
        Period {
            from: until - days,
            until,
        }
    }

    /// Activates a version if it comes up to the active one of its kind, or whatever it comes up to with `force`; a
    /// model that cannot be read is never activated. A version of the bandit is judged by the slates that were
    /// decided in `period` ([`PromotionService::default_period`]), others by the figures of their trainings. For
    /// admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::NotFound`]; [`Refusal::Conflict`] for a version that is not
    /// trained or not kept any more; [`Refusal::InvalidInput`] for a period that ends before it begins.
    pub async fn promote(
        &self,
        viewer: &Viewer,
        version: Id<id::Model>,
        period: Option<Period>,
        force: bool,
    ) -> Result<Promotion> {
        viewer.admin()?;
        let found = self.models.find_many(viewer, &[version]).await?;
        let model = found.into_values().next();
        let model = model.ok_or(Refusal::NotFound { thing: "model" })?;
        if model.trained_at.is_none() || !model.kept {
            let message = "the version cannot be activated: its training has not ended, or what it had learned was \
                           removed";
            let message = message.to_owned();
            return Err(Refusal::Conflict { message }.into());
        }
        let problem = match self.models.artifact(version).await {
            Ok(_) => None,
            Err(Error::Internal(error)) => Some(format!("{error:#}")),
            Err(error) => Some(error.to_string()),
        };
        let is_readable = problem.is_none();
        let mut checks = vec![PromotionCheck::artifact(problem)];
        let mut evaluation = None;
        if is_readable && model.kind == ModelKind::Bandit {
            let period = period.unwrap_or_else(|| self.default_period());
            let judged = self
                .slates
                .evaluate_policy(viewer, version, period, false)
                .await?;
            checks.extend(of_policy(&judged, &self.settings.promotion));
            evaluation = Some(judged);
        } else if is_readable {
            let active = self.models.active(model.kind).await?;
            let active = active.filter(|active| active.id != version);
            let active = active.map(|active| trained(&active));
            let settings = &self.settings.promotion;
            checks.extend(of_training(trained(&model), active, settings));
        }
        let passed = checks.iter().all(|check| check.passed);
        let promoted = is_readable && (passed || force);
        let model = match promoted {
            true => self.models.promote(viewer, version).await?,
            false => model,
        };
        Ok(Promotion {
            model,
            promoted,
            checks,
            evaluation,
        })
    }
}

/// The figures of a training that are comparable between versions of its kind.
fn trained(model: &ModelVersion) -> TrainedFigures {
    let (quality, coverage) = match model.kind {
        ModelKind::Collaborative => ("/ndcgAt10", Some("/served/served/coverageAt10")),
        ModelKind::Ranker => (
            "/served/served/ndcgAt10/mean",
            Some("/served/served/coverageAt10"),
        ),
        ModelKind::Curator => ("/curator/auc", None),
        ModelKind::Audience => ("/audience/r_squared", None),
        // Vectors are judged by the lists that are served with them, the bandit by slates.
        ModelKind::Embedding | ModelKind::Bandit => return TrainedFigures::default(),
    };
    let read = |path| model.metrics.pointer(path).and_then(Value::as_f64);
    TrainedFigures {
        quality: read(quality),
        coverage: coverage.and_then(read),
    }
}
