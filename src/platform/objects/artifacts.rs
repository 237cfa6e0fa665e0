//! Files that models are read from, in a folder of their own that is not served.

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

    /// Removes a file. One that is not there is as good as removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::foundation::Error::Unavailable) when the store cannot be written.
    pub async fn delete_artifact(&self, schema: &SchemaName, name: &str) -> Result<()> {
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
