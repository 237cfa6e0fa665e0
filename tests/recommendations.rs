//! Lists: what is in them, why, and what stays out.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::models::ModelKind;
use marquee::domain::recommendations::training::{Step, TrainingOptions};
use marquee::foundation::{Id, Progress, ProgressObserver, id};
use marquee::platform::cache::Tag;
use serde_json::{Value, json};
use support::TestApp;
use support::worlds::TwoTastes;
use uuid::Uuid;

/// The world of two tastes, and what it is asked.
struct World {
    app: TestApp,
    tastes: TwoTastes,
}

const USERS: usize = 40;
const ITEMS: usize = 60;

fn taken(user: usize, item: usize) -> bool {
    TwoTastes::likes(user, item)
}

impl World {
    async fn new() -> Self {
        Self::with(support::settings()).await
    }

    async fn with(settings: platform::config::Settings) -> Self {
        let app = TestApp::with(settings).await;
        let tastes = TwoTastes::fill(&app, USERS, ITEMS).await;
        Self { app, tastes }
    }

    async fn take(&self, user: usize, item: usize, kind: &str) {
        self.take_all(&[(user, item)], kind).await;
    }

    async fn take_all(&self, pairs: &[(usize, usize)], kind: &str) {
        self.tastes.interact(&self.app, pairs, kind).await;
        let whose = pairs
            .iter()
            .map(|(user, _)| Tag::User(self.tastes.users[*user]));
        let cache = &self.app.ctx.cache;
        cache.invalidate(&whose.collect::<Vec<_>>());
    }

    async fn change(&self, item: usize, change: &'static str) {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE content_items SET {change} WHERE id = $1"
        )))
        .bind(self.tastes.items[item].uuid())
        .execute(self.app.ctx.db.pool())
        .await
        .unwrap();
        self.app.services.content.written().await;
    }

    async fn train(&self) {
        let services = &self.app.services;
        services
            .recommendations
            .train(&Viewer::Command, TrainingOptions::default(), |_| {
                ControlFlow::Continue(())
            })
            .await
            .unwrap();
    }

    /// Lets this process see which versions are active now, as it does by itself once a second.
    async fn refresh_served(&self) {
        self.app.ctx.clock.advance(chrono::TimeDelta::seconds(2));
        let version = async || self.page(0, 1, None).await["model"]["version"].clone();
        let active = self.app.services.models.active(ModelKind::Collaborative);
        let active = active.await.unwrap().unwrap().version;
        let seen = async {
            while version().await != active {
                self.app
                    .ctx
                    .cache
                    .invalidate(&[Tag::User(self.tastes.users[0])]);
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, seen).await.unwrap();
    }

    fn viewer(&self, user: usize) -> Viewer {
        let session = Id::new(&self.app.ctx.clock, &self.app.ctx.rng);
        Viewer::User {
            id: self.tastes.users[user],
            role: Role::User,
            session,
        }
    }

    /// One page of the list of `user`.
    async fn page(&self, user: usize, first: i32, after: Option<&str>) -> Value {
        let document = "query ($first: Int, $after: String) {
            recommendations(first: $first, after: $after) {
                id weightsVersion totalCount model { version state }
                pageInfo { hasNextPage hasPreviousPage endCursor }
                items { rank score sources attributionToken content { id title } reasons { source message because { title } } }
            }
        }";
        let variables = json!({ "first": first, "after": after });
        let mut data = self
            .app
            .ask_as(&self.viewer(user), document, variables)
            .await;
        data["recommendations"].take()
    }

    /// The numbers of the items of a page.
    fn numbers(&self, page: &Value) -> Vec<usize> {
        let ids = page["items"].as_array().unwrap().iter().map(|item| {
            let id: Id<id::Content> = item["content"]["id"].as_str().unwrap().parse().unwrap();
            self.tastes
                .items
                .iter()
                .position(|known| *known == id)
                .unwrap()
        });
        ids.collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.app.ctx.db.pool())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn what_people_of_like_taste_took_comes_first_and_says_why() {
    let world = World::new().await;
    world.train().await;
    let page = world.page(0, 5, None).await;

    assert_eq!(
        page["model"],
        json!({ "version": "1.0.0", "state": "ACTIVE" })
    );
    for number in world.numbers(&page) {
        assert_eq!(number % 2, 0, "of the other taste: {page:#}");
        assert!(!taken(0, number), "already taken: {page:#}");
    }
    for item in page["items"].as_array().unwrap() {
        assert_eq!(item["sources"], json!(["COLLABORATIVE"]));
        let because = item["reasons"][0]["because"]["title"].as_str().unwrap();
        let number: usize = because.strip_prefix("Item ").unwrap().parse().unwrap();
        assert!(
            taken(0, number),
            "the reason is not of the user's past: {item:#}"
        );
        let message = item["reasons"][0]["message"].as_str().unwrap();
        assert_eq!(message, format!("Because you liked “{because}”"));
    }
    let scores: Vec<f64> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
}

/// Headphones are no reason for a film, however often both are bought by the same people.
#[tokio::test]
async fn a_film_is_recommended_because_of_films() {
    let world = World::new().await;
    // Item 2 speaks for all the others of its taste.
    for item in [2, 4, 6] {
        world.change(item, "kind = 'PRODUCT'").await;
    }
    world.take(0, 2, "PURCHASE").await;
    world.train().await;
    let page = world.page(0, 5, None).await;

    let reasons: Vec<&str> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["reasons"][0]["because"]["title"].as_str())
        .collect();
    assert_eq!(reasons.len(), 5, "{page:#}");
    let products = ["Item 2", "Item 4", "Item 6"];
    assert!(
        reasons.iter().all(|title| !products.contains(title)),
        "{page:#}"
    );
}

#[tokio::test]
async fn a_newcomer_gets_what_is_popular_and_what_is_new() {
    let world = World::new().await;
    world.train().await;
    // Only one item has a share from everybody.
    for user in 1..USERS {
        world.take(user, 7, "SHARE").await;
    }
    let newcomer = world.app.viewer(Role::User).await;
    let data = world
        .app
        .ask_as(&newcomer, "{ recommendations(first: 100) { model { id } items { sources content { title } reasons { message } } } }", json!({}))
        .await;
    let items = data["recommendations"]["items"].as_array().unwrap();
    assert_eq!(data["recommendations"]["model"], Value::Null);
    assert_eq!(items[0]["content"]["title"], "Item 7");
    assert_eq!(items[0]["sources"], json!(["POPULAR"]));
    assert_eq!(items[0]["reasons"][0]["message"], "Popular these days");
    assert_eq!(
        items.len(),
        ITEMS,
        "everything is there for somebody who has taken nothing"
    );
}

#[tokio::test]
async fn nobody_makes_an_item_popular_alone() {
    let world = World::new().await;
    // One user buys one item a thousand times; three others buy another once.
    world.take_all(&[(0, 5); 1000], "PURCHASE").await;
    world.take_all(&[(1, 8), (3, 8), (5, 8)], "PURCHASE").await;
    let newcomer = world.app.viewer(Role::User).await;
    let data = world
        .app
        .ask_as(
            &newcomer,
            "{ recommendations(first: 100) { items { content { title } } } }",
            json!({}),
        )
        .await;
    let items = data["recommendations"]["items"].as_array().unwrap();
    let index = |title: &str| {
        let at = items
            .iter()
            .position(|item| item["content"]["title"] == title);
        at.unwrap()
    };
    assert!(index("Item 8") < index("Item 5"));
}

#[tokio::test]
async fn without_any_interaction_there_is_what_is_new() {
    let app = TestApp::start().await;
    app.ask(
        "mutation { createContent(input: { kind: TEXT, title: \"First\" }) { content { id } } }",
    )
    .await;
    let viewer = app.viewer(Role::User).await;
    let data = app
        .ask_as(
            &viewer,
            "{ recommendations { items { sources content { title } } } }",
            json!({}),
        )
        .await;
    let expected = json!([{ "sources": ["NEW"], "content": { "title": "First" } }]);
    assert_eq!(data["recommendations"]["items"], expected);
}

#[tokio::test]
async fn a_list_pages_to_its_end_without_repeat_or_gap_while_others_act() {
    let world = World::new().await;
    world.train().await;
    let whole = world.page(1, 100, None).await;
    let total = whole["totalCount"].as_u64().unwrap() as usize;

    let mut page = world.page(1, 4, None).await;
    let mut met = world.numbers(&page);
    let mut ranks: Vec<i64> = Vec::new();
    let list = page["id"].clone();
    assert_eq!(whole["id"], list, "the list is kept");
    loop {
        ranks.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["rank"].as_i64().unwrap()),
        );
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        // The viewer takes what was just shown, and so does somebody else.
        world.take(1, *met.last().unwrap(), "LIKE").await;
        world.take(2, *met.last().unwrap(), "DISLIKE").await;
        let after = page["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
        page = world.page(1, 4, Some(&after)).await;
        assert_eq!(page["id"], list, "the same draw goes on");
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(true));
        met.extend(world.numbers(&page));
    }
    assert_eq!(met.len(), total);
    assert_eq!(
        met.iter().collect::<HashSet<_>>().len(),
        total,
        "an item came twice"
    );
    assert_eq!(ranks, (1..=total as i64).collect::<Vec<_>>());
    let stored = world
        .count("SELECT count(*) FROM recommendation_items")
        .await;
    assert_eq!(stored as usize, total, "what was served is on record, once");
}

#[tokio::test]
async fn what_may_not_be_shown_is_in_no_list_and_leaves_the_lists_there_are() {
    let world = World::new().await;
    world.train().await;
    let open: Vec<usize> = world.numbers(&world.page(0, 6, None).await);
    world.change(open[0], "deleted_at = now()").await;
    world.change(open[1], "visibility = 'PRIVATE'").await;
    world.change(open[2], "rights_until = '2026-02-28'").await; // yesterday
    world.change(open[3], "rights_from = '2026-03-02'").await; // tomorrow
    world.change(open[4], "stock = 0").await;
    world
        .change(
            open[5],
            "rights_from = '2026-03-01', rights_until = '2026-03-01', stock = 1",
        )
        .await;

    let after = world.numbers(&world.page(0, 100, None).await);
    for closed in &open[..5] {
        assert!(!after.contains(closed), "item {closed} is still offered");
    }
    assert!(after.contains(&open[5]), "open on this very day");

    // A list that was drawn before skips what was deleted since.
    let first = world.page(3, 2, None).await;
    let whole = world.app.ask_as(
        &world.viewer(3),
        "query ($id: ID!) { recommendationList(id: $id, first: 100) { items { content { id } } } }",
        json!({ "id": first["id"] }),
    ).await;
    let third = whole["recommendationList"]["items"][2]["content"]["id"]
        .as_str()
        .unwrap();
    let third: Id<id::Content> = third.parse().unwrap();
    let third = world
        .tastes
        .items
        .iter()
        .position(|item| *item == third)
        .unwrap();
    world.change(third, "deleted_at = now()").await;
    let cursor = first["pageInfo"]["endCursor"].as_str().unwrap();
    let second = world.page(3, 2, Some(cursor)).await;
    assert!(!world.numbers(&second).contains(&third));
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_reads_the_list_of_another() {
    let world = World::new().await;
    world.train().await;
    let mine = world.page(0, 3, None).await;
    let cursor = mine["pageInfo"]["endCursor"].as_str().unwrap();
    let (app, stranger) = (&world.app, world.viewer(1));

    let by_cursor = app
        .run_as(
            &stranger,
            "query ($after: String) { recommendations(after: $after) { id } }",
            json!({ "after": cursor }),
        )
        .await;
    assert_eq!(
        by_cursor["errors"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );

    let by_id = app
        .ask_as(
            &stranger,
            "query ($id: ID!) { recommendationList(id: $id) { id } }",
            json!({ "id": mine["id"] }),
        )
        .await;
    assert_eq!(by_id["recommendationList"], Value::Null);

    let by_user = "query ($user: ID!) { recommendations(userId: $user) { id } }";
    let user = json!({ "user": world.tastes.users[0].to_string() });
    let answer = app.run_as(&stranger, by_user, user.clone()).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let answer = app.run_as(&Viewer::Nobody, by_user, user.clone()).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    let admin = app.viewer(Role::Admin).await;
    assert!(
        app.run_as(&admin, by_user, user)
            .await
            .get("errors")
            .is_none()
    );
}

#[tokio::test]
async fn bad_cursors_and_sizes_are_named() {
    let world = World::new().await;
    let viewer = world.viewer(0);
    for arguments in [
        "first: 0",
        "first: -1",
        "first: 1000000",
        "after: \"nonsense\"",
        "after: \"\"",
        "first: 101",
    ] {
        let document = format!("{{ recommendations({arguments}) {{ id }} }}");
        let answer = world.app.run_as(&viewer, &document, json!({})).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
            "{arguments}: {answer}"
        );
    }
    let unknown = json!({ "user": Id::<id::User>::from(Uuid::from_u128(7)).to_string() });
    let answer = world
        .app
        .run_as(
            &Viewer::Command,
            "query ($user: ID!) { recommendations(userId: $user) { id } }",
            unknown,
        )
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "NOT_FOUND",
        "{answer}"
    );
}

#[tokio::test]
async fn a_page_with_a_gap_is_served_as_it_is_shown() {
    let world = World::new().await;
    world.train().await;
    let first = world.page(0, 5, None).await;
    let third = world.numbers(&first)[2];
    world.change(third, "deleted_at = now()").await;
    let again = world.page(0, 5, None).await;
    assert_eq!(again["id"], first["id"], "the list is kept");
    let last = &again["items"][4];
    assert_eq!(last["rank"], 6);
    // Its token is good: what it leads to is counted.
    let document = "mutation ($input: RecordInteractionInput!) {
        recordInteraction(input: $input) { interaction { id } errors { __typename } } }";
    let input = json!({ "contentId": last["content"]["id"], "kind": "CLICK",
        "attributionToken": last["attributionToken"] });
    let answer = world
        .app
        .ask_as(&world.viewer(0), document, json!({ "input": input }))
        .await;
    assert_eq!(answer["recordInteraction"]["errors"], json!([]));
}

#[tokio::test]
async fn a_model_does_not_depend_on_the_order_in_which_the_rows_lie() {
    let world = World::new().await;
    let models = async || {
        world.train().await;
        let page = world.page(0, 10, None).await;
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["content"]["id"].clone(), item["score"].clone()))
            .collect::<Vec<_>>()
    };
    let before = models().await;
    sqlx::query(
        "WITH gone AS (DELETE FROM interactions RETURNING *)
         INSERT INTO interactions SELECT * FROM gone ORDER BY content_id DESC, user_id DESC",
    )
    .execute(world.app.ctx.db.pool())
    .await
    .unwrap();
    assert_eq!(models().await, before);
}

#[tokio::test]
async fn whoever_is_erased_while_a_model_is_fitted_gets_no_list_and_stops_nothing() {
    let world = World::new().await;
    let (gone, pool) = (
        world.tastes.users[4].uuid(),
        world.app.ctx.db.pool().clone(),
    );
    let runtime = tokio::runtime::Handle::current();
    let mut erased = false;
    let erase = move |at: Progress| {
        if at.is_at(Step::Train.name()) && !std::mem::replace(&mut erased, true) {
            let pool = pool.clone();
            // What fits runs beside the runtime, so it may wait for it.
            let erasing = runtime.spawn(async move {
                let erase = sqlx::query("DELETE FROM users WHERE id = $1").bind(gone);
                erase.execute(&pool).await.unwrap();
            });
            while !erasing.is_finished() {
                std::thread::yield_now();
            }
        }
        ControlFlow::Continue(())
    };
    let service = &world.app.services.recommendations;
    let trained = service.train(&Viewer::Command, TrainingOptions::default(), erase);
    trained.await.unwrap();
    let left = world
        .count("SELECT count(*) FROM batch_recommendations")
        .await;
    assert_eq!(left, USERS as i64 - 1);
}

#[tokio::test]
async fn a_new_model_replaces_the_old_one_whole_and_a_stopped_training_changes_nothing() {
    let world = World::new().await;
    world.train().await;
    let before = world.page(0, 10, None).await;
    assert_eq!(before["model"]["version"], "1.0.0");

    let services = &world.app.services;
    struct StopsAtStore;
    impl ProgressObserver for StopsAtStore {
        fn observe(&mut self, at: Progress) -> ControlFlow<()> {
            match at.is_at(Step::Store.name()) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }

        fn begin_commit(&mut self) -> ControlFlow<()> {
            panic!("it was stopped before")
        }
    }
    let stopped = services
        .recommendations
        .train(&Viewer::Command, TrainingOptions::default(), StopsAtStore)
        .await
        .unwrap_err();
    assert_eq!(stopped.code(), "CONFLICT");
    let after = world.page(0, 10, None).await;
    assert_eq!(world.numbers(&after), world.numbers(&before));
    assert_eq!(
        world
            .count("SELECT count(DISTINCT model_version_id) FROM batch_recommendations")
            .await,
        1
    );

    world.train().await;
    world.train().await;
    let after = world.page(0, 10, None).await;
    assert_eq!(
        after["model"],
        json!({ "version": "1.2.0", "state": "ACTIVE" })
    );
    assert_eq!(
        world.numbers(&after),
        world.numbers(&before),
        "the same data and seed give the same list"
    );
    // The one in service, and the one before it.
    assert_eq!(
        world
            .count("SELECT count(DISTINCT model_version_id) FROM batch_recommendations")
            .await,
        2
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM model_versions WHERE state = 'ACTIVE' AND kind = 'COLLABORATIVE'")
            .await,
        1
    );
}

#[tokio::test]
async fn what_a_model_was_trained_with_is_for_admins() {
    let world = World::new().await;
    world.train().await;
    let document = "query ($user: ID!) { recommendations(userId: $user, first: 1) {
        model { version settings { name value } metrics { users evaluation { users } } } } }";
    let variables = json!({ "user": world.tastes.users[0] });
    let app = &world.app;
    let theirs = app
        .ask_as(&world.viewer(0), document, variables.clone())
        .await;
    let expected = json!({ "version": "1.0.0", "settings": null, "metrics": null });
    assert_eq!(theirs["recommendations"]["model"], expected);
    let admins = app.ask_as(&Viewer::Command, document, variables).await;
    let model = &admins["recommendations"]["model"];
    let settings = model["settings"].as_array().unwrap().iter();
    let factors = settings.filter(|setting| {
        let name = setting["name"].as_str().unwrap();
        name.starts_with("parts.")
            && name.ends_with(".kind.ials.factors")
            && setting["value"] == "16"
    });
    assert_eq!(factors.count(), 1, "{model:#}");
    assert_eq!(model["metrics"]["users"], USERS);
}

#[tokio::test]
async fn only_admins_train_and_only_one_training_runs() {
    let world = World::new().await;
    let services = &world.app.services;
    let refused = services
        .recommendations
        .train(&world.viewer(0), TrainingOptions::default(), |_| {
            ControlFlow::Continue(())
        })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "FORBIDDEN");

    let train = || {
        services
            .recommendations
            .train(&Viewer::Command, TrainingOptions::default(), |_| {
                ControlFlow::Continue(())
            })
    };
    let outcomes = tokio::join!(train(), train());
    let codes: Vec<Option<&str>> = [&outcomes.0, &outcomes.1]
        .map(|outcome| outcome.as_ref().err().map(foundation::Error::code))
        .into();
    assert!(codes.contains(&None), "{codes:?}");
    // The second waits a while for the first, and is told to try again where that takes longer; what it
    // has learned is no better, and may be refused as worse by a hair.
    let second: Vec<&str> = codes.iter().copied().flatten().collect();
    let expected: [&[&str]; 3] = [&[], &["UNAVAILABLE"], &["CONFLICT"]];
    assert!(expected.contains(&second.as_slice()), "{codes:?}");
}

#[tokio::test]
async fn training_on_nothing_says_so() {
    let app = TestApp::start().await;
    let error = app
        .services
        .recommendations
        .train(&Viewer::Command, TrainingOptions::default(), |_| {
            ControlFlow::Continue(())
        })
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("nothing to learn from"),
        "{error}"
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM model_versions")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_list_costs_the_same_statements_whatever_its_length() {
    let world = World::new().await;
    world.train().await;
    world.page(0, 1, None).await; // what is the same for everybody is kept from here on
    let mut costs = Vec::new();
    for first in [2, 30] {
        world
            .app
            .ctx
            .cache
            .invalidate(&[Tag::User(world.tastes.users[0])]);
        let before = world.app.ctx.db.statements();
        world.page(0, first, None).await;
        costs.push(world.app.ctx.db.statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
    assert!(costs[0] <= 8, "{costs:?}");
}

#[tokio::test]
async fn a_version_can_be_rolled_back_and_the_lists_are_its_own_again() {
    let world = World::new().await;
    let models = &world.app.services.models;
    for _ in 0..2 {
        world.train().await;
    }
    let version = async || world.page(0, 5, None).await["model"]["version"].clone();
    assert_eq!(version().await, "1.1.0");
    let kind = ModelKind::Collaborative;
    let back = models.roll_back(&Viewer::Command, kind).await.unwrap();
    assert_eq!(back.version, "1.0.0");
    world.refresh_served().await;
    assert_eq!(version().await, "1.0.0");
    // The ranker that was learned with it came along.
    let active = models.active(ModelKind::Ranker).await.unwrap();
    if let Some(ranker) = active {
        assert_eq!(ranker.trained_with, Some(back.id));
    }
    models.roll_back(&Viewer::Command, kind).await.unwrap_err();
}

#[tokio::test]
async fn a_candidate_is_judged_and_kept_and_serves_only_when_it_is_activated() {
    let world = World::new().await;
    let models = &world.app.services.models;
    world.train().await;
    let how = TrainingOptions {
        candidate: true,
        ..TrainingOptions::default()
    };
    let go_on = |_| ControlFlow::Continue(());
    let service = &world.app.services.recommendations;
    let trained = service.train(&Viewer::Command, how, go_on).await.unwrap();
    let version = async || world.page(0, 5, None).await["model"]["version"].clone();
    assert_eq!(version().await, "1.0.0");
    // Neither does the next training remove it.
    world.train().await;
    let candidate = trained.model.id;
    let found = models
        .find_many(&Viewer::Command, &[candidate])
        .await
        .unwrap();
    let found = &found[&candidate];
    assert!(found.kept && found.trained_at.is_some(), "{found:?}");
    assert!(found.metrics["pairs"].as_u64() > Some(0), "{found:?}");
    models.promote(&Viewer::Command, candidate).await.unwrap();
    world.refresh_served().await;
    assert_eq!(version().await, "1.1.0");
}

#[tokio::test]
async fn where_items_are_too_many_to_score_a_newcomer_is_served_by_what_was_taken_together() {
    let mut settings = support::settings();
    settings.recommendations.score_all_up_to = 0;
    let world = World::with(settings).await;
    world.train().await;
    let newcomer = world.app.viewer(Role::User).await;
    for item in [0, 2, 4] {
        let variables = json!({ "id": world.tastes.items[item] });
        let like = "mutation ($id: ID!) { recordInteraction(input: { contentId: $id, kind: LIKE }) { errors { __typename } } }";
        let told = world.app.ask_as(&newcomer, like, variables).await;
        assert_eq!(told["recordInteraction"]["errors"], json!([]));
    }
    let list = "{ recommendations(first: 20) { items { sources content { id } reasons { because { id } } } } }";
    let list = world.app.ask_as(&newcomer, list, json!({})).await;
    let items = list["recommendations"]["items"].as_array().unwrap();
    let by_taste = items
        .iter()
        .filter(|item| item["sources"][0] == "COLLABORATIVE");
    let numbers: Vec<usize> = by_taste
        .map(|item| {
            let id = item["content"]["id"].as_str().unwrap();
            let mut items = world.tastes.items.iter();
            items.position(|known| known.to_string() == id).unwrap()
        })
        .collect();
    assert!(numbers.len() >= 10, "{items:#?}");
    assert!(
        numbers
            .iter()
            .all(|item| item % 2 == 0 && ![0, 2, 4].contains(item))
    );
    let reason = &items[0]["reasons"][0]["because"]["id"];
    let liked = [0, 2, 4].map(|item| json!(world.tastes.items[item]));
    assert!(liked.contains(reason), "{reason}");
}
