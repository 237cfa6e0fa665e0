//! Mutations of background work.

use std::time::Duration;

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::Job;
use super::parameters::{JobParametersInput, RecommendationTarget, within};
use crate::domain::jobs::model::{CreateOutcome, NewJob};
use crate::domain::jobs::parameters::{Erasure, Parameters};
use crate::foundation::{Error, Id, id};
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::{ContextExt, Query};

/// A job to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateGenerationJobInput {
    /// What to do: exactly one of the fields.
    parameters: JobParametersInput,
    /// The greater ones are begun first; -100 to 100, above 0 for admins.
    #[graphql(default)]
    priority: i32,
    /// How many seconds to wait before it is begun, up to 2,592,000 (30 days).
    #[graphql(default)]
    delay_seconds: i32,
}

/// Whose lists to compute anew.
#[derive(Clone, Debug, InputObject)]
pub struct GenerateRecommendationsInput {
    /// Whose: exactly one of the fields. Users may ask for themselves; everything else is for
    /// admins, and single users for apps with the scope RECOMMENDATIONS_READ.
    target: RecommendationTarget,
}

/// Which job.
#[derive(Clone, Debug, InputObject)]
pub struct JobIdInput {
    /// Its id.
    id: Id<id::Job>,
}

/// Whom to erase.
#[derive(Clone, Debug, InputObject)]
pub struct EraseUserInput {
    /// Who goes: the viewer where left out.
    user_id: Option<Id<id::User>>,
}

/// Something to know that is no error.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobWarning {
    /// What it is, for people.
    message: String,
    /// What it is, for programs: `NO_WORKER`.
    code: String,
}

payload_errors! {
    /// Why no job was made.
    CreateGenerationJobError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Why a job was not changed.
    ChangeJobError: NotFound, Conflict
}

payload! {
    /// What became of asking for a job.
    CreateGenerationJobPayload(CreateGenerationJobError) {
        /// The job; null if there are errors.
        job: Option<Job>,
        /// Whether the same job was waiting already, or the same content was being made, so that
        /// none was made. What waited is now as urgent as what was asked for, and due as soon.
        joined: bool,
        /// What there is to know beside that.
        warnings: Vec<JobWarning>,
    }
}

payload! {
    /// What became of `cancelJob` or `retryJob`.
    ChangeJobPayload(ChangeJobError) {
        /// The job as it is now; null if there are errors.
        job: Option<Job>,
    }
}

payload! {
    /// What became of `deleteJob`.
    DeleteJobPayload(ChangeJobError) {
        /// The id of the job that is gone; null if there are errors.
        deleted_id: Option<Id<id::Job>>,
    }
}

impl CreateGenerationJobPayload {
    fn of(outcome: crate::foundation::Result<CreateOutcome>) -> Result<Self> {
        let (asked, errors) = settle(outcome)?;
        let alone = asked.as_ref().is_some_and(|asked| !asked.workers);
        let warning = JobWarning {
            message: "no worker is there to run it; it waits until one is: start `marquee work`, \
                      or `marquee serve` with `jobs.serve_slots` above 0"
                .to_owned(),
            code: "NO_WORKER".to_owned(),
        };
        Ok(Self {
            joined: asked.as_ref().is_some_and(|asked| asked.joined),
            job: asked.map(|asked| asked.job.into()),
            warnings: alone.then_some(warning).into_iter().collect(),
            errors,
            query: Query::default(),
        })
    }
}

/// Mutations of background work.
#[derive(Clone, Copy, Default)]
pub struct JobMutation;

/// Mutations of background work.
#[Object]
impl JobMutation {
    /// Asks for a job. The same job that waits already is joined, and brought forward where this is
    /// more urgent or due sooner. Follow it with the subscription `jobProgress`.
    async fn create_generation_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job.")] input: CreateGenerationJobInput,
    ) -> Result<CreateGenerationJobPayload> {
        let (services, viewer) = (ctx.services(), ctx.viewer());
        let asked = async {
            let delay = within(input.delay_seconds, 0..=2_592_000, "delaySeconds")?;
            let priority = within(input.priority, -100..=100, "priority")?;
            let parameters = input
                .parameters
                .read(viewer, &services.generation, &services.uploads);
            let parameters = parameters.await;
            let parameters = parameters.map_err(|error| match error {
                Error::Refused(refusal) => refusal.under(["parameters".to_owned()]).into(),
                other => other,
            })?;
            let new = NewJob {
                parameters,
                priority,
                delay: Duration::from_secs(delay),
            };
            services.jobs.create(viewer, new).await
        };
        CreateGenerationJobPayload::of(asked.await)
    }

    /// Computes users' stored lists anew, with the model in service and what they have done up to
    /// now, as a job.
    async fn generate_recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: GenerateRecommendationsInput,
    ) -> Result<CreateGenerationJobPayload> {
        let outcome = match input.target.read() {
            Ok(whom) => {
                let new = NewJob::now(Parameters::Recommendations(whom));
                ctx.services().jobs.create(ctx.viewer(), new).await
            }
            Err(refusal) => Err(refusal.under(["target".to_owned()]).into()),
        };
        CreateGenerationJobPayload::of(outcome)
    }

    /// Removes a user and everything of them, as a job whose result is a receipt: account, sessions,
    /// what they did, lists, tags, private items. What they published stays, without their name. For
    /// the user, admins, and apps with the scope USERS_WRITE. It cannot be undone.
    async fn erase_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who goes.")] input: EraseUserInput,
    ) -> Result<CreateGenerationJobPayload> {
        let user = match input.user_id {
            Some(user) => user,
            None => ctx.viewer().signed_in()?,
        };
        let new = NewJob::now(Parameters::Erasure(Erasure { user }));
        let outcome = ctx.services().jobs.create(ctx.viewer(), new).await;
        CreateGenerationJobPayload::of(outcome)
    }

    /// Ends a job: at once if it waits, within two seconds if it runs. What it had computed is
    /// dropped; what was served before stays. For its owner and admins.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: JobIdInput,
    ) -> Result<ChangeJobPayload> {
        let outcome = ctx.services().jobs.cancel(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        ChangeJobPayload::settle(outcome)
    }

    /// Lets a job that failed or was cancelled wait again. For its owner and admins, where they may
    /// still ask for it.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: JobIdInput,
    ) -> Result<ChangeJobPayload> {
        let outcome = ctx.services().jobs.retry(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        ChangeJobPayload::settle(outcome)
    }

    /// Removes a job that is over, with its events; what it made stays. For its owner and admins.
    async fn delete_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: JobIdInput,
    ) -> Result<DeleteJobPayload> {
        let outcome = ctx.services().jobs.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteJobPayload::settle(outcome)
    }
}
