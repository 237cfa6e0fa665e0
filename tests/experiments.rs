//! Experiments: who gets which lists, what is counted of them, and who may know.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::experiments::assignment::assign;
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;

const LIST: &str = "query ($context: RecommendationContext, $filter: ContentFilter) {
    recommendations(context: $context, filter: $filter, first: 10) {
        id blendWeights { source weight }
        items { attributionToken content { id title } }
        variant { id name weight share control overrides { learned batch diversity } experiment { id name } } } }";

const EXPERIMENT: &str = "query ($id: ID!) { experiment(id: $id) {
    id name state contexts startedAt stoppedAt
    results { excludedUsers sampleRatioPValue sampleRatioMismatch }
    variants { name results {
        users lists listsWithPositiveInteraction positiveInteractions convertedUsers
        conversionRate { value low high }
        comparison { difference { value low high } pValue verdict summary } } } } }";

struct World {
    app: TestApp,
    admin: Viewer,
}

impl World {
    /// An admin and five films.
    async fn start() -> Self {
        let app = TestApp::start().await;
        for number in 0..5 {
            app.film(&format!("Film {number}")).await;
        }
        let admin = app.viewer(Role::Admin).await;
        Self { app, admin }
    }

    /// Creates an experiment of a control and a variant with diversity, for these contexts.
    async fn create(&self, name: &str, contexts: Value) -> Id<id::Experiment> {
        let variant = json!({ "name": "diverse", "overrides": { "diversity": 0.5 } });
        let variants = json!([{ "name": "control" }, variant]);
        let input = json!({ "name": name, "contexts": contexts, "variants": variants });
        let made = self.change("createExperiment", input).await;
        assert_eq!(made["errors"], json!([]), "{made:#}");
        id_of(&made["experiment"]["id"])
    }

    /// Creates and starts one.
    async fn running(&self, contexts: Value) -> Id<id::Experiment> {
        let experiment = self.create("More different", contexts).await;
        let started = self.on("startExperiment", experiment).await;
        assert_eq!(started["experiment"]["state"], "RUNNING", "{started:#}");
        experiment
    }

    /// The payload of a mutation.
    async fn change(&self, mutation: &str, input: Value) -> Value {
        let type_name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let result = match mutation {
            "deleteExperiment" => "deletedId",
            _ => "experiment { id name state startedAt stoppedAt }",
        };
        let document = format!(
            "mutation ($input: {type_name}!) {{ {mutation}(input: $input) {{ {result} \
             errors {{ ... on UserError {{ message path code }} }} }} }}"
        );
        let variables = json!({ "input": input });
        let mut data = self.app.ask_as(&self.admin, &document, variables).await;
        data[mutation].take()
    }

    async fn on(&self, mutation: &str, experiment: Id<id::Experiment>) -> Value {
        self.change(mutation, json!({ "id": experiment })).await
    }

    /// The list of a user as an admin sees it: with its variant.
    async fn list(&self, app: &TestApp, user: &Viewer) -> Value {
        let document = LIST.replace("first: 10", "first: 10, userId: $userId");
        let document = document.replace("query (", "query ($userId: ID!, ");
        let variables = json!({ "userId": user.user().unwrap() });
        let mut data = app.ask_as(&self.admin, &document, variables).await;
        data["recommendations"].take()
    }

    async fn experiment(&self, experiment: Id<id::Experiment>) -> Value {
        let variables = json!({ "id": experiment });
        let mut data = self.app.ask_as(&self.admin, EXPERIMENT, variables).await;
        data["experiment"].take()
    }

    /// Users of each variant, so many of each, in the order of the variants.
    async fn users(&self, experiment: Id<id::Experiment>, each: usize) -> [Vec<Viewer>; 2] {
        let mut found = [Vec::new(), Vec::new()];
        while found.iter().any(|some| some.len() < each) {
            let user = self.app.user("Somebody").await;
            let index = assign(experiment, user.user().unwrap(), [1, 1]);
            if found[index].len() < each {
                found[index].push(user);
            }
        }
        found
    }

    /// The user does something with the first item of their list.
    async fn take(&self, user: &Viewer, list: &Value, kind: InteractionKind) {
        let item = &list["items"][0];
        let new = NewInteraction {
            attribution_token: Some(item["attributionToken"].as_str().unwrap().to_owned()),
            ..NewInteraction::new(id_of(&item["content"]["id"]), kind)
        };
        let interactions = &self.app.services.interactions;
        interactions.record(user, new).await.unwrap();
    }
}

fn id_of<K: id::Kind>(value: &Value) -> Id<K> {
    value.as_str().unwrap().parse().unwrap()
}

fn titles(list: &Value) -> Vec<&Value> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| &item["content"]["title"]).collect()
}

#[tokio::test]
async fn users_keep_their_variants_on_every_server_and_after_a_restart() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let users = world.users(experiment, 5).await;
    let restarted = world.app.twin().await;
    for (index, name) in ["control", "diverse"].into_iter().enumerate() {
        for user in &users[index] {
            for app in [&world.app, &restarted] {
                let list = world.list(app, user).await;
                assert_eq!(list["variant"]["name"], name);
            }
        }
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM experiment_variants")
        .fetch_one(world.app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(rows, 2, "assigning users writes nothing");
}

#[tokio::test]
async fn an_experiment_shows_in_the_next_list_from_its_start_to_its_end() {
    let world = World::start().await;
    let experiment = world.create("More different", json!([])).await;
    let [_, diverse] = world.users(experiment, 1).await;
    let before = world.list(&world.app, &diverse[0]).await;
    assert_eq!(before["variant"], Value::Null);
    world.on("startExperiment", experiment).await;
    let during = world.list(&world.app, &diverse[0]).await;
    let variant = &during["variant"];
    assert_eq!(
        (&variant["name"], &variant["experiment"]["name"]),
        (&json!("diverse"), &json!("More different"))
    );
    assert_eq!(
        (
            &variant["share"],
            &variant["control"],
            &variant["overrides"]
        ),
        (
            &json!(0.5),
            &json!(false),
            &json!({ "learned": null, "batch": null, "diversity": 0.5 })
        )
    );
    assert_ne!(during["id"], before["id"]);
    assert_eq!(
        world.list(&world.app, &diverse[0]).await["id"],
        during["id"]
    );
    let stopped = world.on("stopExperiment", experiment).await;
    assert!(
        stopped["experiment"]["stoppedAt"].is_string(),
        "{stopped:#}"
    );
    // The list of before is kept still.
    assert_eq!(
        world.list(&world.app, &diverse[0]).await["id"],
        before["id"]
    );
}

#[tokio::test]
async fn lists_of_other_contexts_take_no_part() {
    let world = World::start().await;
    world.running(json!(["SEARCH"])).await;
    let user = world.app.user("Somebody").await;
    assert_eq!(world.list(&world.app, &user).await["variant"], Value::Null);
}

#[tokio::test]
async fn other_servers_see_what_was_started_and_stopped() {
    let world = World::start().await;
    let other = world.app.twin().await;
    let user = world.app.user("Somebody").await;
    assert_eq!(world.list(&other, &user).await["variant"], Value::Null);
    let experiment = world.running(json!([])).await;
    // As servers do that follow no events.
    world.app.ctx.clock.advance(TimeDelta::seconds(6));
    assert!(world.list(&other, &user).await["variant"].is_object());
    // And as those that do.
    let services = std::sync::Arc::clone(&other.services);
    let following =
        tokio::spawn(async move { services.experiments.follow_other_processes().await });
    world.on("stopExperiment", experiment).await;
    let seen = async {
        while world.list(&other, &user).await["variant"] != Value::Null {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, seen).await.unwrap();
    following.abort();
}

#[tokio::test]
async fn the_settings_of_a_variant_make_its_lists_and_no_others() {
    let app = TestApp::start().await;
    let services = &app.services;
    services.demo.load(&Viewer::Command).await.unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let options = TrainingOptions::default();
    let trained = services
        .recommendations
        .train(&Viewer::Command, options, go_on);
    trained.await.unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let embedded = services.embeddings.train(&Viewer::Command, go_on);
    embedded.await.unwrap();
    let admin = app.viewer(Role::Admin).await;
    let world = World { app, admin };
    let liked: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM content_items ORDER BY popularity DESC LIMIT 4")
            .fetch_all(world.app.ctx.db.pool())
            .await
            .unwrap();
    let overrides = json!({ "learned": false, "batch": 0.1, "longTerm": 1 });
    let variants = json!([{ "name": "control" }, { "name": "taste", "overrides": overrides }]);
    let input = json!({ "name": "Taste", "variants": variants });
    let made = world.change("createExperiment", input).await;
    let experiment = id_of(&made["experiment"]["id"]);
    let users = world.users(experiment, 1).await;
    for user in users.iter().flatten() {
        for item in &liked {
            let new = NewInteraction::new((*item).into(), InteractionKind::Like);
            let interactions = &world.app.services.interactions;
            interactions.record(user, new).await.unwrap();
        }
    }
    let [control, taste] = [&users[0][0], &users[1][0]];
    let usual = [
        world.list(&world.app, control).await,
        world.list(&world.app, taste).await,
    ];
    world.on("startExperiment", experiment).await;
    let same = world.list(&world.app, control).await;
    assert_eq!(same["variant"]["name"], "control");
    assert_eq!(same["blendWeights"], usual[0]["blendWeights"]);
    assert_eq!(titles(&same), titles(&usual[0]));
    let other = world.list(&world.app, taste).await;
    assert_eq!(other["variant"]["name"], "taste");
    let weight = |list: &Value| {
        let weights = list["blendWeights"].as_array().unwrap().iter();
        let mut found = weights.filter(|one| one["source"] == "COLLABORATIVE");
        found.next().unwrap()["weight"].as_f64().unwrap()
    };
    assert!((weight(&other) - 0.1).abs() < 1e-6, "{other:#}");
    assert!(weight(&usual[1]) > 0.5, "{:#}", usual[1]);
    assert_ne!(titles(&other), titles(&usual[1]));
}

#[tokio::test]
async fn outcomes_are_counted_by_variant_and_users_once() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let empty = world.experiment(experiment).await;
    assert_eq!(empty["variants"][0]["results"]["users"], 0);
    assert_eq!(
        empty["variants"][1]["results"]["conversionRate"],
        Value::Null
    );
    let [control, diverse] = world.users(experiment, 4).await;
    for user in control.iter().chain(&diverse) {
        world.list(&world.app, user).await;
    }
    // One of four converts with the control, and not by skipping.
    let list = world.list(&world.app, &control[0]).await;
    world.take(&control[0], &list, InteractionKind::Click).await;
    let list = world.list(&world.app, &control[1]).await;
    world.take(&control[1], &list, InteractionKind::Skip).await;
    // Three of four with the variant, one of them twice and by two lists.
    for user in &diverse[..3] {
        let list = world.list(&world.app, user).await;
        world.take(user, &list, InteractionKind::Like).await;
    }
    let list = world.list(&world.app, &diverse[0]).await;
    world
        .take(&diverse[0], &list, InteractionKind::Purchase)
        .await;
    // What has no token of a list is nobody's success.
    let film = world.app.film("Another").await;
    let new = NewInteraction::new(film, InteractionKind::Like);
    let interactions = &world.app.services.interactions;
    interactions.record(&control[2], new).await.unwrap();

    let found = world.experiment(experiment).await;
    let results = |index: usize| found["variants"][index]["results"].clone();
    let counted = |results: &Value| {
        let numbers = [
            "users",
            "lists",
            "listsWithPositiveInteraction",
            "positiveInteractions",
            "convertedUsers",
        ];
        numbers.map(|name| results[name].as_i64().unwrap())
    };
    assert_eq!(counted(&results(0)), [4, 4, 1, 1, 1]);
    assert_eq!(counted(&results(1)), [4, 5, 4, 4, 3]);
    // Wilson's interval of 1 of 4, and Newcombe's of 3 of 4 minus 1 of 4, by statsmodels.
    let rate = &results(0)["conversionRate"];
    let close = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;
    assert!(close(&rate["value"], 0.25), "{rate}");
    assert!(
        close(&rate["low"], RATE.0) && close(&rate["high"], RATE.1),
        "{rate}"
    );
    let comparison = &results(1)["comparison"];
    let difference = &comparison["difference"];
    assert!(close(&difference["value"], 0.5), "{difference}");
    let (low, high) = (&difference["low"], &difference["high"]);
    assert!(
        close(low, DIFFERENCE.0) && close(high, DIFFERENCE.1),
        "{difference}"
    );
    assert_eq!(
        (&comparison["verdict"], &comparison["pValue"]),
        (&json!("UNDECIDED"), &Value::Null)
    );
    assert_eq!(results(0)["comparison"], Value::Null);
    assert_eq!(
        found["results"],
        json!({ "excludedUsers": 0, "sampleRatioPValue": null, "sampleRatioMismatch": false })
    );
}

#[tokio::test]
async fn a_list_that_nobody_was_shown_is_no_exposure() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let [control, _] = world.users(experiment, 1).await;
    world.list(&world.app, &control[0]).await;
    let pool = world.app.ctx.db.pool();
    let gone = sqlx::query("DELETE FROM recommendation_items").execute(pool);
    gone.await.unwrap();
    let found = world.experiment(experiment).await;
    assert_eq!(found["variants"][0]["results"]["users"], 0);
}

#[tokio::test]
async fn users_of_two_variants_count_for_none_and_who_is_erased_counts_no_more() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let [control, diverse] = world.users(experiment, 2).await;
    for user in control.iter().chain(&diverse) {
        world.list(&world.app, user).await;
    }
    let pool = world.app.ctx.db.pool();
    let [anonymous, known] = [&control[0], &diverse[0]].map(|user| user.user().unwrap());
    let anonymously = sqlx::query("UPDATE users SET anonymous = true WHERE id = $1");
    anonymously
        .bind(anonymous.uuid())
        .execute(pool)
        .await
        .unwrap();
    let users = &world.app.services.users;
    users.merge(&world.admin, anonymous, known).await.unwrap();
    let gone = diverse[1].user().unwrap();
    users.erase(&world.admin, gone).await.unwrap();
    let found = world.experiment(experiment).await;
    let counted = [0, 1].map(|index| found["variants"][index]["results"]["users"].clone());
    assert_eq!(counted, [json!(1), json!(0)]);
    assert_eq!(found["results"]["excludedUsers"], 1);
}

#[tokio::test]
async fn two_experiments_never_run_in_one_context() {
    let world = World::start().await;
    let feed = world.create("Feed", json!(["FEED", "CATEGORY"])).await;
    let all = world.create("All", json!([])).await;
    let search = world.create("Search", json!(["SEARCH"])).await;
    let code = |payload: &Value| payload["errors"][0]["code"].clone();
    assert_eq!(code(&world.on("stopExperiment", feed).await), "CONFLICT");
    world.on("startExperiment", feed).await;
    let refused = world.on("startExperiment", all).await;
    assert_eq!(code(&refused), "CONFLICT");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`Feed`"), "{message}");
    let started = world.on("startExperiment", search).await;
    assert_eq!(started["experiment"]["state"], "RUNNING");
    assert_eq!(code(&world.on("startExperiment", feed).await), "CONFLICT");
    assert_eq!(code(&world.on("deleteExperiment", feed).await), "CONFLICT");
    world.on("stopExperiment", feed).await;
    world.on("stopExperiment", search).await;
    // A stopped one does not come back, and leaves its contexts to others.
    assert_eq!(code(&world.on("startExperiment", feed).await), "CONFLICT");
    assert_eq!(
        world.on("startExperiment", all).await["experiment"]["name"],
        "All"
    );
    let unknown: Id<id::Experiment> = Id::new(&world.app.ctx.clock, &world.app.ctx.rng);
    for mutation in ["startExperiment", "stopExperiment", "deleteExperiment"] {
        assert_eq!(code(&world.on(mutation, unknown).await), "NOT_FOUND");
    }
}

#[tokio::test]
async fn of_two_that_start_at_once_one_runs() {
    let world = World::start().await;
    let (one, other) = tokio::join!(
        world.create("One", json!([])),
        world.create("Other", json!([]))
    );
    let (one, other) = tokio::join!(
        world.on("startExperiment", one),
        world.on("startExperiment", other)
    );
    let running = [&one, &other].map(|payload| payload["experiment"].is_object());
    assert_eq!(
        running.into_iter().filter(|runs| *runs).count(),
        1,
        "{one:#} {other:#}"
    );
}

#[tokio::test]
async fn what_makes_no_experiment_is_refused_by_field() {
    let world = World::start().await;
    world.create("Taken", json!([])).await;
    let twice = json!([{ "name": "control" }, { "name": "control" }]);
    let input = json!({ "name": "", "variants": twice });
    let refused = world.change("createExperiment", input).await;
    let errors = refused["errors"].as_array().unwrap().iter();
    let paths: Vec<&Value> = errors.map(|error| &error["path"]).collect();
    assert_eq!(paths, [&json!(["name"]), &json!(["variants", "1", "name"])]);
    let good = json!([{ "name": "control" }, { "name": "other" }]);
    let input = json!({ "name": " Taken ", "variants": good });
    let refused = world.change("createExperiment", input).await;
    assert_eq!(refused["errors"][0]["code"], "CONFLICT");
}

#[tokio::test]
async fn a_deleted_experiment_leaves_its_lists() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let user = world.app.user("Somebody").await;
    let list = world.list(&world.app, &user).await;
    world.on("stopExperiment", experiment).await;
    let gone = world.on("deleteExperiment", experiment).await;
    assert_eq!(gone["deletedId"], json!(experiment));
    let document = "query ($id: ID!) { recommendationList(id: $id) { id variant { name } } }";
    let variables = json!({ "id": list["id"] });
    let found = world.app.ask_as(&world.admin, document, variables).await;
    assert_eq!(
        found["recommendationList"],
        json!({ "id": list["id"], "variant": null })
    );
    assert_eq!(world.experiment(experiment).await, Value::Null);
}

#[tokio::test]
async fn only_admins_know_of_experiments_and_the_audit_log_of_what_they_did() {
    let world = World::start().await;
    let experiment = world.running(json!([])).await;
    let user = world.app.user("Somebody").await;
    let data = world.app.ask_as(&user, LIST, json!({})).await;
    assert_eq!(data["recommendations"]["variant"], Value::Null);
    let variant = world.list(&world.app, &user).await["variant"]["id"].clone();
    let curator = world.app.viewer(Role::Curator).await;
    for viewer in [&user, &curator] {
        let variables = json!({ "id": experiment });
        let code = world.app.code_as(viewer, EXPERIMENT, variables).await;
        assert_eq!(code, "FORBIDDEN");
        let list = "{ experiments { nodes { id } } }";
        assert_eq!(
            world.app.code_as(viewer, list, json!({})).await,
            "FORBIDDEN"
        );
        let stop = "mutation ($input: StopExperimentInput!) { stopExperiment(input: $input) { errors { __typename } } }";
        let variables = json!({ "input": { "id": experiment } });
        assert_eq!(
            world.app.code_as(viewer, stop, variables).await,
            "FORBIDDEN"
        );
        let node = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let variables = json!({ "ids": [experiment, variant] });
        let found = world.app.ask_as(viewer, node, variables).await;
        assert_eq!(found["nodes"], json!([null, null]));
    }
    world.on("stopExperiment", experiment).await;
    world.on("deleteExperiment", experiment).await;
    let entries: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT action, actor, subject FROM audit_log WHERE action LIKE 'experiment.%' ORDER BY id",
    )
    .fetch_all(world.app.ctx.db.pool())
    .await
    .unwrap();
    let admin = world.admin.user().unwrap().to_string();
    let expected = ["create", "start", "stop", "delete"].map(|done| {
        let action = format!("experiment.{done}");
        (action, admin.clone(), Some(experiment.to_string()))
    });
    let by_action: BTreeMap<_, _> = entries.iter().map(|entry| (&entry.0, entry)).collect();
    assert_eq!(entries.len(), 4);
    for entry in &expected {
        assert_eq!(by_action[&entry.0], entry);
    }
}

#[tokio::test]
async fn experiments_are_listed_by_state_the_newest_first() {
    let world = World::start().await;
    let first = world.running(json!(["FEED"])).await;
    world.app.ctx.clock.advance(TimeDelta::seconds(1));
    let second = world.create("Second", json!([])).await;
    let document = "query ($state: ExperimentState) {
        experiments(state: $state, first: 1) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } }";
    let all = world.app.ask_as(&world.admin, document, json!({})).await;
    let all = &all["experiments"];
    assert_eq!(
        (
            &all["totalCount"],
            &all["nodes"][0]["id"],
            &all["pageInfo"]["hasNextPage"]
        ),
        (&json!(2), &json!(second), &json!(true))
    );
    let running = json!({ "state": "RUNNING" });
    let running = world.app.ask_as(&world.admin, document, running).await;
    assert_eq!(running["experiments"]["nodes"], json!([{ "id": first }]));
}

/// Wilson's interval of 1 of 4.
const RATE: (f64, f64) = (0.045_587_260_810, 0.699_358_157_418);
/// Newcombe's interval of 3 of 4 minus 1 of 4.
const DIFFERENCE: (f64, f64) = (-0.135_488_400_583, 0.789_083_268_085);
