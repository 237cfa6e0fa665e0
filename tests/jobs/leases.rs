//! Workers that go away, stop, freeze and share.

use std::sync::mpsc;
use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::Workers;
use marquee::domain::jobs::model::JobState;
use marquee::domain::upkeep::jobs::StatisticsJob;

use crate::support::TestApp;
use crate::world::{
    TableLock, ask, count, event, job, orphan, over, patient, row, runs, soon, sql, stop, trifle,
    twin, worker,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_writes_after_its_lease_was_lost_changes_nothing() {
    let app = TestApp::with(patient()).await;
    let lock = TableLock::close(&app).await;
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    // A process of its own, which can be stopped as a whole.
    let (freeze, frozen) = tokio::sync::oneshot::channel::<()>();
    let (thaw, thawed) = mpsc::channel::<()>();
    let (told, is_frozen) = tokio::sync::oneshot::channel::<()>();
    let (ctx, url) = (app.ctx.clone(), app.url.clone());
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async move {
            let services = twin(&ctx, &url).await;
            let workers = worker(&services, 1);
            frozen.await.unwrap();
            told.send(()).unwrap();
            thawed.recv().unwrap();
            stop(workers, Duration::from_secs(30)).await;
        });
    });
    runs(&app, asked.id).await;
    freeze.send(()).unwrap();
    soon(is_frozen).await.unwrap();

    sql(
        &app,
        "UPDATE generation_jobs SET lease_until = now() - interval '1 second' WHERE id = $1",
        asked.id,
    )
    .await;
    let second = worker(&app.services, 1);
    event(&app, asked.id, 0, |event| {
        event.state == JobState::Running && event.attempt == 2
    })
    .await;
    lock.open().await;
    let done = over(&app, asked.id).await;
    assert_eq!((done.state, done.attempt), (JobState::Completed, 2));
    let before = row(&app, asked.id).await;
    thaw.send(()).unwrap();
    tokio::task::spawn_blocking(move || process.join().unwrap())
        .await
        .unwrap();
    assert_eq!(row(&app, asked.id).await, before);
    let told = crate::world::events(&app.services.jobs, asked.id, 0).await;
    assert_eq!(told.len() as i64, done.events);
    stop(second, Duration::ZERO).await;
}

#[tokio::test]
async fn a_job_whose_worker_died_is_tried_again_or_has_failed_or_is_cancelled() {
    let app = TestApp::start().await;
    let (again, last, cancelled) = (
        ask(&app, trifle(1)).await.id,
        ask(&app, trifle(2)).await.id,
        ask(&app, trifle(3)).await.id,
    );
    for id in [again, last, cancelled] {
        orphan(&app, id).await;
    }
    sql(
        &app,
        "UPDATE generation_jobs SET attempts = 1 WHERE id = $1",
        last,
    )
    .await;
    app.services
        .jobs
        .cancel(&Viewer::Command, cancelled)
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let done = over(&app, again).await;
    assert_eq!(
        (done.state, done.attempt, done.error),
        (JobState::Completed, 2, None)
    );
    let failed = over(&app, last).await;
    assert_eq!((failed.state, failed.attempt), (JobState::Failed, 1));
    assert_eq!(failed.error.as_deref(), Some("its worker went away"));
    let ended = over(&app, cancelled).await;
    assert_eq!((ended.state, ended.error), (JobState::Cancelled, None));
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn a_job_that_its_worker_does_not_know_of_falls_to_others() {
    let app = TestApp::with(patient()).await;
    let lock = TableLock::close(&app).await;
    let known = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {}))
        .await
        .id;
    let worker = worker(&app.services, 1);
    runs(&app, known).await;
    // As if the answer to a claim had been lost on the way.
    let unknown = ask(&app, trifle(1)).await.id;
    let claim = "WITH changed AS (
            UPDATE generation_jobs SET state = 'RUNNING', lease_until = now() + interval '1 second',
                   worker_id = (SELECT worker_id FROM generation_jobs WHERE kind = 'STATISTICS'),
                   attempt = 1, started_at = now(), events = 2
             WHERE id = $1 RETURNING *)
        INSERT INTO job_events (job_id, number, state, attempt)
        SELECT id, events, state, attempt FROM changed";
    sql(&app, claim, unknown).await;
    event(&app, unknown, 2, |event| event.state == JobState::Pending).await;
    lock.open().await;
    assert_eq!(over(&app, unknown).await.state, JobState::Completed);
    assert_eq!(over(&app, known).await.attempt, 1);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_gives_its_job_back_and_the_attempt_does_not_count() {
    let app = TestApp::with(patient()).await;
    let lock = TableLock::close(&app).await;
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    let first = worker(&app.services, 1);
    runs(&app, asked.id).await;
    stop(first, Duration::ZERO).await;
    let given_back = job(&app.services, asked.id).await;
    assert_eq!(
        (given_back.state, given_back.attempt),
        (JobState::Pending, 0)
    );
    assert_eq!(given_back.error, None);
    assert_eq!(
        count(&app, "SELECT count(*) FROM workers").await,
        0,
        "it said that it went"
    );
    lock.open().await;
    let second = worker(&app.services, 1);
    let done = over(&app, asked.id).await;
    assert_eq!((done.state, done.attempt), (JobState::Completed, 1));
    stop(second, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_with_patience_ends_what_it_runs() {
    let app = TestApp::with(patient()).await;
    let lock = TableLock::close(&app).await;
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    let workers = worker(&app.services, 1);
    runs(&app, asked.id).await;
    let stopping = tokio::spawn(stop(workers, Duration::from_secs(60)));
    // It says that it stops, and begins nothing more.
    while !app.services.jobs.workers(&Viewer::Command).await.unwrap()[0].draining {
        tokio::task::yield_now().await;
    }
    let later = ask(&app, trifle(1)).await;
    lock.open().await;
    soon(stopping).await.unwrap();
    assert_eq!(
        job(&app.services, asked.id).await.state,
        JobState::Completed
    );
    assert_eq!(job(&app.services, later.id).await.state, JobState::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_jobs_and_two_workers_each_job_is_begun_once() {
    let app = TestApp::start().await;
    let mut all = Vec::new();
    for number in 0..200 {
        all.push(ask(&app, trifle(number)).await.id);
    }
    let (one, two) = (
        twin(&app.ctx, &app.url).await,
        twin(&app.ctx, &app.url).await,
    );
    let workers = [worker(&one, 4), worker(&two, 4)];
    for id in all {
        let done = over(&app, id).await;
        assert_eq!((done.state, done.attempt), (JobState::Completed, 1));
    }
    // An attempt begins with the event that follows one of waiting.
    let begun = "SELECT count(*) FROM job_events AS begun JOIN job_events AS waited
          ON waited.job_id = begun.job_id AND waited.number = begun.number - 1
         AND waited.state = 'PENDING' WHERE begun.state = 'RUNNING'";
    assert_eq!(count(&app, begun).await, 200);
    for workers in workers {
        stop(workers, Duration::ZERO).await;
    }
}

/// Waits until nothing waits and nothing runs.
async fn all_over(app: &TestApp) {
    let left = "SELECT count(*) FROM generation_jobs WHERE state IN ('PENDING', 'RUNNING')";
    soon(async {
        while count(app, left).await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_as_soon_as_a_slot_is_free() {
    let app = TestApp::start().await;
    // Each is over before anybody looks; two a beat would take longer than we wait.
    for number in 0..200 {
        ask(&app, trifle(number)).await;
    }
    let workers = worker(&app.services, 2);
    all_over(&app).await;
    stop(workers, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_that_share_one_slot_both_get_on() {
    let (one, other) = (TestApp::start().await, TestApp::start().await);
    for number in 0..100 {
        ask(&one, trifle(number)).await;
        ask(&other, trifle(number)).await;
    }
    let schemas = [&one, &other].map(|app| app.services.jobs.clone());
    let workers = Workers::start(schemas, 1, "test/1");
    all_over(&one).await;
    all_over(&other).await;
    stop(workers, Duration::from_secs(10)).await;
}
