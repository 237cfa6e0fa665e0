//! The jobs of recommendations.

use async_graphql::{InputObject, OneofObject};

use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::recommendations::jobs::{
    EvaluationJob, EvaluationParameters, RecommendationsJob, RefreshTarget, TrainingJob,
};
use crate::domain::recommendations::training::TrainingOptions;
use crate::foundation::{Id, Refusal, Result, id};
use crate::graphql::types::job::parameters::within;
use crate::graphql::types::job::{ApiJob, Creation, JobInput};

impl ApiJob for TrainingJob {
    const DESCRIPTION: &'static str = "Trains the collaborative model.";

    fn creation() -> Creation {
        Creation::input::<TrainingJobInput>("training", "Train the collaborative model.")
    }
}

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

impl JobInput for TrainingJobInput {
    type Job = TrainingJob;

    async fn read(self, _: &Viewer, _: &Services) -> Result<TrainingOptions> {
        Ok(TrainingOptions {
            force: self.force,
            choose: self.choose,
            candidate: self.candidate,
        })
    }
}

impl ApiJob for EvaluationJob {
    const DESCRIPTION: &'static str =
        "Evaluates the quality of recommendations on held-out interactions.";

    fn creation() -> Creation {
        Creation::input::<EvaluationJobInput>(
            "evaluation",
            "Evaluate the quality of recommendations on held-out interactions.",
        )
    }
}

/// Parameters of an evaluation job.
#[derive(Clone, Debug, InputObject)]
pub struct EvaluationJobInput {
    /// Whether to search for the best models and hyperparameters instead of evaluating those in
    /// use.
    #[graphql(default)]
    choose: bool,
}

impl JobInput for EvaluationJobInput {
    type Job = EvaluationJob;

    async fn read(self, _: &Viewer, _: &Services) -> Result<EvaluationParameters> {
        Ok(EvaluationParameters {
            choose: self.choose,
        })
    }
}

impl ApiJob for RecommendationsJob {
    const DESCRIPTION: &'static str =
        "Recomputes the stored recommendations of users with the active model.";

    fn creation() -> Creation {
        Creation::input::<RecommendationTarget>(
            "recommendations",
            "Recompute the stored recommendations of users with the active model.",
        )
    }
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

impl RecommendationTarget {
    /// The target in the types of the service.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    pub fn target(self) -> Result<RefreshTarget, Refusal> {
        let target = match self {
            Self::UserId(user) => RefreshTarget::User { user },
            Self::UserIds(users) => RefreshTarget::Users { users },
            Self::ActiveWithinDays(days) => RefreshTarget::Active {
                days: within(days, 1..=3650, "activeWithinDays")?,
            },
            Self::Everyone(true) => RefreshTarget::Everyone,
            Self::Everyone(false) => {
                let message = "pass true, or name users";
                return Err(Refusal::invalid("everyone", message));
            }
        };
        target.check()?;
        Ok(target)
    }
}

impl JobInput for RecommendationTarget {
    type Job = RecommendationsJob;

    async fn read(self, _: &Viewer, _: &Services) -> Result<RefreshTarget> {
        Ok(self.target()?)
    }
}
