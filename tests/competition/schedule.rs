//! The schedule: periods, filters and pages.

use super::*;

const DOCUMENT: &str = "query (
    $from: DateTime!, $to: DateTime!, $channels: [String!], $kinds: [AiringKind!], $content: ID,
    $matched: Boolean, $title: StringFilter, $first: Int, $after: String, $last: Int, $before: String
) {
    competitionSchedule(
        from: $from, to: $to, channels: $channels, kinds: $kinds, contentId: $content, matched: $matched,
        title: $title, first: $first, after: $after, last: $last, before: $before
    ) { totalCount nodes { title startsAt channel { key } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }";

fn march(more: &Value) -> Value {
    let mut variables = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z" });
    for (name, value) in more.as_object().unwrap() {
        variables[name] = value.clone();
    }
    variables
}

async fn ask(app: &TestApp, variables: Value) -> Value {
    let mut answer = app.ask_as(&Viewer::Command, DOCUMENT, variables).await;
    answer["competitionSchedule"].take()
}

fn names(page: &Value) -> Vec<&str> {
    titles(page["nodes"].as_array().unwrap())
}

#[tokio::test]
async fn a_period_has_what_runs_within_it_and_no_more() {
    let app = TestApp::start().await;
    let guide = guide(&[
        programme("a", 1, (18, 20), "Before", ""),
        programme("a", 1, (20, 22), "Runs into it", ""),
        programme("b", 1, (21, 22), "Within", ""),
        programme("a", 1, (22, 23), "Runs out of it", ""),
        programme("b", 1, (23, 24), "After", "").replace("20260301240000", "20260302000000"),
    ]);
    import_guide(&app, &guide).await;
    let variables = json!({ "from": "2026-03-01T20:30:00Z", "to": "2026-03-01T22:30:00Z" });
    let page = ask(&app, variables).await;
    assert_eq!(names(&page), ["Runs into it", "Within", "Runs out of it"]);
    let edge = json!({ "from": "2026-03-01T20:00:00Z", "to": "2026-03-01T23:00:00Z" });
    assert_eq!(
        names(&ask(&app, edge).await),
        ["Runs into it", "Within", "Runs out of it"]
    );
}

#[tokio::test]
async fn the_schedule_is_filtered_by_channel_kind_item_match_and_title() {
    let app = TestApp::start().await;
    let ran = film(&app, "Ran", 1985, 160).await;
    channel(&app, "ours", "UTC", true, &["o"]).await;
    let guide = guide(&[
        programme("a", 1, (18, 21), "Ran", FILM),
        programme("a", 1, (21, 22), "News", "<category>News</category>"),
        programme("b", 1, (18, 21), "Rango", FILM),
        programme("o", 1, (18, 21), "Ran", FILM),
    ]);
    import_guide(&app, &guide).await;
    let ask = async |more: Value| {
        let page = ask(&app, march(&more)).await;
        let found: Vec<String> = page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| {
                format!(
                    "{} {}",
                    node["channel"]["key"].as_str().unwrap(),
                    node["title"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(page["totalCount"], found.len());
        found
    };
    assert_eq!(ask(json!({})).await.len(), 3);
    assert_eq!(ask(json!({ "channels": ["ours"] })).await, ["ours Ran"]);
    assert_eq!(ask(json!({ "channels": ["ours", "b"] })).await.len(), 2);
    assert_eq!(ask(json!({ "channels": [] })).await.len(), 0);
    assert_eq!(ask(json!({ "kinds": ["EPISODE"] })).await, ["a News"]);
    assert_eq!(ask(json!({ "kinds": ["FILM"] })).await.len(), 2);
    assert_eq!(ask(json!({ "content": ran })).await, ["a Ran"]);
    assert_eq!(ask(json!({ "matched": true })).await, ["a Ran"]);
    assert_eq!(ask(json!({ "matched": false })).await.len(), 2);
    assert_eq!(
        ask(json!({ "title": { "contains": "rang" } })).await,
        ["b Rango"]
    );
    assert_eq!(ask(json!({ "title": { "eq": "Ran" } })).await, ["a Ran"]);
}

#[tokio::test]
async fn pages_neither_repeat_nor_miss_a_programme() {
    let app = TestApp::start().await;
    // Twenty-five channels that all begin something at the same time.
    let programmes: Vec<String> = (0..25)
        .flat_map(|number| {
            let channel = format!("c{number}");
            [
                programme(&channel, 1, (18, 19), &format!("Early {number}"), ""),
                programme(&channel, 1, (19, 20), &format!("Late {number}"), ""),
            ]
        })
        .collect();
    import_guide(&app, &guide(&programmes)).await;
    let whole = ask(&app, march(&json!({ "first": 100 }))).await;
    let whole = names(&whole);
    assert_eq!(whole.len(), 50);
    let mut found: Vec<String> = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = ask(&app, march(&json!({ "first": 7, "after": after }))).await;
        assert_eq!(page["totalCount"], 50);
        found.extend(names(&page).into_iter().map(ToOwned::to_owned));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(found, whole);
    let last = ask(&app, march(&json!({ "last": 5 }))).await;
    assert_eq!(names(&last), whole[45..]);
    let before = ask(
        &app,
        march(&json!({ "last": 5, "before": last["pageInfo"]["startCursor"] })),
    )
    .await;
    assert_eq!(names(&before), whole[40..45]);
}

#[tokio::test]
async fn a_schedule_that_asks_too_much_or_of_what_is_not_there_is_refused() {
    let app = TestApp::start().await;
    for variables in [
        json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z" }),
        json!({ "from": "2026-03-01T00:00:00Z", "to": "2027-06-01T00:00:00Z" }),
        march(&json!({ "channels": ["nowhere"] })),
        march(&json!({ "first": 101 })),
        march(&json!({ "after": "nonsense" })),
    ] {
        let code = app
            .code_as(&Viewer::Command, DOCUMENT, variables.clone())
            .await;
        assert_eq!(code, "BAD_USER_INPUT", "{variables}");
    }
}
