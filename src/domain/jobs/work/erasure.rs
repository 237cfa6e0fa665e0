//! Removing a user: first the rows, in one transaction, then the files that they named.

use serde_json::{Value, json};

use super::Failure;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::jobs::attempt::ProgressReporter;
use crate::foundation::{Error, Id, Refusal, id};

/// Erases a user and answers the receipt. An attempt before this one may have done so and come no
/// further: then `again` goes on with the files.
pub(super) async fn run(
    services: &Services,
    user: Id<id::User>,
    again: bool,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let (users, viewer) = (&services.users, Viewer::Command);
    if reporter.begin_commit().is_break() {
        return Err(Failure::retry("it was stopped"));
    }
    let erased = match users.erase(&viewer, user).await {
        Err(Error::Refused(Refusal::NotFound { thing })) if again => {
            let erased = users.erased(&viewer, user).await?;
            erased.ok_or(Error::Refused(Refusal::NotFound { thing }))?
        }
        erased => erased?,
    };
    services
        .uploads
        .delete_files(&viewer, &erased.uploads)
        .await?;
    services.generation.discard(&viewer, &erased.files).await?;
    users.forget_files(&viewer, &erased).await?;
    Ok(json!(erased.receipt))
}
