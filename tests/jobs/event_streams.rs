//! Following a job while it runs, and watching many.

use std::collections::HashSet;

use futures::StreamExt;
use futures::future::join_all;
use marquee::domain::auth::Viewer;
use marquee::domain::caching::warming::CacheWarmingJob;
use marquee::domain::job_handler::JobHandler;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobFilter, JobState, NewJob};
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::upkeep::jobs::RetentionJob;
use marquee::domain::upkeep::jobs::StatisticsJob;

use crate::support::TestApp;
use crate::world::{
    World, ask, count, events, job, next, over, soon, sql, stop, training, trifle, worker,
};

#[tokio::test]
async fn a_job_waits_runs_and_is_completed_and_its_events_count_from_one_without_a_gap() {
    let app = TestApp::start().await;
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    assert_eq!(
        (asked.state, asked.events, asked.attempt),
        (JobState::Pending, 1, 0)
    );
    let worker = worker(&app.services, 2);
    let told = events(&app.services.jobs, asked.id, 0).await;
    let numbers: Vec<i64> = told.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    let mut states: Vec<JobState> = told.iter().map(|event| event.state).collect();
    states.dedup();
    assert_eq!(
        states,
        [JobState::Pending, JobState::Running, JobState::Completed]
    );
    let done = job(&app.services, asked.id).await;
    assert_eq!(done.events, numbers.len() as i64);
    assert_eq!((done.state, done.attempt), (JobState::Completed, 1));
    assert_eq!(done.progress.fraction, Some(1.0));
    assert_eq!(done.result, Some(serde_json::json!({ "hours": 48 })));
    assert!(done.created_at <= done.started_at.unwrap());
    assert!(done.started_at <= done.finished_at);
    stop(worker, std::time::Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_at_any_event_gets_exactly_the_rest() {
    // So many that it takes its time, and tells of many steps on any machine.
    let world = World::new(300, 240).await;
    let (app, jobs) = (&world.app, &world.app.services.jobs);
    let asked = ask(app, training()).await;
    let mut first = Box::pin(jobs.follow(&Viewer::Command, asked.id, 0).await.unwrap());
    let worker = worker(&app.services, 1);
    // While it runs, somebody comes at each of its events.
    let (mut whole, mut others) = (Vec::new(), Vec::new());
    while let Some(event) = soon(first.next()).await {
        let (jobs, number) = (jobs.clone(), event.number);
        others.push(tokio::spawn(async move {
            events(&jobs, asked.id, number).await
        }));
        whole.push(event);
    }
    assert!(whole.len() > 5, "it tells of its steps: {whole:#?}");
    assert_eq!(whole.last().unwrap().state, JobState::Completed);
    for (seen, other) in others.into_iter().enumerate() {
        assert_eq!(
            other.await.unwrap(),
            whole[seen + 1..],
            "after event {}",
            seen + 1
        );
    }
    // And when it is over.
    for cut in 0..=whole.len() {
        let rest = events(jobs, asked.id, cut as i64).await;
        assert_eq!([&whole[..cut], &rest].concat(), whole, "cut at {cut}");
    }
    assert!(events(jobs, asked.id, i64::MAX).await.is_empty());
    assert_eq!(events(jobs, asked.id, i64::MIN).await, whole);
    stop(worker, std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn more_events_than_are_read_at_a_time_come_all_and_in_order() {
    let app = TestApp::start().await;
    let asked = ask(&app, trifle(1)).await;
    let many = "WITH told AS (
            INSERT INTO job_events (job_id, number, state, attempt)
            SELECT $1, number, 'RUNNING', 1 FROM generate_series(2, 2500) AS number)
        UPDATE generation_jobs SET events = 2500 WHERE id = $1";
    sql(&app, many, asked.id).await;
    app.services
        .jobs
        .cancel(&Viewer::Command, asked.id)
        .await
        .unwrap();
    let told = events(&app.services.jobs, asked.id, 0).await;
    let numbers: Vec<i64> = told.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=2501).collect::<Vec<_>>());
    let rest = events(&app.services.jobs, asked.id, 1700).await;
    assert_eq!(rest, told[1700..]);
}

#[tokio::test]
async fn a_job_that_is_tried_again_is_followed_on() {
    let app = TestApp::start().await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let asked = ask(&app, trifle(1)).await;
    jobs.cancel(shell, asked.id).await.unwrap();
    assert_eq!(events(jobs, asked.id, 0).await.len(), 2);
    jobs.retry(shell, asked.id).await.unwrap();
    let again = jobs.follow(shell, asked.id, 2).await.unwrap();
    let worker = worker(&app.services, 1);
    let states: Vec<JobState> = soon(again.map(|event| event.state).collect()).await;
    assert_eq!(states.first(), Some(&JobState::Pending));
    assert_eq!(states.last(), Some(&JobState::Completed));
    stop(worker, std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn two_hundred_followers_of_one_job_all_see_its_last_event() {
    let app = TestApp::start().await;
    let asked = ask(&app, trifle(1)).await;
    let followers = (0..200).map(|_| {
        let jobs = app.services.jobs.clone();
        tokio::spawn(async move { events(&jobs, asked.id, 0).await })
    });
    let followers: Vec<_> = followers.collect();
    let worker = worker(&app.services, 1);
    for told in join_all(followers).await {
        let told = told.unwrap();
        let last = told.last().unwrap();
        assert_eq!(last.state, JobState::Completed);
        assert_eq!(last.number, told.len() as i64);
    }
    stop(worker, std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn who_follows_a_job_that_is_removed_is_let_go() {
    let app = TestApp::start().await;
    let asked = ask(&app, trifle(1)).await;
    let jobs = &app.services.jobs;
    // One who has read what there is, and one who begins as it goes.
    let first = jobs.follow(&Viewer::Command, asked.id, 0).await.unwrap();
    let mut first = Box::pin(first);
    assert_eq!(next(&mut first).await.number, 1);
    let second = jobs.follow(&Viewer::Command, asked.id, 1).await.unwrap();
    sql(&app, "DELETE FROM generation_jobs WHERE id = $1", asked.id).await;
    assert_eq!(soon(first.count()).await, 0);
    assert_eq!(soon(second.count()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_jobs_that_are_followed_only_the_changed_one_is_read() {
    let app = TestApp::start().await;
    let (jobs, db) = (&app.services.jobs, &app.ctx.db);
    let mut followed = Vec::new();
    for number in 0..50 {
        let asked = ask(&app, trifle(number)).await;
        let follower = jobs.follow(&Viewer::Command, asked.id, 0).await.unwrap();
        let mut follower = Box::pin(follower);
        assert_eq!(next(&mut follower).await.number, 1);
        followed.push(follower);
    }
    let before = db.statements();
    for number in 2..=4 {
        // Whoever asks again more urgently makes the waiting job more urgent.
        let again = NewJob {
            priority: number,
            ..NewJob::now(trifle(0))
        };
        jobs.create(&Viewer::Command, again).await.unwrap();
        let event = next(&mut followed[0]).await;
        assert_eq!(event.number, i64::from(number));
    }
    let cost = db.statements() - before;
    assert!(cost < 50, "{cost} statements");
}

#[tokio::test]
async fn who_watches_sees_what_is_not_over_and_then_every_change_that_fits() {
    let app = TestApp::start().await;
    let waiting = ask(&app, trifle(1)).await;
    let gone = ask(&app, trifle(2)).await;
    app.services
        .jobs
        .cancel(&Viewer::Command, gone.id)
        .await
        .unwrap();
    let mut filter = JobFilter::default();
    filter.kind.eq = Some(CacheWarmingJob::KIND);
    let watched = app.services.jobs.watch(&Viewer::Command, filter);
    let mut watched = Box::pin(watched.await.unwrap());
    assert_eq!(next(&mut watched).await, waiting);
    // Of another kind: unseen.
    ask(&app, JobParameters::of::<RetentionJob>(NoParameters {})).await;
    let later = ask(&app, trifle(3)).await;
    assert_eq!(next(&mut watched).await, later);
    let worker = worker(&app.services, 1);
    let mut done = HashSet::new();
    while done.len() < 2 {
        let job = next(&mut watched).await;
        assert_ne!(job.id, gone.id);
        if job.state == JobState::Completed {
            assert!(done.insert(job.id), "told twice: {job:?}");
        }
    }
    assert_eq!(done, HashSet::from([waiting.id, later.id]));
    stop(worker, std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn the_events_of_a_job_that_failed_say_why() {
    let app = TestApp::start().await;
    let worker = worker(&app.services, 1);
    let whom = RefreshTarget::Everyone;
    let asked = ask(&app, JobParameters::of::<RecommendationsJob>(whom)).await;
    let failed = over(&app, asked.id).await;
    assert_eq!((failed.state, failed.attempt), (JobState::Failed, 1));
    let why = "there is no model yet; train one first";
    assert_eq!(failed.error.as_deref(), Some(why));
    let told = events(&app.services.jobs, asked.id, 0).await;
    assert_eq!(told.last().unwrap().progress.message.as_deref(), Some(why));
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 1);
    stop(worker, std::time::Duration::ZERO).await;
}

/// An event that cannot be read may be of anything: the table is read, and not what was read before it.
#[tokio::test]
async fn what_was_missed_a_moment_after_something_else_was_is_seen_as_well() {
    let app = TestApp::start().await;
    let mut asked = Vec::new();
    for number in 0..3 {
        asked.push(ask(&app, trifle(number)).await.id);
    }
    let seen = app
        .services
        .jobs
        .watch(&Viewer::Command, JobFilter::default());
    let mut seen = std::pin::pin!(seen.await.unwrap());
    for _ in &asked {
        next(&mut seen).await;
    }
    for id in asked {
        sqlx::query(
            "UPDATE generation_jobs SET state = 'CANCELLED', finished_at = now(), events = events + 1
              WHERE id = $1",
        )
        .bind(id.uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
        sqlx::query("INSERT INTO events (topic, payload) VALUES ('jobs', '\"unreadable\"')")
            .execute(app.ctx.db.pool())
            .await
            .unwrap();
        let job = next(&mut seen).await;
        assert_eq!((job.id, job.state), (id, JobState::Cancelled));
    }
}
