//! What is never found, and what is refused.

use chrono::{NaiveDate, TimeDelta};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::{ContentKind, Fields, Visibility};
use serde_json::json;

use crate::support::TestApp;
use crate::{demo, search, search_with, titles};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_be_offered_to_everybody_is_found() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::User).await;
    let today = app.ctx.clock.now().date_naive();
    let add = async |title: &str, change: fn(&mut Fields, NaiveDate)| {
        let mut fields = Fields::new(ContentKind::Movie, format!("Wombat {title}"));
        fields.genres = vec!["Wombatism".to_owned()];
        change(&mut fields, today);
        let made = app.services.content.create(&owner, fields, Vec::new());
        made.await.unwrap().id
    };
    add("open", |_, _| ()).await;
    add("private", |fields, _| {
        fields.visibility = Visibility::Private;
    })
    .await;
    add("unlisted", |fields, _| {
        fields.visibility = Visibility::Unlisted;
    })
    .await;
    add("over", |fields, today| {
        fields.rights_until = Some(today - TimeDelta::days(1));
    })
    .await;
    add("sold", |fields, _| fields.stock = Some(0)).await;
    add("tomorrow", |fields, today| {
        fields.rights_from = Some(today + TimeDelta::days(1));
    })
    .await;
    let gone = add("gone", |_, _| ()).await;
    assert_eq!(search(&app, "wombat").await["totalCount"], 2);
    app.services.content.delete(&owner, gone).await.unwrap();
    let document = "query ($query: String!) { search(query: $query) {
        totalCount nodes { title } facets { genres { value count } } } }";
    for viewer in [&owner, &Viewer::Nobody, &Viewer::Command] {
        for query in ["wombat", "wombta", "", "wombatism"] {
            let data = app
                .ask_as(viewer, document, json!({ "query": query }))
                .await;
            let expected = json!({ "totalCount": 1, "nodes": [{ "title": "Wombat open" }],
                "facets": { "genres": [{ "value": "Wombatism", "count": 1 }] } });
            assert_eq!(data["search"], expected, "{query}");
        }
    }
    // Not even by a correction or a suggestion.
    for hidden in ["privat", "unlistd", "gon"] {
        let found = search(&app, hidden).await;
        assert_eq!(
            (&found["totalCount"], &found["didYouMean"]),
            (&json!(0), &json!(null))
        );
        let suggested = format!("{{ searchSuggestions(prefix: \"{hidden}\") {{ text }} }}");
        assert_eq!(app.ask(&suggested).await["searchSuggestions"], json!([]));
    }
    // The day comes when it may be shown.
    app.ctx.clock.advance(TimeDelta::days(1));
    let found = search(&app, "wombat").await;
    let mut shown = titles(&found);
    shown.sort_unstable();
    assert_eq!(shown, ["Wombat open", "Wombat tomorrow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_is_a_command() {
    let app = demo().await;
    for query in [
        "title:inception",
        "\"inception\"",
        "inception AND NOT (",
        "+inception -film",
        "inception~2^99",
        "[a TO z]",
        "{inception}",
        "in*ption?",
        "'; DROP TABLE content_items; --",
        "inception\u{0}\u{7}\u{1b}[31m",
        "🎬🎬 inception 👩‍🚀",
        "\\",
        "%_%",
        "\u{202e}inception",
        "a\u{300}\u{301}\u{302}",
    ] {
        let found = search(&app, query).await;
        if query.contains("inception") {
            assert!(titles(&found).contains(&"Inception"), "{query}: {found:#}");
        }
        let suggest = "query ($typed: String!) { searchSuggestions(prefix: $typed) { text } }";
        app.ask_as(&Viewer::Nobody, suggest, json!({ "typed": query }))
            .await;
    }
    search(&app, &"x ".repeat(250)).await;
    search(&app, &"x".repeat(500)).await;
    app.services.search.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_said_clearly() {
    let app = demo().await;
    let refused = async |variables: serde_json::Value, told: &str| {
        let document =
            "query ($query: String!, $filter: ContentFilter, $first: Int, $after: String) {
            search(query: $query, filter: $filter, first: $first, after: $after) { totalCount } }";
        let answer = app.run_as(&Viewer::Nobody, document, variables).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer:#}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    };
    refused(
        json!({ "query": "x".repeat(10_000) }),
        "at most 500 characters",
    )
    .await;
    refused(json!({ "query": "a", "first": -1 }), "between 1 and 100").await;
    refused(json!({ "query": "a", "first": 101 }), "between 1 and 100").await;
    refused(json!({ "query": "a", "after": "nonsense" }), "not a cursor").await;
    let crowd: Vec<_> = (0..200)
        .map(|year| json!({ "year": { "eq": year } }))
        .collect();
    refused(
        json!({ "query": "a", "filter": { "or": crowd } }),
        "at most 100 parts",
    )
    .await;
    // The cursor of another query, of another filter, and of another list.
    let robots = search(&app, "robot").await;
    let cursor = &robots["edges"][0]["cursor"];
    refused(json!({ "query": "space", "after": cursor }), "another list").await;
    let westerns = json!({ "genres": { "has": "Western" } });
    refused(
        json!({ "query": "robot", "filter": westerns, "after": cursor }),
        "another list",
    )
    .await;
    let contents = app.ask("{ contents(first: 1) { edges { cursor } } }").await;
    let foreign = &contents["contents"]["edges"][0]["cursor"];
    refused(
        json!({ "query": "robot", "after": foreign }),
        "another list",
    )
    .await;
    let unknown = "{ search(query: \"a\", filter: { colour: 1 }) { totalCount } }";
    assert_eq!(
        app.code_as(&Viewer::Nobody, unknown, json!({})).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
    let typed = "query ($typed: String!) { searchSuggestions(prefix: $typed) { text } }";
    let long = json!({ "typed": "x".repeat(10_000) });
    assert_eq!(
        app.code_as(&Viewer::Nobody, typed, long).await,
        "BAD_USER_INPUT"
    );
    // The last page's cursor is still good.
    let after = search_with(
        &app,
        json!({ "query": "robot", "after": cursor, "first": 1 }),
    )
    .await;
    assert_eq!(after["edges"][0]["rank"], 2);
}
