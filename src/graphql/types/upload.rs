//! Uploaded files: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};

use super::user::User;
use crate::domain::uploads as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::payload::{payload, payload_errors};
use crate::graphql::scalars::DateTime;

/// An uploaded file, for use in import jobs. Visible to its owner and admins.
#[derive(Clone, Debug)]
pub struct UploadedFile(Arc<domain::Upload>);

impl From<domain::Upload> for UploadedFile {
    fn from(upload: domain::Upload) -> Self {
        Self(Arc::new(upload))
    }
}

/// An uploaded file, for use in import jobs. Visible to its owner and admins.
#[Object]
impl UploadedFile {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Name of the file.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Size of the file, in bytes.
    async fn bytes(&self) -> f64 {
        self.0.bytes as f64
    }

    /// SHA-256 digest of the file, as 64 hexadecimal digits.
    async fn sha256(&self) -> String {
        self.0.digest()
    }

    /// The user who uploaded the file. Null if it was uploaded on the command line, if the user was
    /// erased, and if the viewer may not see them.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(owner) = self.0.owner else {
            return Ok(None);
        };
        Ok(ctx.loaders().users.load_one(owner).await?.map(Into::into))
    }

    /// Time when the file was uploaded.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// Queries of uploaded files.
#[derive(Clone, Copy, Default)]
pub struct UploadQuery;

/// Queries of uploaded files.
#[Object]
impl UploadQuery {
    /// Lists the viewer's uploaded files, or all for admins, newest first. Files are uploaded by
    /// `POST /uploads/{schema}`. Requires authentication.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn uploads(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of files to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the files after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of files to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the files before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<UploadedFile>>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.uploads.list(&viewer, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.uploads.count(&viewer).await }
        };
        let cursor = |upload: &UploadedFile| upload.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }
}

/// The uploaded file to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteUploadInput {
    /// ID of the uploaded file.
    id: Id<id::Upload>,
}

payload_errors! {
    /// Errors that `deleteUpload` may return.
    DeleteUploadError: NotFound
}

payload! {
    /// Result of `deleteUpload`.
    DeleteUploadPayload(DeleteUploadError) {
        /// ID of the deleted file; null if there are errors.
        deleted_id: Option<Id<id::Upload>>,
    }
}

/// Mutations of uploaded files.
#[derive(Clone, Copy, Default)]
pub struct UploadMutation;

/// Mutations of uploaded files.
#[Object]
impl UploadMutation {
    /// Deletes an uploaded file. Data imported from it remains. Requires the file's owner or the
    /// role ADMIN.
    async fn delete_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The uploaded file to delete.")] input: DeleteUploadInput,
    ) -> Result<Option<DeleteUploadPayload>> {
        let outcome = ctx.services().uploads.delete(ctx.viewer(), input.id).await;
        DeleteUploadPayload::settle(outcome)
    }
}
