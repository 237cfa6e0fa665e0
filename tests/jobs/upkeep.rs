//! Summing hours up, and removing what is old.

use std::time::Duration;

use chrono::{DurationRound, TimeDelta, Timelike};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::job_handler::NoParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::upkeep::jobs::RetentionJob;
use marquee::domain::upkeep::jobs::StatisticsJob;
use marquee::foundation::{Id, id};
use serde_json::json;

use crate::support::{TestApp, start_of_time};
use crate::world::{World, ask, over, stop, worker};

/// An id of a moment so many seconds before the tests begin.
fn back<K: id::Kind>(seconds: i64, salt: u8) -> uuid::Uuid {
    Id::<K>::at(start_of_time() - TimeDelta::seconds(seconds), [salt; 10]).uuid()
}

#[tokio::test]
async fn the_hours_that_are_over_are_summed_up_once_and_agree_with_counting() {
    let world = World::new(4, 8).await;
    let app = &world.app;
    let pool = app.ctx.db.pool();
    // What the world did lies in the present hour; these lie in the hours before it.
    for (index, seconds) in [1, 1800, 3600, 3601, 7201, 90_000, 200_000]
        .into_iter()
        .enumerate()
    {
        let user = world.users[index % 4].uuid();
        let at = start_of_time() - TimeDelta::seconds(seconds);
        sqlx::query("INSERT INTO interactions (id, user_id, content_id, kind, occurred_at) VALUES ($1, $2, $3, 'VIEW', $4)")
            .bind(back::<id::Interaction>(seconds, 1)).bind(user).bind(world.items[0].uuid()).bind(at)
            .execute(pool).await.unwrap();
        sqlx::query("INSERT INTO recommendation_lists (id, user_id, context, controls, weights_version, created_at, blend_sources, blend_weights, events, content_ids, scores, sources, parts, because_ids, because) VALUES ($1, $2, 'FEED', '{}', 1, $3, '{}', '{}', 0, '{}', '{}', '{}', '{}', '{}', '{}')")
            .bind(back::<id::List>(seconds, 2)).bind(user).bind(at)
            .execute(pool).await.unwrap();
        sqlx::query("INSERT INTO feedback (id, list_id, rank, user_id, kind, at) VALUES (gen_random_uuid(), $1, 1, $2, 'CLICKED', $3)")
            .bind(back::<id::List>(seconds, 2)).bind(user).bind(at)
            .execute(pool).await.unwrap();
        let state = if index % 2 == 0 {
            "COMPLETED"
        } else {
            "FAILED"
        };
        sqlx::query("INSERT INTO generation_jobs (id, kind, parameters, state, asked_by, unique_key, attempts, finished_at) VALUES (gen_random_uuid(), 'RETENTION', '{\"kind\": \"RETENTION\"}', $1, 'x', 'x', 4, $2)")
            .bind(state).bind(at)
            .execute(pool).await.unwrap();
    }
    let worker = worker(&app.services, 1);
    for hours in [48, 0] {
        let asked = ask(app, JobParameters::of::<StatisticsJob>(NoParameters {})).await;
        let done = over(app, asked.id).await;
        assert_eq!(done.result, Some(json!({ "hours": hours })), "{done:?}");
    }
    stop(worker, Duration::ZERO).await;
    let from = start_of_time() - TimeDelta::hours(48);
    let admin = app.viewer(Role::Admin).await;
    let hours = app
        .services
        .upkeep
        .hours(&admin, Some(from), None)
        .await
        .unwrap();
    assert_eq!(hours.len(), 48);
    for hour in &hours {
        let counted: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM interactions WHERE date_trunc('hour', occurred_at) = $1),
                    (SELECT count(DISTINCT user_id) FROM interactions WHERE date_trunc('hour', occurred_at) = $1),
                    (SELECT count(*) FROM recommendation_lists WHERE date_trunc('hour', created_at) = $1),
                    (SELECT count(*) FROM feedback WHERE date_trunc('hour', at) = $1),
                    (SELECT count(*) FROM generation_jobs WHERE state = 'COMPLETED' AND date_trunc('hour', finished_at) = $1),
                    (SELECT count(*) FROM generation_jobs WHERE state = 'FAILED' AND date_trunc('hour', finished_at) = $1)",
        )
        .bind(hour.hour).fetch_one(pool).await.unwrap();
        let told = (
            hour.interactions,
            hour.active_users,
            hour.lists,
            hour.feedback,
            hour.jobs_completed,
            hour.jobs_failed,
        );
        assert_eq!(told, counted, "{hour:?}");
        assert_eq!((hour.hour.minute(), hour.hour.second()), (0, 0));
    }
    assert_eq!(hours.iter().map(|hour| hour.interactions).sum::<i64>(), 6);

    let query = "{ hourlyStatistics { hour interactions activeUsers lists feedback jobsCompleted jobsFailed } }";
    let answer = app.ask_as(&admin, query, json!({})).await;
    assert_eq!(answer["hourlyStatistics"].as_array().unwrap().len(), 24);
    let stranger = app.viewer(Role::Curator).await;
    assert_eq!(app.code_as(&stranger, query, json!({})).await, "FORBIDDEN");
    let long = "{ hourlyStatistics(from: \"2020-01-01T00:00:00Z\") { hour } }";
    assert_eq!(app.code_as(&admin, long, json!({})).await, "BAD_USER_INPUT");
}

/// What is kept for some days: each with a statement that makes one row, `$1` being the moment that
/// decides and `$2` an id of that moment, and how it is called in the result.
const KEPT: &[(&str, &str, i64, &str)] = &[
    (
        "jobs",
        "generation_jobs",
        30,
        "INSERT INTO generation_jobs (id, kind, parameters, state, asked_by, unique_key, attempts, finished_at) VALUES ($2, 'RETENTION', '{\"kind\": \"RETENTION\"}', 'FAILED', 'x', 'x', 4, $1)",
    ),
    (
        "lists",
        "recommendation_lists",
        90,
        "INSERT INTO recommendation_lists (id, user_id, context, controls, weights_version, created_at, blend_sources, blend_weights, events, content_ids, scores, sources, parts, because_ids, because) SELECT $2, (SELECT min(id::text)::uuid FROM users), 'FEED', '{}', 1, $1, '{}', '{}', 0, '{}', '{}', '{}', '{}', '{}', '{}'",
    ),
    (
        "",
        "recommendation_items",
        90,
        "INSERT INTO recommendation_items (list_id, rank, content_id, score, source, served_at) VALUES ($2, 1, gen_random_uuid(), 0.5, 'POPULAR', $1)",
    ),
    (
        "",
        "feedback",
        90,
        "INSERT INTO feedback (id, list_id, rank, user_id, kind, at) SELECT gen_random_uuid(), $2, 1, (SELECT min(id::text)::uuid FROM users), 'CLICKED', $1",
    ),
    (
        "idempotencyKeys",
        "idempotency_keys",
        7,
        "INSERT INTO idempotency_keys SELECT (SELECT min(id::text)::uuid FROM users), $2::text, $2, $1",
    ),
    (
        "sessions",
        "refresh_tokens",
        30,
        "INSERT INTO refresh_tokens (id, family_id, user_id, hash, issued_at, expires_at) SELECT $2, gen_random_uuid(), (SELECT min(id::text)::uuid FROM users), sha256($2::text::bytea), $1 - interval '1 day', $1",
    ),
    (
        "searchQueries",
        "search_queries",
        365,
        "INSERT INTO search_queries SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date, $2::text, 1, $1",
    ),
    (
        "candidates",
        "model_versions",
        1,
        "INSERT INTO model_versions (id, kind, version, state, algorithm, created_at) SELECT $2, 'COLLABORATIVE', '1.0.' || (SELECT count(*) FROM model_versions), 'CANDIDATE', 'als', $1",
    ),
    (
        "uploads",
        "uploads",
        7,
        "INSERT INTO uploads SELECT $2, 'movies.csv', 1, sha256(''), NULL, $1",
    ),
];

#[tokio::test]
async fn what_is_old_is_removed_and_nothing_else() {
    let app = TestApp::start().await;
    app.viewer(Role::User).await;
    let pool = app.ctx.db.pool();
    let insert = async |sql: &'static str, seconds: i64, salt: u8| {
        sqlx::query(sql)
            .bind(start_of_time() - TimeDelta::seconds(seconds))
            .bind(back::<id::List>(seconds, salt))
            .execute(pool)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    let count = async |table: &str| -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(pool)
            .await
            .unwrap()
    };
    let mut before = Vec::new();
    for (_, table, days, sql) in KEPT {
        // A day older, a minute older than the limit, and a minute younger; a day decides of days.
        let (older, younger) = match *table {
            "search_queries" => (days * 86_400 + 86_400, days * 86_400 - 60),
            _ => (days * 86_400 + 60, days * 86_400 - 60),
        };
        insert(sql, older + 86_400, 1).await;
        insert(sql, older, 2).await;
        insert(sql, younger, 3).await;
        before.push(count(table).await);
    }
    sqlx::query("INSERT INTO model_versions (id, kind, version, state, algorithm, created_at) VALUES (gen_random_uuid(), 'COLLABORATIVE', '2.0.0', 'ACTIVE', 'als', '2020-01-01'), (gen_random_uuid(), 'COLLABORATIVE', '2.0.1', 'RETIRED', 'als', '2020-01-01')")
        .execute(pool).await.unwrap();
    // A job that waits for long is not over.
    sqlx::query("INSERT INTO generation_jobs (id, kind, parameters, asked_by, unique_key, attempts, created_at, due_at) VALUES (gen_random_uuid(), 'TRAINING', '{\"kind\": \"TRAINING\", \"force\": false, \"choose\": false}', 'x', 'y', 4, '2020-01-01', '2100-01-01')")
        .execute(pool).await.unwrap();
    let worker = worker(&app.services, 1);
    let asked = ask(&app, JobParameters::of::<RetentionJob>(NoParameters {})).await;
    let done = over(&app, asked.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    stop(worker, Duration::ZERO).await;
    let result = done.result.unwrap();
    for ((name, table, ..), before) in KEPT.iter().zip(before) {
        let more = match *table {
            "model_versions" => 2,
            // The one that waits, and this one.
            "generation_jobs" => 2,
            _ => 0,
        };
        assert_eq!(before, 3, "{table}");
        assert_eq!(count(table).await, 1 + more, "{table}");
        if !name.is_empty() {
            assert_eq!(result[name], json!(2), "{name}: {result}");
        }
    }
    let again = app
        .services
        .upkeep
        .remove_old(&Viewer::Command)
        .await
        .unwrap();
    assert_eq!(again, domain::upkeep::Removed::default());
}

#[tokio::test]
async fn what_apps_send_late_is_counted_in_its_hour() {
    let app = TestApp::start().await;
    let (film, user) = (app.film("A film").await, app.viewer(Role::User).await);
    let hours = [3, 30];
    let record = async || {
        for hour in hours {
            let late = NewInteraction {
                user: user.user().map(Into::into),
                occurred_at: Some(start_of_time() - TimeDelta::hours(hour)),
                ..NewInteraction::new(film, InteractionKind::View)
            };
            let interactions = &app.services.interactions;
            interactions.record(&Viewer::Command, late).await.unwrap();
        }
    };
    record().await;
    for times in 1..=3 {
        app.services.upkeep.sum_up(&Viewer::Command).await.unwrap();
        let from = Some(start_of_time() - TimeDelta::hours(48));
        let summed = app
            .services
            .upkeep
            .hours(&Viewer::Command, from, None)
            .await;
        let summed = summed.unwrap();
        let counted = summed.iter().filter(|hour| hour.interactions > 0);
        let counted: Vec<_> = counted
            .map(|hour| (hour.hour, hour.interactions, hour.active_users))
            .collect();
        let hour =
            |back| (start_of_time() - TimeDelta::hours(back)).duration_trunc(TimeDelta::hours(1));
        let expected = [hour(30).unwrap(), hour(3).unwrap()].map(|hour| (hour, times, 1));
        assert_eq!(counted, expected);
        record().await;
    }
}
