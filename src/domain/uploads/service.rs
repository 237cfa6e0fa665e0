//! Uploads: receiving, listing, staging for imports, and removal.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::model::Upload;
use super::store::Store;
use super::writer::UploadWriter;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::config::SchemaName;
use crate::platform::objects::Objects;

/// The folder under the data directory in which the files of imports are staged.
const FOLDER: &str = "imports";

/// The uploaded files of one schema.
#[derive(Clone)]
pub struct UploadService {
    pub(super) store: Store,
    objects: Objects,
    schema: SchemaName,
    clock: Clock,
    rng: Rng,
    data_dir: PathBuf,
}

/// Uploads staged in a local folder under their own names. Dropping it removes the folder.
pub struct StagedUploads {
    folder: TempDir,
    /// The uploads, in the requested order.
    pub uploads: Vec<Upload>,
}

impl StagedUploads {
    /// The folder with the files and nothing else.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// A path next to that folder.
    pub fn sibling(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl UploadService {
    /// The uploaded files of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            objects: ctx.objects.clone(),
            schema: ctx.db.schema().clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            data_dir: ctx.settings.data_dir.clone(),
        }
    }

    /// Checks that the viewer may upload; call it before anything is read. Admins may.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub fn may_upload(&self, viewer: &Viewer) -> Result<()> {
        viewer.admin()
    }

    /// Starts an upload. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`]; [`Error::Unavailable`] when the store
    /// cannot be written.
    pub async fn begin(&self, viewer: &Viewer) -> Result<UploadWriter> {
        self.may_upload(viewer)?;
        let id: Id<id::Upload> = Id::new(&self.clock, &self.rng);
        let object = self.objects.begin_upload(&self.schema, &object(id)).await?;
        Ok(UploadWriter {
            service: self.clone(),
            upload: Upload {
                id,
                name: String::new(),
                bytes: 0,
                sha256: [0; 32],
                owner: viewer.user(),
                created_at: self.clock.now(),
            },
            object,
            digest: Sha256::new(),
        })
    }

    /// The viewer's uploaded files, the newest first; all for admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::InvalidInput`] for a cursor of another
    /// list.
    pub async fn list(&self, viewer: &Viewer, window: &Window) -> Result<Page<Upload>> {
        signed_in(viewer)?;
        let rows = self.store.list(viewer, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// Those of `ids` that the viewer may see: their own; for admins all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
    ) -> Result<HashMap<Id<id::Upload>, Upload>> {
        if signed_in(viewer).is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(viewer, ids).await?;
        Ok(found
            .into_iter()
            .map(|upload| (upload.id, upload))
            .collect())
    }

    /// How many there are in that list.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody.
    pub async fn count(&self, viewer: &Viewer) -> Result<u64> {
        signed_in(viewer)?;
        self.store.count(viewer).await
    }

    /// Removes an uploaded file. What was imported of it stays. For its owner and admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::NotFound`] for one that is not there or is
    /// somebody else's.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Upload>) -> Result<Id<id::Upload>> {
        signed_in(viewer)?;
        let found = self.store.find_many(viewer, &[id]).await?;
        let upload = found.first().ok_or_else(not_found)?;
        // The file first: if that fails, the row is still there for another try.
        self.delete_file(upload.id).await?;
        if !self.store.delete(upload.id).await? {
            return Err(not_found());
        }
        Ok(id)
    }

    /// Removes uploads from before `before`, and parts of uploads that were interrupted because a server was
    /// killed. Returns the number of removed uploads. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; when the database or the store fails. What was removed before stays
    /// removed.
    pub async fn remove_older(&self, viewer: &Viewer, before: DateTime<Utc>) -> Result<u64> {
        viewer.admin()?;
        let removed = self.store.delete_older(before).await?;
        // Their names tell their age, so that files without a row are found as well.
        let old = move |name: &str| {
            let id = name.parse::<Id<id::Upload>>();
            id.is_ok_and(|id| id.time() < before)
        };
        self.objects.remove_uploads(&self.schema, old).await?;
        Ok(removed)
    }

    /// Removes local folders of staged uploads from before `before` whose job is not among `running`: its
    /// process was killed. Returns their number. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] when the data directory cannot be written.
    pub async fn remove_folders(
        &self,
        viewer: &Viewer,
        before: DateTime<Utc>,
        running: Vec<Id<id::Job>>,
    ) -> Result<u64> {
        viewer.admin()?;
        let (parent, schema) = (self.data_dir.join(FOLDER), self.schema.clone());
        let remove_stale_folders = move || remove_stale_folders(&parent, &schema, before, &running);
        let removed = tokio::task::spawn_blocking(remove_stale_folders).await;
        let removed = removed.map_err(|error| Error::Internal(error.into()))?;
        removed.map_err(|error| unwritable(&error))
    }

    /// Removes the files of uploads whose rows were erased with their user. A file that cannot be removed now
    /// is removed when it expires, by [`UploadService::remove_older`]. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn delete_files(&self, viewer: &Viewer, uploads: &[Id<id::Upload>]) -> Result<()> {
        viewer.admin()?;
        for upload in uploads {
            if let Err(error) = self.delete_file(*upload).await {
                tracing::warn!(?error, %upload, "The file of an upload cannot be removed now");
            }
        }
        Ok(())
    }

    pub(super) async fn delete_file(&self, id: Id<id::Upload>) -> Result<()> {
        self.objects.delete_upload(&self.schema, &object(id)).await
    }

    /// The uploads with these ids, in this order, if they can be imported together. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Refusal::InvalidInput`] at `uploadIds` for one that is not there, and
    /// for two of one name.
    pub async fn find_for_import(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
    ) -> Result<Vec<Upload>> {
        viewer.admin()?;
        let found = self.store.find_many(viewer, ids).await?;
        let refuse = |message: String| Error::from(Refusal::invalid("uploadIds", message));
        let mut names = BTreeSet::new();
        let uploads = ids.iter().map(|id| {
            let upload = found.iter().find(|upload| upload.id == *id);
            let upload = upload.ok_or_else(|| {
                refuse(format!(
                    "there is no upload `{id}`, or not any more; upload the file again"
                ))
            })?;
            if !names.insert(upload.name.as_str()) {
                let message = format!("two of these files are called `{}`", upload.name);
                return Err(refuse(message));
            }
            Ok(upload.clone())
        });
        uploads.collect()
    }

    /// Stages uploads for a job: copies them into a local folder under their own names. Removes what an
    /// earlier attempt of the job left behind. For admins.
    ///
    /// # Errors
    /// As [`UploadService::find_for_import`]; [`Error::Unavailable`] when the store cannot be read or the
    /// data directory cannot be written.
    pub async fn stage(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
        job: Id<id::Job>,
    ) -> Result<StagedUploads> {
        let uploads = self.find_for_import(viewer, ids).await?;
        let folder = folder(&self.data_dir.join(FOLDER), &self.schema, job)
            .map_err(|error| unwritable(&error))?;
        let staged = StagedUploads { folder, uploads };
        for upload in &staged.uploads {
            let to = staged.folder().join(&upload.name);
            let object = object(upload.id);
            if !self
                .objects
                .download_upload(&self.schema, &object, &to)
                .await?
            {
                let message = format!("the file `{}` is gone; upload it again", upload.name);
                return Err(Refusal::invalid("uploadIds", message).into());
            }
        }
        Ok(staged)
    }
}

/// The name of an upload in the object store.
fn object(id: Id<id::Upload>) -> String {
    id.to_string()
}

/// Creates an empty folder for a job, with a folder for the files in it.
fn folder(parent: &Path, schema: &SchemaName, job: Id<id::Job>) -> std::io::Result<TempDir> {
    std::fs::create_dir_all(parent)?;
    let prefix = format!("{schema}-{job}-");
    for leftover in std::fs::read_dir(parent)? {
        let leftover = leftover?;
        if leftover.file_name().to_string_lossy().starts_with(&prefix) {
            std::fs::remove_dir_all(leftover.path())?;
        }
    }
    let folder = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(parent)?;
    std::fs::create_dir(folder.path().join("files"))?;
    Ok(folder)
}

/// Removes the folders of a schema from before `before`, except those of `running` jobs.
fn remove_stale_folders(
    parent: &Path,
    schema: &SchemaName,
    before: DateTime<Utc>,
    running: &[Id<id::Job>],
) -> std::io::Result<u64> {
    let folders = match std::fs::read_dir(parent) {
        Ok(folders) => folders,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for folder in folders {
        let folder = folder?;
        let name = folder.file_name();
        let name = name.to_string_lossy();
        let mut parts = name.splitn(3, '-');
        if parts.next() != Some(schema.as_str()) {
            continue;
        }
        let job = parts.next().and_then(|job| job.parse::<Id<id::Job>>().ok());
        let leftover = job.is_some_and(|job| !running.contains(&job));
        if leftover && DateTime::<Utc>::from(folder.metadata()?.modified()?) < before {
            std::fs::remove_dir_all(folder.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn signed_in(viewer: &Viewer) -> Result<()> {
    match viewer {
        Viewer::Nobody => Err(Error::signed_out()),
        _ => Ok(()),
    }
}

fn unwritable(error: &std::io::Error) -> Error {
    tracing::error!(%error, "The folders of imports cannot be written");
    Error::Unavailable("the data directory cannot be written".to_owned())
}

fn not_found() -> Error {
    Refusal::NotFound { thing: "upload" }.into()
}
