//! Asking for what is asked for already.

use std::time::Duration;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::ContentKind;
use marquee::domain::generation::jobs::ImageJob;
use marquee::domain::generation::model::NewItem;
use marquee::domain::generation::{GenerationParameters, GeneratorInput, ImageInput, Target};
use marquee::domain::jobs::JobChanged;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobState, NewJob};
use marquee::platform::events::{Received, Subscription};

use crate::support::TestApp;
use crate::world::{ask_as, events, orphan, over, soon, sql, stop, trifle, worker};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[tokio::test]
async fn who_joins_a_job_that_was_put_off_brings_it_forward_and_makes_it_as_urgent() {
    let app = TestApp::start().await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let later = |priority, delay| NewJob {
        parameters: trifle(1),
        priority,
        delay,
    };
    let put_off = jobs.create(shell, later(5, MONTH)).await.unwrap().job;
    let mut news: Subscription<JobChanged> =
        app.ctx.events.subscribe(Some(put_off.id.uuid())).await;

    let sooner = jobs.create(shell, later(0, Duration::ZERO)).await.unwrap();
    assert!(sooner.joined && sooner.job.id == put_off.id, "{sooner:?}");
    let waited = sooner.job.due_at - put_off.created_at;
    assert!(waited.num_hours() < 1, "{sooner:?}");
    assert_eq!((sooner.job.priority, sooner.job.events), (5, 2));
    assert!(
        matches!(soon(news.next()).await, Received::Event { .. }),
        "told"
    );
    let more_urgent = jobs.create(shell, later(9, MONTH)).await.unwrap().job;
    assert_eq!((more_urgent.priority, more_urgent.events), (9, 3));
    assert_eq!(more_urgent.due_at, sooner.job.due_at);
    // What changes nothing is no event.
    let same = jobs.create(shell, later(-5, MONTH)).await.unwrap();
    assert_eq!((same.joined, same.job), (true, more_urgent));

    let worker = worker(&app.services, 1);
    let told = events(jobs, put_off.id, 0).await;
    let numbers: Vec<i64> = told.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    assert_eq!(told.last().unwrap().state, JobState::Completed);
    stop(worker, Duration::ZERO).await;
}

/// A picture without a seed, prepared for `viewer`.
async fn picture(app: &TestApp, viewer: &Viewer, seed: Option<i64>) -> JobParameters {
    let ask = ImageInput {
        width: 64,
        height: 96,
        seed,
        ..ImageInput::new("Rain")
    };
    let parameters = GenerationParameters {
        generator: "builtin".to_owned(),
        input: GeneratorInput::Image(ask),
        target: Target::NewItem(NewItem::new(ContentKind::Image)),
        about: None,
    };
    let request = app.services.generation.prepare(viewer, parameters);
    JobParameters::of::<ImageJob>(request.await.unwrap())
}

#[tokio::test]
async fn a_second_click_pays_for_no_second_picture() {
    let app = TestApp::start().await;
    let (user, other) = (app.viewer(Role::User).await, app.viewer(Role::User).await);
    let jobs = &app.services.jobs;
    let click = async |viewer: &Viewer| {
        let parameters = picture(&app, viewer, None).await;
        jobs.create(viewer, NewJob::now(parameters)).await.unwrap()
    };
    let first = ask_as(&app, &user, picture(&app, &user, None).await).await;
    let again = click(&user).await;
    assert_eq!((again.joined, again.job.id), (true, first.id));
    // Another's is their own, and so is one with a seed.
    assert!(!click(&other).await.joined);
    ask_as(&app, &user, picture(&app, &user, Some(1)).await).await;

    // While it is made, and while it waits for another attempt.
    orphan(&app, first.id).await;
    let again = click(&user).await;
    assert_eq!((again.joined, again.job.id), (true, first.id));
    sql(
        &app,
        "UPDATE generation_jobs SET state = 'PENDING', worker_id = NULL, lease_until = NULL WHERE id = $1",
        first.id,
    )
    .await;
    let again = click(&user).await;
    assert_eq!((again.joined, again.job.id), (true, first.id));

    let worker = worker(&app.services, 1);
    let done = over(&app, first.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    // One that is over, or is to end, is not joined.
    let second = click(&user).await;
    assert!(!second.joined, "{second:?}");
    let done_again = over(&app, second.job.id).await;
    let seed = |result: &Option<serde_json::Value>| {
        let result = result.clone().unwrap();
        result["generated"][0]["seed"].as_i64().unwrap()
    };
    assert_ne!(
        seed(&done.result),
        seed(&done_again.result),
        "another picture"
    );
    stop(worker, Duration::ZERO).await;

    let third = click(&user).await.job;
    orphan(&app, third.id).await;
    jobs.cancel(&user, third.id).await.unwrap();
    assert!(!click(&user).await.joined, "what is to end is not joined");
}
