//! Objects stand where their ids do, for those who may see them, and what has an id is fetched by it.

use std::ops::ControlFlow;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::foundation::Id;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::worlds::TwoTastes;

const HISTORY: &str = "query ($id: ID!) { interactions(userId: $id) { nodes {
    id userId user { id displayName } listId listRank list { id items { rank content { id } } } } } }";

#[tokio::test]
async fn an_interaction_has_its_user_and_its_list_for_those_who_may_see_them() {
    let app = TestApp::start().await;
    let (ada, film) = (app.user("Ada").await, app.film("Ran").await);
    let id = json!({ "id": ada.user().unwrap() });
    let list = "{ recommendations(first: 1) { id items { attributionToken } } }";
    let list = app.ask_as(&ada, list, json!({})).await["recommendations"].clone();
    let record = "mutation ($input: RecordInteractionInput!) { recordInteraction(input: $input) {
        interaction { id list { id } } recommendationsUpdates { userId user { id } reason } } }";
    let input = json!({ "contentId": film, "kind": "LIKE", "idempotencyKey": "once",
        "attributionToken": list["items"][0]["attributionToken"] });
    let recorded = app.ask_as(&ada, record, json!({ "input": input })).await;
    let recorded = recorded["recordInteraction"].clone();
    assert_eq!(recorded["interaction"]["list"]["id"], list["id"]);
    let update = json!({ "userId": id["id"], "user": { "id": id["id"] }, "reason": "TASTE" });
    assert_eq!(recorded["recommendationsUpdates"], json!([update]));
    let repeated = app.ask_as(&ada, record, json!({ "input": input })).await;
    assert_eq!(
        repeated["recordInteraction"]["recommendationsUpdates"],
        json!([])
    );

    let admin = app.viewer(Role::Admin).await;
    for viewer in [&ada, &admin] {
        let history = app.ask_as(viewer, HISTORY, id.clone()).await;
        let node = &history["interactions"]["nodes"][0];
        assert_eq!(node["userId"], id["id"]);
        assert_eq!(
            node["user"],
            json!({ "id": id["id"], "displayName": "Ada" })
        );
        assert_eq!(node["list"]["id"], node["listId"]);
        assert_eq!(
            node["list"]["items"][0],
            json!({ "rank": 1, "content": { "id": film } })
        );
    }
}

#[tokio::test]
async fn a_list_and_an_upload_are_fetched_by_their_id_by_those_who_may_see_them() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("Ada").await, app.user("Bob").await);
    app.film("Ran").await;
    let list = "{ recommendations(first: 1) { id items { rank } } }";
    let list = app.ask_as(&ada, list, json!({})).await["recommendations"].clone();
    let node =
        "query ($id: ID!) { node(id: $id) { id ... on RecommendationList { items { rank } } } }";
    let id = json!({ "id": list["id"] });
    assert_eq!(app.ask_as(&ada, node, id.clone()).await["node"], list);
    assert_eq!(app.ask_as(&bob, node, id).await["node"], Value::Null);
}

#[tokio::test]
async fn many_interactions_have_their_lists_in_one_statement() {
    let app = TestApp::start().await;
    let ada = app.user("Ada").await;
    for number in 0..8 {
        app.film(&format!("Film {number}")).await;
    }
    for number in 0..8 {
        let list = format!(
            "{{ recommendations(first: 1, diversity: 0.{number}) {{
                items {{ attributionToken content {{ id }} }} }} }}"
        );
        let list = app.ask_as(&ada, &list, json!({})).await;
        let item = &list["recommendations"]["items"][0];
        let record =
            "mutation ($input: RecordInteractionInput!) { recordInteraction(input: $input) {
            errors { ... on UserError { message path } } } }";
        let input = json!({ "contentId": item["content"]["id"], "kind": "VIEW",
            "attributionToken": item["attributionToken"] });
        let recorded = app.ask_as(&ada, record, json!({ "input": input })).await;
        assert_eq!(recorded["recordInteraction"]["errors"], json!([]));
    }
    let id = json!({ "id": ada.user().unwrap() });
    let before = app.ctx.db.statements();
    let history = app.ask_as(&ada, HISTORY, id).await;
    let statements = app.ctx.db.statements() - before;
    let lists = history["interactions"]["nodes"].as_array().unwrap();
    assert_eq!(
        lists.iter().filter(|node| node["list"].is_object()).count(),
        8
    );
    // One for the history, the users, the lists and the items of the lists each, however many there are.
    assert!(statements < 8, "{statements} statements");
}

#[tokio::test]
async fn a_list_after_a_training_in_which_nothing_happened_has_no_newer_events() {
    let app = TestApp::start().await;
    let world = TwoTastes::fill(&app, 16, 16).await;
    let viewer = Viewer::User {
        id: world.users[0],
        role: Role::User,
        session: Id::new(&app.ctx.clock, &app.ctx.rng),
    };
    app.ctx.clock.advance(TimeDelta::minutes(1));
    let train =
        app.services
            .recommendations
            .train(&Viewer::Command, TrainingOptions::default(), |_| {
                ControlFlow::Continue(())
            });
    train.await.unwrap();
    let newer = async || {
        app.ctx.clock.advance(TimeDelta::minutes(1));
        let list = "{ recommendations(first: 1) { model { id } freshness { eventsApplied eventsSinceModel } } }";
        let list = app.ask_as(&viewer, list, json!({})).await["recommendations"].clone();
        assert!(
            list["model"]["id"].is_string(),
            "the model has no part in {list}"
        );
        assert!(
            list["freshness"]["eventsApplied"].as_i64() > Some(0),
            "{list}"
        );
        list["freshness"]["eventsSinceModel"].clone()
    };
    assert_eq!(newer().await, 0);
    let like = "mutation ($id: ID!) { recordInteraction(input: { contentId: $id, kind: LIKE }) {
        errors { ... on UserError { message } } } }";
    app.ask_as(&viewer, like, json!({ "id": world.items[1] }))
        .await;
    assert_eq!(newer().await, 1);
}
