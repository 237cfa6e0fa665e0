//! Workers as processes: one that is killed, one that stops, and none.

use std::path::Path;
use std::time::{Duration, Instant};

use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::process::{self, Server, Worker, marquee};

/// A server that leaves all jobs to others.
fn serve(folder: &Path) -> Server {
    Server::start_with(folder, &[], &[("MARQUEE_JOBS__SERVE_SLOTS", "0")])
}

async fn count(database: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.unwrap()
}

/// Waits until a statement counts what it should, two minutes at most.
async fn counts(database: &mut PgConnection, sql: &'static str, fits: impl Fn(i64) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    // Asked without a pause, the database would take the processor from the workers that are waited for.
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    loop {
        pace.tick().await;
        let counted = count(database, sql).await;
        if fits(counted) {
            return;
        }
        assert!(Instant::now() < deadline, "{sql}: {counted}");
    }
}

/// The access token of a new admin.
async fn admin(folder: &Path, server: &Server) -> String {
    let arguments = [
        "user",
        "create",
        "--email",
        "ada@example.org",
        "--name",
        "Ada",
        "--admin",
    ];
    let made = marquee(folder, &arguments);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let password = said
        .lines()
        .find_map(|line| line.strip_prefix("Password: "));
    let password = password.unwrap_or_else(|| panic!("{made:?}"));
    let login =
        "mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }";
    let input = json!({ "input": { "email": "ada@example.org", "password": password } });
    let answer = process::ask(&server.url("/graphql"), None, login, input)
        .await
        .unwrap();
    let token = &answer["data"]["login"]["tokens"]["accessToken"];
    token
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

const CREATE: &str =
    "mutation ($input: CreateGenerationJobInput!) { createGenerationJob(input: $input) {
    job { id } joined warnings { code } errors { ... on UserError { message } } } }";

async fn create(server: &Server, token: &str, parameters: Value) -> Value {
    let input = json!({ "input": { "parameters": parameters } });
    let answer = process::ask(&server.url("/graphql"), Some(token), CREATE, input)
        .await
        .unwrap();
    let payload = answer["data"]["createGenerationJob"].clone();
    assert!(payload["job"]["id"].is_string(), "{answer}");
    payload
}

/// Forty films and two hundred people of two tastes.
fn world(folder: &Path) -> std::path::PathBuf {
    let world = folder.join("world");
    std::fs::create_dir(&world).unwrap();
    let mut movies = "movieId,title,genres\n".to_owned();
    for film in 1..=40 {
        movies += &format!("{film},Film {film} (1999),Drama\n");
    }
    let mut ratings = "userId,movieId,rating,timestamp\n".to_owned();
    for user in 1..=200 {
        for film in (1..=40).filter(|film| film % 2 == user % 2 && (film + user) % 5 != 0) {
            ratings += &format!("{user},{film},5.0,{}\n", 1_700_000_000 + user * 100 + film);
        }
    }
    std::fs::write(world.join("movies.csv"), movies).unwrap();
    std::fs::write(world.join("ratings.csv"), ratings).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_jobs_are_done_though_one_of_two_workers_is_killed() {
    let folder = process::folder();
    let server = serve(folder.path());
    let world = world(folder.path());
    for arguments in [
        vec!["import", "movielens", world.to_str().unwrap()],
        vec!["train"],
    ] {
        let done = marquee(folder.path(), &arguments);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
    let token = admin(folder.path(), &server).await;
    let mut database = process::database(folder.path()).await;
    let users: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT user_id FROM batch_recommendations")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(users.len(), 200);
    let forget = sqlx::raw_sql("DELETE FROM batch_recommendations");
    forget.execute(&mut database).await.unwrap();
    for user in &users {
        let user: Id<id::User> = (*user).into();
        let made = create(
            &server,
            &token,
            json!({ "recommendations": { "userId": user } }),
        )
        .await;
        assert_eq!(
            (&made["joined"], &made["warnings"][0]["code"]),
            (&json!(false), &json!("NO_WORKER"))
        );
    }

    let workers = [
        Worker::start(folder.path(), &[]),
        Worker::start(folder.path(), &[]),
    ];
    let completed = "SELECT count(*) FROM generation_jobs WHERE state = 'COMPLETED'";
    counts(&mut database, completed, |done| done >= 10).await;
    // Nobody can write a list until this is over, so that both workers hold what they run.
    let hold = sqlx::raw_sql("BEGIN; LOCK TABLE batch_recommendations IN SHARE MODE");
    hold.execute(&mut database).await.unwrap();
    let [killed, other] = workers;
    // All slots are taken, and whatever runs waits for the table: nothing ends and nothing is begun.
    let standing = "SELECT (SELECT sum(slots) FROM workers)
        - (SELECT count(*) FROM generation_jobs WHERE state = 'RUNNING')
        + (SELECT sum(slots) FROM workers)
        - (SELECT count(*) FROM pg_locks WHERE NOT granted
              AND relation = 'batch_recommendations'::regclass)";
    counts(&mut database, standing, |moving| moving == 0).await;
    let left = count(
        &mut database,
        "SELECT count(*) FROM generation_jobs WHERE state = 'PENDING'",
    )
    .await;
    assert!(left > 0, "it is in the midst of it");
    let number = killed.number();
    killed.kill();
    let held = sqlx::query_scalar(
        "SELECT generation_jobs.id FROM generation_jobs JOIN workers ON workers.id = worker_id
          WHERE state = 'RUNNING' AND name LIKE '%' || $1 ORDER BY 1",
    );
    let held: Vec<uuid::Uuid> = held.bind(number).fetch_all(&mut database).await.unwrap();
    assert!(!held.is_empty(), "it was killed while it ran some");
    sqlx::raw_sql("COMMIT")
        .execute(&mut database)
        .await
        .unwrap();

    counts(&mut database, completed, |done| done == 200).await;
    // What the killed one held was begun again, once, and nothing else was.
    let again = "SELECT id FROM generation_jobs WHERE attempt > 1 ORDER BY 1";
    let again: Vec<uuid::Uuid> = sqlx::query_scalar(again)
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(again, held);
    let begun = "SELECT count(*) FROM job_events AS begun JOIN job_events AS waited
          ON waited.job_id = begun.job_id AND waited.number = begun.number - 1
         AND waited.state = 'PENDING' WHERE begun.state = 'RUNNING'";
    let expected = 200 + i64::try_from(held.len()).unwrap();
    assert_eq!(count(&mut database, begun).await, expected);
    let lists = "SELECT count(*) FROM batch_recommendations";
    assert_eq!(count(&mut database, lists).await, 200);
    let distinct = "SELECT count(DISTINCT user_id) FROM batch_recommendations";
    assert_eq!(count(&mut database, distinct).await, 200);
    database.close().await.unwrap();
    other.stop();
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_a_worker_and_a_worker_that_is_stopped_gives_its_job_back() {
    let folder = process::folder();
    let server = serve(folder.path());
    let token = admin(folder.path(), &server).await;
    let mut database = process::database(folder.path()).await;
    assert_eq!(server.ready().await, "ready\nworkers: 0\n");
    let made = create(&server, &token, json!({ "plain": "STATISTICS" })).await;
    assert_eq!(made["warnings"][0]["code"], "NO_WORKER");

    // It comes, and is held in the midst of the job.
    let hold = sqlx::raw_sql("BEGIN; LOCK TABLE hourly_statistics IN SHARE MODE");
    hold.execute(&mut database).await.unwrap();
    let worker = Worker::start(folder.path(), &[("MARQUEE_HTTP__DRAIN_SECONDS", "0")]);
    let running = "SELECT count(*) FROM generation_jobs WHERE state = 'RUNNING'";
    counts(&mut database, running, |running| running == 1).await;
    assert_eq!(server.ready().await, "ready\nworkers: 1\n");
    worker.stop();
    let back = "SELECT count(*) FROM generation_jobs WHERE state = 'PENDING' AND attempt = 0";
    assert_eq!(count(&mut database, back).await, 1);
    sqlx::raw_sql("COMMIT")
        .execute(&mut database)
        .await
        .unwrap();

    let worker = Worker::start(folder.path(), &[]);
    let done = "SELECT count(*) FROM generation_jobs WHERE state = 'COMPLETED' AND attempt = 1";
    counts(&mut database, done, |done| done == 1).await;
    database.close().await.unwrap();
    worker.stop();
    server.stop();
}
