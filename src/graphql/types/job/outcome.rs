//! What a job has come to, typed by its kind.

use async_graphql::{ComplexObject, Context, Result, SimpleObject, Union};
use chrono::Utc;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::job_handler::JobKind;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::content::Content;
use crate::graphql::types::model::Model;
use crate::graphql::types::quality::{ModelSetting, ReplayEvaluation, count};
use crate::graphql::types::slate::jobs::SlateTrainingOutcome;

/// Reads a count that may be missing.
fn maybe_count<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<i32>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(int))
}

/// Result of a job of the kind TRAINING.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[graphql(complex)]
pub struct TrainingOutcome {
    /// Number of users that the model was trained on.
    #[serde(deserialize_with = "count")]
    users: i32,
    /// Number of items that the model was trained on.
    #[serde(deserialize_with = "count")]
    items: i32,
    /// Number of pairs of a user and an item that the model was trained on.
    #[serde(deserialize_with = "count")]
    pairs: i32,
    /// Duration of the training, in seconds.
    seconds: f64,
    /// Normalised discounted cumulative gain of the first ten items of lists served with the model, measured on
    /// held-out interactions, in [0, 1]; null if it was not measured.
    ndcg_at_10: Option<f64>,
    #[serde(rename = "model")]
    #[graphql(skip)]
    trained: Id<id::Model>,
}

#[ComplexObject]
impl TrainingOutcome {
    /// The trained model; null if it was deleted.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let model = ctx.loaders().models.load_one(self.trained).await?;
        Ok(model.map(Into::into))
    }
}

/// Result of a job of the kind EMBEDDINGS.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[graphql(complex)]
pub struct EmbeddingsOutcome {
    /// Number of items that have a vector.
    #[serde(deserialize_with = "count")]
    items: i32,
    /// Number of dimensions of a vector.
    #[serde(deserialize_with = "count")]
    dimensions: i32,
    /// Duration of the training, in seconds.
    seconds: f64,
    #[serde(rename = "model")]
    #[graphql(skip)]
    trained: Id<id::Model>,
}

#[ComplexObject]
impl EmbeddingsOutcome {
    /// The trained model; null if it was deleted.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let model = ctx.loaders().models.load_one(self.trained).await?;
        Ok(model.map(Into::into))
    }
}

/// Result of a job of the kind EVALUATION.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationOutcome {
    /// Names of the models that are blended, for example `ials`.
    algorithm: String,
    /// Their settings and weights.
    #[serde(deserialize_with = "settings")]
    settings: Vec<ModelSetting>,
    /// Normalised discounted cumulative gain of the first ten items of the served lists, in [0, 1]; null if no
    /// user has enough interactions to hold some out.
    ndcg_at_10: Option<f64>,
    /// Quality of the served lists; null in the same case.
    #[serde(rename = "figure")]
    evaluation: Option<Box<ReplayEvaluation>>,
    /// Number of users.
    #[serde(deserialize_with = "count")]
    users: i32,
    /// Number of items.
    #[serde(deserialize_with = "count")]
    items: i32,
    /// Number of pairs of a user and an item.
    #[serde(deserialize_with = "count")]
    pairs: i32,
    /// Duration of the evaluation, in seconds.
    seconds: f64,
}

fn settings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<ModelSetting>, D::Error> {
    let settings = Value::deserialize(deserializer)?;
    Ok(ModelSetting::read(&settings).unwrap_or_default())
}

/// Result of a job of the kind RECOMMENDATIONS.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct RecommendationsOutcome {
    /// Number of users whose recommendations were computed.
    #[serde(deserialize_with = "count")]
    users: i32,
    /// Number of users who have stored recommendations now.
    #[serde(deserialize_with = "count")]
    lists: i32,
}

/// Numbers of rows of one table of an import.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct ImportedRows {
    /// Name of the table: `items`, `users`, `people`, `credits`, `ratings`, `tags` or another that the source has.
    #[serde(default)]
    table: String,
    /// Number of new rows.
    #[serde(deserialize_with = "count")]
    added: i32,
    /// Number of existing rows with changed values.
    #[serde(deserialize_with = "count")]
    updated: i32,
    /// Number of existing rows without changes.
    #[serde(deserialize_with = "count")]
    unchanged: i32,
    /// Number of rejected rows.
    #[serde(deserialize_with = "count")]
    refused: i32,
    /// Number of rows that repeat another row of the file and were not imported; null for other tables than
    /// `airings`.
    #[serde(default, deserialize_with = "maybe_count")]
    duplicates: Option<i32>,
    /// Number of rows, except rejected ones, that overlap another row of their channel in time; null for other
    /// tables than `airings`.
    #[serde(default, deserialize_with = "maybe_count")]
    overlapping: Option<i32>,
    /// Number of rows of earlier guides that were removed, because the new guide covers their time without them;
    /// null for other tables than `airings`.
    #[serde(default, deserialize_with = "maybe_count")]
    removed: Option<i32>,
}

/// A rejected row of an import.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct RefusedRow {
    /// Name of the file.
    file: String,
    /// Number of the line in the file, starting at 1.
    #[serde(deserialize_with = "count")]
    line: i32,
    /// Why the row was rejected, in English.
    reason: String,
}

/// Result of a job of the kind IMPORT.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ImportOutcome {
    /// Numbers of rows by table, in the order in which the tables were imported.
    #[serde(deserialize_with = "tables")]
    tables: Vec<ImportedRows>,
    /// Number of rejected rows of all tables.
    #[serde(deserialize_with = "count")]
    refused: i32,
    /// The first rejected rows.
    refused_rows: Vec<RefusedRow>,
    /// Fields that were left empty in imported rows, because they cannot take the value of the file.
    #[serde(default, deserialize_with = "warnings")]
    warnings: Vec<FieldWarnings>,
    /// Duration of the import, in seconds.
    seconds: f64,
}

/// Number of imported rows in which a field was left empty.
#[derive(Clone, Debug, SimpleObject)]
pub struct FieldWarnings {
    /// Name of the field in the mapping file.
    field: String,
    /// Number of imported rows in which the field was left empty.
    rows: i32,
}

fn warnings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<FieldWarnings>, D::Error> {
    let fields = std::collections::BTreeMap::<String, i64>::deserialize(deserializer)?;
    let fields = fields.into_iter().map(|(field, rows)| FieldWarnings {
        field,
        rows: i32::try_from(rows).unwrap_or(i32::MAX),
    });
    Ok(fields.collect())
}

fn tables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<ImportedRows>, D::Error> {
    let tables = serde_json::Map::deserialize(deserializer)?;
    let read = |(table, rows): (String, Value)| {
        let rows: ImportedRows = serde_json::from_value(rows).map_err(serde::de::Error::custom)?;
        Ok(ImportedRows { table, ..rows })
    };
    tables.into_iter().map(read).collect()
}

/// A television guide that was fetched.
#[derive(Clone, Debug, SimpleObject)]
pub struct FetchedGuide {
    /// Name of the guide in the settings of the server.
    name: String,
    /// Result of its import; null if the guide has not changed since it was last imported.
    import: Option<ImportOutcome>,
}

/// Result of a job of the kind COMPETITION_SYNC.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct CompetitionSyncOutcome {
    /// The fetched guides, ordered by name.
    #[serde(deserialize_with = "guides")]
    guides: Vec<FetchedGuide>,
}

fn guides<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<FetchedGuide>, D::Error> {
    let guides = serde_json::Map::deserialize(deserializer)?;
    let read = |(name, result): (String, Value)| {
        let unchanged = result["unchanged"] == Value::Bool(true);
        let import = if unchanged {
            None
        } else {
            Some(serde_json::from_value(result).map_err(serde::de::Error::custom)?)
        };
        Ok(FetchedGuide { name, import })
    };
    guides.into_iter().map(read).collect()
}

/// Result of a job of the kind CACHE_WARMING.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct CacheWarmingOutcome {
    /// Number of searches and lists that were computed.
    #[serde(deserialize_with = "count")]
    warmed: i32,
    /// Number of searches and lists that could not be computed.
    #[serde(deserialize_with = "count")]
    failed: i32,
}

/// Number of erased rows of one kind.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct ErasedRows {
    /// Kind of the rows, for example `interactions`.
    what: String,
    /// Number of rows.
    #[serde(deserialize_with = "count")]
    rows: i32,
}

/// Result of a job of the kind ERASURE: the receipt.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ErasureOutcome {
    /// Time when the user was erased.
    #[serde(deserialize_with = "time")]
    erased_at: DateTime,
    /// Numbers of erased rows by kind.
    removed: Vec<ErasedRows>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DateTime, D::Error> {
    chrono::DateTime::<Utc>::deserialize(deserializer).map(DateTime)
}

/// Result of a job of the kind STATISTICS.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct StatisticsOutcome {
    /// Number of hours that were aggregated.
    #[serde(deserialize_with = "count")]
    hours: i32,
}

/// Result of a job of the kind RETENTION: numbers of what was deleted because its retention time was over.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct RetentionOutcome {
    /// Number of jobs.
    #[serde(deserialize_with = "count")]
    jobs: i32,
    /// Number of recommendation lists.
    #[serde(deserialize_with = "count")]
    lists: i32,
    /// Number of idempotency keys of interactions.
    #[serde(deserialize_with = "count")]
    idempotency_keys: i32,
    /// Number of ended sessions.
    #[serde(deserialize_with = "count")]
    sessions: i32,
    /// Number of daily counts of search queries.
    #[serde(deserialize_with = "count")]
    search_queries: i32,
    /// Number of candidate models that were never activated.
    #[serde(deserialize_with = "count")]
    candidates: i32,
    /// Number of uploaded files.
    #[serde(deserialize_with = "count")]
    uploads: i32,
    /// Number of generated files without an item.
    #[serde(deserialize_with = "count")]
    files: i32,
    /// Number of temporary folders of interrupted imports.
    #[serde(deserialize_with = "count")]
    import_folders: i32,
}

/// One output of a generation.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[graphql(complex)]
pub struct GeneratedOutput {
    /// Size of the file, in bytes.
    #[serde(deserialize_with = "count")]
    bytes: i32,
    /// Seed that the output was generated with; null if the generator has none.
    seed: Option<f64>,
    #[graphql(skip)]
    file: String,
    #[serde(rename = "content")]
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl GeneratedOutput {
    /// The new item, or the item that received the poster; null if it was deleted or the viewer may not see
    /// it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }

    /// Absolute URL of the file.
    async fn url(&self, ctx: &Context<'_>) -> Option<String> {
        let address = ctx.services().generation.address_of(&self.file)?;
        Some(ctx.absolute(&address))
    }
}

/// Result of a job of the kind CONTENT_TEXT or CONTENT_IMAGE.
#[derive(Clone, Debug, Deserialize, SimpleObject)]
pub struct GenerationOutcome {
    /// The outputs, in the order in which they were generated.
    generated: Vec<GeneratedOutput>,
}

/// Result of a completed job, by its kind.
#[derive(Clone, Debug, Union)]
pub enum JobOutcome {
    /// Of TRAINING.
    Training(TrainingOutcome),
    /// Of EMBEDDINGS.
    Embeddings(EmbeddingsOutcome),
    /// Of EVALUATION.
    Evaluation(EvaluationOutcome),
    /// Of SLATE_TRAINING.
    SlateTraining(SlateTrainingOutcome),
    /// Of RECOMMENDATIONS.
    Recommendations(RecommendationsOutcome),
    /// Of IMPORT.
    Import(ImportOutcome),
    /// Of COMPETITION_SYNC.
    CompetitionSync(CompetitionSyncOutcome),
    /// Of CACHE_WARMING.
    CacheWarming(CacheWarmingOutcome),
    /// Of ERASURE.
    Erasure(ErasureOutcome),
    /// Of STATISTICS.
    Statistics(StatisticsOutcome),
    /// Of RETENTION.
    Retention(RetentionOutcome),
    /// Of CONTENT_TEXT and CONTENT_IMAGE.
    Generation(GenerationOutcome),
}

impl JobOutcome {
    /// The result of a job of this kind; `None` for kinds without a type of their own, and for what another
    /// version of the program has written.
    pub fn read(kind: &JobKind, result: &Value) -> Option<Self> {
        macro_rules! read {
            ($member:ident) => {
                Deserialize::deserialize(result).ok().map(Self::$member)
            };
        }
        match kind.as_str() {
            "TRAINING" => read!(Training),
            "EMBEDDINGS" => read!(Embeddings),
            "EVALUATION" => read!(Evaluation),
            "SLATE_TRAINING" => read!(SlateTraining),
            "RECOMMENDATIONS" => read!(Recommendations),
            "COMPETITION_SYNC" => read!(CompetitionSync),
            "IMPORT" => read!(Import),
            "CACHE_WARMING" => read!(CacheWarming),
            "ERASURE" => read!(Erasure),
            "STATISTICS" => read!(Statistics),
            "RETENTION" => read!(Retention),
            "CONTENT_TEXT" | "CONTENT_IMAGE" => read!(Generation),
            _ => None,
        }
    }
}
