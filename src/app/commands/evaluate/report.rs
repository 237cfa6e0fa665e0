//! What the command prints.

use serde::Serialize;

use super::Model;
use ranking::Scores;
use ranking::collaborative::{Kind, Recipe};
use ranking::selection::{Choice, Stage, Trial};

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
    /// What the model was made of.
    pub recipe: Recipe,
    /// How that was chosen, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<ShownChoice>,
}

/// A choice as it is printed. Qualities are means of NDCG@10, recall@20 and NDCG@100 on what was
/// held out for the search.
#[derive(Serialize)]
pub struct ShownChoice {
    quality: f64,
    /// The standard error of the quality.
    error: f64,
    /// That of the recipe that is used where nothing is searched.
    default_quality: Option<f64>,
    /// That of popularity.
    popular_quality: Option<f64>,
    leaders: Vec<ShownTrial>,
    tried: Vec<ShownTrial>,
}

/// One trial of the search as it is printed.
#[derive(Serialize)]
struct ShownTrial {
    recipe: Recipe,
    quality: f64,
    /// Whether it was tried at little cost: fewer sweeps, items or users.
    exploration: bool,
}

impl From<Choice> for ShownChoice {
    fn from(choice: Choice) -> Self {
        let shown = |trials: Vec<Trial>| trials.into_iter().map(ShownTrial::from).collect();
        Self {
            quality: choice.quality,
            error: choice.error,
            default_quality: choice.reference,
            popular_quality: choice.popularity,
            leaders: shown(choice.leaders),
            tried: shown(choice.trials),
        }
    }
}

impl From<Trial> for ShownTrial {
    fn from(trial: Trial) -> Self {
        Self {
            recipe: trial.recipe,
            quality: trial.quality,
            exploration: trial.stage == Stage::Exploration,
        }
    }
}

/// A recipe in words.
fn words(recipe: &Recipe) -> String {
    let part = |kind: &Kind| match kind {
        Kind::Ials(settings) => format!(
            "ALS ({} factors, {} sweeps, unobserved weight {:.4}, regularisation {:.4}, \
             exponent {}, seed {})",
            settings.factors,
            settings.sweeps,
            settings.unobserved_weight,
            settings.regularisation,
            settings.exponent,
            settings.seed
        ),
        Kind::Ease(settings) => format!(
            "EASE (regularisation {:.1}, dropout {:.2}, {} items, {} neighbours)",
            settings.regularisation, settings.dropout, settings.most_items, settings.keep
        ),
        Kind::Slim(settings) => format!(
            "SLIM (ridge {:.1}, lasso {:.2}, {} items, {} neighbours)",
            settings.ridge, settings.lasso, settings.most_items, settings.keep
        ),
        Kind::Graph(settings) => format!(
            "graph (exponents {:.2} {:.2} {:.2}, shrinkage {:.1}, {} neighbours)",
            settings.user_exponent,
            settings.source_exponent,
            settings.target_exponent,
            settings.shrinkage,
            settings.keep
        ),
        Kind::Spectral(settings) => format!(
            "GF-CF ({} vectors, low-pass weight {:.2}, {} neighbours)",
            settings.vectors, settings.low_pass, settings.keep
        ),
        Kind::Sequential(settings) => format!(
            "SLIST (regularisation {:.1}, half-lives {:.1} {:.1} {:.1}, share of SLIS {:.2}, \
             {} items)",
            settings.regularisation,
            settings.source_half_life,
            settings.target_half_life,
            settings.recency,
            settings.together,
            settings.most_items
        ),
        Kind::Popular => "popularity".to_owned(),
    };
    if let [only] = recipe.parts.as_slice() {
        return part(&only.kind);
    }
    let each = recipe.parts.iter();
    let each: Vec<String> = each
        .map(|p| format!("{:.1} × {}", p.weight, part(&p.kind)))
        .collect();
    each.join(" + ")
}

impl Report {
    /// The report as lines for people, each ended.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(choice) = &self.choice {
            for trial in &choice.tried {
                let how = if trial.exploration {
                    "explored"
                } else {
                    "tried"
                };
                lines += &format!("{how} {}: {:.4}\n", words(&trial.recipe), trial.quality);
            }
            for leader in &choice.leaders {
                let of = words(&leader.recipe);
                lines += &format!("best of its kind {of}: {:.4}\n", leader.quality);
            }
            for (name, quality) in [
                ("the default recipe", choice.default_quality),
                ("popularity", choice.popular_quality),
            ] {
                if let Some(quality) = quality {
                    lines += &format!("for comparison {name}: {quality:.4}\n");
                }
            }
            lines += &format!(
                "chosen {}: {:.4} (standard error {:.4}), the mean of NDCG@10, recall@20 and \
                 NDCG@100 on validation\n",
                words(&self.recipe),
                choice.quality,
                choice.error
            );
        } else {
            lines += &format!("used {}\n", words(&self.recipe));
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
