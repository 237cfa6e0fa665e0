//! The object store: files by the digest of their bytes, each schema's in a folder of its own.
//!
//! A file's name is the SHA-256 of its bytes and an ending that says what it is, so that a file never
//! changes under its name and the same bytes are kept once. The name is also the key to the file:
//! nobody guesses 256 bits, and who can compute them has the bytes already.
//!
//! What is uploaded and what models are read from lie apart from that, under names that only the database
//! knows.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::config::{self, SchemaName};
use crate::foundation::{Error, Result};

mod artifacts;
mod name;
mod uploads;

pub use name::{MediaType, ObjectName};
pub use uploads::ObjectWriter;

/// The folder of a schema that holds the files of content.
const FOLDER: &str = "content";

/// Files by name, of all schemas. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    folder: Arc<FilePath>,
    /// The folder for copies of models on this machine; `None` to keep none.
    backup: Option<Arc<FilePath>>,
}

impl Objects {
    /// Opens the store that the settings name, and makes its folder where there is none.
    ///
    /// # Errors
    /// When the folder can be neither found nor made.
    pub fn open(settings: &config::Objects, data_dir: &FilePath) -> anyhow::Result<Self> {
        let folder = folder(settings, data_dir)?;
        std::fs::create_dir_all(&folder)
            .and_then(|()| folder.canonicalize())
            .map_err(anyhow::Error::from)
            .and_then(|folder| Ok((LocalFileSystem::new_with_prefix(&folder)?, folder)))
            .with_context(|| format!("cannot keep files in {}", folder.display()))
            .map(|(store, folder)| Self {
                store: Arc::new(store),
                folder: folder.into(),
                backup: settings
                    .model_backup
                    .then(|| data_dir.join("model-backup").into()),
            })
    }

    /// Keeps these bytes and answers their name. Whoever reads meanwhile sees the whole file or none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn put(
        &self,
        schema: &SchemaName,
        bytes: Bytes,
        media_type: MediaType,
    ) -> Result<ObjectName> {
        let name = ObjectName::of(&bytes, media_type);
        let payload = PutPayload::from_bytes(bytes);
        let put = self.store.put(&key(schema, &name), payload).await;
        put.map_err(|error| unavailable(&error))?;
        Ok(name)
    }

    /// The bytes of a file; `None` where there is none of this name.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read.
    pub async fn get(&self, schema: &SchemaName, name: &ObjectName) -> Result<Option<Bytes>> {
        let found = match self.store.get(&key(schema, name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        found
            .bytes()
            .await
            .map(Some)
            .map_err(|error| unavailable(&error))
    }

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read.
    pub async fn exists(&self, schema: &SchemaName, name: &ObjectName) -> Result<bool> {
        match self.store.head(&key(schema, name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Removes a file. One that is not there is as good as removed. Two things with the same bytes
    /// share one file: ask first who else has it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn delete(&self, schema: &SchemaName, name: &ObjectName) -> Result<()> {
        match self.store.delete(&key(schema, name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Removes a file, if it was last written before then. Says whether it was.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be written.
    pub async fn delete_older(
        &self,
        schema: &SchemaName,
        name: &ObjectName,
        before: DateTime<Utc>,
    ) -> Result<bool> {
        match self.store.head(&key(schema, name)).await {
            Ok(file) if file.last_modified < before => {
                self.delete(schema, name).await?;
                Ok(true)
            }
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The files of a schema that were last written before then, as the store lists them; none is
    /// read.
    pub fn older(
        &self,
        schema: &SchemaName,
        before: DateTime<Utc>,
    ) -> BoxStream<'static, Result<ObjectName>> {
        let folder = Path::from(format!("{schema}/{FOLDER}"));
        let listed = self.store.list(Some(&folder));
        listed
            .map_err(|error| unavailable(&error))
            .try_filter_map(move |file| {
                let old = file.last_modified < before;
                let name = file.location.filename().filter(|_| old);
                std::future::ready(Ok(name.and_then(|name| name.parse().ok())))
            })
            .boxed()
    }

    /// Where this server has a file for clients.
    pub fn address(&self, schema: &SchemaName, name: &ObjectName) -> String {
        format!("/files/{schema}/{name}")
    }
}

/// The folder of the settings.
fn folder(settings: &config::Objects, data_dir: &FilePath) -> anyhow::Result<PathBuf> {
    if settings.url.is_empty() {
        return Ok(data_dir.join("objects"));
    }
    let url = url::Url::parse(&settings.url).ok();
    url.filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok())
        .context("`objects.url` must be empty or look like file:///srv/marquee")
}

fn key(schema: &SchemaName, name: &ObjectName) -> Path {
    // Both are made of letters, digits, underscores and one full stop: nothing to escape.
    Path::from(format!("{schema}/{FOLDER}/{name}"))
}

fn unavailable(error: &object_store::Error) -> Error {
    tracing::error!(%error, "The object store does not answer");
    Error::Unavailable("the file store does not answer; try again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &FilePath) -> Objects {
        let settings = config::Objects {
            url: String::new(),
            public_url: String::new(),
            model_backup: true,
        };
        Objects::open(&settings, folder).unwrap()
    }

    fn schema(name: &str) -> SchemaName {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn a_file_is_found_under_its_digest_in_its_schema_alone() {
        let folder = tempfile::tempdir().unwrap();
        let objects = opened(folder.path());
        let (app, demo) = (schema("app"), schema("demo"));
        let bytes = Bytes::from_static(b"abc");
        let name = objects.put(&app, bytes.clone(), MediaType::Text).await;
        let name = name.unwrap();
        // The digest of "abc", as FIPS 180-2 has it.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(name.to_string(), format!("{digest}.txt"));
        assert!(
            folder
                .path()
                .join("objects/app/content")
                .join(name.to_string())
                .is_file()
        );
        assert_eq!(objects.get(&app, &name).await.unwrap(), Some(bytes));
        assert!(objects.exists(&app, &name).await.unwrap());
        assert_eq!(objects.get(&demo, &name).await.unwrap(), None);
        assert!(!objects.exists(&demo, &name).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_removed_is_gone_and_may_be_removed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, app) = (opened(folder.path()), schema("app"));
        let name = objects
            .put(&app, Bytes::from_static(b"x"), MediaType::Png)
            .await;
        let name = name.unwrap();
        objects.delete(&app, &name).await.unwrap();
        assert_eq!(objects.get(&app, &name).await.unwrap(), None);
        objects.delete(&app, &name).await.unwrap();
    }

    #[tokio::test]
    async fn old_files_of_a_schema_are_listed_and_removed_and_young_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, app, demo) = (opened(folder.path()), schema("app"), schema("demo"));
        let old = |name: &SchemaName, before| objects.older(name, before).try_collect::<Vec<_>>();
        let long_ago = DateTime::UNIX_EPOCH;
        let far_off: DateTime<Utc> = "2999-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(old(&app, far_off).await.unwrap(), []);
        let bytes = Bytes::from_static(b"x");
        let name = objects.put(&app, bytes, MediaType::Png).await.unwrap();
        std::fs::write(folder.path().join("objects/app/content/else"), "x").unwrap();
        let found = old(&app, far_off).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&name));
        assert_eq!(old(&app, long_ago).await.unwrap(), []);
        assert_eq!(old(&demo, far_off).await.unwrap(), []);
        assert!(!objects.delete_older(&app, &name, long_ago).await.unwrap());
        assert!(objects.exists(&app, &name).await.unwrap());
        assert!(objects.delete_older(&app, &name, far_off).await.unwrap());
        assert!(!objects.exists(&app, &name).await.unwrap());
        assert!(!objects.delete_older(&app, &name, far_off).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_bytes_are_kept_once_and_others_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, app) = (opened(folder.path()), schema("app"));
        for text in ["one", "two", "one"] {
            let bytes = Bytes::from_static(text.as_bytes());
            objects.put(&app, bytes, MediaType::Text).await.unwrap();
        }
        let kept = std::fs::read_dir(folder.path().join("objects/app/content"));
        assert_eq!(kept.unwrap().count(), 2);
    }
}
