//! What jobs are asked with, typed by kind.

use async_graphql::{Enum, InputObject, OneofObject};

use super::content::{ImageJobInput, TextJobInput};
use crate::domain::auth::Viewer;
use crate::domain::generation::GenerationService;
use crate::domain::jobs::parameters as domain;
use crate::domain::uploads::UploadService;
use crate::foundation::{Id, Refusal, id};

/// How to train.
#[derive(Clone, Debug, InputObject)]
pub struct TrainingJobInput {
    /// Take the new model into service even if it is worse than the one that serves.
    #[graphql(default)]
    force: bool,
    /// First choose models and settings on held-out interactions, which takes some fifty trainings;
    /// later trainings keep to the choice.
    #[graphql(default)]
    choose: bool,
}

/// Whose stored lists are computed anew.
#[derive(Clone, Debug, OneofObject)]
pub enum RecommendationTarget {
    /// One user's.
    UserId(Id<id::User>),
    /// These users', at most 10,000.
    UserIds(Vec<Id<id::User>>),
    /// Of those who did something in so many days, 1 to 3,650.
    ActiveWithinDays(i32),
    /// Everyone's; pass true.
    Everyone(bool),
}

/// What an import reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ImportSource")]
pub enum ImportSource {
    /// Films, users, ratings and tags of MovieLens.
    Movielens,
    /// Films and credits of TMDB.
    Tmdb,
    /// A catalogue of products, with a mapping.
    Products,
}

/// What to import.
#[derive(Clone, Debug, InputObject)]
pub struct ImportJobInput {
    /// What the files are.
    source: ImportSource,
    /// Files that were uploaded before by `POST /uploads/{schema}`, 1 to 20, by their ids; of
    /// products, one. Which file is which is told by their names, as in a folder.
    upload_ids: Vec<Id<id::Upload>>,
    /// For products: which column is which field, as TOML.
    mapping: Option<String>,
    /// How many times its size a packed file may unpack to, past 1 GiB; 1 to 1,000,000.
    #[graphql(default = 200)]
    max_ratio: i32,
}

/// What to measure.
#[derive(Clone, Debug, InputObject)]
pub struct EvaluationJobInput {
    /// Search for the best models and settings, rather than measure those in use.
    #[graphql(default)]
    choose: bool,
}

/// What to compute before it is asked for.
#[derive(Clone, Debug, InputObject)]
pub struct CacheWarmingJobInput {
    /// So many of the most popular queries, 0 to 1,000.
    #[graphql(default = 50)]
    queries: i32,
    /// The lists of so many of the most active users, 0 to 10,000.
    #[graphql(default = 100)]
    users: i32,
}

/// Work that needs no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PlainJob {
    /// Learn what items are about and place each of them.
    Embeddings,
    /// Sum up the hours that are over.
    Statistics,
    /// Remove what has been kept long enough.
    Retention,
}

/// What to do: exactly one of these.
#[derive(Clone, Debug, OneofObject)]
pub enum JobParametersInput {
    /// Write a text, which becomes an item.
    Text(TextJobInput),
    /// Make pictures, which become items, or the poster of one.
    Image(ImageJobInput),
    /// Train the collaborative model.
    Training(TrainingJobInput),
    /// Compute stored lists anew with the model in service.
    Recommendations(RecommendationTarget),
    /// Bring uploaded files in.
    Import(ImportJobInput),
    /// Measure how good lists are on held-out interactions.
    Evaluation(EvaluationJobInput),
    /// Compute what is asked for often.
    CacheWarming(CacheWarmingJobInput),
    /// Work that needs no parameters.
    Plain(PlainJob),
}

impl RecommendationTarget {
    /// Whose lists, in the words of the service.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
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
            }),
            Self::Recommendations(target) => Parameters::Recommendations(target.read()?),
            Self::Import(input) => {
                uploads.find_for_import(viewer, &input.upload_ids).await?;
                Parameters::Import(domain::Import {
                    source: input.source.into(),
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
