//! What the bandit believes about the weights of signals.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::item::SlateSignal;
use crate::domain::slates::weights as domain;
use crate::graphql::ContextExt;

/// What the bandit believes about the weights of the signals for an hour of a channel.
#[derive(Clone, Debug)]
pub struct SignalWeights(Arc<domain::SignalWeights>);

impl From<domain::SignalWeights> for SignalWeights {
    fn from(weights: domain::SignalWeights) -> Self {
        Self(Arc::new(weights))
    }
}

/// What the bandit believes about the weight of a signal.
#[derive(Clone, Debug, SimpleObject)]
pub struct SignalWeight {
    /// The weighted signal.
    signal: SlateSignal,
    /// Mean of the weight over the draws.
    mean: f64,
    /// Standard deviation of the weight. It falls as the bandit learns.
    deviation: f64,
}

/// What the bandit believes about the weights of the signals for an hour of a channel.
#[Object]
impl SignalWeights {
    /// Version of the bandit, and the number of slates that it has learned from since, for example `1.2.0+2`.
    async fn model_version(&self) -> &str {
        &self.0.model_name
    }

    /// Mean and deviation of each weight.
    async fn weights(&self) -> Vec<SignalWeight> {
        let weights = self.0.weights.iter();
        weights
            .map(|weight| SignalWeight {
                signal: weight.signal.into(),
                mean: weight.mean,
                deviation: weight.deviation,
            })
            .collect()
    }

    /// The vector of numbers that the bandit represents the hour by.
    async fn context(&self) -> &[f64] {
        &self.0.context
    }

    /// The marginal distributions of the weights, as an SVG image.
    async fn plot(&self) -> String {
        self.0.plot()
    }

    /// Absolute URL of the image `plot`. The file remains for at least a day. Whoever knows the URL can open it.
    async fn plot_url(&self, ctx: &Context<'_>) -> Result<String> {
        let slates = &ctx.services().slates;
        Ok(ctx.absolute(&slates.publish_plot(&self.0).await?))
    }
}
