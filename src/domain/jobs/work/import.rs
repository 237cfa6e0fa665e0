//! Importing what was uploaded, as `marquee import` does it from a folder.

use serde_json::{Value, json};

use super::{Failure, report};
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::imports::{
    ImportEvent, ImportOptions, ImportOutcome, ImportRequest, ImportSummary, Limits, RefusedRow,
};
use crate::domain::jobs::attempt::ProgressReporter;
use crate::domain::jobs::model::Job;
use crate::domain::jobs::parameters::{Import, ImportSource};
use crate::domain::uploads::StagedUploads;
use crate::foundation::{Error, Refusal};

/// So many refused rows are told with line and reason; the others are counted.
const REFUSED_TOLD: usize = 100;

/// Lays the files out, imports them, and answers what became of the rows. The uploads stay, so that
/// a job which is run again finds them.
pub(super) async fn run(
    services: &Services,
    parameters: &Import,
    job: &Job,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let whole = (0.0, 1.0);
    let _ = report(reporter, whole, "fetching the files", 0, 0);
    let shell = Viewer::Command;
    let staged = services.uploads.stage(&shell, &parameters.uploads, job.id);
    let staged = staged.await?;
    let plan = plan(parameters, &staged).await?;
    let options = ImportOptions {
        limits: Limits {
            ratio: parameters.max_ratio,
            ..Limits::default()
        },
        cancel: reporter.token().clone(),
        ..ImportOptions::default()
    };
    let mut seen = Seen::default();
    let of: u64 = staged
        .uploads
        .iter()
        .map(|upload| upload.bytes as u64)
        .sum();
    let on_event = |on_event| {
        if let Some(message) = seen.take(on_event) {
            let fraction = seen.done() as f32 / of as f32;
            // The import itself looks whether it is to end.
            let _ = reporter.report(Some(fraction), "importing", Some(message));
        }
    };
    let outcome = services.imports.run(&shell, plan, options, on_event).await;
    let summary = outcome.map_err(|error| without_folder(error, &staged))?;
    settle(&summary, seen.refused)
}

/// What is to be imported, as the command would be told.
async fn plan(parameters: &Import, staged: &StagedUploads) -> Result<ImportRequest, Failure> {
    let folder = staged.folder();
    match (
        parameters.source,
        &parameters.mapping,
        staged.uploads.first(),
    ) {
        (ImportSource::Movielens, ..) => Ok(ImportRequest::Movielens { folder }),
        (ImportSource::Tmdb, ..) => Ok(ImportRequest::Tmdb { folder }),
        (ImportSource::Products, Some(text), Some(upload)) => {
            let mapping = staged.sibling("mapping.toml");
            tokio::fs::write(&mapping, text).await.map_err(|error| {
                tracing::error!(%error, "The mapping of an import cannot be written");
                Failure::retry("the data directory cannot be written")
            })?;
            let file = folder.join(&upload.name);
            Ok(ImportRequest::Products { file, mapping })
        }
        (ImportSource::Products, ..) => {
            Err(Failure::Permanent("products need a mapping".to_owned()))
        }
    }
}

/// What the import has told so far.
#[derive(Default)]
struct Seen {
    /// The bytes of the files before this one.
    before: u64,
    /// The bytes of this one, and how many of them are in.
    bytes: u64,
    within: u64,
    refused: Vec<RefusedRow>,
}

impl Seen {
    /// Takes note, and answers what there is to tell.
    fn take(&mut self, on_event: ImportEvent) -> Option<String> {
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
        }
    }

    fn done(&self) -> u64 {
        self.before + self.within
    }
}

/// The result of an import that came to its end, or why it is none.
fn settle(summary: &ImportSummary, refused: Vec<RefusedRow>) -> Result<Value, Failure> {
    let first = refused.first().map_or_else(String::new, |first| {
        let RefusedRow { file, line, reason } = first;
        format!("; the first one: {file}, line {line}: {reason}")
    });
    match &summary.outcome {
        ImportOutcome::Cancelled => Err(Failure::retry("it was stopped")),
        ImportOutcome::Aborted(broken) => Err(Failure::Permanent(format!(
            "{}, line {}: {}. What came before is in: {}. Mend the file and import it again; what is \
             in already is left as it is",
            broken.file,
            broken.line,
            broken.reason,
            taken(summary)
        ))),
        ImportOutcome::Completed if summary.is_empty() => Err(Failure::Permanent(format!(
            "no row could be taken, and {} were refused{first}",
            summary.refused()
        ))),
        ImportOutcome::Completed => {
            let tables = summary.tables.iter().map(|(table, counts)| {
                let counts = json!({
                    "added": counts.added, "updated": counts.updated,
                    "unchanged": counts.unchanged, "refused": counts.refused,
                });
                (table.as_str().to_owned(), counts)
            });
            let rows = refused
                .into_iter()
                .map(|RefusedRow { file, line, reason }| {
                    json!({ "file": file, "line": line, "reason": reason })
                })
                .collect::<Vec<_>>();
            Ok(json!({
                "tables": tables.collect::<serde_json::Map<_, _>>(),
                "refused": summary.refused(), "refusedRows": rows,
                "seconds": summary.seconds,
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
fn without_folder(error: Error, staged: &StagedUploads) -> Failure {
    match error {
        Error::Refused(Refusal::Conflict { message }) => Failure::retry(message),
        Error::Refused(refusal) => {
            let folder = staged.folder().display().to_string();
            let why = refusal.to_string();
            let why = why.replace(&format!("{folder}: "), "");
            Failure::Permanent(why.replace(&format!("{folder}/"), ""))
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
        assert_eq!(whole["refusedRows"], rows);
        let empty = settle(&summary(0, ImportOutcome::Completed), refused());
        let Err(Failure::Permanent(why)) = empty else {
            panic!("{empty:?}");
        };
        assert!(why.contains("ratings.csv, line 3: no stars"), "{why}");
        let broken = ImportOutcome::Aborted(FileError {
            file: "ratings.csv".to_owned(),
            line: 9,
            reason: "it ends too soon".to_owned(),
        });
        let broken = settle(&summary(7, broken), Vec::new());
        let Err(Failure::Permanent(why)) = broken else {
            panic!("{broken:?}");
        };
        assert!(why.starts_with("ratings.csv, line 9: it ends too soon"));
        assert!(why.contains("7 ratings"), "{why}");
        let stopped = settle(&summary(7, ImportOutcome::Cancelled), Vec::new());
        assert_eq!(stopped, Err(Failure::retry("it was stopped")));
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
