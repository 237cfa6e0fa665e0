//! Removing a user and everything of them.

use std::time::Duration;

use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::ContentKind;
use marquee::domain::generation::model::NewItem;
use marquee::domain::generation::{
    Generated, GenerationParameters, GeneratorInput, ImageInput, Target,
};
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::upkeep::erasure::ErasureJob;
use marquee::domain::upkeep::erasure::ErasureParameters;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::{Id, id};
use marquee::platform::objects::ObjectName;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::TestApp;
use crate::world::{
    HeldTable, TableLock, ask, ask_as, count, job, orphan, over, patient, runs, soon, sql, stop,
    worker,
};

/// Rows that refer to the user `$1`, one each, as statements; `$2` is an item of the catalogue.
const ROWS: &[(&str, &str)] = &[
    (
        "api_keys.created_by",
        "INSERT INTO api_keys (id, name, hash, prefix, scopes, created_at, created_by) SELECT gen_random_uuid(), 'key', decode(repeat('ab', 32), 'hex'), 'mq_', '{}', now(), $1 WHERE $2::uuid IS NOT NULL",
    ),
    (
        "batch_recommendations.user_id",
        "INSERT INTO batch_recommendations (model_version_id, user_id, content_ids, scores, because) SELECT id, $1, ARRAY[$2], '{0.5}', ARRAY[$2] FROM model_versions",
    ),
    (
        "content_items.creator_id",
        "INSERT INTO content_items (id, kind, title, visibility, creator_id, created_at, updated_at) SELECT gen_random_uuid(), 'TEXT', 'A diary', 'PRIVATE', $1, now(), now() WHERE $2::uuid IS NOT NULL",
    ),
    (
        "content_tags.user_id",
        "INSERT INTO content_tags VALUES ($2, $1, 'samurai', now())",
    ),
    (
        "feedback.user_id",
        "INSERT INTO feedback (id, list_id, rank, user_id, kind, at) SELECT gen_random_uuid(), $2, 1, $1, 'CLICKED', now()",
    ),
    (
        "generation_jobs.owner_id",
        "INSERT INTO generation_jobs (id, kind, parameters, owner_id, asked_by, unique_key, attempts) SELECT gen_random_uuid(), 'STATISTICS', '{\"kind\": \"STATISTICS\"}', $1, 'x', 'x', 4 WHERE $2::uuid IS NOT NULL",
    ),
    (
        "idempotency_keys.user_id",
        "INSERT INTO idempotency_keys VALUES ($1, 'key', $2, now())",
    ),
    (
        "interactions.user_id",
        "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at) VALUES (least_id_of('2026-03-02'), $1, $2, 'LIKE', '2026-02-01')",
    ),
    (
        "recommendation_lists.user_id",
        "INSERT INTO recommendation_lists (id, user_id, context, controls, weights_version, created_at, blend_sources, blend_weights, events, content_ids, scores, sources, parts, because_ids, because) VALUES ('019caaaa-0000-7000-8000-000000000001', $1, 'FEED', '{}', 1, '2026-03-01', '{}', '{}', 0, ARRAY[$2], '{0.5}', '{64}', '{}', ARRAY[$2], '{1}')",
    ),
    (
        "refresh_tokens.user_id",
        "INSERT INTO refresh_tokens (id, family_id, user_id, hash, issued_at, expires_at) SELECT gen_random_uuid(), gen_random_uuid(), $1, decode(repeat('cd', 32), 'hex'), now(), now() + interval '1 day' WHERE $2::uuid IS NOT NULL",
    ),
    (
        "slate_selections.curator_id",
        "WITH channel AS (INSERT INTO channels (id, key, name, time_zone, own, created_at, updated_at) \
              SELECT gen_random_uuid(), 'c' || substr(md5(random()::text), 1, 8), 'One', 'UTC', true, now(), now() RETURNING id), \
              slate AS (INSERT INTO slates (id, channel_id, date, hour, state, length, candidate_count, model, epoch, seed, weights, log, created_at, closed_at) \
              SELECT gen_random_uuid(), id, '2026-03-06', 21, 'SELECTED', 1, 1, 'prior', 0, 1, '{0,0,0,0,0,0}', '', now(), now() FROM channel RETURNING id, channel_id) \
         INSERT INTO slate_selections (id, slate_id, channel_id, date, hour, content_id, signals, curator_id, selected_at) \
         SELECT gen_random_uuid(), id, channel_id, '2026-03-06', 21, $2, '{}', $1, now() FROM slate",
    ),
    (
        "uploads.owner_id",
        "INSERT INTO uploads SELECT gen_random_uuid(), 'movies.csv', 1, sha256(''), $1, now() WHERE $2::uuid IS NOT NULL",
    ),
    (
        "users.merged_into",
        "INSERT INTO users (id, display_name, merged_into, created_at, updated_at) SELECT gen_random_uuid(), 'A visitor', $1, now(), now() WHERE $2::uuid IS NOT NULL",
    ),
];

async fn references(app: &TestApp) -> Vec<String> {
    // Of a partition, the table that it is a part of.
    let found = sqlx::query_scalar(
        "SELECT DISTINCT coalesce(whole.relname, r.relname)::text || '.' || a.attname::text
           FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
           LEFT JOIN pg_inherits part ON part.inhrelid = r.oid
           LEFT JOIN pg_class whole ON whole.oid = part.inhparent
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
          WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND c.conparentid = 0
          ORDER BY 1",
    );
    found.fetch_all(app.ctx.db.pool()).await.unwrap()
}

async fn rows_of(app: &TestApp, index: &str, user: Id<id::User>) -> i64 {
    let (table, column) = index.split_once('.').unwrap();
    let count = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(user.uuid());
    count.fetch_one(app.ctx.db.pool()).await.unwrap()
}

/// A user with something of everything.
async fn full(app: &TestApp) -> Viewer {
    sqlx::query("INSERT INTO model_versions (id, kind, version, state, algorithm, created_at) VALUES (gen_random_uuid(), 'COLLABORATIVE', '1.0.0', 'ACTIVE', 'als', now()) ON CONFLICT DO NOTHING")
        .execute(app.ctx.db.pool()).await.unwrap();
    let viewer = app.viewer(Role::User).await;
    let film = app.film("Ran").await;
    for (index, insert) in ROWS {
        let insert = sqlx::query(*insert)
            .bind(viewer.user().unwrap().uuid())
            .bind(film.uuid());
        let done = insert.execute(app.ctx.db.pool()).await;
        let done = done.unwrap_or_else(|error| panic!("{index}: {error}"));
        assert_eq!(done.rows_affected(), 1, "{index}");
    }
    viewer
}

#[tokio::test]
async fn erasing_leaves_no_row_of_a_user_in_any_table_and_the_receipt_counts_them() {
    let app = TestApp::start().await;
    let known: Vec<&str> = ROWS.iter().map(|(index, _)| *index).collect();
    assert_eq!(
        references(&app).await,
        known,
        "teach erasure (domain/users/erasure) and this list about the table"
    );
    let viewer = full(&app).await;
    let user = viewer.user().unwrap();
    let other = full_other(&app).await;
    // What was published stays, without its author.
    let published = app.film("Published").await;
    sqlx::query("UPDATE content_items SET creator_id = $1 WHERE id = $2")
        .bind(user.uuid())
        .bind(published.uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let errors = "errors { __typename ... on UserError { path } }";
    let both = format!("userId: \"{user}\", myself: true");
    for (input, field) in [
        ("", "userId"),
        ("myself: false", "userId"),
        (&both, "myself"),
    ] {
        let erase =
            format!("mutation {{ eraseUser(input: {{{input}}}) {{ job {{ id }} {errors} }} }}");
        let answer = app.ask_as(&viewer, &erase, json!({})).await;
        let refused = json!([{ "__typename": "InvalidInput", "path": [field] }]);
        assert_eq!(
            answer["eraseUser"],
            json!({ "job": null, "errors": refused })
        );
    }
    let answer = app
        .ask_as(
            &viewer,
            "mutation { eraseUser(input: { myself: true }) { job { id owner { id } } errors { __typename } } }",
            json!({}),
        )
        .await;
    let id: Id<id::Job> = answer["eraseUser"]["job"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let done = over(&app, id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    for index in &known {
        assert_eq!(rows_of(&app, index, user).await, 0, "{index}");
    }
    let gone = count(
        &app,
        "SELECT count(*) FROM users WHERE display_name IN ('A user', 'A visitor')",
    )
    .await;
    assert_eq!(gone, 1, "the other user is there");
    let receipt = done.result.unwrap();
    assert_eq!(receipt["user"], json!(user));
    let rows: Vec<(String, i64)> = receipt["removed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["what"].as_str().unwrap().to_owned(),
                one["rows"].as_i64().unwrap(),
            )
        })
        .collect();
    let expected: Vec<(String, i64)> = [
        ("feedback", 1),
        ("items of lists", 0),
        ("lists", 1),
        ("stored lists", 1),
        ("interactions", 1),
        ("idempotency keys", 1),
        ("tags", 1),
        ("sessions", 1),
        ("uploads", 1),
        ("jobs", 1),
        ("selections", 1),
        ("private items", 1),
        ("merged accounts", 1),
        ("accounts", 1),
    ]
    .map(|(what, rows)| (what.to_owned(), rows))
    .to_vec();
    assert_eq!(rows, expected);
    assert_eq!(rows_of(&app, "interactions.user_id", other).await, 1);
    let kept: (String, Option<uuid::Uuid>) =
        sqlx::query_as("SELECT title, creator_id FROM content_items WHERE id = $1")
            .bind(published.uuid())
            .fetch_one(app.ctx.db.pool())
            .await
            .unwrap();
    assert_eq!(kept, ("Published".to_owned(), None));
    // The job itself stays as the receipt, without its owner, for admins.
    assert_eq!(done.owner, None);

    // There is nobody left to erase.
    let again = ask(
        &app,
        JobParameters::of::<ErasureJob>(ErasureParameters { user }),
    )
    .await;
    let again = over(&app, again.id).await;
    assert_eq!(again.state, JobState::Failed);
    assert_eq!(again.error.as_deref(), Some("there is no such user"));
    stop(worker, Duration::ZERO).await;
}

/// Another user, who has done something.
async fn full_other(app: &TestApp) -> Id<id::User> {
    let user = app.viewer(Role::User).await.user().unwrap();
    let film = app.film("Ikiru").await;
    sqlx::query("INSERT INTO interactions (id, user_id, content_id, kind, occurred_at) VALUES (least_id_of('2026-03-03'), $1, $2, 'LIKE', '2026-02-01')")
        .bind(user.uuid()).bind(film.uuid())
        .execute(app.ctx.db.pool()).await.unwrap();
    user
}

#[tokio::test]
async fn the_last_admin_is_not_erased_and_one_of_two_is() {
    let app = TestApp::start().await;
    let (first, second) = (app.viewer(Role::Admin).await, app.viewer(Role::Admin).await);
    let worker = worker(&app.services, 1);
    let of = |viewer: &Viewer| {
        JobParameters::of::<ErasureJob>(ErasureParameters {
            user: viewer.user().unwrap(),
        })
    };
    let gone = ask_as(&app, &first, of(&first)).await;
    assert_eq!(over(&app, gone.id).await.state, JobState::Completed);
    let refused = ask_as(&app, &second, of(&second)).await;
    let refused = over(&app, refused.id).await;
    assert_eq!(refused.state, JobState::Failed);
    let why = "this is the last admin; make somebody else an admin first";
    assert_eq!(refused.error.as_deref(), Some(why));
    assert_eq!(count(&app, "SELECT count(*) FROM users").await, 1);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn an_app_erases_for_a_user_only_with_the_scope_for_it() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await.user().unwrap();
    let worker = worker(&app.services, 1);
    let erase = "mutation ($user: ID!) { eraseUser(input: { userId: $user }) { job { id askedBy } errors { __typename } } }";
    let variables = json!({ "user": user });
    let reader = app.app(&[Scope::UsersRead]);
    assert_eq!(
        app.code_as(&reader, erase, variables.clone()).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.code_as(&Viewer::Nobody, erase, variables.clone()).await,
        "UNAUTHENTICATED"
    );
    let writer = app.app(&[Scope::UsersWrite]);
    let answer = app.ask_as(&writer, erase, variables).await;
    let job = &answer["eraseUser"]["job"];
    assert_eq!(job["askedBy"], json!(writer.name()));
    let id = job["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(over(&app, id).await.state, JobState::Completed);
    stop(worker, Duration::ZERO).await;
}

/// A picture that somebody has made, as a private item of theirs. The same words make the same file.
async fn picture(app: &TestApp, viewer: &Viewer, words: &str) -> Generated {
    let generation = &app.services.generation;
    let parameters = GenerationParameters {
        generator: "builtin".to_owned(),
        input: GeneratorInput::Image(ImageInput {
            width: 64,
            height: 96,
            seed: Some(7),
            ..ImageInput::new(words)
        }),
        target: Target::NewItem(NewItem::new(ContentKind::Image)),
        about: None,
    };
    let request = generation.prepare(viewer, parameters).await.unwrap();
    let mut observe = |_| ControlFlow::Continue(());
    let stop = CancellationToken::new();
    let made = generation.generate(&request, None, &mut observe, &stop);
    made.await.unwrap().remove(0)
}

async fn is_there(app: &TestApp, file: &ObjectName) -> bool {
    let objects = &app.ctx.objects;
    let there = objects.exists(app.ctx.db.schema(), file).await;
    there.unwrap()
}

fn erasure(viewer: &Viewer) -> JobParameters {
    let user = viewer.user().unwrap();
    JobParameters::of::<ErasureJob>(ErasureParameters { user })
}

#[tokio::test]
async fn an_erasure_removes_the_files_that_nobody_else_has() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.viewer(Role::User).await, app.viewer(Role::User).await);
    let own = picture(&app, &ada, "A cat").await;
    let shared = picture(&app, &ada, "A dog").await;
    assert_eq!(picture(&app, &bob, "A dog").await.file, shared.file);
    // Somebody made it the poster of a film.
    let poster = picture(&app, &ada, "A bird").await;
    let film = app.film("Ran").await;
    sqlx::query("UPDATE content_items SET poster_url = $1 WHERE id = $2")
        .bind(app.services.generation.address(&poster.file) + "?size=small")
        .bind(film.uuid())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let asked = ask(&app, erasure(&ada)).await;
    let done = over(&app, asked.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    stop(worker, Duration::ZERO).await;
    assert!(!is_there(&app, &own.file).await);
    assert!(is_there(&app, &shared.file).await);
    assert!(is_there(&app, &poster.file).await);
    // The log does not go on naming them.
    let named = "SELECT count(*) FROM audit_log WHERE details::text LIKE '%.png%'";
    assert_eq!(count(&app, named).await, 0);
}

#[tokio::test]
async fn an_erasure_whose_worker_died_after_it_took_effect_goes_on_with_the_files() {
    let app = TestApp::start().await;
    let ada = app.viewer(Role::User).await;
    let made = picture(&app, &ada, "A cat").await;
    let asked = ask(&app, erasure(&ada)).await;
    orphan(&app, asked.id).await;
    // As far as that worker came.
    let users = &app.services.users;
    let erased = users.erase(&Viewer::Command, ada.user().unwrap()).await;
    let receipt = json!(erased.unwrap().receipt);
    assert!(is_there(&app, &made.file).await);
    let worker = worker(&app.services, 1);
    let done = over(&app, asked.id).await;
    stop(worker, Duration::ZERO).await;
    assert_eq!((done.state, done.attempt), (JobState::Completed, 2));
    assert_eq!(done.result, Some(receipt));
    assert!(!is_there(&app, &made.file).await);
}

#[tokio::test]
async fn no_prompt_of_a_user_outlives_them_in_a_job_that_runs() {
    let app = TestApp::start().await;
    let ada = app.viewer(Role::User).await;
    let statement = "INSERT INTO generation_jobs
            (id, kind, parameters, owner_id, asked_by, unique_key, attempts, state, worker_id, lease_until)
        SELECT $1, 'CONTENT_TEXT', '{\"prompt\": \"my secret\"}', id, 'x', 'x', 4, 'RUNNING',
               gen_random_uuid(), now() + interval '1 day' FROM users";
    let id = Id::new(&app.ctx.clock, &app.ctx.rng);
    sql(&app, statement, id).await;
    let secret = "SELECT count(*) FROM generation_jobs WHERE parameters::text LIKE '%secret%'";
    assert_eq!(count(&app, secret).await, 1);
    let worker = worker(&app.services, 1);
    let asked = ask_as(&app, &ada, erasure(&ada)).await;
    assert_eq!(over(&app, asked.id).await.state, JobState::Completed);
    assert_eq!(count(&app, secret).await, 0);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_for_a_user_who_is_erased_is_dropped() {
    let app = TestApp::with(patient()).await;
    app.viewer(Role::Admin).await;
    let ada = app.viewer(Role::Admin).await;
    let lock = TableLock::close(&app).await;
    let running = ask_as(
        &app,
        &ada,
        JobParameters::of::<StatisticsJob>(NoParameters {}),
    )
    .await;
    let worker = worker(&app.services, 2);
    runs(&app, running.id).await;
    let erased = ask(&app, erasure(&ada)).await;
    assert_eq!(over(&app, erased.id).await.state, JobState::Completed);
    let found = app.services.jobs.find(&Viewer::Command, running.id).await;
    assert_eq!(found.unwrap(), None);
    // The worker has let go of it though the gate is closed: it waits for what it still runs.
    stop(worker, Duration::from_secs(3600)).await;
    lock.open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_cancelled_while_it_takes_effect_is_completed() {
    let app = TestApp::with(patient()).await;
    let ada = app.viewer(Role::User).await;
    // The last thing that the transaction writes.
    let mut held = HeldTable::close(&app, "LOCK TABLE audit_log IN SHARE MODE").await;
    let asked = ask(&app, erasure(&ada)).await;
    let worker = worker(&app.services, 1);
    soon(held.is_waited_for()).await;
    let jobs = &app.services.jobs;
    jobs.cancel(&Viewer::Command, asked.id).await.unwrap();
    // Longer than work that is to end may take.
    let ended = tokio::time::timeout(Duration::from_secs(3), over(&app, asked.id)).await;
    assert!(ended.is_err(), "{ended:?}");
    held.open().await;
    let done = over(&app, asked.id).await;
    stop(worker, Duration::ZERO).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    assert_eq!(count(&app, "SELECT count(*) FROM users").await, 0);
    assert_eq!(job(&app.services, asked.id).await.error, None);
}
