//! Jobs of kinds that this version of the program does not know: another version has created them.

use std::time::Duration;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::recommendations::jobs::{EvaluationJob, EvaluationParameters};
use marquee::foundation::{Id, id};
use serde_json::json;

use crate::support::TestApp;
use crate::world::{ask, conflict, count, job, over, sql, stop, trifle, worker};

/// Makes a waiting job one of a kind that nobody here knows.
async fn unknown(app: &TestApp) -> Id<id::Job> {
    let id = ask(app, trifle(900)).await.id;
    let change = "UPDATE generation_jobs SET kind = 'TELEPATHY', priority = 100,
                         parameters = '{\"kind\": \"TELEPATHY\", \"to\": \"all\"}' WHERE id = $1";
    sql(app, change, id).await;
    id
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_waits_for_who_knows_it_and_holds_nothing_up() {
    let app = TestApp::start().await;
    let unknown = unknown(&app).await;
    let worker = worker(&app.services, 1);
    for number in 0..3 {
        let known = ask(&app, trifle(number)).await.id;
        assert_eq!(over(&app, known).await.state, JobState::Completed);
    }
    stop(worker, Duration::ZERO).await;
    let waiting = job(&app.services, unknown).await;
    assert_eq!((waiting.state, waiting.attempt), (JobState::Pending, 0));
    assert_eq!(waiting.parameters["to"], "all");
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_is_listed_cancelled_and_deleted_but_not_retried() {
    let app = TestApp::start().await;
    let unknown = unknown(&app).await;
    let admin = app.viewer(Role::Admin).await;
    let asked = "{ jobs { nodes { state parameters } } jobStatistics { count } }";
    let listed = app.ask_as(&admin, asked, json!({})).await;
    assert_eq!(listed["jobStatistics"], json!([{ "count": 1 }]));
    let node = &listed["jobs"]["nodes"][0];
    assert_eq!(
        *node,
        json!({ "state": "PENDING", "parameters": { "kind": "TELEPATHY", "to": "all" } })
    );
    let asked = "query ($id: ID!) { job(id: $id) { kind } }";
    let refused = app.run_as(&admin, asked, json!({ "id": unknown })).await;
    let error = &refused["errors"][0];
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{refused}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("TELEPATHY"), "{message}");

    let (jobs, viewer) = (&app.services.jobs, &Viewer::Command);
    let cancelled = jobs.cancel(viewer, unknown).await.unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    let refused = conflict(jobs.retry(viewer, unknown).await);
    assert!(refused.contains("TELEPATHY"), "{refused}");
    jobs.delete(viewer, unknown).await.unwrap();
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 0);
}

#[tokio::test]
async fn parameters_that_cannot_be_read_fail_the_job_with_the_reason() {
    let app = TestApp::start().await;
    let evaluation = JobParameters::of::<EvaluationJob>(EvaluationParameters::default());
    let id = ask(&app, evaluation).await.id;
    let change = "UPDATE generation_jobs
                     SET parameters = '{\"kind\": \"EVALUATION\", \"choose\": \"perhaps\"}' WHERE id = $1";
    sql(&app, change, id).await;
    let worker = worker(&app.services, 1);
    let failed = over(&app, id).await;
    assert_eq!(failed.state, JobState::Failed);
    let error = failed.error.unwrap();
    assert!(error.contains("perhaps"), "{error}");
    stop(worker, Duration::ZERO).await;
}
