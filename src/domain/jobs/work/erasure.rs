//! Removing a user: first the rows, in one transaction, then the files that they named.

use serde_json::{Value, json};

use super::Failure;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::jobs::attempt::Reporter;
use crate::foundation::{Error, Id, Refusal, id};

/// Erases a user and answers the receipt. An attempt before this one may have done so and come no
/// further: then `again` goes on with the files.
pub(super) async fn run(
    services: &Services,
    user: Id<id::User>,
    again: bool,
    reporter: &Reporter,
) -> Result<Value, Failure> {
    let (users, viewer) = (&services.users, Viewer::Command);
    if reporter.see_through().is_break() {
        return Err(Failure::again("it was stopped"));
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
