//! How good lists and models are: figures that trainings and evaluations have measured, typed.

use async_graphql::SimpleObject;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::engine::source as domain;
use crate::graphql::number::{double, int};
use crate::graphql::types::recommendation::RecommendationSource;

/// Reads a count, which is shown as a GraphQL `Int`.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    u64::deserialize(deserializer).map(int)
}

/// Reads a count that may be absent.
pub fn optional_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(int))
}

/// A mean over users with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, SimpleObject)]
#[graphql(name = "QualityEstimate")]
pub struct Estimate {
    /// Mean over the users.
    mean: f64,
    /// Standard error of the mean.
    #[serde(rename = "error")]
    standard_error: f64,
}

/// Quality of recommendation lists, measured on held-out interactions.
#[derive(Clone, Debug, PartialEq, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ListQuality {
    /// Normalised discounted cumulative gain of the first ten items, in [0, 1].
    ndcg_at_10: Estimate,
    /// Share of the held-out items that are among the first 20, in [0, 1].
    recall_at_20: Estimate,
    /// Share of the available items that are among the first ten of at least one list, in [0, 1].
    coverage_at_10: f64,
    /// Mean self-information of the first ten items, in bits: higher for items with few users.
    novelty_at_10: Estimate,
    /// Kullback-Leibler divergence of the genres of the first ten items from those of the user's history, in
    /// nats; 0 means the same proportions.
    miscalibration_at_10: Estimate,
}

/// Quality of the lists that one source of recommendations would give alone.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
pub struct SourceQuality {
    /// Source of recommendations.
    source: RecommendationSource,
    /// Quality of its lists.
    quality: ListQuality,
}

/// Result of replaying the history of users by time through the pipeline that serves.
#[derive(Clone, Debug, PartialEq, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ReplayEvaluation {
    /// Number of replayed users.
    #[serde(deserialize_with = "count")]
    users: i32,
    /// Quality of the lists as they are served.
    served: ListQuality,
    /// Quality of the lists with the configured weights of the sources.
    configured: ListQuality,
    /// Quality of lists by popularity alone.
    popularity: ListQuality,
    /// Difference in NDCG@10 that the learned ranker makes, on users that it was not trained on; null if there
    /// were too few users to train one.
    ranker_gain: Option<Estimate>,
    /// Whether the learned ranker is used.
    #[serde(rename = "learned")]
    learned_ranker: bool,
    /// Quality of each source alone.
    #[serde(deserialize_with = "sources")]
    by_source: Vec<SourceQuality>,
}

fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SourceQuality>, D::Error> {
    let pairs = Vec::<(String, ListQuality)>::deserialize(deserializer)?;
    // Sources of another version of the program are left out.
    let known = |(source, quality): (String, ListQuality)| {
        let source: domain::Source = source.parse().ok()?;
        let source = source.into();
        Some(SourceQuality { source, quality })
    };
    Ok(pairs.into_iter().filter_map(known).collect())
}

/// How good a model of curators' selections is on selections that it was not trained on, each beside five films that
/// were not selected.
#[derive(Clone, Debug, PartialEq, Deserialize, SimpleObject)]
pub struct CuratorEvaluation {
    /// Number of selections that the evaluated model was trained on.
    #[serde(deserialize_with = "count")]
    training_picks: i32,
    /// Number of selections that it was evaluated on.
    #[serde(deserialize_with = "count")]
    held_out_picks: i32,
    /// Share of selections among the evaluated films, in [0, 1].
    base_rate: f64,
    /// Mean negative log-likelihood, in nats. Lower is better.
    log_loss: f64,
    /// The same of a model that predicts the share of selections for every film.
    base_log_loss: f64,
    /// Probability that a selected film is predicted higher than one that was not; 0.5 means no better than guessing.
    auc: f64,
}

/// How good a model of audiences is on airings that it was not trained on.
#[derive(Clone, Debug, PartialEq, Deserialize, SimpleObject)]
pub struct AudienceEvaluation {
    /// Number of airings that the evaluated model was trained on.
    #[serde(deserialize_with = "count")]
    training_airings: i32,
    /// Number of airings that it was evaluated on.
    #[serde(deserialize_with = "count")]
    held_out_airings: i32,
    /// Coefficient of determination of the logarithm of the audience; 0 is as good as the mean, 1 is perfect.
    r_squared: f64,
    /// Mean absolute error, in viewers.
    mean_absolute_error: f64,
    /// The same of a model that predicts the median for every film.
    base_mean_absolute_error: f64,
    /// Spearman's rank correlation of predicted and actual audiences, from -1 to 1.
    spearman: f64,
}

/// Figures measured when a model was trained. Null where a kind of model does not have the figure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelMetrics {
    /// Number of users that the model was trained on.
    #[serde(deserialize_with = "optional_count")]
    users: Option<i32>,
    /// Number of items that the model was trained on.
    #[serde(deserialize_with = "optional_count")]
    items: Option<i32>,
    /// Number of pairs of a user and an item that the model was trained on.
    #[serde(deserialize_with = "optional_count")]
    pairs: Option<i32>,
    /// Number of words that an embedding model knows.
    #[serde(deserialize_with = "optional_count")]
    terms: Option<i32>,
    /// Number of users with enough recommended items.
    #[serde(deserialize_with = "optional_count")]
    users_with_enough: Option<i32>,
    /// Number of slates that a bandit has learned from.
    #[serde(deserialize_with = "optional_count")]
    slates: Option<i32>,
    /// Number of selections that a bandit has learned from since its preceding version.
    #[serde(deserialize_with = "optional_count")]
    selections: Option<i32>,
    /// Number of films of the channels' schedules that a bandit has learned from before its first slate.
    #[serde(deserialize_with = "optional_count")]
    past_picks: Option<i32>,
    /// How good a model of curators' selections is on the latest fifth of them.
    curator: Option<CuratorEvaluation>,
    /// How good a model of audiences is on the latest fifth of the airings.
    audience: Option<AudienceEvaluation>,
    /// Duration of the training, in seconds.
    seconds: Option<f64>,
    /// Normalised discounted cumulative gain of the first ten items of lists served with the model, measured on
    /// held-out interactions, in [0, 1].
    ndcg_at_10: Option<f64>,
    /// Why the model was refused after the training, in English; null if it was not.
    refused: Option<String>,
    /// Quality of lists that are served with the model.
    #[serde(rename = "served")]
    evaluation: Option<Box<ReplayEvaluation>>,
}

impl ModelMetrics {
    /// The figures of a version; what another version of the program wrote otherwise is left out.
    pub fn read(metrics: &Value) -> Option<Self> {
        (!metrics.is_null()).then(|| Self::deserialize(metrics).unwrap_or_default())
    }
}

/// A setting that a model was trained with.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct ModelSetting {
    /// Path of the setting, for example `parts.0.weight`: names and list positions, separated by full stops.
    pub(super) name: String,
    /// Its value as text.
    pub(super) value: String,
}

impl ModelSetting {
    /// All settings of a version, in the order in which they are stored; `None` where they may not be known.
    pub fn read(settings: &Value) -> Option<Vec<Self>> {
        if settings.is_null() {
            return None;
        }
        let mut read = Vec::new();
        flatten(String::new(), settings, &mut read);
        Some(read)
    }
}

fn flatten(name: String, value: &Value, read: &mut Vec<ModelSetting>) {
    let below = |key: &str| match name.is_empty() {
        true => key.to_owned(),
        false => format!("{name}.{key}"),
    };
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(below(key), value, read);
            }
        }
        Value::Array(members) => {
            for (index, value) in members.iter().enumerate() {
                flatten(below(&index.to_string()), value, read);
            }
        }
        value => read.push(ModelSetting {
            value: text(value),
            name,
        }),
    }
}

/// A value without structure as text; a number that fits a single is its shortest form.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(number) if f64::from(number as f32) == number => double(number as f32).to_string(),
            _ => number.to_string(),
        },
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_told_by_their_paths() {
        let settings =
            json!({ "parts": [{ "ials": { "factors": 64 }, "weight": 0.2_f32 }], "chosen": false });
        let read = ModelSetting::read(&settings).unwrap();
        let read: Vec<(&str, &str)> = read
            .iter()
            .map(|setting| (&setting.name[..], &setting.value[..]))
            .collect();
        assert_eq!(
            read,
            [
                ("chosen", "false"),
                ("parts.0.ials.factors", "64"),
                ("parts.0.weight", "0.2"),
            ]
        );
        assert_eq!(ModelSetting::read(&Value::Null), None);
    }

    #[test]
    fn metrics_that_another_program_wrote_leave_the_version_readable() {
        assert_eq!(ModelMetrics::read(&Value::Null), None);
        let odd = ModelMetrics::read(&json!({ "users": "many" })).unwrap();
        assert_eq!(odd, ModelMetrics::default());
        let known = ModelMetrics::read(&json!({ "users": 3, "ndcgAt10": 0.5, "new": 1 })).unwrap();
        assert_eq!((known.users, known.ndcg_at_10), (Some(3), Some(0.5)));
    }
}
