//! Work that fails: what is tried again, how often, and after which waits.

use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{Job, JobState};
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::Id;
use sqlx::{Connection, PgConnection};

use crate::support::TestApp;
use crate::world::{
    World, ask, break_summing_up, event, job, mend_summing_up, over, sql, stop, training, worker,
};

/// Waits until attempt number `attempt` has failed, and answers the job as it waits then.
async fn failed_once(app: &TestApp, asked: &Job, attempt: i16) -> Job {
    event(app, asked.id, 0, |event| {
        event.state == JobState::Pending && event.attempt == attempt
    })
    .await;
    job(&app.services, asked.id).await
}

/// How many seconds lie between the end of the attempt and the next.
async fn wait_of(app: &TestApp, waiting: &Job) -> f64 {
    let wait = "SELECT extract(epoch FROM due_at - at)::double precision FROM generation_jobs
         JOIN job_events ON job_id = id AND number = events WHERE id = $1";
    let wait = sqlx::query_scalar(wait).bind(waiting.id.uuid());
    wait.fetch_one(app.ctx.db.pool()).await.unwrap()
}

#[tokio::test]
async fn what_fails_by_our_fault_is_tried_again_after_growing_waits_and_fails_in_the_end() {
    let app = TestApp::start().await;
    break_summing_up(&app).await;
    let worker = worker(&app.services, 1);
    let asked = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    for (attempt, longest) in [(1, 5.0), (2, 20.0), (3, 80.0)] {
        let waiting = failed_once(&app, &asked, attempt).await;
        assert_eq!(
            (waiting.state, waiting.attempt),
            (JobState::Pending, attempt)
        );
        let why = "the program failed; the log says how";
        assert_eq!(
            waiting.error.as_deref(),
            Some(why),
            "no word of the database"
        );
        let wait = wait_of(&app, &waiting).await;
        assert!(
            (longest / 2.0..=longest).contains(&wait),
            "{wait} s after attempt {attempt}"
        );
        sql(
            &app,
            "UPDATE generation_jobs SET due_at = now() WHERE id = $1",
            asked.id,
        )
        .await;
    }
    let failed = over(&app, asked.id).await;
    assert_eq!(
        (failed.state, failed.attempt, failed.attempts),
        (JobState::Failed, 4, 4)
    );

    // Whoever mends it has it tried again.
    mend_summing_up(&app).await;
    let again = app
        .services
        .jobs
        .retry(&Viewer::Command, asked.id)
        .await
        .unwrap();
    assert_eq!(
        (again.state, again.attempts, again.error),
        (JobState::Pending, 8, None)
    );
    let done = crate::world::events(&app.services.jobs, asked.id, again.events).await;
    assert_eq!(done.last().unwrap().state, JobState::Completed);
    assert_eq!(job(&app.services, asked.id).await.attempt, 5);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn a_training_beside_another_waits_for_its_turn() {
    let world = World::new(20, 24).await;
    let app = &world.app;
    // Another process trains.
    let mut other = PgConnection::connect(&app.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(hashtext('training'), hashtext($1))")
        .bind(app.ctx.db.schema().to_string())
        .execute(&mut other)
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let asked = ask(app, training()).await;
    let waiting = failed_once(app, &asked, 1).await;
    let why = "another training of this schema is running; try again when it is over";
    assert_eq!(waiting.error.as_deref(), Some(why));
    other.close().await.unwrap();
    sql(
        app,
        "UPDATE generation_jobs SET due_at = now() WHERE id = $1",
        asked.id,
    )
    .await;
    let done = over(app, asked.id).await;
    assert_eq!((done.state, done.error), (JobState::Completed, None));
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn what_is_refused_fails_at_once_with_the_sentence() {
    let app = TestApp::start().await;
    let worker = worker(&app.services, 1);
    let nobody = Id::new(&app.ctx.clock, &app.ctx.rng);
    for (parameters, sentence) in [
        (training(), "there is nothing to learn from"),
        (
            JobParameters::of::<ErasureJob>(ErasureParameters { user: nobody }),
            "there is no such user",
        ),
    ] {
        let asked = ask(&app, parameters).await;
        let failed = over(&app, asked.id).await;
        assert_eq!((failed.state, failed.attempt), (JobState::Failed, 1));
        let why = failed.error.unwrap();
        assert!(why.contains(sentence), "{why}");
    }
    stop(worker, Duration::ZERO).await;
}
