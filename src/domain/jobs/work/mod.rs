//! The work of each kind of job. It must be safe to run twice: a job whose worker is lost is run again from
//! the beginning.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::attempt::ProgressReporter;
use super::model::Job;
use super::parameters::{CacheWarming, Parameters, RefreshTarget};
use crate::domain::auth::Viewer;
use crate::domain::generation::{self, GenerationError, GenerationRequest};
use crate::domain::recommendations::refresh::RefreshUsers;
use crate::domain::recommendations::training::{self, TrainingOptions};
use crate::domain::{Services, embeddings, recommendations, search};
use crate::foundation::{Error, Result};

mod erasure;
mod import;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Another attempt may succeed.
    Retry {
        /// What went wrong, for people; no secret and nobody's data.
        reason: String,
        /// The least delay before the next attempt, if the refusing service asked for one.
        after: Option<Duration>,
    },
    /// Another attempt would fail too.
    Permanent(String),
}

impl Failure {
    /// A failure that another attempt may overcome.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
            after: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(why) => Self::retry(why),
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "A job failed");
                Self::retry("the program failed; the log says how")
            }
            refused => Self::Permanent(refused.to_string()),
        }
    }
}

impl From<GenerationError> for Failure {
    fn from(error: GenerationError) -> Self {
        match error {
            GenerationError::Retry { message, after } => Self::Retry {
                reason: message,
                after,
            },
            GenerationError::Refused { message } => Self::Permanent(message),
            GenerationError::Stopped => Self::retry("it was stopped"),
            GenerationError::Server(error) => error.into(),
        }
    }
}

/// Runs the work of `job` and returns its result.
pub(super) async fn run(
    services: &Services,
    job: &Job,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    match &job.parameters {
        Parameters::ContentText(request) | Parameters::ContentImage(request) => {
            generate(services, request, job, reporter).await
        }
        Parameters::Training(how) => {
            let how = TrainingOptions {
                force: how.force,
                choose: how.choose,
                candidate: how.candidate,
            };
            train(services, how, reporter).await
        }
        Parameters::Embeddings => embed(services, reporter).await,
        Parameters::Evaluation(parameters) => evaluate(services, parameters.choose, reporter).await,
        Parameters::Recommendations(target) => refresh(services, target, reporter).await,
        Parameters::CacheWarming(parameters) => warm(services, *parameters, reporter).await,
        Parameters::Erasure(target) => {
            let again = job.attempt > 1;
            erasure::run(services, target.user, again, reporter).await
        }
        Parameters::Statistics => {
            let hours = services.upkeep.sum_up(&Viewer::Command).await?;
            Ok(json!({ "hours": hours }))
        }
        Parameters::Retention => Ok(json!(services.upkeep.remove_old(&Viewer::Command).await?)),
        Parameters::Import(parameters) => import::run(services, parameters, job, reporter).await,
    }
}

/// Users are active with at least this many interactions within this time.
const ACTIVE_FROM: i64 = 10;
const ACTIVE_WITHIN: TimeDelta = TimeDelta::days(30);

/// Where a step begins in the whole and where it ends, in [0, 1].
type Share = (f32, f32);

/// Tells how far a step is, as a part of the whole.
fn report(
    reporter: &ProgressReporter,
    (from, to): Share,
    step: &str,
    done: u64,
    of: u64,
) -> ControlFlow<()> {
    let within = if of == 0 {
        0.0
    } else {
        done as f32 / of as f32
    };
    let message = match (done, of) {
        (0, 0) => None,
        (done, 0) => Some(format!("{done}")),
        (done, of) => Some(format!("{done} of {of}")),
    };
    reporter.report(Some(from + (to - from) * within.min(1.0)), step, message)
}

async fn train(
    services: &Services,
    how: TrainingOptions,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let reporter = reporter.clone();
    // Choosing is some fifty trainings; without it the shares are as measured on a million ratings.
    let start = if how.choose { 0.8 } else { 0.0 };
    let rest = move |share: f32| start + (1.0 - start) * share;
    let observe = move |at: training::Progress| {
        let (share, step) = match at.step {
            training::Step::Read => ((0.0, rest(0.15).min(0.15)), "reading interactions"),
            training::Step::Choose => ((0.05, 0.8), "choosing models and settings"),
            training::Step::Measure => (
                (rest(0.15), rest(0.45)),
                "measuring on held-out interactions",
            ),
            training::Step::Train => ((rest(0.45), rest(0.8)), "learning from all interactions"),
            training::Step::Store => ((rest(0.8), 1.0), "storing the lists of users"),
            training::Step::Activate => return reporter.begin_commit(),
        };
        report(&reporter, share, step, at.done, at.of)
    };
    let service = &services.recommendations;
    let trained = service.train(&Viewer::Command, how, observe).await?;
    Ok(json!({
        "model": trained.model.id, "version": trained.model.version,
        "algorithm": trained.model.algorithm, "users": trained.users, "items": trained.items,
        "pairs": trained.pairs, "seconds": trained.seconds,
        "ndcgAt10": trained.figure.as_ref().map(|figure| figure.served.ndcg_at_10.mean),
        "served": trained.figure,
    }))
}

async fn evaluate(
    services: &Services,
    choose: bool,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let reporter = reporter.clone();
    let observe = move |at: training::Progress| {
        let (share, step) = match at.step {
            training::Step::Read => ((0.0, 0.1), "reading interactions"),
            training::Step::Choose => ((0.1, 0.9), "choosing models and settings"),
            _ => (
                (if choose { 0.9 } else { 0.1 }, 1.0),
                "measuring on held-out interactions",
            ),
        };
        report(&reporter, share, step, at.done, at.of)
    };
    let service = &services.recommendations;
    let evaluated = service.evaluate(&Viewer::Command, choose, observe).await?;
    Ok(json!(evaluated))
}

async fn embed(services: &Services, reporter: &ProgressReporter) -> Result<Value, Failure> {
    let (first, then) = (reporter.clone(), reporter.clone());
    let observe = move |at: embeddings::Progress| {
        let (share, step) = match at.step {
            embeddings::Step::Read => ((0.0, 0.2), "reading items"),
            embeddings::Step::Train => ((0.2, 0.6), "learning what they are about"),
            embeddings::Step::Store => ((0.6, 0.8), "storing the vectors of items"),
        };
        report(&first, share, step, at.done, at.of)
    };
    let trained = services.embeddings.train(&Viewer::Command, observe).await?;
    let observe = move |at: training::Progress| {
        let step = "learning how much each source counts";
        report(&then, (0.8, 1.0), step, at.done, at.of)
    };
    // The vectors are in service: that a training runs just now, which learns the same, is no failure.
    let service = &services.recommendations;
    match service.learn_ranker(&Viewer::Command, observe).await {
        Ok(_) | Err(Error::Unavailable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(json!({
        "model": trained.model.id, "version": trained.model.version, "items": trained.items,
        "dimensions": trained.dimensions, "seconds": trained.seconds,
    }))
}

async fn generate(
    services: &Services,
    request: &GenerationRequest,
    job: &Job,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let mut observe = |at: generation::Progress| {
        reporter.report(Some(at.fraction as f32), at.step, Some(at.message))
    };
    let service = &services.generation;
    let id = Some(job.id.uuid());
    let made = service
        .generate(request, id, &mut observe, reporter.token())
        .await?;
    let made = made.iter().map(|made| {
        json!({ "content": made.content, "file": made.file.to_string(), "bytes": made.bytes, "seed": made.seed })
    });
    Ok(json!({ "generated": made.collect::<Vec<_>>() }))
}

async fn refresh(
    services: &Services,
    target: &RefreshTarget,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let users = match target {
        RefreshTarget::User { user } => RefreshUsers::These(vec![*user]),
        RefreshTarget::Users { users } => RefreshUsers::These(users.clone()),
        RefreshTarget::Active { days } => RefreshUsers::Active { days: *days },
        RefreshTarget::Everyone => RefreshUsers::Everyone,
    };
    let reporter = reporter.clone();
    let observe = move |done, of| {
        report(
            &reporter,
            (0.0, 1.0),
            "computing the lists of users",
            done,
            of,
        )
    };
    let service = &services.recommendations;
    let refreshed = service.refresh(&Viewer::Command, users, observe).await?;
    Ok(json!({ "users": refreshed.users, "lists": refreshed.lists }))
}

/// Asks what is asked for often, so that the answers are kept. What cannot be warmed is told and
/// left out.
async fn warm(
    services: &Services,
    parameters: CacheWarming,
    reporter: &ProgressReporter,
) -> Result<Value, Failure> {
    let queries = services
        .search
        .popular(&Viewer::Command, 7, usize::from(parameters.queries))
        .await?;
    let since = services.interactions.now() - ACTIVE_WITHIN;
    let service = &services.interactions;
    let most = usize::from(parameters.users);
    let users = service
        .active_users(&Viewer::Command, since, ACTIVE_FROM, most)
        .await?;
    let of = (queries.len() + users.len()) as u64;
    let (mut warmed, mut failed) = (0, 0);
    let mut done = 0;
    let mut told = |outcome: Result<()>| {
        match outcome {
            Ok(()) => warmed += 1,
            Err(error) => {
                failed += 1;
                tracing::warn!(?error, "Something could not be warmed");
            }
        }
        done += 1;
        report(
            reporter,
            (0.0, 1.0),
            "asking what is asked for often",
            done,
            of,
        )
    };
    for query in queries {
        let request = search::SearchRequest::new(query.query);
        if told(services.search.warm(&request).await).is_break() {
            return Err(Failure::retry("it was stopped"));
        }
    }
    for user in users {
        let ask = recommendations::RecommendationRequest::default();
        if told(services.recommendations.warm(user, &ask).await).is_break() {
            return Err(Failure::retry("it was stopped"));
        }
    }
    Ok(json!({ "warmed": warmed, "failed": failed }))
}
