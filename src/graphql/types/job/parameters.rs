//! What jobs are asked with, typed by kind.

use async_graphql::{Enum, InputObject, OneofObject};

use super::content::{ImageJobInput, TextJobInput};
use crate::domain::auth::Viewer;
use crate::domain::generation::GenerationService;
use crate::domain::jobs::parameters as domain;
use crate::domain::uploads::UploadService;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::enums::graphql_enum;

/// Parameters of a training job.
#[derive(Clone, Debug, InputObject)]
pub struct TrainingJobInput {
    /// Whether to activate the new model even if it is worse than the active one.
    #[graphql(default)]
    force: bool,
    /// Whether to first choose models and hyperparameters on held-out interactions, which takes
    /// about fifty trainings. Later trainings use the same choice.
    #[graphql(default)]
    choose: bool,
    /// Whether to keep the new model as a candidate, whatever its quality, instead of activating it.
    /// `activateModel` activates it later.
    #[graphql(default)]
    candidate: bool,
}

/// The users whose stored recommendations are computed. Exactly one field must be set.
#[derive(Clone, Debug, OneofObject)]
pub enum RecommendationTarget {
    /// ID of a single user.
    UserId(Id<id::User>),
    /// IDs of 1–10,000 users.
    UserIds(Vec<Id<id::User>>),
    /// All users with an interaction in the last days; their number, 1–3,650.
    ActiveWithinDays(i32),
    /// All users with interactions. Must be true.
    Everyone(bool),
}

graphql_enum!(domain::ImportSource as ImportSource);

/// Parameters of an import job.
#[derive(Clone, Debug, InputObject)]
pub struct ImportJobInput {
    /// Format of the files to import.
    source: ImportSource,
    /// IDs of 1–20 files that were uploaded by `POST /uploads/{schema}`, all with different names;
    /// exactly one for products. The role of each file is determined by its name.
    upload_ids: Vec<Id<id::Upload>>,
    /// For products only, and required: the mapping of columns to fields, as TOML of at most
    /// 100,000 bytes.
    mapping: Option<String>,
    /// Maximum ratio of the decompressed to the compressed size of a file, for files of more than 1
    /// GiB when decompressed, 1–1,000,000.
    #[graphql(default = 200)]
    max_ratio: i32,
}

/// Parameters of an evaluation job.
#[derive(Clone, Debug, InputObject)]
pub struct EvaluationJobInput {
    /// Whether to search for the best models and hyperparameters instead of evaluating those in
    /// use.
    #[graphql(default)]
    choose: bool,
}

/// Parameters of a cache warming job.
#[derive(Clone, Debug, InputObject)]
pub struct CacheWarmingJobInput {
    /// Number of the most popular search queries to compute, 0–1,000.
    #[graphql(default = 50)]
    queries: i32,
    /// Number of the most active users whose lists are computed, 0–10,000.
    #[graphql(default = 100)]
    users: i32,
}

/// Jobs without parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PlainJob {
    /// Compute the embeddings of all content items.
    Embeddings,
    /// Aggregate the statistics of the past hours.
    Statistics,
    /// Delete data whose retention time is over.
    Retention,
}

/// Kind and parameters of a job. Exactly one field must be set.
#[derive(Clone, Debug, OneofObject)]
pub enum JobParametersInput {
    /// Generate a text as a new content item.
    Text(TextJobInput),
    /// Generate images, as new content items or as the poster of an item.
    Image(ImageJobInput),
    /// Train the collaborative model.
    Training(TrainingJobInput),
    /// Recompute the stored recommendations of users with the active model.
    Recommendations(RecommendationTarget),
    /// Import uploaded files into the catalogue.
    Import(ImportJobInput),
    /// Evaluate the quality of recommendations on held-out interactions.
    Evaluation(EvaluationJobInput),
    /// Compute frequent searches and lists in advance.
    CacheWarming(CacheWarmingJobInput),
    /// Do a job that has no parameters.
    Plain(PlainJob),
}

impl RecommendationTarget {
    /// The target in the types of the service.
    pub fn read(self) -> Result<domain::RefreshTarget, Refusal> {
        let whom = match self {
            Self::UserId(user) => domain::RefreshTarget::User { user },
            Self::UserIds(users) => domain::RefreshTarget::Users { users },
            Self::ActiveWithinDays(days) => {
                let days = within(days, 1..=3650, "activeWithinDays")?;
                domain::RefreshTarget::Active { days }
            }
            Self::Everyone(true) => domain::RefreshTarget::Everyone,
            Self::Everyone(false) => {
                let message = "pass true, or name users";
                return Err(Refusal::invalid("everyone", message));
            }
        };
        whom.check()?;
        Ok(whom)
    }
}

impl JobParametersInput {
    /// The parameters in the words of the service. Who may have content generated is asked here:
    /// only a prepared request becomes a job. Whether the files of an import are there is asked here too.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], and those of [`GenerationService::prepare`] and
    /// [`UploadService::together`].
    pub async fn read(
        self,
        viewer: &Viewer,
        generation: &GenerationService,
        uploads: &UploadService,
    ) -> crate::foundation::Result<domain::Parameters> {
        use domain::Parameters;
        let parameters = match self {
            Self::Text(input) => generation.prepare(viewer, input.read()?).await?.into(),
            Self::Image(input) => generation.prepare(viewer, input.read()?).await?.into(),
            Self::Training(input) => Parameters::Training(domain::Training {
                force: input.force,
                choose: input.choose,
                candidate: input.candidate,
            }),
            Self::Recommendations(target) => Parameters::Recommendations(target.read()?),
            Self::Import(input) => {
                uploads.find_for_import(viewer, &input.upload_ids).await?;
                Parameters::Import(domain::Import {
                    source: input.source,
                    uploads: input.upload_ids,
                    mapping: input.mapping,
                    max_ratio: within(input.max_ratio, 1..=1_000_000, "maxRatio")?,
                })
            }
            Self::Evaluation(input) => Parameters::Evaluation(domain::Evaluation {
                choose: input.choose,
            }),
            Self::CacheWarming(input) => Parameters::CacheWarming(domain::CacheWarming {
                queries: within(input.queries, 0..=1000, "queries")?,
                users: within(input.users, 0..=10_000, "users")?,
            }),
            Self::Plain(PlainJob::Embeddings) => Parameters::Embeddings,
            Self::Plain(PlainJob::Statistics) => Parameters::Statistics,
            Self::Plain(PlainJob::Retention) => Parameters::Retention,
        };
        // Here already, so that the refusal tells the place in the input.
        parameters.check()?;
        Ok(parameters)
    }
}

/// A number in a range.
pub(super) fn within<T: TryFrom<i32>>(
    number: i32,
    range: std::ops::RangeInclusive<i32>,
    field: &str,
) -> Result<T, Refusal> {
    let refused = || {
        let message = format!("a number between {} and {}", range.start(), range.end());
        Refusal::invalid(field, message)
    };
    if !range.contains(&number) {
        return Err(refused());
    }
    T::try_from(number).map_err(|_| refused())
}
