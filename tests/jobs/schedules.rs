//! Jobs that come at their times.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::JobHandler;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::NewJob;
use marquee::domain::jobs::model::{JobFilter, JobState};
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::platform::config::Settings;

use crate::support::{TestApp, start_of_time};
use crate::world::{count, next, over, soon, stop, twin, worker};

/// Settings with this pattern of summing up, and no other schedule.
fn only(statistics: &str) -> Settings {
    let mut settings = crate::support::settings();
    let schedules = &mut settings.schedules;
    for pattern in [
        &mut schedules.training,
        &mut schedules.slate_training,
        &mut schedules.competition_sync,
        &mut schedules.recommendations,
        &mut schedules.retention,
    ] {
        pattern.clear();
    }
    schedules.statistics = statistics.to_owned();
    settings
}

/// As left by servers that worked up to then.
async fn left(app: &TestApp, cron: &str, next_at: DateTime<Utc>) {
    sqlx::query("INSERT INTO schedules (name, cron, next_at) VALUES ('statistics', $1, $2)")
        .bind(cron)
        .bind(next_at)
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
}

async fn known(app: &TestApp) -> Vec<(String, String, DateTime<Utc>)> {
    let known = sqlx::query_as("SELECT name, cron, next_at FROM schedules ORDER BY name");
    known.fetch_all(app.ctx.db.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_servers_one_makes_the_job_and_what_was_missed_is_made_up_for_once() {
    let app = TestApp::with(only("5 * * * *")).await;
    // It was due three hours ago, and twice since.
    left(&app, "5 * * * *", start_of_time() - TimeDelta::minutes(175)).await;
    let mut filter = JobFilter::default();
    filter.kind.eq = Some(StatisticsJob::KIND);
    let news = app.services.jobs.watch(&Viewer::Command, filter);
    let mut news = Box::pin(news.await.unwrap());
    // The one that is watched is among those that fire; the bus of each tells only of its own.
    let mut workers = vec![worker(&app.services, 1)];
    for _ in 0..2 {
        workers.push(worker(&twin(&app.ctx, &app.url).await, 1));
    }
    while app.services.jobs.count_workers().await.unwrap() < 3 {
        tokio::task::yield_now().await;
    }
    soon(async {
        while count(&app, "SELECT count(*) FROM generation_jobs").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT last_job FROM schedules")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    let done = over(&app, id.into()).await;
    assert_eq!(done.state, JobState::Completed);
    assert_eq!(
        (done.asked_by.as_str(), done.owner),
        ("schedule statistics", None)
    );
    for worker in workers {
        stop(worker, Duration::ZERO).await;
    }
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 1);
    let next_at = start_of_time() + TimeDelta::minutes(5);
    assert_eq!(
        known(&app).await,
        [("statistics".to_owned(), "5 * * * *".to_owned(), next_at)]
    );

    // And again when it is due again.
    app.ctx.clock.advance(TimeDelta::minutes(6));
    let worker = worker(&app.services, 1);
    let again = next(&mut news).await;
    let again = if again.id == done.id {
        next(&mut news).await
    } else {
        again
    };
    assert_eq!(again.asked_by, "schedule statistics");
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn a_changed_pattern_takes_effect_and_one_that_is_left_out_is_forgotten() {
    let app = TestApp::with(only("*/10 * * * *")).await;
    left(&app, "0 0 1 1 *", "2027-01-01T00:00:00Z".parse().unwrap()).await;
    sqlx::query("INSERT INTO schedules VALUES ('training', '0 3 * * *', '2020-01-01')")
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let next_at = start_of_time() + TimeDelta::minutes(10);
    let expected = [("statistics".to_owned(), "*/10 * * * *".to_owned(), next_at)];
    soon(async {
        while known(&app).await != expected {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 0);
}

#[tokio::test]
async fn a_schedule_makes_no_second_job_beside_one_that_waits_and_brings_that_forward() {
    let app = TestApp::with(only("5 * * * *")).await;
    left(&app, "5 * * * *", start_of_time()).await;
    let waiting = NewJob {
        parameters: JobParameters::of::<StatisticsJob>(NoParameters {}),
        priority: 0,
        delay: Duration::from_secs(3600),
    };
    app.services
        .jobs
        .create(&Viewer::Command, waiting)
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    soon(async {
        while known(&app).await[0].2 <= start_of_time() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 1);
    let due = "SELECT count(*) FROM generation_jobs WHERE due_at <= now() AND events > 1";
    assert_eq!(count(&app, due).await, 1);
}
