//! Guides that are fetched from broadcasters.

use std::time::Duration;

use futures::StreamExt;
use marquee::domain::imports::sync::{CompetitionSyncJob, SyncParameters};
use marquee::domain::jobs::{Job, JobParameters, JobState, NewJob, Workers};
use marquee::platform::config::GuideSource;

use super::*;
use crate::broadcaster::{Broadcaster, Page};

struct World {
    app: TestApp,
    broadcaster: Broadcaster,
    _data: TempDir,
}

impl World {
    /// A server that is told of guides at these paths.
    async fn start(paths: &[&str]) -> Self {
        Self::with(paths, 1 << 20).await
    }

    async fn with(paths: &[&str], max_bytes: u64) -> Self {
        let broadcaster = Broadcaster::start().await;
        let data = TempDir::new().unwrap();
        let mut settings = support::settings();
        settings.data_dir = data.path().to_owned();
        settings.competition.max_bytes = max_bytes;
        settings.competition.pause_timeout_ms = 300;
        settings.competition.sources = paths
            .iter()
            .map(|path| GuideSource {
                name: path.trim_start_matches('/').to_owned(),
                url: format!("{}{path}?key=secret", broadcaster.url),
                time_zone: "Europe/Berlin".to_owned(),
            })
            .collect();
        Self {
            app: TestApp::with(settings).await,
            broadcaster,
            _data: data,
        }
    }

    /// Runs the job to the end of its first attempt, and answers it with the reason of its failure.
    async fn sync(&self, force: bool) -> (Job, String) {
        let jobs = &self.app.services.jobs;
        let parameters = JobParameters::of::<CompetitionSyncJob>(SyncParameters { force });
        let job = jobs.create(&Viewer::Command, NewJob::now(parameters)).await;
        let id = job.unwrap().job.id;
        let workers = Workers::start([jobs.clone()], 1, "test/1");
        let events = jobs.follow(&Viewer::Command, id, 0).await.unwrap();
        let mut events = std::pin::pin!(events);
        let mut message = String::new();
        let mut running = false;
        while let Some(event) = events.next().await {
            running |= event.state == JobState::Running;
            if event.state.is_over() || (running && event.state == JobState::Pending) {
                break;
            }
        }
        workers.drain(Duration::from_secs(10)).await;
        let job = jobs.find(&Viewer::Command, id).await.unwrap().unwrap();
        if let Some(error) = &job.error {
            message.clone_from(error);
        }
        (job, message)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guides_are_fetched_once_and_again_only_when_they_change() {
    let world = World::start(&["/one.xml", "/two.xml.gz"]).await;
    let (app, broadcaster) = (&world.app, &world.broadcaster);
    let one = guide(&[programme("a", 1, (18, 20), "One", "")]);
    let two = guide(&["<programme channel=\"b\" start=\"202603011800\" stop=\"202603012000\"><title>Two</title></programme>".to_owned()]);
    broadcaster.publish("/one.xml", Page::Tagged(one.into_bytes(), "\"1\""));
    broadcaster.publish("/two.xml.gz", Page::Moved("/moved/two.xml.gz"));
    let date = "Sun, 01 Mar 2026 11:00:00 GMT";
    broadcaster.publish("/moved/two.xml.gz", Page::Dated(gz(two.as_bytes()), date));
    let (job, _) = world.sync(false).await;
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    let result = job.result.unwrap();
    let guides = &result["guides"];
    assert_eq!(
        guides["one.xml"]["tables"]["airings"]["added"], 1,
        "{result:#}"
    );
    assert_eq!(guides["one.xml"]["tables"]["airings"]["duplicates"], 0);
    assert_eq!(guides["two.xml.gz"]["tables"]["channels"]["added"], 1);
    assert_eq!(titles(&schedule(app, None).await), ["Two", "One"]);
    assert_eq!(
        schedule(app, None).await[0]["startsAt"],
        "2026-03-01T17:00:00.000000Z"
    );
    let typed = app
        .ask_as(
            &Viewer::Command,
            "query ($id: ID!) { job(id: $id) { outcome { ... on CompetitionSyncOutcome { guides {
                name import { tables { table added duplicates } } } } } } }",
            json!({ "id": job.id }),
        )
        .await;
    let tables = json!([{ "table": "airings", "added": 1, "duplicates": 0 },
        { "table": "channels", "added": 1, "duplicates": null }]);
    let one = &typed["job"]["outcome"]["guides"][0];
    assert_eq!(
        (&one["name"], &one["import"]["tables"]),
        (&json!("one.xml"), &tables)
    );
    let ok = |path: &str| (path.to_owned(), 200);
    let moved = ("/two.xml.gz".to_owned(), 302);
    assert_eq!(
        broadcaster.answers(),
        [ok("/one.xml"), moved.clone(), ok("/moved/two.xml.gz")]
    );

    let (job, _) = world.sync(false).await;
    let unchanged = json!({ "guides": { "one.xml": { "unchanged": true }, "two.xml.gz": { "unchanged": true } } });
    assert_eq!(job.result, Some(unchanged));
    let same = |path: &str| (path.to_owned(), 304);
    assert_eq!(
        broadcaster.answers(),
        [same("/one.xml"), moved.clone(), same("/moved/two.xml.gz")]
    );

    let newer = guide(&[programme("a", 1, (18, 20), "Newer", "")]);
    broadcaster.publish("/one.xml", Page::Tagged(newer.into_bytes(), "\"2\""));
    let (job, _) = world.sync(false).await;
    let airings = &job.result.unwrap()["guides"]["one.xml"]["tables"]["airings"];
    assert_eq!(
        (&airings["added"], &airings["removed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(titles(&schedule(app, None).await), ["Two", "Newer"]);
    broadcaster.answers();

    let (job, _) = world.sync(true).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!(
        broadcaster.answers(),
        [ok("/one.xml"), moved, ok("/moved/two.xml.gz")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guide_that_fails_does_not_keep_the_others_out_and_the_job_says_why() {
    let world = World::start(&["/gone.xml", "/html.xml", "/good.xml"]).await;
    let broadcaster = &world.broadcaster;
    broadcaster.publish("/html.xml", Page::Plain(b"<html></html>".to_vec()));
    let good = guide(&[programme("a", 1, (18, 20), "Good", "")]);
    broadcaster.publish("/good.xml", Page::Tagged(good.into_bytes(), "\"1\""));
    let (job, message) = world.sync(false).await;
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    assert!(message.starts_with("2 of 3 guides failed; gone.xml: the server answered 404; html.xml: html.xml, line 1: this is no XMLTV guide"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    assert_eq!(titles(&schedule(&world.app, None).await), ["Good"]);
    // What failed is fetched whole the next time, what came in is not.
    broadcaster.answers();
    world.sync(false).await;
    let answers = broadcaster.answers();
    let statuses: Vec<u16> = answers.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [404, 200, 304]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_work_another_time_is_tried_again() {
    let world = World::start(&["/busy.xml"]).await;
    world.broadcaster.publish("/busy.xml", Page::Status(503));
    let (job, message) = world.sync(false).await;
    assert_eq!(job.state, JobState::Pending, "{job:?}");
    assert!(
        message.contains("busy.xml: the server answered 503"),
        "{message}"
    );
    world.broadcaster.publish("/busy.xml", Page::Silent);
    let world = World::start(&["/busy.xml"]).await;
    world.broadcaster.publish("/busy.xml", Page::Silent);
    let (job, message) = world.sync(false).await;
    assert_eq!(job.state, JobState::Pending, "{job:?}");
    assert!(
        message.contains("busy.xml: it was silent for 0.3 s"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_guides_and_redirects_in_a_circle_are_given_up() {
    let world = World::with(&["/endless.xml", "/circle.xml"], 100_000).await;
    world.broadcaster.publish("/endless.xml", Page::Endless);
    world
        .broadcaster
        .publish("/circle.xml", Page::Moved("/circle.xml"));
    let (job, message) = world.sync(false).await;
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    let words = "2 of 2 guides failed; endless.xml: it is larger than 100000 bytes; circle.xml: it redirects more than 5 times, or in a circle";
    assert_eq!(message, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configured_guides_the_job_says_which_setting_to_write() {
    let world = World::start(&[]).await;
    let (job, message) = world.sync(false).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(message.contains("`competition.sources`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_of_the_settings_makes_the_job() {
    let mut settings = support::settings();
    settings.schedules.competition_sync = "0 2 * * *".to_owned();
    let app = TestApp::with(settings).await;
    let workers = Workers::start([app.services.jobs.clone()], 1, "test/1");
    let made = support::until(
        &app,
        async || {
            let names = "SELECT name FROM schedules WHERE name = 'competition_sync'";
            let found: Vec<String> = sqlx::query_scalar(names)
                .fetch_all(app.ctx.db.pool())
                .await
                .unwrap();
            found
        },
        |found| !found.is_empty(),
    );
    assert_eq!(made.await, ["competition_sync"]);
    workers.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_sync_is_asked_for_and_joined() {
    let world = World::start(&["/one.xml"]).await;
    let document = "mutation { syncCompetition(input: {}) {
        job { kind state } joined warnings { code } errors { __typename } } }";
    let asked = world.app.ask(document).await;
    let asked = &asked["syncCompetition"];
    assert_eq!(
        asked["job"],
        json!({ "kind": "COMPETITION_SYNC", "state": "PENDING" })
    );
    assert_eq!(asked["warnings"], json!([{ "code": "NO_WORKER" }]));
    let again = world.app.ask(document).await;
    assert_eq!(again["syncCompetition"]["joined"], true);
}
