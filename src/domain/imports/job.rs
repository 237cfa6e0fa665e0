//! The job that imports uploaded files, as `marquee import` imports those of a folder.

use std::path::PathBuf;

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::mapping::MappingOrigin;
use super::model::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, RefusedRow,
};
use super::service::ImportService;
use super::source::Limits;
use crate::domain::auth::Viewer;
use crate::domain::channels::model::time_zone;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind};
use crate::domain::uploads::{StagedUploads, UploadService};
use crate::foundation::{Error, Progress, Refusal, Result};

mod parameters;

pub use parameters::{ImportParameters, ImportSource};

/// So many refused rows are told with line and reason; the others are counted.
const REFUSED_TOLD: usize = 100;

/// Imports uploaded files into the catalogue.
pub struct ImportJob {
    pub(in crate::domain) imports: ImportService,
    pub(in crate::domain) uploads: UploadService,
}

impl JobHandler for ImportJob {
    const KIND: JobKind = JobKind::new("IMPORT");
    type Parameters = ImportParameters;

    fn check(parameters: &ImportParameters) -> Result<(), Refusal> {
        parameters.check()
    }

    /// Stages the files, imports them, and returns what became of the rows. The uploads stay, so that a job
    /// that is run again finds them.
    async fn run(
        &self,
        parameters: ImportParameters,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let _ = context.report(Progress::counted("fetching the files", 0, 0));
        let viewer = Viewer::Command;
        let staged = self
            .uploads
            .stage(&viewer, &parameters.uploads, context.job());
        let staged = staged.await?;
        let request = request(&parameters, &staged).await?;
        let options = ImportOptions {
            limits: Limits {
                ratio: parameters.max_ratio,
                ..Limits::default()
            },
            cancel: context.token().clone(),
            ..ImportOptions::default()
        };
        let mut seen = Seen::default();
        let of = staged.uploads.iter().map(|upload| upload.bytes as u64);
        let of: u64 = of.sum();
        let on_event = |event| {
            if let Some(message) = seen.take(event) {
                // The import itself checks whether it must stop.
                let _ = context.report(Progress {
                    fraction: Some(seen.done() as f32 / of as f32),
                    step: Some("importing".into()),
                    message: Some(message),
                });
            }
        };
        let outcome = self.imports.run(&viewer, request, options, on_event).await;
        let summary = outcome.map_err(|error| without_folder(error, &staged))?;
        settle(&summary, seen.into_refused())
    }
}

/// The request for the staged files.
async fn request(
    parameters: &ImportParameters,
    staged: &StagedUploads,
) -> Result<ImportRequest, JobFailure> {
    let folder = staged.folder();
    match (
        parameters.source,
        parameters.mapping_text(),
        staged.uploads.first(),
    ) {
        (ImportSource::Movielens, ..) => Ok(ImportRequest::Movielens { folder }),
        (ImportSource::Tmdb, ..) => Ok(ImportRequest::Tmdb { folder }),
        (
            ImportSource::Products | ImportSource::Users | ImportSource::Interactions,
            Some(text),
            Some(upload),
        ) => {
            let mapping = staged.sibling("mapping.toml");
            tokio::fs::write(&mapping, text).await.map_err(|error| {
                tracing::error!(%error, "The mapping of an import cannot be written");
                JobFailure::retry("the data directory cannot be written")
            })?;
            let file = folder.join(&upload.name);
            Ok(match parameters.source {
                ImportSource::Users => ImportRequest::Users {
                    file,
                    mapping: MappingOrigin::File(mapping),
                },
                ImportSource::Interactions => ImportRequest::Interactions {
                    file,
                    mapping: MappingOrigin::File(mapping),
                    create: None,
                },
                _ => ImportRequest::Products { file, mapping },
            })
        }
        (ImportSource::Xmltv, ..) => Ok(ImportRequest::Xmltv {
            files: files(staged),
            time_zone: match &parameters.time_zone {
                Some(zone) => time_zone("timeZone", zone).map_err(Error::from)?,
                None => Tz::UTC,
            },
        }),
        (ImportSource::Airings, ..) => Ok(ImportRequest::Airings {
            files: files(staged),
        }),
        (ImportSource::Products | ImportSource::Users | ImportSource::Interactions, ..) => Err(
            JobFailure::Permanent("the import needs a mapping".to_owned()),
        ),
    }
}

/// The staged files, in the order of the request.
fn files(staged: &StagedUploads) -> Vec<PathBuf> {
    let folder = staged.folder();
    let uploads = staged.uploads.iter();
    uploads.map(|upload| folder.join(&upload.name)).collect()
}

/// What the import has told so far.
#[derive(Default)]
pub(super) struct Seen {
    /// The bytes of the files before this one.
    before: u64,
    /// The bytes of this one, and how many of them are in.
    bytes: u64,
    within: u64,
    refused: Vec<RefusedRow>,
}

impl Seen {
    /// Takes note, and answers what there is to tell.
    pub(super) fn take(&mut self, on_event: ImportEvent) -> Option<String> {
        match on_event {
            ImportEvent::FileOpened { file, bytes } => {
                self.before += self.bytes;
                self.bytes = bytes;
                self.within = 0;
                Some(file)
            }
            ImportEvent::ChunkMerged { file, bytes, rows } => {
                self.within = bytes.min(self.bytes);
                Some(format!("{file}: {rows} rows"))
            }
            ImportEvent::RowRefused(refused) => {
                if self.refused.len() < REFUSED_TOLD {
                    self.refused.push(refused);
                }
                None
            }
            ImportEvent::FieldLeftEmpty(_) => None,
        }
    }

    /// The refused rows with their reasons, as many as are told.
    pub(super) fn into_refused(self) -> Vec<RefusedRow> {
        self.refused
    }

    fn done(&self) -> u64 {
        self.before + self.within
    }
}

/// The result of an import that came to its end, or why it is none.
pub(super) fn settle(
    summary: &ImportSummary,
    refused: Vec<RefusedRow>,
) -> Result<Value, JobFailure> {
    let first = refused.first().map_or_else(String::new, |first| {
        let RefusedRow { file, line, reason } = first;
        format!("; the first one: {file}, line {line}: {reason}")
    });
    match &summary.outcome {
        ImportOutcome::Cancelled => Err(JobFailure::retry("it was stopped")),
        ImportOutcome::Aborted(broken) => Err(JobFailure::Permanent(format!(
            "{}, line {}: {}. What came before is in: {}. Mend the file and import it again; what is \
             in already is left as it is",
            broken.file,
            broken.line,
            broken.reason,
            taken(summary)
        ))),
        ImportOutcome::Completed if summary.is_empty() => Err(JobFailure::Permanent(format!(
            "no row could be taken, and {} were refused{first}",
            summary.refused()
        ))),
        ImportOutcome::Completed => {
            let tables = summary.tables.iter();
            let tables =
                tables.map(|(table, counts)| (table.as_str().to_owned(), counts.to_json(*table)));
            let rows = refused
                .into_iter()
                .map(|RefusedRow { file, line, reason }| {
                    json!({ "file": file, "line": line, "reason": reason })
                })
                .collect::<Vec<_>>();
            Ok(json!({
                "tables": tables.collect::<serde_json::Map<_, _>>(),
                "refused": summary.refused(), "refusedRows": rows,
                "warnings": summary.warnings, "seconds": summary.seconds,
            }))
        }
    }
}

/// How many rows of each kind were taken, for people.
fn taken(summary: &ImportSummary) -> String {
    let tables = summary.tables.iter().map(|(table, counts)| {
        let taken = counts.added + counts.updated + counts.unchanged;
        format!("{taken} {}", table.as_str())
    });
    let tables: Vec<_> = tables.collect();
    if tables.is_empty() {
        return "nothing".to_owned();
    }
    tables.join(", ")
}

/// Why an import was not begun, in words that name the files as they were uploaded and not where
/// they lie. While another import runs, this one is tried again.
fn without_folder(error: Error, staged: &StagedUploads) -> JobFailure {
    match error {
        Error::Refused(Refusal::Conflict { message }) => JobFailure::retry(message),
        Error::Refused(refusal) => {
            let folder = staged.folder().display().to_string();
            let why = refusal.to_string();
            let why = why.replace(&format!("{folder}: "), "");
            JobFailure::Permanent(why.replace(&format!("{folder}/"), ""))
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::imports::{FileError, RowCounts, Table};

    fn summary(added: u64, outcome: ImportOutcome) -> ImportSummary {
        let counts = RowCounts {
            added,
            refused: 2,
            ..RowCounts::default()
        };
        ImportSummary {
            tables: vec![(Table::Ratings, counts)],
            warnings: [("year".to_owned(), 3)].into(),
            outcome,
            seconds: 0.5,
        }
    }

    fn refused() -> Vec<RefusedRow> {
        vec![RefusedRow {
            file: "ratings.csv".to_owned(),
            line: 3,
            reason: "no stars".to_owned(),
        }]
    }

    #[test]
    fn each_ending_of_an_import_is_an_ending_of_its_job() {
        let whole = settle(&summary(7, ImportOutcome::Completed), refused()).unwrap();
        let rows = json!([{ "file": "ratings.csv", "line": 3, "reason": "no stars" }]);
        assert_eq!(whole["tables"]["ratings"]["added"], 7);
        assert_eq!(whole["refused"], 2);
        assert_eq!(whole["warnings"], json!({ "year": 3 }));
        assert_eq!(whole["refusedRows"], rows);
        let empty = settle(&summary(0, ImportOutcome::Completed), refused());
        let Err(JobFailure::Permanent(why)) = empty else {
            panic!("{empty:?}");
        };
        assert!(why.contains("ratings.csv, line 3: no stars"), "{why}");
        let broken = ImportOutcome::Aborted(FileError {
            file: "ratings.csv".to_owned(),
            line: 9,
            reason: "it ends too soon".to_owned(),
        });
        let broken = settle(&summary(7, broken), Vec::new());
        let Err(JobFailure::Permanent(why)) = broken else {
            panic!("{broken:?}");
        };
        assert!(why.starts_with("ratings.csv, line 9: it ends too soon"));
        assert!(why.contains("7 ratings"), "{why}");
        let stopped = settle(&summary(7, ImportOutcome::Cancelled), Vec::new());
        assert_eq!(stopped, Err(JobFailure::retry("it was stopped")));
    }

    #[test]
    fn progress_counts_the_bytes_of_all_files() {
        let mut seen = Seen::default();
        let opened = |file: &str, bytes| ImportEvent::FileOpened {
            file: file.to_owned(),
            bytes,
        };
        let merged = |bytes| ImportEvent::ChunkMerged {
            file: "b".to_owned(),
            bytes,
            rows: 5,
        };
        assert_eq!(seen.take(opened("a", 100)), Some("a".to_owned()));
        assert_eq!(seen.done(), 0);
        seen.take(opened("b", 50));
        assert_eq!(seen.done(), 100);
        assert_eq!(seen.take(merged(20)), Some("b: 5 rows".to_owned()));
        assert_eq!(seen.done(), 120);
        seen.take(merged(60));
        assert_eq!(seen.done(), 150);
    }
}
