//! Two servers on one database, one of which loses the connection that tells of the other's work.

use std::time::Duration;

use futures::StreamExt;
use marquee::domain::auth::Viewer;
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::jobs::{JobFilter, NewJob};
use marquee::domain::upkeep::jobs::StatisticsJob;

use crate::support::TestApp;
use crate::world::{TableLock, next, patient, soon, stop, trifle, twin, worker};

#[tokio::test]
async fn who_listens_at_one_server_misses_nothing_of_the_other_though_connections_are_lost() {
    let here = TestApp::with(patient()).await;
    let there = twin(&here.ctx, &here.url).await;
    let worker = worker(&there, 1);
    let jobs = &here.services.jobs;
    let seen = jobs.watch(&Viewer::Command, JobFilter::default()).await;
    let mut seen = std::pin::pin!(seen.unwrap());

    let lock = TableLock::close(&here).await;
    let asked = there
        .jobs
        .create(
            &Viewer::Command,
            NewJob::now(JobParameters::of::<StatisticsJob>(NoParameters {})),
        )
        .await
        .unwrap()
        .job;
    let told = jobs.follow(&Viewer::Command, asked.id, 0).await;
    let mut told = std::pin::pin!(told.unwrap());
    let mut numbers = Vec::new();
    loop {
        let event = next(&mut told).await;
        numbers.push(event.number);
        if event.state == JobState::Running {
            break;
        }
    }

    // The end happens while nobody hears of it.
    assert!(here.cut_events().await > 0);
    lock.open().await;
    let mut last = JobState::Running;
    while let Some(event) = soon(told.next()).await {
        numbers.push(event.number);
        last = event.state;
    }
    assert_eq!(last, JobState::Completed);
    let count = i64::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());

    // One more while nobody hears of it, and one later: whoever watches hears of the ends of all.
    let mut open: Vec<_> = vec![asked.id];
    for number in 0..2 {
        here.cut_events().await;
        let new = NewJob::now(trifle(number));
        open.push(
            there
                .jobs
                .create(&Viewer::Command, new)
                .await
                .unwrap()
                .job
                .id,
        );
    }
    while !open.is_empty() {
        let job = next(&mut seen).await;
        if job.state == JobState::Completed {
            open.retain(|id| *id != job.id);
        }
    }
    stop(worker, Duration::ZERO).await;
}
