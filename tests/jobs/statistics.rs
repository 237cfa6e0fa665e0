//! What admins see of the queue.

use std::time::Duration;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::caching::warming::CacheWarmingJob;
use marquee::domain::job_handler::JobHandler;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobFilter, JobOrder, JobState};
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::page::Window;
use serde_json::json;

use crate::support::TestApp;
use crate::world::{ask, over, runs, soon, stop, trifle, worker};

#[tokio::test]
async fn statistics_by_kind_and_state_are_what_counting_finds() {
    let app = TestApp::start().await;
    let worker = worker(&app.services, 4);
    for number in 0..5 {
        let asked = ask(&app, trifle(number)).await;
        over(&app, asked.id).await;
    }
    let failing = ask(
        &app,
        JobParameters::of::<RecommendationsJob>(RefreshTarget::Everyone),
    )
    .await;
    over(&app, failing.id).await;
    stop(worker, Duration::ZERO).await;
    ask(&app, trifle(6)).await;
    let cancelled = ask(&app, trifle(7)).await;
    let jobs = &app.services.jobs;
    jobs.cancel(&Viewer::Command, cancelled.id).await.unwrap();

    let admin = app.viewer(Role::Admin).await;
    let statistics = jobs.statistics(&admin).await.unwrap();
    for one in &statistics {
        let mut filter = JobFilter::default();
        filter.kind.eq = Some(one.kind.clone());
        filter.state.eq = Some(one.state);
        let counted = jobs.count(&admin, &filter).await.unwrap();
        assert_eq!(u64::try_from(one.count).unwrap(), counted, "{one:?}");
        let ran = matches!(one.state, JobState::Completed | JobState::Failed);
        assert_eq!(
            one.mean_seconds.is_some_and(|seconds| seconds >= 0.0),
            ran,
            "{one:?}"
        );
        assert_eq!(
            one.mean_waiting_seconds
                .is_some_and(|seconds| seconds >= 0.0),
            ran,
            "{one:?}"
        );
    }
    let counts: Vec<_> = statistics
        .iter()
        .map(|one| (one.kind.clone(), one.state, one.count))
        .collect();
    let expected = [
        (CacheWarmingJob::KIND, JobState::Cancelled, 1),
        (CacheWarmingJob::KIND, JobState::Completed, 5),
        (CacheWarmingJob::KIND, JobState::Pending, 1),
        (RecommendationsJob::KIND, JobState::Failed, 1),
    ];
    assert_eq!(counts, expected);
    let answer = app
        .ask_as(
            &admin,
            "{ jobStatistics { kind state count meanSeconds meanWaitingSeconds } }",
            json!({}),
        )
        .await;
    assert_eq!(answer["jobStatistics"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn workers_are_listed_with_what_they_run_and_are_gone_when_they_go() {
    let app = TestApp::with(crate::world::patient()).await;
    let lock = crate::world::TableLock::close(&app).await;
    let workers = worker(&app.services, 3);
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    runs(&app, asked.id).await;
    let listed = app.services.jobs.workers(&Viewer::Command).await.unwrap();
    let [listed] = listed.as_slice() else {
        panic!("one worker: {listed:?}")
    };
    assert_eq!(
        (listed.name.as_str(), listed.slots, listed.running),
        ("test/1", 3, 1)
    );
    assert!(!listed.draining && listed.started_at <= listed.seen_at);
    let answer = app
        .ask("{ workers { name slots running draining startedAt seenAt } }")
        .await;
    assert_eq!(answer["workers"][0]["running"], 1);
    lock.open().await;
    over(&app, asked.id).await;
    stop(workers, Duration::ZERO).await;
    assert_eq!(app.services.jobs.count_workers().await.unwrap(), 0);
}

#[tokio::test]
async fn a_worker_that_was_not_heard_of_for_a_while_is_not_listed() {
    let app = TestApp::start().await;
    sqlx::query("INSERT INTO workers (id, name, slots, seen_at) VALUES (gen_random_uuid(), 'gone/1', 1, now() - interval '16 seconds')")
        .execute(app.ctx.db.pool()).await.unwrap();
    assert_eq!(app.services.jobs.count_workers().await.unwrap(), 0);
}

#[tokio::test]
async fn pages_of_jobs_hold_each_job_once_in_every_order() {
    let app = TestApp::start().await;
    let worker = worker(&app.services, 2);
    for number in 0..7 {
        let asked = ask(&app, trifle(number)).await;
        over(&app, asked.id).await;
    }
    soon(worker.drain(Duration::ZERO)).await;
    for number in 7..11 {
        ask(&app, trifle(number)).await;
    }
    for order in [
        JobOrder::CreatedAt,
        JobOrder::FinishedAt,
        JobOrder::Priority,
    ] {
        for ascending in [true, false] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let window = Window::read(Some(3), after, None, None).unwrap();
                let filter = JobFilter::default();
                let page =
                    app.services
                        .jobs
                        .list(&Viewer::Command, &filter, (order, ascending), &window);
                let page = page.await.unwrap();
                seen.extend(page.rows.iter().map(|job| job.id));
                let Some(last) = page.rows.last().filter(|_| page.has_next) else {
                    break;
                };
                after = Some(last.cursor(order, ascending).encode());
            }
            let distinct: std::collections::HashSet<_> = seen.iter().collect();
            assert_eq!(
                (seen.len(), distinct.len()),
                (11, 11),
                "{order:?} {ascending}"
            );
        }
    }
}
