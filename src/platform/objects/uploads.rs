//! Uploaded files: large, of any kind, and in a folder of their own that is not served.

use std::io::ErrorKind;
use std::path::Path as FilePath;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use tokio::fs::DirBuilder;
use tokio::io::AsyncWriteExt;

use super::{Objects, unavailable};
use crate::foundation::{Error, Result};
use crate::platform::config::SchemaName;

/// The folder for the uploaded files of a schema.
const FOLDER: &str = "uploads";
/// The size of a part in bytes, and how many parts may wait to be written.
const PART: usize = 1 << 20;
const PARTS_AT_ONCE: usize = 2;

/// Writes a file. The file exists only after [`ObjectWriter::finish`]; a writer that is dropped leaves
/// nothing.
pub struct ObjectWriter {
    write: WriteMultipart,
    bytes: u64,
}

impl ObjectWriter {
    /// Appends bytes, with backpressure from the store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let ready = self.write.wait_for_capacity(PARTS_AT_ONCE).await;
        ready.map_err(|error| unavailable(&error))?;
        self.bytes += bytes.len() as u64;
        // Copied, so that many small pieces do not hold many large buffers.
        self.write.write(&bytes);
        Ok(())
    }

    /// The number of bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file and returns its size in bytes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written; then there is no file.
    pub async fn finish(self) -> Result<u64> {
        let finished = self.write.finish().await;
        finished.map_err(|error| unavailable(&error))?;
        Ok(self.bytes)
    }

    /// Removes what was written so far.
    pub async fn abort(self) {
        if let Err(error) = self.write.abort().await {
            tracing::warn!(%error, "The parts of an aborted file cannot be removed");
        }
    }
}

impl Objects {
    /// Starts an upload, under a name of letters, digits and underscores.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn begin_upload(&self, schema: &SchemaName, name: &str) -> Result<ObjectWriter> {
        let folder = self.folder.join(schema.as_str()).join(FOLDER);
        make_private(&folder)
            .await
            .map_err(|error| unwritable(&error))?;
        let begun = self.store.put_multipart(&key(schema, name)).await;
        let upload = begun.map_err(|error| unavailable(&error))?;
        Ok(ObjectWriter {
            write: WriteMultipart::new_with_chunk_size(upload, PART),
            bytes: 0,
        })
    }

    /// Copies an uploaded file to the local path `to`. Returns whether the file exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read or `to` cannot be written.
    pub async fn download_upload(
        &self,
        schema: &SchemaName,
        name: &str,
        to: &FilePath,
    ) -> Result<bool> {
        let found = match self.store.get(&key(schema, name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(unavailable(&error)),
        };
        let full = |error: std::io::Error| {
            tracing::error!(%error, "A file of an import cannot be written");
            Error::Unavailable("the files cannot be staged; is the disk full?".to_owned())
        };
        let mut file = tokio::fs::File::create(to).await.map_err(full)?;
        let mut stream = found.into_stream();
        while let Some(bytes) = stream
            .try_next()
            .await
            .map_err(|error| unavailable(&error))?
        {
            file.write_all(&bytes).await.map_err(full)?;
        }
        file.flush().await.map_err(full)?;
        Ok(true)
    }

    /// Removes the uploaded files whose names are `old`, and parts of uploads that were interrupted because
    /// the server was killed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn remove_uploads(
        &self,
        schema: &SchemaName,
        old: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<()> {
        // By the file system: the store does not list what is not whole.
        let folder = self.folder.join(schema.as_str()).join(FOLDER);
        let removed = tokio::task::spawn_blocking(move || remove_uploads(&folder, old)).await;
        let removed = removed.map_err(|error| Error::Internal(error.into()))?;
        removed.map_err(|error| unwritable(&error))
    }

    /// Removes an uploaded file, if it exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn delete_upload(&self, schema: &SchemaName, name: &str) -> Result<()> {
        match self.store.delete(&key(schema, name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// Creates a folder that other users of this machine may not read: uploaded files contain personal data.
async fn make_private(folder: &FilePath) -> std::io::Result<()> {
    if let Some(parent) = folder.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let made = DirBuilder::new().mode(0o700).create(folder).await;
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn unwritable(error: &std::io::Error) -> Error {
    tracing::error!(%error, "The folder of uploads cannot be written");
    Error::Unavailable("the file store cannot be written".to_owned())
}

/// Removes the files of a folder that are `old`, as far as they can be.
fn remove_uploads(folder: &FilePath, old: impl Fn(&str) -> bool) -> std::io::Result<()> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in files {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        // The store writes into `NAME#1` and renames it when it is whole.
        let name = name.split_once('#').map_or(&*name, |(name, _)| name);
        if old(name) {
            match std::fs::remove_file(file.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn key(schema: &SchemaName, name: &str) -> Path {
    Path::from(format!("{schema}/{FOLDER}/{name}"))
}
