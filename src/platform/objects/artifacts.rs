//! Files that models are read from, in a folder of their own that is not served.

use std::path::PathBuf;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};

use super::{Objects, unavailable};
use crate::foundation::Result;
use crate::platform::config::SchemaName;

/// The folder for the artifacts of a schema.
const FOLDER: &str = "models";
/// The size of a part in bytes, and how many parts may wait to be written.
const PART: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 2;

impl Objects {
    /// Writes a file, under a name of letters, digits and underscores. Whoever reads meanwhile sees the whole
    /// file or none.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::foundation::Error::Unavailable) when the store cannot be written.
    pub async fn put_artifact(&self, schema: &SchemaName, name: &str, bytes: Bytes) -> Result<()> {
        let begun = self.store.put_multipart(&key(schema, name)).await;
        let upload = begun.map_err(|error| unavailable(&error))?;
        let mut write = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut rest = bytes;
        while !rest.is_empty() {
            let ready = write.wait_for_capacity(PARTS_AT_ONCE).await;
            ready.map_err(|error| unavailable(&error))?;
            write.put(rest.split_to(PART.min(rest.len())));
        }
        let finished = write.finish().await;
        finished.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    /// The bytes of a file; `None` where there is none of this name.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::foundation::Error::Unavailable) when the store cannot be read.
    pub async fn artifact(&self, schema: &SchemaName, name: &str) -> Result<Option<Bytes>> {
        let found = match self.store.get(&key(schema, name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        let bytes = found.bytes().await;
        bytes.map(Some).map_err(|error| unavailable(&error))
    }

    /// Keeps a copy of a file on this machine, for when the store has lost or damaged it. A copy that cannot be
    /// written is missed only then, and the log says so.
    pub async fn back_up_artifact(&self, schema: &SchemaName, name: &str, bytes: &Bytes) {
        let Some(path) = self.backup_of(schema, name) else {
            return;
        };
        let written = async {
            let folder = path.parent().unwrap_or(&path);
            tokio::fs::create_dir_all(folder).await?;
            // Whoever reads meanwhile sees the whole copy or none.
            let part = path.with_extension("part");
            tokio::fs::write(&part, bytes).await?;
            tokio::fs::rename(&part, &path).await
        };
        if let Err(error) = written.await {
            tracing::warn!(path = %path.display(), %error, "The backup of a model could not be written");
        }
    }

    /// The copy of a file on this machine; `None` where there is none.
    pub async fn artifact_backup(&self, schema: &SchemaName, name: &str) -> Option<Bytes> {
        let path = self.backup_of(schema, name)?;
        tokio::fs::read(path).await.ok().map(Bytes::from)
    }

    fn backup_of(&self, schema: &SchemaName, name: &str) -> Option<PathBuf> {
        // Both are made of letters, digits and underscores: they lead nowhere else.
        Some(self.backup.as_ref()?.join(schema.as_str()).join(name))
    }

    /// Removes a file and its copy on this machine. One that is not there is as good as removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::foundation::Error::Unavailable) when the store cannot be written.
    pub async fn delete_artifact(&self, schema: &SchemaName, name: &str) -> Result<()> {
        if let Some(copy) = self.backup_of(schema, name)
            && let Err(error) = tokio::fs::remove_file(&copy).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %copy.display(), %error, "The backup of a model could not be removed");
        }
        match self.store.delete(&key(schema, name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn key(schema: &SchemaName, name: &str) -> Path {
    // Both are made of letters, digits and underscores: nothing to escape.
    Path::from(format!("{schema}/{FOLDER}/{name}"))
}
