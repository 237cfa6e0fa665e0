//! Guides that are uploaded.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use marquee::domain::jobs::{JobState, Workers};
use marquee::foundation::id::Upload;

use super::*;

async fn upload(app: &TestApp, name: &str, text: &str) -> Id<Upload> {
    let uploads = &app.services.uploads;
    let mut writer = uploads.begin(&Viewer::Command).await.unwrap();
    writer.write(Bytes::from(text.to_owned())).await.unwrap();
    writer.finish(name).await.unwrap().id
}

const IMPORT: &str =
    "mutation ($input: ImportCompetitionInput!) { importCompetition(input: $input) {
    job { id kind } errors { __typename ... on UserError { message path } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_guide_is_imported_by_a_job_that_accounts_for_every_programme() {
    let data = TempDir::new().unwrap();
    let mut settings = support::settings();
    settings.data_dir = data.path().to_owned();
    let app = TestApp::with(settings).await;
    let one = programme("a", 1, (18, 20), "One", "");
    let bad = programme("a", 1, (20, 20), "Bad", "");
    let guide = upload(&app, "guide.xml", &guide(&[one.clone(), one, bad])).await;
    let input = json!({ "input": { "uploadIds": [guide], "timeZone": "Pacific/Auckland" } });
    let asked = app.ask_as(&Viewer::Command, IMPORT, input).await;
    let asked = &asked["importCompetition"];
    assert_eq!(asked["errors"], json!([]));
    assert_eq!(asked["job"]["kind"], "IMPORT");
    let job: Id<id::Job> = asked["job"]["id"].as_str().unwrap().parse().unwrap();
    let jobs = &app.services.jobs;
    let workers = Workers::start([jobs.clone()], 1, "test/1");
    let events = jobs.follow(&Viewer::Command, job, 0).await.unwrap();
    let last = events
        .fold(None, |_, event| async move { Some(event) })
        .await;
    assert!(last.is_some());
    workers.drain(Duration::ZERO).await;
    let job = jobs.find(&Viewer::Command, job).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    let result = job.result.unwrap();
    assert_eq!(
        result["tables"]["airings"],
        json!({ "added": 1, "updated": 0, "unchanged": 0, "refused": 1, "duplicates": 1, "overlapping": 0, "removed": 0 })
    );
    let refused = json!([{ "file": "guide.xml", "line": 4, "reason": "it ends before it begins, or at once" }]);
    assert_eq!(result["refusedRows"], refused);
    assert_eq!(
        schedule(&app, None).await[0]["channel"]["timeZone"],
        "Pacific/Auckland"
    );
}

#[tokio::test]
async fn an_import_that_cannot_be_done_is_refused_before_there_is_a_job() {
    let app = TestApp::start().await;
    let guide = upload(&app, "guide.xml", "<tv/>").await;
    for (input, path) in [
        (json!({ "uploadIds": [] }), json!(["uploadIds"])),
        (
            json!({ "uploadIds": [guide], "timeZone": "Europe/Atlantis" }),
            json!(["timeZone"]),
        ),
        (
            json!({ "uploadIds": [guide], "maxRatio": 0 }),
            json!(["maxRatio"]),
        ),
    ] {
        let asked = app
            .ask_as(&Viewer::Command, IMPORT, json!({ "input": input }))
            .await;
        let error = &asked["importCompetition"]["errors"][0];
        assert_eq!(error["path"], path, "{asked:#}");
    }
}
