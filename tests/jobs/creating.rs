//! Asking for jobs, and who may do what with them.

use std::time::Duration;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{JobFilter, JobOrder, JobState, NewJob};
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::recommendations::jobs::TrainingJob;
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::domain::upkeep::jobs::RetentionJob;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::page::Window;
use marquee::foundation::{Error, Id, id};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::world::{
    TableLock, ask, ask_as, conflict, count, is_not_found, job, over, patient, rename, runs, sql,
    stop, trifle, worker,
};

const CREATE: &str =
    "mutation ($input: CreateGenerationJobInput!) { createGenerationJob(input: $input) {
    job { id kind state priority askedBy lastEvent } joined warnings { code message }
    errors { __typename ... on UserError { path message code } } } }";

async fn create(app: &TestApp, input: Value) -> Value {
    let asked = app
        .ask_as(&Viewer::Command, CREATE, json!({ "input": input }))
        .await;
    asked["createGenerationJob"].clone()
}

#[tokio::test]
async fn asking_twice_joins_the_job_that_waits_and_not_the_one_that_runs() {
    let app = TestApp::with(patient()).await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let first = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
    let again = jobs
        .create(
            shell,
            NewJob::now(JobParameters::of::<StatisticsJob>(NoParameters {})),
        )
        .await
        .unwrap();
    assert_eq!(
        (again.joined, again.workers, again.job),
        (true, false, first.clone())
    );

    let lock = TableLock::close(&app).await;
    let worker = worker(&app.services, 1);
    runs(&app, first.id).await;
    let second = jobs
        .create(
            shell,
            NewJob::now(JobParameters::of::<StatisticsJob>(NoParameters {})),
        )
        .await
        .unwrap();
    assert!(second.workers && !second.joined, "{second:?}");
    assert_ne!(second.job.id, first.id);
    lock.open().await;
    for job in [first, second.job] {
        assert_eq!(over(&app, job.id).await.state, JobState::Completed);
    }
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn many_who_ask_for_the_same_at_once_get_one_job() {
    let app = TestApp::start().await;
    let asks = (0..20).map(|_| {
        let jobs = app.services.jobs.clone();
        tokio::spawn(async move { jobs.create(&Viewer::Command, NewJob::now(trifle(1))).await })
    });
    let mut ids = std::collections::HashSet::new();
    for asked in futures::future::join_all(asks).await {
        ids.insert(asked.unwrap().unwrap().job.id);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 1);
}

#[tokio::test]
async fn a_user_joins_no_job_that_they_could_not_see() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let mine = JobParameters::of::<RecommendationsJob>(RefreshTarget::User {
        user: user.user().unwrap(),
    });
    let of_shell = ask(&app, mine.clone()).await;
    let of_user = ask_as(&app, &user, mine.clone()).await;
    assert_ne!(of_shell.id, of_user.id);
    let again = app
        .services
        .jobs
        .create(&user, NewJob::now(mine))
        .await
        .unwrap();
    assert_eq!((again.joined, again.job.id), (true, of_user.id));
}

#[tokio::test]
async fn a_user_has_a_hundred_waiting_jobs_at_most_and_an_admin_any_number() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let admin = app.viewer(Role::Admin).await;
    let fill = "INSERT INTO generation_jobs (id, kind, parameters, owner_id, asked_by, unique_key, attempts)
        SELECT gen_random_uuid(), 'STATISTICS', '{\"kind\": \"STATISTICS\"}', $1, 'x', gen_random_uuid()::text::bytea, 4
          FROM generate_series(1, $2)";
    let fill = async |viewer: &Viewer, many: i32| {
        let fill = sqlx::query(fill)
            .bind(viewer.user().unwrap().uuid())
            .bind(many);
        fill.execute(app.ctx.db.pool()).await.unwrap();
    };
    let mine = JobParameters::of::<RecommendationsJob>(RefreshTarget::User {
        user: user.user().unwrap(),
    });
    fill(&user, 100).await;
    let refused = app
        .services
        .jobs
        .create(&user, NewJob::now(mine.clone()))
        .await;
    assert_eq!(
        conflict(refused),
        "100 jobs of yours wait already; try again later"
    );
    sqlx::query("UPDATE generation_jobs SET state = 'CANCELLED', finished_at = now() WHERE id = (SELECT min(id::text)::uuid FROM generation_jobs)")
        .execute(app.ctx.db.pool()).await.unwrap();
    ask_as(&app, &user, mine).await;
    fill(&admin, 150).await;
    ask_as(&app, &admin, trifle(1)).await;
}

#[tokio::test]
async fn the_more_urgent_comes_first_and_what_is_put_off_comes_later() {
    let app = TestApp::start().await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let mut asked = Vec::new();
    for (number, priority, delay) in [
        (1, -100, 0),
        (2, 0, 0),
        (3, 100, 0),
        (4, 100, 3600),
        (5, 0, 0),
    ] {
        let new = NewJob {
            parameters: trifle(number),
            priority,
            delay: Duration::from_secs(delay),
        };
        asked.push(jobs.create(shell, new).await.unwrap().job.id);
    }
    let worker = worker(&app.services, 1);
    for id in [asked[2], asked[1], asked[4], asked[0]] {
        assert_eq!(over(&app, id).await.state, JobState::Completed);
    }
    let mut begun = Vec::new();
    for id in [asked[2], asked[1], asked[4], asked[0]] {
        begun.push(job(&app.services, id).await.started_at.unwrap());
    }
    assert!(begun.is_sorted(), "{begun:?}");
    let late = job(&app.services, asked[3]).await;
    assert_eq!(late.state, JobState::Pending);
    assert!(
        (late.due_at - late.created_at).num_seconds() == 3600,
        "{late:?}"
    );
    sql(
        &app,
        "UPDATE generation_jobs SET due_at = now() WHERE id = $1",
        late.id,
    )
    .await;
    assert_eq!(over(&app, late.id).await.state, JobState::Completed);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn owners_take_turns_however_many_jobs_one_of_them_has() {
    let app = TestApp::start().await;
    let crowd = app.viewer(Role::Admin).await;
    let other = app.viewer(Role::Admin).await;
    let mut of_crowd = Vec::new();
    for number in 0..6 {
        of_crowd.push(ask_as(&app, &crowd, trifle(number)).await.id);
    }
    let last = ask_as(&app, &other, trifle(6)).await.id;
    let worker = worker(&app.services, 1);
    for id in of_crowd.iter().chain([&last]) {
        assert_eq!(over(&app, *id).await.state, JobState::Completed);
    }
    let started = async |id| job(&app.services, id).await.started_at.unwrap();
    let his = started(last).await;
    let mut before = 0;
    for id in &of_crowd {
        before += usize::from(started(*id).await < his);
    }
    // One had come first; of the others none was before his.
    assert_eq!(before, 1);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn what_the_state_forbids_is_refused_in_a_sentence() {
    let app = TestApp::with(patient()).await;
    let (jobs, shell) = (&app.services.jobs, &Viewer::Command);
    let id = ask(&app, JobParameters::of::<StatisticsJob>(NoParameters {}))
        .await
        .id;
    let lock = TableLock::close(&app).await;
    assert_eq!(
        conflict(jobs.retry(shell, id).await),
        "a job that is PENDING cannot be retried"
    );
    assert_eq!(
        conflict(jobs.delete(shell, id).await),
        "the job is not over; cancel it first"
    );
    let worker = worker(&app.services, 1);
    runs(&app, id).await;
    assert_eq!(
        conflict(jobs.retry(shell, id).await),
        "a job that is RUNNING cannot be retried"
    );
    assert_eq!(
        conflict(jobs.delete(shell, id).await),
        "the job is not over; cancel it first"
    );
    lock.open().await;
    over(&app, id).await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(
        conflict(jobs.retry(shell, id).await),
        "a job that is COMPLETED cannot be retried"
    );
    assert_eq!(
        conflict(jobs.cancel(shell, id).await),
        "a job that is COMPLETED cannot be cancelled"
    );
    assert_eq!(jobs.delete(shell, id).await.unwrap(), id);
    assert!(is_not_found(jobs.delete(shell, id).await));
    assert_eq!(count(&app, "SELECT count(*) FROM job_events").await, 0);

    let id = ask(&app, trifle(1)).await.id;
    jobs.cancel(shell, id).await.unwrap();
    ask(&app, trifle(1)).await;
    assert_eq!(
        conflict(jobs.retry(shell, id).await),
        "the same waits already"
    );
    sql(
        &app,
        "UPDATE generation_jobs SET attempt = 10, started_at = now() WHERE id = $1",
        id,
    )
    .await;
    assert_eq!(
        conflict(jobs.retry(shell, id).await),
        "the job was begun ten times; ask for a new one"
    );
}

#[tokio::test]
async fn the_job_of_another_is_not_there_whatever_one_tries() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::User).await;
    let whom = RefreshTarget::User {
        user: owner.user().unwrap(),
    };
    let jobs = &app.services.jobs;
    let id = ask_as(&app, &owner, JobParameters::of::<RecommendationsJob>(whom))
        .await
        .id;
    let stranger = app.viewer(Role::Curator).await;
    let app_key = app.app(&[domain::auth::Scope::UsersRead]);
    let list = async |viewer: &Viewer| {
        let (filter, window) = (JobFilter::default(), Window::first(10));
        let order = (JobOrder::CreatedAt, false);
        let page = jobs.list(viewer, &filter, order, &window).await;
        page.map(|page| page.rows.len())
    };
    for viewer in [&stranger, &app_key] {
        assert_eq!(jobs.find(viewer, id).await.unwrap(), None);
        assert!(is_not_found(jobs.cancel(viewer, id).await));
        assert!(is_not_found(jobs.retry(viewer, id).await));
        assert!(is_not_found(jobs.delete(viewer, id).await));
        assert!(is_not_found(jobs.follow(viewer, id, 0).await));
        assert_eq!(list(viewer).await.unwrap(), 0);
        assert_eq!(jobs.count(viewer, &JobFilter::default()).await.unwrap(), 0);
        let refused = [
            jobs.statistics(viewer).await.err(),
            jobs.workers(viewer).await.err(),
            jobs.create(
                viewer,
                NewJob::now(JobParameters::of::<RetentionJob>(NoParameters {})),
            )
            .await
            .err(),
            jobs.create(
                viewer,
                NewJob::now(JobParameters::of::<RecommendationsJob>(whom_of(&owner))),
            )
            .await
            .err(),
            jobs.create(
                viewer,
                NewJob::now(JobParameters::of::<ErasureJob>(ErasureParameters {
                    user: owner.user().unwrap(),
                })),
            )
            .await
            .err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(Error::Forbidden(_))), "{error:?}");
        }
    }
    let nobody = &Viewer::Nobody;
    assert_eq!(jobs.find(nobody, id).await.unwrap(), None);
    assert!(matches!(list(nobody).await, Err(Error::Unauthenticated(_))));
    assert!(matches!(
        jobs.cancel(nobody, id).await,
        Err(Error::Unauthenticated(_))
    ));
    assert_eq!(list(&owner).await.unwrap(), 1);
    assert_eq!(
        jobs.cancel(&owner, id).await.unwrap().state,
        JobState::Cancelled
    );
    assert_eq!(
        jobs.retry(&owner, id).await.unwrap().state,
        JobState::Pending
    );
}

fn whom_of(viewer: &Viewer) -> RefreshTarget {
    RefreshTarget::User {
        user: viewer.user().unwrap(),
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_its_place() {
    let app = TestApp::start().await;
    let plain = json!({ "plain": "STATISTICS" });
    let target = |target: Value| json!({ "parameters": { "recommendations": target } });
    let mut all = vec![
        (
            json!({ "parameters": plain, "priority": 101 }),
            vec!["priority"],
        ),
        (
            json!({ "parameters": plain, "priority": -101 }),
            vec!["priority"],
        ),
        (
            json!({ "parameters": plain, "delaySeconds": -1 }),
            vec!["delaySeconds"],
        ),
        (
            json!({ "parameters": plain, "delaySeconds": 2_592_001 }),
            vec!["delaySeconds"],
        ),
        (
            target(json!({ "everyone": false })),
            vec!["parameters", "recommendations", "everyone"],
        ),
        (
            target(json!({ "activeWithinDays": 0 })),
            vec!["parameters", "recommendations", "activeWithinDays"],
        ),
        (
            target(json!({ "activeWithinDays": 3651 })),
            vec!["parameters", "recommendations", "activeWithinDays"],
        ),
        (
            target(json!({ "userIds": [] })),
            vec!["parameters", "recommendations", "userIds"],
        ),
        (
            json!({ "parameters": { "cacheWarming": { "queries": 1001 } } }),
            vec!["parameters", "cacheWarming", "queries"],
        ),
        (
            json!({ "parameters": { "cacheWarming": { "users": -1 } } }),
            vec!["parameters", "cacheWarming", "users"],
        ),
    ];
    let image = |field: &str, value: Value| {
        let mut image = json!({ "prompt": "rain" });
        image[field] = value;
        json!({ "parameters": { "image": image } })
    };
    for (field, value) in [
        ("prompt", json!("x".repeat(20_001))),
        ("generator", json!("nobody")),
        ("width", json!(63)),
        ("width", json!(4096)),
        ("batch", json!(9)),
        ("negativePrompt", json!("x".repeat(20_001))),
        ("seed", json!(-1)),
    ] {
        let answer = create(&app, image(field, value)).await;
        let error = &answer["errors"][0];
        assert_eq!(error["__typename"], "InvalidInput", "{field}: {answer}");
        assert_eq!(
            error["path"],
            json!(["parameters", "image", field]),
            "{answer}"
        );
    }
    let many: Vec<String> = (0..10_001)
        .map(|_| Id::<id::User>::new(&app.ctx.clock, &app.ctx.rng).to_string())
        .collect();
    all.push((
        target(json!({ "userIds": many })),
        vec!["parameters", "recommendations", "userIds"],
    ));
    for (input, path) in all {
        let answer = create(&app, input.clone()).await;
        let error = &answer["errors"][0];
        assert_eq!(error["__typename"], "InvalidInput", "{input}: {answer}");
        assert_eq!(error["path"], json!(path), "{answer}");
        assert_eq!(answer["job"], Value::Null);
    }
    // What is no id of a user does not come as far as the queue.
    let input = json!({ "input": target(json!({ "userId": "nobody" })) });
    let code = app.code_as(&Viewer::Command, CREATE, input).await;
    assert_eq!(code, "BAD_USER_INPUT");
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 0);
}

#[tokio::test]
async fn a_job_for_a_user_who_is_not_there_fails_with_that_sentence() {
    let world = crate::world::World::trained(20, 24).await;
    let app = &world.app;
    let user: Id<id::User> = Id::new(&app.ctx.clock, &app.ctx.rng);
    let asked = ask(
        app,
        JobParameters::of::<RecommendationsJob>(RefreshTarget::User { user }),
    )
    .await;
    let worker = worker(&app.services, 1);
    let failed = over(app, asked.id).await;
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(failed.error.as_deref(), Some("there is no such user"));
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn where_no_worker_is_there_the_answer_says_so_and_the_job_waits() {
    let app = TestApp::start().await;
    let input = json!({ "parameters": { "training": { "choose": true } }, "priority": 7 });
    let answer = create(&app, input).await;
    assert_eq!(answer["warnings"][0]["code"], "NO_WORKER");
    assert_eq!(answer["errors"], json!([]));
    let job = &answer["job"];
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("TRAINING"), &json!("PENDING"))
    );
    assert_eq!(
        (&job["priority"], &job["askedBy"]),
        (&json!(7), &json!("command"))
    );
    let id = job["id"].as_str().unwrap().parse().unwrap();
    let kept = crate::world::job(&app.services, id).await;
    let expected = TrainingOptions {
        candidate: false,
        force: false,
        choose: true,
    };
    let kept = kept.parameters_of::<TrainingJob>().unwrap();
    assert_eq!(kept, Some(expected));
}

#[tokio::test]
async fn an_answer_that_is_an_error_leaves_no_job_behind() {
    let app = TestApp::start().await;
    rename(&app, "workers", "put_away").await;
    let asked = app
        .services
        .jobs
        .create(&Viewer::Command, NewJob::now(trifle(1)));
    asked.await.unwrap_err();
    assert_eq!(count(&app, "SELECT count(*) FROM generation_jobs").await, 0);
}
