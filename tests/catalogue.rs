//! The catalogue as its users meet it: content items and people.

mod support;

use marquee::domain::auth::{Role, Viewer};
use serde_json::json;
use support::TestApp;

#[tokio::test]
async fn what_was_created_can_be_read_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let made = app
        .ask_as(
            &admin,
            r#"mutation ($input: CreateContentInput!) {
                createContent(input: $input) { content { id title year directors { name } credits { role character person { name } } } errors { __typename } }
            }"#,
            json!({ "input": {
                "kind": "MOVIE", "title": "Ran", "year": 1985, "genres": ["Drama", "War"],
                "credits": [
                    { "name": "Akira Kurosawa", "role": "DIRECTOR" },
                    { "name": "Tatsuya Nakadai", "role": "CAST", "character": "Hidetora" },
                ],
            } }),
        )
        .await;
    let content = &made["createContent"]["content"];
    assert_eq!(content["directors"], json!([{ "name": "Akira Kurosawa" }]));
    assert_eq!(content["credits"][0]["character"], "Hidetora");

    let listed = app
        .ask("{ contents(filter: { genres: { has: \"War\" } }) { nodes { title } totalCount } }")
        .await;
    assert_eq!(
        listed["contents"],
        json!({ "nodes": [{ "title": "Ran" }], "totalCount": 1 })
    );

    let changed = app
        .ask_as(
            &admin,
            "mutation ($id: ID!) { updateContent(input: { id: $id, durationMinutes: 162, year: null }) {
                content { title year durationMinutes genres } errors { __typename } } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(
        changed["updateContent"]["content"],
        json!({ "title": "Ran", "year": null, "durationMinutes": 162, "genres": ["Drama", "War"] })
    );

    let gone = app
        .ask_as(
            &admin,
            "mutation ($id: ID!) { deleteContent(input: { id: $id }) { deletedId errors { __typename } } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(gone["deleteContent"]["deletedId"], content["id"]);
    let after = app
        .ask_as(
            &Viewer::Nobody,
            "query ($id: ID!) { content(id: $id) { id } contents { totalCount } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(
        after,
        json!({ "content": null, "contents": { "totalCount": 0 } })
    );
}
