//! The job that erases a user: first the rows, in one transaction, then the files that they named.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::auth::{Scope, Viewer};
use crate::domain::generation::GenerationService;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind};
use crate::domain::uploads::UploadService;
use crate::domain::users::UsersService;
use crate::foundation::{Error, Id, Refusal, Result, id};

/// Erases a user with all data.
pub struct ErasureJob {
    pub(in crate::domain) users: UsersService,
    pub(in crate::domain) uploads: UploadService,
    pub(in crate::domain) generation: GenerationService,
}

/// The user to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureParameters {
    /// The user.
    pub user: Id<id::User>,
}

impl JobHandler for ErasureJob {
    const KIND: JobKind = JobKind::new("ERASURE");
    /// Somebody has a right to it.
    const USUAL_PRIORITY: i16 = 50;
    type Parameters = ErasureParameters;

    fn check_access(&self, viewer: &Viewer, parameters: &ErasureParameters) -> Result<()> {
        viewer.may_act_for(parameters.user, Scope::UsersWrite)
    }

    /// Returns the receipt. An earlier attempt may have erased the rows and come no further: then this one
    /// goes on with the files.
    async fn run(
        &self,
        ErasureParameters { user }: ErasureParameters,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let (users, viewer) = (&self.users, Viewer::Command);
        if context.begin_commit().is_break() {
            return Err(JobFailure::stopped());
        }
        let erased = match users.erase(&viewer, user).await {
            Err(Error::Refused(Refusal::NotFound { thing })) if context.attempt() > 1 => {
                let erased = users.erased(&viewer, user).await?;
                erased.ok_or(Error::Refused(Refusal::NotFound { thing }))?
            }
            erased => erased?,
        };
        self.uploads.delete_files(&viewer, &erased.uploads).await?;
        self.generation.discard(&viewer, &erased.files).await?;
        users.forget_files(&viewer, &erased).await?;
        Ok(json!(erased.receipt))
    }
}
