//! A time has one form: UTC, six digits of the second, `Z`; the same in the answer of a mutation and whenever it is
//! read again.

use chrono::TimeDelta;
use marquee::domain::auth::Viewer;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_mutation_answers_the_time_that_is_read_again() {
    let app = TestApp::start().await;
    // Finer than the database keeps.
    app.ctx.clock.advance(TimeDelta::nanoseconds(123_456_789));
    let create = "mutation { createContent(input: { kind: MOVIE, title: \"Ran\" }) {
        content { id createdAt updatedAt } } }";
    let made = app.ask(create).await["createContent"]["content"].clone();
    assert_eq!(made["createdAt"], "2026-03-01T12:00:00.123456Z");
    let read = "query ($id: ID!) { content(id: $id) { id createdAt updatedAt } }";
    let again = app
        .ask_as(&Viewer::Command, read, json!({ "id": made["id"] }))
        .await;
    assert_eq!(again["content"], made);
}

#[tokio::test]
async fn a_time_that_was_given_comes_back_in_the_one_form() {
    let app = TestApp::start().await;
    let (ada, film) = (app.user("Ada").await, app.film("Ran").await);
    let record = "mutation ($input: RecordInteractionInput!) { recordInteraction(input: $input) {
        interaction { id occurredAt } errors { ... on UserError { message } } } }";
    for (given, returned) in [
        ("2026-02-01T10:00:00+02:00", "2026-02-01T08:00:00.000000Z"),
        ("2026-02-01T10:00:00.5Z", "2026-02-01T10:00:00.500000Z"),
        (
            "2026-02-01T10:00:00.123456789Z",
            "2026-02-01T10:00:00.123456Z",
        ),
    ] {
        let input = json!({ "contentId": film, "kind": "VIEW", "occurredAt": given });
        let made = app.ask_as(&ada, record, json!({ "input": input })).await;
        let made = made["recordInteraction"]["interaction"].clone();
        assert_eq!(made["occurredAt"], returned, "{given}");
        let read = "query ($id: ID!) { node(id: $id) { ... on Interaction { id occurredAt } } }";
        let again = app.ask_as(&ada, read, json!({ "id": made["id"] })).await;
        assert_eq!(again["node"], made);
    }
}

#[tokio::test]
async fn what_is_no_time_no_day_and_no_decimal_is_told_what_is() {
    let app = TestApp::start().await;
    for (field, value, words) in [
        ("createdAt: { gt:", "\"yesterday\"", "RFC 3339"),
        ("rightsFrom: { gt:", "\"01.03.2026\"", "2026-03-01"),
        ("price: { gt:", "\"much\"", "149.00"),
    ] {
        let document = format!("{{ contents(filter: {{ {field} {value} }} }}) {{ totalCount }} }}");
        let answer = app.run_as(&Viewer::Command, &document, json!({})).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}
