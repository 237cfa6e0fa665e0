//! Files as they arrive.

use bytes::Bytes;

use super::model::{Upload, file_name};
use super::service::UploadService;
use crate::foundation::{Id, Refusal, Result, id};
use crate::platform::objects::Incoming;

/// The files of one request while they arrive. All of them are kept in the end, or none: end it with
/// [`Reception::keep`] or [`Reception::give_up`].
pub struct Reception {
    pub(super) service: UploadService,
    pub(super) owner: Option<Id<id::User>>,
    pub(super) whole: Vec<Upload>,
    pub(super) current: Option<(Upload, Incoming)>,
}

impl Reception {
    /// So many files may come together.
    pub const MOST: usize = 20;

    /// Begins the next file, called as the client says.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a bad name and for too many files,
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written.
    pub async fn begin(&mut self, name: &str) -> Result<()> {
        let name = file_name(name)?;
        if self.whole.len() >= Self::MOST {
            let message = format!("at most {} files at a time", Self::MOST);
            return Err(Refusal::invalid("files", message).into());
        }
        let service = &self.service;
        let id: Id<id::Upload> = Id::new(&service.clock, &service.chance);
        let object = id.to_string();
        let incoming = service.objects.receive(&service.schema, &object).await?;
        let upload = Upload {
            id,
            name,
            bytes: 0,
            object,
            owner: self.owner,
            created_at: service.clock.now(),
        };
        self.current = Some((upload, incoming));
        Ok(())
    }

    /// Adds to the present file.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match &mut self.current {
            Some((_, incoming)) => incoming.write(bytes).await,
            None => Ok(()),
        }
    }

    /// The present file has arrived.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unavailable`] when the store cannot be written.
    pub async fn end(&mut self) -> Result<()> {
        if let Some((mut upload, incoming)) = self.current.take() {
            upload.bytes = i64::try_from(incoming.finish().await?).unwrap_or(i64::MAX);
            self.whole.push(upload);
        }
        Ok(())
    }

    /// Keeps all files that have arrived, and answers them in their order.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] if there are none; when the database fails. Then nothing is kept.
    pub async fn keep(mut self) -> Result<Vec<Upload>> {
        if self.whole.is_empty() {
            let message = "send at least one file: curl -F file=@ratings.csv";
            return Err(Refusal::invalid("files", message).into());
        }
        match self.service.store.insert(&self.whole).await {
            Ok(()) => Ok(std::mem::take(&mut self.whole)),
            Err(error) => {
                self.give_up().await;
                Err(error)
            }
        }
    }

    /// Keeps nothing.
    pub async fn give_up(self) {
        if let Some((_, incoming)) = self.current {
            incoming.abort().await;
        }
        let service = &self.service;
        for upload in self.whole {
            let gone = service.objects.discard(&service.schema, &upload.object);
            if let Err(error) = gone.await {
                tracing::warn!(?error, "A file of an upload that was cut off stays");
            }
        }
    }
}
