//! What the command prints.

use serde::Serialize;

use super::Model;
use super::search::Trial;
use crate::ranking::{IalsSettings, Scores};

/// What is printed.
#[derive(Serialize)]
pub struct Report {
    /// The model that was judged.
    pub model: Model,
    /// The means over the users.
    #[serde(flatten)]
    pub scores: Scores,
    /// Share of the catalogue among the first 10 of some list.
    pub coverage_at_10: f64,
    /// Users of the test file.
    pub users: usize,
    /// Those of them without training data, who score 0.
    pub users_without_training: usize,
    /// How long the training took, without the search.
    pub training_seconds: f64,
    /// How long the ranking of all lists took.
    pub ranking_seconds: f64,
    /// The settings of the training, where the model has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Shown>,
    /// What the search tried, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<ShownTrial>,
}

/// Settings as they are printed.
#[derive(Serialize)]
pub struct Shown {
    factors: usize,
    sweeps: usize,
    unobserved_weight: f32,
    regularisation: f32,
    exponent: f32,
    seed: u64,
}

impl From<&IalsSettings> for Shown {
    fn from(settings: &IalsSettings) -> Self {
        Self {
            factors: settings.factors,
            sweeps: settings.sweeps,
            unobserved_weight: settings.unobserved_weight,
            regularisation: settings.regularisation,
            exponent: settings.exponent,
            seed: settings.seed,
        }
    }
}

/// One trial of the search as it is printed.
#[derive(Serialize)]
pub struct ShownTrial {
    #[serde(flatten)]
    settings: Shown,
    ndcg_at_10: f64,
}

impl From<&Trial> for ShownTrial {
    fn from(trial: &Trial) -> Self {
        Self {
            settings: Shown::from(&trial.settings),
            ndcg_at_10: trial.quality,
        }
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            factors,
            sweeps,
            unobserved_weight,
            regularisation,
            exponent,
            seed,
        } = self;
        write!(
            f,
            "{factors} factors, {sweeps} sweeps, unobserved weight {unobserved_weight:.4}, \
             regularisation {regularisation:.4}, exponent {exponent}, seed {seed}"
        )
    }
}

impl Report {
    /// The report as lines for people, each ended.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for trial in &self.tried {
            lines += &format!(
                "tried {}: NDCG@10 {:.4}\n",
                trial.settings, trial.ndcg_at_10
            );
        }
        if let Some(settings) = &self.settings {
            let how = if self.tried.is_empty() {
                "used"
            } else {
                "chosen"
            };
            lines += &format!("{how}: {settings}\n");
        }
        let Scores {
            ndcg_at_10,
            ndcg_at_100,
            recall_at_10,
            recall_at_20,
            recall_at_100,
            map_at_10,
            hit_rate_at_10,
        } = self.scores;
        for (name, value) in [
            ("NDCG@10", ndcg_at_10),
            ("NDCG@100", ndcg_at_100),
            ("recall@10", recall_at_10),
            ("recall@20", recall_at_20),
            ("recall@100", recall_at_100),
            ("MAP@10", map_at_10),
            ("hit rate@10", hit_rate_at_10),
            ("coverage@10", self.coverage_at_10),
        ] {
            lines += &format!("{name:<12} {value:.4}\n");
        }
        lines += &format!("users        {}", self.users);
        if self.users_without_training > 0 {
            lines += &format!(" ({} without training data)", self.users_without_training);
        }
        lines += &format!(
            "\ntraining     {:.2} s\nranking      {:.2} s\n",
            self.training_seconds, self.ranking_seconds
        );
        lines
    }
}
