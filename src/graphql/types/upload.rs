//! Uploaded files: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::user::User;
use crate::domain::uploads as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::payload::{payload, payload_errors};

/// A file that was uploaded, to be imported. Its owner and admins see it.
#[derive(Clone, Debug)]
pub struct UploadedFile(Arc<domain::Upload>);

impl From<domain::Upload> for UploadedFile {
    fn from(upload: domain::Upload) -> Self {
        Self(Arc::new(upload))
    }
}

/// A file that was uploaded, to be imported. Its owner and admins see it.
#[Object]
impl UploadedFile {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How large it is, in bytes.
    async fn bytes(&self) -> f64 {
        self.0.bytes as f64
    }

    /// The SHA-256 of its bytes, as `sha256sum` writes it.
    async fn sha256(&self) -> String {
        self.0.digest()
    }

    /// Who uploaded it; null for the shell of the server.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(owner) = self.0.owner else {
            return Ok(None);
        };
        Ok(ctx.loaders().users.load_one(owner).await?.map(Into::into))
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// Queries about uploaded files.
#[derive(Clone, Copy, Default)]
pub struct UploadQuery;

/// Queries about uploaded files.
#[Object]
impl UploadQuery {
    /// The viewer's uploaded files, the newest first; all for admins. Files come by
    /// `POST /uploads/{schema}`.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn uploads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<UploadedFile>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.uploads.list(&viewer, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move { services.uploads.count(&viewer).await }
        };
        let cursor = |upload: &UploadedFile| upload.0.cursor();
        Ok(Connection::new(page, cursor, total))
    }
}

/// Which file to remove.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteUploadInput {
    /// Which.
    id: Id<id::Upload>,
}

payload_errors! {
    /// Why `deleteUpload` did not do it.
    DeleteUploadError: NotFound
}

payload! {
    /// What became of `deleteUpload`.
    DeleteUploadPayload(DeleteUploadError) {
        /// The id of the file that is gone; null if there are errors.
        deleted_id: Option<Id<id::Upload>>,
    }
}

/// Mutations of uploaded files.
#[derive(Clone, Copy, Default)]
pub struct UploadMutation;

/// Mutations of uploaded files.
#[Object]
impl UploadMutation {
    /// Removes an uploaded file; what was imported of it stays. For its owner and admins.
    async fn delete_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteUploadInput,
    ) -> Result<DeleteUploadPayload> {
        let outcome = ctx.services().uploads.delete(ctx.viewer(), input.id).await;
        DeleteUploadPayload::settle(outcome)
    }
}
