//! The job that trains the learned signals, in the API.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use serde::Deserialize;

use crate::domain::slates::jobs::SlateTrainingJob;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::types::job::{ApiJob, Creation};
use crate::graphql::types::model::Model;

impl ApiJob for SlateTrainingJob {
    const DESCRIPTION: &'static str =
        "Trains the models of curators' selections and of audiences, which are signals of slates.";

    fn creation() -> Creation {
        Creation::plain::<Self>(
            "Train the models of curators' selections and of audiences on the schedule of our own channels.",
        )
    }
}

/// Result of training one signal of slates.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[graphql(complex)]
pub struct SignalTraining {
    /// What is missing to train the model, in English; null if it was trained. The signal is then 0.5 for all
    /// films, or what an earlier version says.
    missing: Option<String>,
    #[serde(rename = "model")]
    #[graphql(skip)]
    trained: Option<Id<id::Model>>,
}

#[ComplexObject]
impl SignalTraining {
    /// The trained model, which is active; null if there was too little to learn from, and if it was deleted.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.trained else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }
}

/// Result of a job of the kind SLATE_TRAINING.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct SlateTrainingOutcome {
    /// The model of what curators select.
    curator: SignalTraining,
    /// The model of audiences.
    audience: SignalTraining,
    /// Duration of the training, in seconds.
    seconds: f64,
}
