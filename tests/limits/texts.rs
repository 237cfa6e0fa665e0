//! No text of a client is longer than its place needs, whichever way it comes.

use serde_json::{Value, json};

use crate::support::TestApp;
use marquee::domain::auth::{Role, Viewer};

const BY_TEXT: &str =
    "query($t: String!) { contents(filter: { title: { contains: $t } }) { totalCount } }";
const BY_FILTER: &str =
    "query($t: StringFilter) { contents(filter: { title: $t }) { totalCount } }";
const BY_INPUT: &str = "query($t: ContentFilter) { contents(filter: $t) { totalCount } }";
const BY_LIST: &str =
    "query($t: [String!]) { contents(filter: { genres: { hasAny: $t } }) { totalCount } }";
const IN_FRAGMENT: &str = "query($t: String) { ...F } \
     fragment F on Query { contents(filter: { title: { startsWith: $t } }) { totalCount } }";

async fn answer(app: &TestApp, document: &str, variables: Value) -> Value {
    app.run_as(&Viewer::Nobody, document, variables).await
}

#[tokio::test]
async fn an_operand_of_a_filter_is_as_long_as_the_longest_title() {
    let app = TestApp::start().await;
    for (long, accepted) in [(500, true), (501, false), (900_000, false)] {
        let text = "é".repeat(long);
        let literal =
            format!("{{ contents(filter: {{ title: {{ eq: \"{text}\" }} }}) {{ totalCount }} }}");
        let listed = format!(
            "{{ contents(filter: {{ genres: {{ hasAll: [\"{text}\"] }} }}) {{ totalCount }} }}"
        );
        for (document, value) in [
            (literal.as_str(), Value::Null),
            (listed.as_str(), Value::Null),
            (BY_TEXT, json!(text)),
            (BY_FILTER, json!({ "in": ["Ran", text] })),
            (
                BY_INPUT,
                json!({ "or": [{ "brand": { "contains": text } }] }),
            ),
            (BY_LIST, json!(["Drama", text])),
            (IN_FRAGMENT, json!(text)),
        ] {
            let answer = answer(&app, document, json!({ "t": value })).await;
            let says = answer["errors"][0]["message"].as_str();
            assert_eq!(says.is_none(), accepted, "{document:.80} {long}: {says:?}");
            if let Some(says) = says {
                assert!(
                    says.ends_with("at most 500 characters"),
                    "{document:.80}: {says}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_text_that_nobody_reads_in_full_has_a_limit_and_a_description_has_its_own() {
    let app = TestApp::start().await;
    let name = "query($t: String!) { person(name: $t) { name } }";
    let long = json!({ "t": "x".repeat(5_000) });
    let refused = answer(&app, name, long).await;
    let says = &refused["errors"][0]["message"];
    assert_eq!(
        says,
        "Variable \"$t\" has an invalid value: a text here has at most 4096 characters"
    );
    let create = "mutation($d: String!) { createContent(input: { kind: MOVIE, title: \"Ran\", description: $d }) \
         { content { description } errors { __typename } } }";
    let viewer = app.viewer(Role::User).await;
    let made = app
        .ask_as(&viewer, create, json!({ "d": "x".repeat(20_000) }))
        .await;
    assert_eq!(made["createContent"]["errors"], json!([]));
}
