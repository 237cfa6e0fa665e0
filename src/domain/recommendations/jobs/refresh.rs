//! The job that recomputes stored lists.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::auth::{Scope, Viewer};
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind, JobSchedule};
use crate::domain::recommendations::RecommendationService;
use crate::domain::recommendations::refresh::RefreshUsers;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::config;

/// Recomputes the stored lists of users with the active model.
pub struct RecommendationsJob {
    pub(in crate::domain) recommendations: RecommendationService,
}

/// The users whose lists are recomputed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "whom", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefreshTarget {
    /// A single user.
    User {
        /// The user.
        user: Id<id::User>,
    },
    /// The users with an interaction in the last days.
    Active {
        /// The number of days, 1 to 3,650.
        days: u16,
    },
    /// Named users.
    Users {
        /// The users, 1 to [`RefreshTarget::MOST`].
        users: Vec<Id<id::User>>,
    },
    /// All users with interactions.
    Everyone,
}

impl RefreshTarget {
    /// The most users that may be named.
    pub const MOST: usize = 10_000;

    /// Checks what can be checked without the database.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Active { days } if !(1..=3650).contains(days) => {
                let message = "a number of days between 1 and 3,650";
                Err(Refusal::invalid("activeWithinDays", message))
            }
            Self::Users { users } if users.is_empty() || users.len() > Self::MOST => {
                let message = format!(
                    "1 to {} users may be named; ask for `everyone`, or in parts",
                    Self::MOST
                );
                Err(Refusal::invalid("userIds", message))
            }
            _ => Ok(()),
        }
    }
}

impl From<RefreshTarget> for RefreshUsers {
    fn from(target: RefreshTarget) -> Self {
        match target {
            RefreshTarget::User { user } => Self::These(vec![user]),
            RefreshTarget::Users { users } => Self::These(users),
            RefreshTarget::Active { days } => Self::Active { days },
            RefreshTarget::Everyone => Self::Everyone,
        }
    }
}

impl JobHandler for RecommendationsJob {
    const KIND: JobKind = JobKind::new("RECOMMENDATIONS");
    type Parameters = RefreshTarget;

    fn check(target: &RefreshTarget) -> Result<(), Refusal> {
        target.check()
    }

    fn check_access(&self, viewer: &Viewer, target: &RefreshTarget) -> Result<()> {
        match target {
            RefreshTarget::User { user } => viewer.may_act_for(*user, Scope::RecommendationsRead),
            _ => viewer.admin(),
        }
    }

    fn schedule(settings: &config::Schedules) -> Option<JobSchedule<'_, RefreshTarget>> {
        Some(JobSchedule {
            name: "recommendations",
            pattern: &settings.recommendations,
            parameters: RefreshTarget::Active { days: 1 },
        })
    }

    async fn run(&self, target: RefreshTarget, context: JobContext) -> Result<Value, JobFailure> {
        let service = &self.recommendations;
        let refreshed = service
            .refresh(&Viewer::Command, target.into(), context)
            .await?;
        Ok(json!({ "users": refreshed.users, "lists": refreshed.lists }))
    }
}
