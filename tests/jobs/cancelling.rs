//! Ending jobs before they are done.

use std::time::{Duration, Instant};

use futures::StreamExt;
use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::recommendations::jobs::EvaluationJob;
use marquee::domain::recommendations::jobs::EvaluationParameters;
use marquee::domain::recommendations::jobs::TrainingJob;
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::domain::upkeep::jobs::StatisticsJob;

use crate::support::TestApp;
use crate::world::{
    HeldTable, World, ask, count, event, events, job, over, row, soon, stop, trifle, worker,
};

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_waits_again_when_it_is_retried() {
    let app = TestApp::start().await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let asked = ask(&app, trifle(1)).await;
    let cancelled = jobs.cancel(shell, asked.id).await.unwrap();
    assert_eq!(
        (cancelled.state, cancelled.events, cancelled.attempt),
        (JobState::Cancelled, 2, 0)
    );
    assert!(cancelled.finished_at.is_some());
    let again = jobs.retry(shell, asked.id).await.unwrap();
    assert_eq!(
        (again.state, again.events, again.finished_at),
        (JobState::Pending, 3, None)
    );
    assert!(!again.cancel_asked);
    let worker = worker(&app.services, 1);
    assert_eq!(over(&app, asked.id).await.state, JobState::Completed);
    stop(worker, Duration::ZERO).await;
}

/// Two seconds, and half a second for a machine that is busy with tests.
const PROMISED: Duration = Duration::from_millis(2500);

/// Cancels a job of seconds in the midst of its work, and answers how long that took.
async fn cancelled_in(world: &World, parameters: JobParameters) -> Duration {
    let app = &world.app;
    let before = world.served().await;
    let asked = ask(app, parameters).await;
    let worker = worker(&app.services, 1);
    let step = |step: Option<&str>| step == Some("choosing models and settings");
    let seen = event(app, asked.id, 0, |event| {
        step(event.progress.step.as_deref())
    })
    .await;
    let news = app
        .services
        .jobs
        .follow(&Viewer::Command, asked.id, seen.number);
    let news = news.await.unwrap();
    let began = Instant::now();
    let told = app
        .services
        .jobs
        .cancel(&Viewer::Command, asked.id)
        .await
        .unwrap();
    assert!(
        told.cancel_asked && told.state == JobState::Running,
        "{told:?}"
    );
    let told: Vec<_> = soon(news.collect()).await;
    let took = began.elapsed();
    assert_eq!(told.last().unwrap().state, JobState::Cancelled, "{told:#?}");
    let cancelled = job(&app.services, asked.id).await;
    assert_eq!(
        (cancelled.state, cancelled.result),
        (JobState::Cancelled, None)
    );
    stop(worker, Duration::ZERO).await;
    assert_eq!(world.served().await, before, "what was served stays");
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_is_cancelled_ends_soon_and_leaves_what_was_served() {
    let world = World::trained(300, 240).await;
    let choose = JobParameters::of::<TrainingJob>(TrainingOptions {
        candidate: false,
        force: true,
        choose: true,
    });
    let took = cancelled_in(&world, choose).await;
    println!("a training was cancelled within {} ms", took.as_millis());
    assert!(took < PROMISED, "{took:?}");
    // Another can be trained at once: nothing is held.
    let worker = worker(&world.app.services, 1);
    let asked = ask(&world.app, crate::world::training()).await;
    let trained = over(&world.app, asked.id).await;
    assert_eq!(trained.state, JobState::Completed, "{trained:?}");
    stop(worker, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_is_cancelled_while_its_model_is_taken_into_service_is_completed() {
    let world = World::trained(40, 60).await;
    let app = &world.app;
    let before = world.served().await;
    let active = "SELECT FROM model_versions WHERE state = 'ACTIVE' FOR UPDATE";
    let mut held = HeldTable::close(app, active).await;
    let force = JobParameters::of::<TrainingJob>(TrainingOptions {
        candidate: false,
        force: true,
        choose: false,
    });
    let asked = ask(app, force).await;
    let worker = worker(&app.services, 1);
    soon(held.is_waited_for()).await;
    let jobs = &app.services.jobs;
    jobs.cancel(&Viewer::Command, asked.id).await.unwrap();
    // Longer than work that is to end may take.
    let ended = tokio::time::timeout(Duration::from_secs(3), over(app, asked.id)).await;
    assert!(ended.is_err(), "{ended:?}");
    held.open().await;
    let trained = over(app, asked.id).await;
    assert_eq!(trained.state, JobState::Completed, "{trained:?}");
    stop(worker, Duration::ZERO).await;
    assert_ne!(world.served().await, before, "the new model serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_is_cancelled_before_its_model_is_taken_into_service_leaves_the_old() {
    let world = World::trained(40, 60).await;
    let app = &world.app;
    let before = world.served().await;
    // The last thing that is written before.
    let mut held = HeldTable::close(app, "LOCK TABLE batch_recommendations IN SHARE MODE").await;
    let asked = ask(app, crate::world::training()).await;
    let worker = worker(&app.services, 1);
    soon(held.is_waited_for()).await;
    let jobs = &app.services.jobs;
    jobs.cancel(&Viewer::Command, asked.id).await.unwrap();
    let cancelled = over(app, asked.id).await;
    assert_eq!(cancelled.state, JobState::Cancelled, "{cancelled:?}");
    held.open().await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(world.served().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_that_is_cancelled_ends_soon() {
    let world = World::trained(300, 240).await;
    let took = cancelled_in(
        &world,
        JobParameters::of::<EvaluationJob>(EvaluationParameters { choose: true }),
    )
    .await;
    println!("an evaluation was cancelled within {} ms", took.as_millis());
    assert!(took < PROMISED, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_another_process_is_cancelled_without_a_word_on_the_bus() {
    // Each process has a bus of its own here, as where there is no Redis.
    let world = World::trained(300, 240).await;
    let app = &world.app;
    let there = crate::world::twin(&app.ctx, &app.url).await;
    let worker = worker(&there, 1);
    let choose = JobParameters::of::<TrainingJob>(TrainingOptions {
        candidate: false,
        force: true,
        choose: true,
    });
    let asked = ask(app, choose).await;
    event(app, asked.id, 0, |event| event.progress.step.is_some()).await;
    let began = Instant::now();
    app.services
        .jobs
        .cancel(&Viewer::Command, asked.id)
        .await
        .unwrap();
    let told = events(&app.services.jobs, asked.id, 0).await;
    let took = began.elapsed();
    println!(
        "a training elsewhere was cancelled within {} ms",
        took.as_millis()
    );
    assert_eq!(told.last().unwrap().state, JobState::Cancelled);
    // The worker finds it with its next beat, and the follower looks once a second as well.
    assert!(took < PROMISED + Duration::from_secs(2), "{took:?}");
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn cancelling_twice_is_as_good_as_once() {
    let app = TestApp::with(crate::world::patient()).await;
    let lock = crate::world::TableLock::close(&app).await;
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    let worker = worker(&app.services, 1);
    crate::world::runs(&app, asked.id).await;
    for _ in 0..2 {
        app.services
            .jobs
            .cancel(&Viewer::Command, asked.id)
            .await
            .unwrap();
    }
    let cancelled = over(&app, asked.id).await;
    assert_eq!(
        (cancelled.state, cancelled.error),
        (JobState::Cancelled, None)
    );
    lock.open().await;
    let then = row(&app, asked.id).await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(row(&app, asked.id).await, then);
    assert_eq!(
        count(
            &app,
            "SELECT count(*) FROM generation_jobs WHERE state = 'RUNNING'"
        )
        .await,
        0
    );
}
