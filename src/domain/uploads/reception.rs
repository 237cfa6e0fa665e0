//! A file as it arrives.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::model::{Upload, file_name};
use super::service::UploadService;
use crate::foundation::{Refusal, Result};
use crate::platform::objects::Incoming;

/// A file while it arrives. It is kept with [`Reception::keep`]; one that is given up, or just
/// dropped, leaves nothing.
pub struct Reception {
    pub(super) service: UploadService,
    pub(super) upload: Upload,
    pub(super) incoming: Incoming,
    pub(super) digest: Sha256,
}

impl Reception {
    /// Adds bytes; waits where the store is slower than whoever sends.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.digest.update(&bytes);
        self.incoming.write(bytes).await
    }

    /// So many bytes have arrived.
    pub fn bytes(&self) -> u64 {
        self.incoming.bytes()
    }

    /// Keeps the file, called as the client says: of a path the last part.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a bad name and for an empty file,
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written; when the database
    /// fails. Then nothing is kept.
    pub async fn keep(mut self, name: &str) -> Result<Upload> {
        let name = match file_name(name) {
            Ok(_) if self.bytes() == 0 => Err(Refusal::invalid("file", "the file is empty")),
            named => named,
        };
        match name {
            Ok(name) => self.upload.name = name,
            Err(refusal) => {
                self.give_up().await;
                return Err(refusal.into());
            }
        }
        let Self {
            service,
            mut upload,
            incoming,
            digest,
        } = self;
        upload.bytes = i64::try_from(incoming.finish().await?).unwrap_or(i64::MAX);
        upload.sha256 = digest.finalize().into();
        let kept = service.store.insert(&upload).await;
        if kept.is_err()
            && let Err(error) = service.discard(upload.id).await
        {
            tracing::warn!(?error, "A file that was not kept stays until it is old");
        }
        kept
    }

    /// Keeps nothing.
    pub async fn give_up(self) {
        self.incoming.abort().await;
    }
}
