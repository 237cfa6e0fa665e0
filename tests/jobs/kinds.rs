//! What the kinds of jobs do.

use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::caching::warming::CacheWarmingJob;
use marquee::domain::caching::warming::CacheWarmingParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::JobState;
use marquee::domain::recommendations::jobs::EvaluationJob;
use marquee::domain::recommendations::jobs::EvaluationParameters;
use marquee::domain::recommendations::jobs::RecommendationsJob;
use marquee::domain::recommendations::jobs::RefreshTarget;
use marquee::domain::recommendations::{self, ListRefreshed};
use marquee::foundation::page::Window;
use marquee::platform::cache::CacheKind;
use marquee::platform::events::{Received, Subscription};
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, ask, ask_as, count, over, soon, stop, training, worker};

async fn stored(world: &World, user: usize) -> Vec<Uuid> {
    let stored =
        sqlx::query_scalar("SELECT content_ids FROM batch_recommendations WHERE user_id = $1");
    let stored = stored.bind(world.users[user].uuid());
    stored.fetch_one(world.app.ctx.db.pool()).await.unwrap()
}

#[tokio::test]
async fn an_evaluation_answers_how_good_the_recipe_is_and_changes_nothing() {
    let world = World::trained(40, 60).await;
    let before = world.served().await;
    let worker = worker(&world.app.services, 1);
    let asked = ask(
        &world.app,
        JobParameters::of::<EvaluationJob>(EvaluationParameters::default()),
    )
    .await;
    let done = over(&world.app, asked.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    let result = done.result.unwrap();
    let ndcg = result["ndcgAt10"]
        .as_f64()
        .unwrap_or_else(|| panic!("{result}"));
    assert!((0.0..=1.0).contains(&ndcg), "{result}");
    let document = "query ($id: ID!) { job(id: $id) { outcome { ... on EvaluationOutcome {
        ndcgAt10 users settings { name } evaluation { users served { recallAt20 { mean } } bySource { source } }
    } } } }";
    let variables = json!({ "id": asked.id });
    let told = world
        .app
        .ask_as(&Viewer::Command, document, variables)
        .await;
    let outcome = &told["job"]["outcome"];
    assert_eq!(outcome["ndcgAt10"], ndcg, "{told:#}");
    assert_eq!(outcome["users"], 40);
    let figure = &outcome["evaluation"];
    assert!(figure["users"].as_u64() > Some(0), "{told:#}");
    assert_eq!(figure["bySource"][0]["source"], "COLLABORATIVE", "{told:#}");
    assert!(!outcome["settings"].as_array().unwrap().is_empty());
    assert_eq!(world.served().await, before);
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn a_training_takes_its_model_into_service_and_answers_which() {
    let world = World::new(40, 60).await;
    let worker = worker(&world.app.services, 1);
    let asked = ask(&world.app, training()).await;
    let done = over(&world.app, asked.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    let result = done.result.unwrap();
    assert_eq!(
        (&result["users"], &result["items"]),
        (&json!(40), &json!(60))
    );
    let active: String =
        sqlx::query_scalar("SELECT version FROM model_versions WHERE state = 'ACTIVE'")
            .fetch_one(world.app.ctx.db.pool())
            .await
            .unwrap();
    assert_eq!(result["version"], json!(active));
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn a_user_asks_for_their_own_list_and_what_they_took_since_is_gone_from_it() {
    let world = World::trained(40, 60).await;
    let app = &world.app;
    let (before, of_other) = (stored(&world, 0).await, stored(&world, 1).await);
    let (user, first) = (world.users[0], before[0]);
    sqlx::query("INSERT INTO interactions (id, user_id, content_id, kind, occurred_at) VALUES ($1, $2, $3, 'LIKE', $4)")
        .bind(foundation::Id::<foundation::id::Interaction>::new(&app.ctx.clock, &app.ctx.rng).uuid())
        .bind(user.uuid())
        .bind(first)
        .bind(app.ctx.clock.now())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let mut refreshed: Subscription<ListRefreshed> =
        app.ctx.events.subscribe(Some(user.uuid())).await;
    let worker = worker(&app.services, 1);
    let whom = RefreshTarget::User { user };
    let asked = ask_as(
        app,
        &world.viewer(0),
        JobParameters::of::<RecommendationsJob>(whom),
    )
    .await;
    let done = over(app, asked.id).await;
    assert_eq!(done.state, JobState::Completed, "{done:?}");
    assert_eq!(done.result, Some(json!({ "users": 1, "lists": 1 })));
    let received = soon(refreshed.next()).await;
    assert!(matches!(received, Received::Event { .. }), "{received:?}");
    let after = stored(&world, 0).await;
    assert!(
        before.contains(&first) && !after.contains(&first),
        "{after:?}"
    );
    assert_eq!(stored(&world, 1).await, of_other, "nobody else's");
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn everyone_and_those_who_were_active_and_those_named_are_counted() {
    let world = World::trained(40, 60).await;
    let app = &world.app;
    // One who has done nothing.
    app.viewer(domain::auth::Role::User).await;
    let worker = worker(&app.services, 1);
    let named = world.users[..3].to_vec();
    for (whom, users, lists) in [
        (RefreshTarget::Everyone, 41, 40),
        (RefreshTarget::Active { days: 1 }, 40, 40),
        (RefreshTarget::Users { users: named }, 3, 3),
    ] {
        let asked = ask(app, JobParameters::of::<RecommendationsJob>(whom)).await;
        let done = over(app, asked.id).await;
        assert_eq!(
            done.result,
            Some(json!({ "users": users, "lists": lists })),
            "{done:?}"
        );
    }
    stop(worker, Duration::ZERO).await;
}

#[tokio::test]
async fn what_was_warmed_is_found_in_the_cache_by_the_next_who_asks() {
    let world = World::trained(40, 60).await;
    let app = &world.app;
    let today = app.ctx.clock.now();
    sqlx::query("INSERT INTO search_queries VALUES ($1, 'item', 50, $2)")
        .bind(today.date_naive())
        .bind(today)
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    let worker = worker(&app.services, 1);
    let warming = CacheWarmingParameters {
        queries: 10,
        users: 10,
    };
    let asked = ask(app, JobParameters::of::<CacheWarmingJob>(warming)).await;
    let done = over(app, asked.id).await;
    assert_eq!(
        done.result,
        Some(json!({ "warmed": 11, "failed": 0 })),
        "{done:?}"
    );
    let hits = async || {
        let all = app.ctx.cache.statistics().await;
        let lists = all.into_iter().find(|one| one.kind == CacheKind::Lists);
        lists.unwrap().process_hits
    };
    let window = Window::read(None, None, None, None).unwrap();
    let warm: Vec<_> = app
        .services
        .interactions
        .active_users(
            &Viewer::Command,
            today - chrono::TimeDelta::days(30),
            10,
            10,
        )
        .await
        .unwrap();
    let before = hits().await;
    let ask = recommendations::RecommendationRequest::default();
    let list = app
        .services
        .recommendations
        .recommend(&Viewer::Command, warm[0], &ask, &window);
    list.await.unwrap();
    let after = hits().await;
    assert_eq!(after, before + 1, "the list was warmed");
    // Nobody has seen anything yet but that list, and nobody has searched.
    let sql = "SELECT count(DISTINCT list_id) FROM recommendation_items";
    assert_eq!(count(app, sql).await, 1);
    app.services.search.flush().await.unwrap();
    let asked = count(app, "SELECT sum(times)::bigint FROM search_queries").await;
    assert_eq!(asked, 50);
    stop(worker, Duration::ZERO).await;
}
