//! Imports: the job that imports uploaded files.

use async_graphql::InputObject;

use super::job::parameters::within;
use super::job::{ApiJob, Creation, JobInput};
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::job::{self as domain, ImportJob};
use crate::foundation::{Id, Result, id};
use crate::graphql::enums::graphql_enum;

impl ApiJob for ImportJob {
    const DESCRIPTION: &'static str = "Imports uploaded files into the catalogue.";

    fn creation() -> Creation {
        Creation::input::<ImportJobInput>("import", "Import uploaded files into the catalogue.")
    }
}

graphql_enum!(domain::ImportSource as ImportSource);

/// Parameters of an import job.
#[derive(Clone, Debug, InputObject)]
pub struct ImportJobInput {
    /// Format of the files to import.
    source: ImportSource,
    /// IDs of 1–20 files that were uploaded by `POST /uploads/{schema}`, all with different names;
    /// exactly one for products, users and interactions. The role of each other file is determined by its
    /// name.
    upload_ids: Vec<Id<id::Upload>>,
    /// For products, users and interactions only, which need it or a preset: the mapping of columns to
    /// fields, as TOML of at most 100,000 bytes.
    mapping: Option<String>,
    /// For products, users and interactions only, in place of `mapping`: name of a built-in mapping, such
    /// as `gorse` or `ml-100k`.
    preset: Option<String>,
    /// For guides in XMLTV only: time zone of channels that are not known yet, and of their times
    /// without an offset, as a name of the IANA database (default: `UTC`).
    time_zone: Option<String>,
    /// Maximum ratio of the decompressed to the compressed size of a file, for files of more than 1
    /// GiB when decompressed, 1–1,000,000.
    #[graphql(default = 200)]
    max_ratio: i32,
}

impl JobInput for ImportJobInput {
    type Job = ImportJob;

    /// Checks also whether the files are there.
    async fn read(self, viewer: &Viewer, services: &Services) -> Result<domain::ImportParameters> {
        let uploads = &services.uploads;
        uploads.find_for_import(viewer, &self.upload_ids).await?;
        Ok(domain::ImportParameters {
            source: self.source.into(),
            uploads: self.upload_ids,
            mapping: self.mapping,
            preset: self.preset,
            time_zone: self.time_zone,
            max_ratio: within(self.max_ratio, 1..=1_000_000, "maxRatio")?,
        })
    }
}
