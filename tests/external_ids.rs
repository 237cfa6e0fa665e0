//! Users and items by ids of the caller's own.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic, its helpers included"
)]

mod support;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::foundation::Id;
use serde_json::{Value, json};
use support::{TestApp, settings};

const RECORD: &str = "mutation ($input: RecordInteractionInput!) {
    recordInteraction(input: $input) {
        interaction { kind user { id } content { id title kind } }
        errors { ... on UserError { message path code } }
    }
}";

const ITEM: &str = "query ($value: String, $source: String) {
    content(externalId: $value, source: $source) { id title externalIds { source value } }
}";

const USER: &str = "query ($value: String) {
    user(externalId: $value) { id displayName externalId { source value } }
}";

/// A schema in which interactions create what they name as the setting says.
async fn creating(what: &str) -> TestApp {
    let mut settings = settings();
    let given = json!({ "source": "shop", "create": what, "schemas": {} });
    settings.external_ids = serde_json::from_value(given).unwrap();
    TestApp::with(settings).await
}

fn shop(scopes: &[Scope]) -> Viewer {
    Viewer::App {
        key: Id::from(uuid::Uuid::from_u128(1)),
        scopes: scopes.to_vec(),
    }
}

async fn record(app: &TestApp, viewer: &Viewer, input: Value) -> Value {
    let mut answer = app.ask_as(viewer, RECORD, json!({ "input": input })).await;
    answer["recordInteraction"].take()
}

fn bought(user: &str, item: &str) -> Value {
    json!({ "user": { "externalId": user }, "content": { "externalId": item }, "kind": "PURCHASE" })
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_shop_records_what_its_customers_do_by_its_own_ids() {
    let app = creating("both").await;
    let key = shop(&[
        Scope::InteractionsWrite,
        Scope::UsersRead,
        Scope::RecommendationsRead,
    ]);
    let first = record(&app, &key, bought("42", "FJ5089")).await;
    assert_eq!(first["errors"], json!([]));
    assert_eq!(first["interaction"]["content"]["title"], "FJ5089");
    let again = record(&app, &key, bought("42", "FJ5089")).await;
    assert_eq!(first["interaction"], again["interaction"]);
    record(&app, &key, bought("43", "FJ5090")).await;
    assert_eq!(
        (
            count(&app, "users").await,
            count(&app, "content_items").await
        ),
        (2, 2)
    );

    let item = app
        .ask_as(&Viewer::Nobody, ITEM, json!({ "value": "FJ5089" }))
        .await;
    assert_eq!(item["content"]["id"], first["interaction"]["content"]["id"]);
    let ids = json!([{ "source": "shop", "value": "FJ5089" }]);
    assert_eq!(item["content"]["externalIds"], ids);
    let elsewhere = json!({ "value": "FJ5089", "source": "tmdb" });
    let elsewhere = app.ask_as(&Viewer::Nobody, ITEM, elsewhere).await;
    assert_eq!(elsewhere["content"], Value::Null);

    let user = app.ask_as(&key, USER, json!({ "value": "42" })).await;
    assert_eq!(user["user"]["id"], first["interaction"]["user"]["id"]);
    assert_eq!(
        user["user"]["externalId"],
        json!({ "source": "shop", "value": "42" })
    );

    // Their lists are asked for by the same id, and what they bought is not in them.
    let document = "{ recommendations(user: { externalId: \"42\" }) { edges { node { content { title } } } } }";
    let list = app.ask_as(&key, document, json!({})).await;
    let titles = list["recommendations"]["edges"].to_string();
    assert!(
        titles.contains("FJ5090") && !titles.contains("FJ5089"),
        "{titles}"
    );
}

#[tokio::test]
async fn what_is_not_known_is_created_only_where_the_setting_says_so() {
    for (what, users, items) in [
        ("none", 0, 0),
        ("users", 1, 0),
        ("items", 0, 0),
        ("both", 1, 1),
    ] {
        let app = creating(what).await;
        let key = shop(&[Scope::InteractionsWrite]);
        let made = record(&app, &key, bought("42", "FJ5089")).await;
        let refused = match what {
            "both" => json!([]),
            "users" => json!([["content", "externalId"]]),
            _ => json!([["user", "externalId"]]),
        };
        let errors = made["errors"].as_array().unwrap();
        let paths: Vec<&Value> = errors.iter().map(|error| &error["path"]).collect();
        assert_eq!(json!(paths), refused, "{what}: {made}");
        let there = (
            count(&app, "users").await,
            count(&app, "content_items").await,
        );
        assert_eq!(there, (users, items), "{what}");
    }
}

#[tokio::test]
async fn an_interaction_that_is_refused_creates_nothing() {
    let app = creating("both").await;
    let key = shop(&[Scope::InteractionsWrite]);
    let mut input = bought("42", "FJ5089");
    input["value"] = json!(3);
    let made = record(&app, &key, input).await;
    assert_eq!(made["errors"][0]["path"], json!(["value"]));
    for (user, path) in [
        (json!({ "externalId": "" }), json!(["user", "externalId"])),
        (
            json!({ "externalId": "4", "source": "A B" }),
            json!(["user", "source"]),
        ),
        (json!({}), json!(["user", "externalId"])),
    ] {
        let mut input = bought("42", "FJ5089");
        input["user"] = user;
        let made = record(&app, &key, input).await;
        assert_eq!(made["errors"][0]["path"], path, "{made}");
    }
    assert_eq!(
        (
            count(&app, "users").await,
            count(&app, "content_items").await
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn of_many_rows_those_that_name_nobody_are_refused_alone() {
    let app = creating("users").await;
    let ran = app.film("Ran").await;
    let key = shop(&[Scope::InteractionsWrite]);
    let known = json!({ "user": { "externalId": "42" }, "contentId": ran, "kind": "LIKE" });
    let both =
        json!({ "userId": null, "contentId": ran, "content": { "id": ran }, "kind": "LIKE" });
    let rows = json!([known, bought("43", "nothing"), both, known]);
    let document = "mutation ($rows: [RecordInteractionInput!]!) {
        recordInteractions(input: { interactions: $rows }) {
            recorded refused results { outcome errors { path } } errors { ... on UserError { message } }
        }
    }";
    let made = app.ask_as(&key, document, json!({ "rows": rows })).await;
    let made = &made["recordInteractions"];
    assert_eq!(
        (&made["recorded"], &made["refused"]),
        (&json!(2), &json!(2)),
        "{made}"
    );
    assert_eq!(
        made["results"][1]["errors"][0]["path"],
        json!(["interactions", "1", "content", "externalId"])
    );
    assert_eq!(
        made["results"][2]["errors"][0]["path"],
        json!(["interactions", "2", "content"])
    );
}

#[tokio::test]
async fn users_neither_create_by_external_ids_nor_learn_who_exists() {
    let app = creating("both").await;
    let key = shop(&[Scope::InteractionsWrite]);
    record(&app, &key, bought("42", "FJ5089")).await;
    let user = app.viewer(Role::User).await;
    let mut said = Vec::new();
    for name in ["42", "43"] {
        let answer = app
            .run_as(&user, RECORD, json!({ "input": bought(name, "FJ5089") }))
            .await;
        said.push(answer["errors"][0]["message"].clone());
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
        let list = format!(
            "{{ recommendations(user: {{ externalId: \"{name}\" }}) {{ edges {{ cursor }} }} }}"
        );
        let answer = app.run_as(&user, &list, json!({})).await;
        said.push(answer["errors"][0]["message"].clone());
        let answer = app.ask_as(&user, USER, json!({ "value": name })).await;
        assert_eq!(answer["user"], Value::Null);
    }
    assert_eq!(said[..2], said[2..]);
    let own = json!({ "content": { "externalId": "new" }, "kind": "VIEW" });
    let made = record(&app, &user, own).await;
    assert_eq!(made["errors"][0]["code"], "NOT_FOUND");
    let known = json!({ "content": { "externalId": "FJ5089" }, "kind": "VIEW" });
    assert_eq!(record(&app, &user, known).await["errors"], json!([]));
    assert_eq!(count(&app, "content_items").await, 1);
}

#[tokio::test]
async fn many_writers_of_one_new_id_create_it_once() {
    let app = creating("both").await;
    let key = shop(&[Scope::InteractionsWrite]);
    let writers = (0..8).map(|_| record(&app, &key, bought("42", "FJ5089")));
    let made = futures::future::join_all(writers).await;
    for made in &made {
        assert_eq!(made["errors"], json!([]));
        assert_eq!(
            made["interaction"]["content"],
            made["interaction"]["content"]
        );
        assert_eq!(made["interaction"]["user"], made["interaction"]["user"]);
    }
    assert_eq!(
        (
            count(&app, "users").await,
            count(&app, "content_items").await
        ),
        (1, 1)
    );
    assert_eq!(count(&app, "interactions").await, 8);
}

#[tokio::test]
async fn a_repeated_creation_answers_what_is_there() {
    let app = creating("none").await;
    let admin = app.viewer(Role::Admin).await;
    let document = "mutation ($input: CreateContentInput!) { createContent(input: $input) {
        repeated content { id title } errors { ... on UserError { message path code } } } }";
    let create = async |title: &str, names: Value| {
        let input = json!({ "kind": "PRODUCT", "title": title, "externalIds": names });
        let mut made = app
            .ask_as(&admin, document, json!({ "input": input }))
            .await;
        made["createContent"].take()
    };
    let shoe = json!([{ "value": "FJ5089" }, { "value": "4060509", "source": "ean" }]);
    let first = create("Shoe", shoe.clone()).await;
    assert_eq!(
        (&first["repeated"], &first["errors"]),
        (&json!(false), &json!([]))
    );
    let again = create("Another title", shoe).await;
    assert_eq!(again["repeated"], json!(true));
    assert_eq!(again["content"], first["content"]);
    create("Boot", json!([{ "value": "FJ1" }])).await;
    let mixed = create(
        "Both",
        json!([{ "value": "FJ1" }, { "value": "4060509", "source": "ean" }]),
    )
    .await;
    assert_eq!(mixed["errors"][0]["code"], "CONFLICT");
    let twice = create("Twice", json!([{ "value": "a" }, { "value": "b" }])).await;
    assert_eq!(
        twice["errors"][0]["path"],
        json!(["externalIds", "1", "source"])
    );
    assert_eq!(count(&app, "content_items").await, 2);

    let change =
        "mutation { updateContent(input: { externalId: \"FJ5089\", title: \"Running shoe\" }) {
        content { id title } errors { ... on UserError { message } } } }";
    let changed = app.ask_as(&admin, change, json!({})).await;
    assert_eq!(changed["updateContent"]["content"]["title"], "Running shoe");
    assert_eq!(
        changed["updateContent"]["content"]["id"],
        first["content"]["id"]
    );

    let document = "mutation { createUser(input: { displayName: \"Ada\", externalId: { value: \"42\" } }) {
        repeated user { id externalId { source value } } errors { ... on UserError { message } } } }";
    let first = app.ask_as(&admin, document, json!({})).await;
    let again = app.ask_as(&admin, document, json!({})).await;
    assert_eq!(first["createUser"]["repeated"], json!(false));
    assert_eq!(again["createUser"]["repeated"], json!(true));
    assert_eq!(first["createUser"]["user"], again["createUser"]["user"]);
    let listed = "{ users(filter: { externalId: { eq: \"42\" } }) { nodes { displayName } } }";
    let listed = app.ask_as(&admin, listed, json!({})).await;
    assert_eq!(listed["users"]["nodes"], json!([{ "displayName": "Ada" }]));
}

#[tokio::test]
async fn only_who_writes_the_catalogue_gives_items_external_ids() {
    let app = creating("both").await;
    let user = app.viewer(Role::User).await;
    let document = "mutation { createContent(input: { kind: TEXT, title: \"Mine\",
        externalIds: [{ value: \"FJ5089\" }] }) { content { id } } }";
    let answer = app.run_as(&user, document, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(count(&app, "content_items").await, 0);
}
