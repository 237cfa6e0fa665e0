//! Mutations of background work.

use std::time::Duration;

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::Job;
use super::parameters::{JobParametersInput, within};
use crate::domain::auth::Viewer;
use crate::domain::jobs::model::{CreateOutcome, NewJob};
use crate::domain::jobs::parameters::JobParameters;
use crate::domain::recommendations::jobs::RecommendationsJob;
use crate::domain::upkeep::erasure::{ErasureJob, ErasureParameters};
use crate::foundation::{Error, Findings, Id, Refusal, id};
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::types::recommendation::jobs::RecommendationTarget;
use crate::graphql::{ContextExt, Query};

/// Properties of a new job.
#[derive(InputObject)]
pub struct CreateGenerationJobInput {
    /// The work to do. Exactly one field must be set.
    parameters: JobParametersInput,
    /// Priority of the job, -100 to 100. Jobs with higher priority start first. Values above 0
    /// require the role ADMIN.
    #[graphql(default)]
    priority: i32,
    /// Time to wait before the job may start, in seconds, 0–2,592,000 (30 days).
    #[graphql(default)]
    delay_seconds: i32,
}

/// The users whose recommendations are computed.
#[derive(Clone, Debug, InputObject)]
pub struct GenerateRecommendationsInput {
    /// The users whose recommendations are computed. Exactly one field must be set. Users may
    /// request their own; API keys with the scope RECOMMENDATIONS_READ may request those of single
    /// users; everything else requires the role ADMIN.
    target: RecommendationTarget,
}

/// The job to cancel.
#[derive(Clone, Debug, InputObject)]
pub struct CancelJobInput {
    /// ID of the job to cancel.
    id: Id<id::Job>,
}

/// The job to retry.
#[derive(Clone, Debug, InputObject)]
pub struct RetryJobInput {
    /// ID of the job to retry.
    id: Id<id::Job>,
}

/// The job to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteJobInput {
    /// ID of the job to delete.
    id: Id<id::Job>,
}

/// The user to erase: either `userId` or `myself`.
#[derive(Clone, Debug, InputObject)]
pub struct EraseUserInput {
    /// ID of the user to erase. Other users than the signed-in one require the role ADMIN or an API
    /// key with the scope USERS_WRITE.
    user_id: Option<Id<id::User>>,
    /// Whether to erase the signed-in user.
    #[graphql(default)]
    myself: bool,
}

impl EraseUserInput {
    /// Whom to erase. Nobody is erased by an input that names nobody.
    fn user(&self, viewer: &Viewer) -> foundation::Result<Id<id::User>> {
        match (self.user_id, self.myself) {
            (Some(user), false) => Ok(user),
            (None, true) => viewer.signed_in(),
            (None, false) => {
                let message = "name whom to erase: give `userId`, or `myself: true`";
                Err(Refusal::invalid("userId", message).into())
            }
            (Some(_), true) => {
                let message = "give either `userId` or `myself: true`";
                Err(Refusal::invalid("myself", message).into())
            }
        }
    }
}

/// A warning that does not prevent the mutation.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobWarning {
    /// Description of the warning in English, for people.
    message: String,
    /// Code of the warning for programs. `NO_WORKER`: no process is running that executes jobs.
    code: String,
}

payload_errors! {
    /// Errors that `createGenerationJob` may return.
    CreateGenerationJobError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `generateRecommendations` may return.
    GenerateRecommendationsError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `eraseUser` may return.
    EraseUserError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `cancelJob` may return.
    CancelJobError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `retryJob` may return.
    RetryJobError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `deleteJob` may return.
    DeleteJobError: NotFound, Conflict
}

/// Declares the payload of a mutation that creates a job.
macro_rules! job_created {
    ($(#[$doc:meta])* $name:ident($error:ident)) => {
        payload! {
            $(#[$doc])*
            $name($error) {
                /// The new job, or the existing job if `joined` is true; null if there are errors.
                job: Option<Job>,
                /// Whether an equal job existed and no new one was created: one that has not started
                /// yet, or for generated content one that is running. The existing job takes the
                /// higher priority and the earlier start time of both.
                joined: bool,
                /// Warnings about the job, for example that no worker is running.
                warnings: Vec<JobWarning>,
            }
        }

        impl $name {
            fn of(outcome: crate::foundation::Result<CreateOutcome>) -> Result<Option<Self>> {
                let (created, errors) = settle(outcome)?;
                Ok(Some(Self {
                    joined: created.as_ref().is_some_and(|created| created.joined),
                    warnings: JobWarning::of(created.as_ref()),
                    job: created.map(|created| created.job.into()),
                    errors,
                    query: Query::default(),
                }))
            }
        }
    };
}

pub(in crate::graphql::types) use job_created;

job_created! {
    /// Result of `createGenerationJob`.
    CreateGenerationJobPayload(CreateGenerationJobError)
}

job_created! {
    /// Result of `generateRecommendations`.
    GenerateRecommendationsPayload(GenerateRecommendationsError)
}

job_created! {
    /// Result of `eraseUser`.
    EraseUserPayload(EraseUserError)
}

payload! {
    /// Result of `cancelJob`.
    CancelJobPayload(CancelJobError) {
        /// The job after the change; null if there are errors.
        job: Option<Job>,
    }
}

payload! {
    /// Result of `retryJob`.
    RetryJobPayload(RetryJobError) {
        /// The job after the change; null if there are errors.
        job: Option<Job>,
    }
}

payload! {
    /// Result of `deleteJob`.
    DeleteJobPayload(DeleteJobError) {
        /// ID of the deleted job; null if there are errors.
        deleted_id: Option<Id<id::Job>>,
    }
}

impl JobWarning {
    /// What there is to say of a job that was created.
    pub(in crate::graphql::types) fn of(created: Option<&CreateOutcome>) -> Vec<Self> {
        let alone = created.is_some_and(|created| !created.workers);
        let warning = Self {
            message: "no worker is there to run it; it waits until one is: start `marquee work`, \
                      or `marquee serve` with `jobs.serve_slots` above 0"
                .to_owned(),
            code: "NO_WORKER".to_owned(),
        };
        alone.then_some(warning).into_iter().collect()
    }
}

/// Mutations of jobs.
#[derive(Clone, Copy, Default)]
pub struct JobMutation;

/// Mutations of jobs.
#[Object]
impl JobMutation {
    /// Creates a background job. If an equal job is pending, that one is returned instead. Follow
    /// the job with the subscription `jobProgress`. Texts and images with the built-in generator
    /// require a signed-in user or an API key with the scope CATALOGUE_WRITE; other generators
    /// require the role CURATOR or such a key, unless they are open to all users on this server;
    /// recommendations of a single user require that user, the role ADMIN or an API key with the
    /// scope RECOMMENDATIONS_READ; all other jobs require the role ADMIN. Users other than admins
    /// may have at most 100 pending jobs.
    async fn create_generation_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new job.")] input: CreateGenerationJobInput,
    ) -> Result<Option<CreateGenerationJobPayload>> {
        let (services, viewer) = (ctx.services(), ctx.viewer());
        let asked = async {
            let mut findings = Findings::default();
            let delay = within(input.delay_seconds, 0..=2_592_000, "delaySeconds");
            let delay = findings.take(delay).unwrap_or_default();
            let priority = within(input.priority, -100..=100, "priority");
            let priority = findings.take(priority).unwrap_or_default();
            let parameters = input.parameters.read(viewer, services).await;
            let parameters =
                match parameters.map_err(|error| error.under(["parameters".to_owned()])) {
                    Err(Error::Refused(refusal)) => findings.finish_with(Err(refusal))?,
                    other => findings.finish_with(Ok(other?))?,
                };
            let new = NewJob {
                parameters,
                priority,
                delay: Duration::from_secs(delay),
            };
            services.jobs.create(viewer, new).await
        };
        CreateGenerationJobPayload::of(asked.await)
    }

    /// Creates a job that recomputes the stored recommendations of users with the active model and
    /// all their interactions so far.
    async fn generate_recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users whose recommendations are computed.")]
        input: GenerateRecommendationsInput,
    ) -> Result<Option<GenerateRecommendationsPayload>> {
        let outcome = match input.target.target() {
            Ok(target) => {
                let new = NewJob::now(JobParameters::of::<RecommendationsJob>(target));
                ctx.services().jobs.create(ctx.viewer(), new).await
            }
            Err(refusal) => Err(refusal.under(["target".to_owned()]).into()),
        };
        GenerateRecommendationsPayload::of(outcome)
    }

    /// Creates a job that erases a user: account, sessions, interactions, recommendation lists,
    /// tags, jobs, uploads and private content items. Their public and unlisted content items
    /// remain, without a creator. The result of the job lists the number of erased rows by table.
    /// This cannot be undone. Requires the user's own session, the role ADMIN or an API key with
    /// the scope USERS_WRITE, which does not erase curators and admins.
    async fn erase_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to erase.")] input: EraseUserInput,
    ) -> Result<Option<EraseUserPayload>> {
        let asked = async {
            let user = input.user(ctx.viewer())?;
            let users = &ctx.services().users;
            users.check_erasable(ctx.viewer(), user).await?;
            let new = NewJob::now(JobParameters::of::<ErasureJob>(ErasureParameters { user }));
            ctx.services().jobs.create(ctx.viewer(), new).await
        };
        EraseUserPayload::of(asked.await)
    }

    /// Cancels a job: immediately if it is pending, within about two seconds if it is running. Its
    /// partial results are discarded. Requires the job's owner or the role ADMIN.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job to cancel.")] input: CancelJobInput,
    ) -> Result<Option<CancelJobPayload>> {
        let outcome = ctx.services().jobs.cancel(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        CancelJobPayload::settle(outcome)
    }

    /// Retries a job that failed or was cancelled. A job can be started at most ten times. Requires
    /// the job's owner or the role ADMIN, and the permission to create such a job.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job to retry.")] input: RetryJobInput,
    ) -> Result<Option<RetryJobPayload>> {
        let outcome = ctx.services().jobs.retry(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        RetryJobPayload::settle(outcome)
    }

    /// Deletes a job that is completed, failed or cancelled, with its events. The results of the
    /// job remain. Requires the job's owner or the role ADMIN.
    async fn delete_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job to delete.")] input: DeleteJobInput,
    ) -> Result<Option<DeleteJobPayload>> {
        let outcome = ctx.services().jobs.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteJobPayload::settle(outcome)
    }
}
