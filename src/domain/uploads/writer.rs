//! The writer of an upload.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::model::{Upload, file_name};
use super::service::UploadService;
use crate::foundation::{Refusal, Result};
use crate::platform::objects::ObjectWriter;

/// Writes an upload while it is received. It exists after [`UploadWriter::finish`]; a writer that is aborted
/// or dropped leaves nothing.
pub struct UploadWriter {
    pub(super) service: UploadService,
    pub(super) upload: Upload,
    pub(super) object: ObjectWriter,
    pub(super) digest: Sha256,
}

impl UploadWriter {
    /// Appends bytes, with backpressure from the store.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.digest.update(&bytes);
        self.object.write(bytes).await
    }

    /// The number of bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.object.bytes()
    }

    /// Completes the upload. Of a path in `name` only the last part is used.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a bad name and for an empty file,
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written; when the database
    /// fails. Then nothing is stored.
    pub async fn finish(mut self, name: &str) -> Result<Upload> {
        let name = match file_name(name) {
            Ok(_) if self.bytes() == 0 => Err(Refusal::invalid("file", "the file is empty")),
            named => named,
        };
        match name {
            Ok(name) => self.upload.name = name,
            Err(refusal) => {
                self.abort().await;
                return Err(refusal.into());
            }
        }
        let Self {
            service,
            mut upload,
            object,
            digest,
        } = self;
        upload.bytes = i64::try_from(object.finish().await?).unwrap_or(i64::MAX);
        upload.sha256 = digest.finalize().into();
        let stored = service.store.insert(&upload).await;
        if stored.is_err()
            && let Err(error) = service.delete_file(upload.id).await
        {
            tracing::warn!(?error, "The file of a failed upload stays until it expires");
        }
        stored
    }

    /// Discards what was received.
    pub async fn abort(self) {
        self.object.abort().await;
    }
}
