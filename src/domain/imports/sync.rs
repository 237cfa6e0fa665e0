//! The job that fetches the guides of the setting `competition.sources` and imports them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::download::{Fetched, fetch};
use super::job::{Seen, settle};
use super::model::{ImportOptions, ImportRequest};
use super::service::ImportService;
use super::store::Validators;
use crate::domain::auth::Viewer;
use crate::domain::channels::model::time_zone;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind, JobSchedule};
use crate::foundation::{Error, Progress, Refusal};
use crate::platform::config::{Competition, GuideSource, Schedules};

/// The folder under the data directory into which guides are fetched.
const FOLDER: &str = "imports";

/// How guides are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncParameters {
    /// Whether guides are fetched and imported even if they have not changed.
    pub force: bool,
}

/// Fetches and imports the guides of the settings.
pub struct CompetitionSyncJob {
    pub(in crate::domain) imports: ImportService,
}

impl JobHandler for CompetitionSyncJob {
    const KIND: JobKind = JobKind::new("COMPETITION_SYNC");
    type Parameters = SyncParameters;

    fn schedule(settings: &Schedules) -> Option<JobSchedule<'_, SyncParameters>> {
        Some(JobSchedule {
            name: "competition_sync",
            pattern: &settings.competition_sync,
            parameters: SyncParameters::default(),
        })
    }

    /// Fetches and imports one guide after the other, and returns what became of each. A guide that fails does not
    /// keep the others from coming in; the job fails at its end, and a second attempt fetches only what is missing.
    async fn run(
        &self,
        parameters: SyncParameters,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        let settings = Arc::clone(&self.imports.settings);
        let sources = &settings.competition.sources;
        if sources.is_empty() {
            let message = "no guides are configured; name their addresses in `competition.sources`";
            return Err(JobFailure::Permanent(message.to_owned()));
        }
        let mut results = Map::new();
        let mut failures: Vec<(&GuideSource, JobFailure)> = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let _ = context.report(Progress {
                fraction: Some(index as f32 / sources.len() as f32),
                step: Some("fetching".into()),
                message: Some(source.name.clone()),
            });
            let done = self
                .one(source, &settings.competition, parameters, &context)
                .await;
            match done {
                Ok(result) => {
                    results.insert(source.name.clone(), result);
                }
                Err(failure) => failures.push((source, failure)),
            }
            if context.token().is_cancelled() {
                return Err(JobFailure::stopped());
            }
        }
        if failures.is_empty() {
            return Ok(json!({ "guides": results }));
        }
        Err(failed(&failures, sources.len()))
    }
}

impl CompetitionSyncJob {
    /// Fetches and imports one guide.
    async fn one(
        &self,
        source: &GuideSource,
        settings: &Competition,
        parameters: SyncParameters,
        context: &JobContext,
    ) -> Result<Value, JobFailure> {
        let imports = &self.imports;
        let address: [u8; 32] = Sha256::digest(source.url.as_bytes()).into();
        let known = if parameters.force {
            Validators::default()
        } else {
            imports.store.validators(&address).await?
        };
        let parent = imports.settings.data_dir.join(FOLDER);
        let unwritable = |error: std::io::Error| {
            tracing::error!(%error, "No folder for a guide can be made in the data directory");
            JobFailure::retry("the data directory cannot be written")
        };
        std::fs::create_dir_all(&parent).map_err(unwritable)?;
        // Gone with this value, with what is in it.
        let folder = tempfile::tempdir_in(&parent).map_err(unwritable)?;
        let file = folder.path().join(file_name(&source.url));
        let fetched = fetch(settings, &source.url, &known, &file, context.token()).await?;
        let validators = match fetched {
            Fetched::File(validators) => validators,
            Fetched::NotModified => return Ok(json!({ "unchanged": true })),
        };
        let request = ImportRequest::Xmltv {
            files: vec![file],
            time_zone: time_zone("timeZone", &source.time_zone).map_err(Error::from)?,
        };
        let options = ImportOptions {
            cancel: context.token().clone(),
            ..ImportOptions::default()
        };
        let mut seen = Seen::default();
        let outcome = imports
            .run(&Viewer::Command, request, options, |event| {
                seen.take(event);
            })
            .await;
        let summary = outcome.map_err(|error| match error {
            Error::Refused(Refusal::Conflict { message }) => JobFailure::retry(message),
            Error::Refused(refusal) => {
                let folder = format!("{}/", folder.path().display());
                JobFailure::Permanent(refusal.to_string().replace(&folder, ""))
            }
            other => other.into(),
        })?;
        let result = settle(&summary, seen.into_refused())?;
        let now = imports.clock.now();
        imports
            .store
            .keep_validators(&address, &validators, now)
            .await?;
        Ok(result)
    }
}

/// The name under which reports call the file: the last part of the address.
fn file_name(url: &str) -> String {
    let path = url::Url::parse(url).ok();
    let last = path
        .as_ref()
        .and_then(|url| url.path_segments()?.next_back())
        .unwrap_or_default();
    let good = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let name: String = last
        .chars()
        .filter(|letter| good(*letter))
        .take(100)
        .collect();
    if name.chars().all(|letter| letter == '.') {
        return "guide.xml".to_owned();
    }
    name
}

/// Why the job failed: every guide that did, with its reason. It is tried again where that can help one of them.
fn failed(failures: &[(&GuideSource, JobFailure)], of: usize) -> JobFailure {
    let mut wait = None;
    let mut retry = false;
    let reasons = failures.iter().map(|(source, failure)| {
        let reason = match failure {
            JobFailure::Retry { reason, after } => {
                retry = true;
                wait = wait.max(*after);
                reason
            }
            JobFailure::Permanent(reason) => reason,
        };
        format!("{}: {reason}", source.name)
    });
    let reasons: Vec<String> = reasons.collect();
    let reason = format!(
        "{} of {of} guides failed; {}",
        failures.len(),
        reasons.join("; ")
    );
    if retry {
        JobFailure::Retry {
            reason,
            after: wait,
        }
    } else {
        JobFailure::Permanent(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_address_and_leads_nowhere_else() {
        for (url, name) in [
            ("https://a.example/guides/nz.xml.gz", "nz.xml.gz"),
            ("https://a.example/guide?key=secret", "guide"),
            ("https://a.example/", "guide.xml"),
            ("https://a.example", "guide.xml"),
            (
                "https://a.example/..%2f..%2fetc%2fpasswd",
                "..2f..2fetc2fpasswd",
            ),
            ("nonsense", "guide.xml"),
        ] {
            assert_eq!(file_name(url), name, "{url}");
        }
    }

    #[test]
    fn one_guide_that_may_work_another_time_has_the_job_tried_again() {
        let source = |name: &str| GuideSource {
            name: name.to_owned(),
            url: "https://a.example/?key=secret".to_owned(),
            time_zone: "UTC".to_owned(),
        };
        let (one, two) = (source("one"), source("two"));
        let gone = JobFailure::Permanent("the server answered 404".to_owned());
        let permanent = failed(&[(&one, gone.clone())], 2);
        let words = "1 of 2 guides failed; one: the server answered 404";
        assert_eq!(permanent, JobFailure::Permanent(words.to_owned()));
        let retried = failed(
            &[(&one, gone), (&two, JobFailure::retry("it was silent"))],
            2,
        );
        let words = "2 of 2 guides failed; one: the server answered 404; two: it was silent";
        assert_eq!(retried, JobFailure::retry(words));
    }
}
