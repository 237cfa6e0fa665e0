//! What became of the items of lists.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestApp;

const TELL: &str = "mutation ($rows: [RecommendationFeedbackInput!]!) {
    recordRecommendationFeedback(input: { feedback: $rows }) {
        recorded repeated refused errors { ... on UserError { message path } }
        results { outcome errors { path code message }
            feedback { kind rank rating content { title } interaction { kind value listRank } } } } }";

/// A world with ten films, and the tokens of the first list of a user.
async fn served(app: &TestApp) -> (Viewer, Vec<String>) {
    for number in 0..10 {
        app.film(&format!("Film {number}")).await;
    }
    let viewer = app.viewer(Role::User).await;
    (viewer.clone(), tokens(app, &viewer).await)
}

async fn tokens(app: &TestApp, viewer: &Viewer) -> Vec<String> {
    let document = "{ recommendations(first: 5) { items { attributionToken } } }";
    let data = app.ask_as(viewer, document, json!({})).await;
    let items = data["recommendations"]["items"].as_array().unwrap().iter();
    let token = |item: &Value| item["attributionToken"].as_str().unwrap().to_owned();
    items.map(token).collect()
}

async fn tell(app: &TestApp, viewer: &Viewer, rows: Value) -> Value {
    let mut data = app.ask_as(viewer, TELL, json!({ "rows": rows })).await;
    data["recordRecommendationFeedback"].take()
}

async fn count(app: &TestApp, table: &'static str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_told_twice_counts_once_and_taste_is_learnt_from_it() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let rows = json!([
        { "attributionToken": tokens[0], "kind": "SERVED" },
        { "attributionToken": tokens[0], "kind": "CLICKED" },
        { "attributionToken": tokens[1], "kind": "DISMISSED" },
        { "attributionToken": tokens[2], "kind": "RATED", "rating": 4.5, "idempotencyKey": "stars" },
    ]);
    let told = tell(&app, &viewer, rows.clone()).await;
    assert_eq!(
        (&told["recorded"], &told["errors"]),
        (&json!(4), &json!([])),
        "{told:#}"
    );
    let as_interactions: Vec<&Value> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["feedback"]["interaction"])
        .collect();
    assert_eq!(as_interactions[0], &Value::Null);
    assert_eq!(
        as_interactions[1],
        &json!({ "kind": "CLICK", "value": null, "listRank": 1 })
    );
    assert_eq!(
        as_interactions[2],
        &json!({ "kind": "SKIP", "value": null, "listRank": 2 })
    );
    assert_eq!(
        as_interactions[3],
        &json!({ "kind": "RATING", "value": 4.5, "listRank": 3 })
    );

    let again = tell(&app, &viewer, rows).await;
    assert_eq!(
        (&again["recorded"], &again["repeated"]),
        (&json!(0), &json!(4)),
        "{again:#}"
    );
    assert_eq!(
        (
            count(&app, "feedback").await,
            count(&app, "interactions").await
        ),
        (4, 3)
    );

    // The last stars stay, and whoever changes their mind back is heard.
    for (index, stars) in [2.0, 4.5, 2.0].into_iter().enumerate() {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        let row = json!([{ "attributionToken": tokens[2], "kind": "RATED", "rating": stars }]);
        let told = tell(&app, &viewer, row).await;
        assert_eq!(told["recorded"], 1, "{told:#}");
        assert_eq!(told["results"][0]["feedback"]["rating"], stars);
        assert_eq!(count(&app, "interactions").await, 4 + index as i64);
    }
    // A late repeat of the first call changes nothing.
    let late = json!([{ "attributionToken": tokens[2], "kind": "RATED", "rating": 4.5, "idempotencyKey": "stars" }]);
    let told = tell(&app, &viewer, late).await;
    assert_eq!(told["results"][0]["outcome"], "REPEATED", "{told:#}");
    assert_eq!(told["results"][0]["feedback"]["rating"], 2.0);
    assert_eq!(count(&app, "feedback").await, 4);
    // The same key for something else is a conflict, in a row by itself.
    let other = json!([{ "attributionToken": tokens[1], "kind": "RATED", "rating": 4.5, "idempotencyKey": "stars" }]);
    let told = tell(&app, &viewer, other).await;
    assert_eq!(
        told["results"][0]["errors"][0]["code"], "CONFLICT",
        "{told:#}"
    );
    assert_eq!(count(&app, "feedback").await, 4);
}

#[tokio::test]
async fn wrong_rows_are_refused_by_themselves() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let stranger = app.viewer(Role::User).await;
    let row = |token: &str, kind: &str| json!({ "attributionToken": token, "kind": kind });
    let token = &tokens[0];
    let rows = json!([
        row(token, "CLICKED"),
        row("nonsense", "CLICKED"),
        row(token, "RATED"),
        { "attributionToken": token, "kind": "DISMISSED", "rating": 4 },
        { "attributionToken": token, "kind": "RATED", "rating": 6 },
        { "attributionToken": token, "kind": "RATED", "rating": 5, "idempotencyKey": "" },
        row(token, "CLICKED"),
    ]);
    let told = tell(&app, &viewer, rows).await;
    assert_eq!(
        (&told["recorded"], &told["refused"]),
        (&json!(1), &json!(6)),
        "{told:#}"
    );
    let path = |index: usize| told["results"][index]["errors"][0]["path"].clone();
    assert_eq!(path(1), json!(["feedback", "1", "attributionToken"]));
    assert_eq!(path(2), json!(["feedback", "2", "rating"]));
    assert_eq!(path(5), json!(["feedback", "5", "idempotencyKey"]));
    assert_eq!(path(6), json!(["feedback", "6", "kind"]));

    // Another's list is as unknown as one that never was.
    let theirs = tell(&app, &stranger, json!([row(token, "CLICKED")])).await;
    let (list, _) = token.split_once('.').unwrap();
    let never = tell(
        &app,
        &stranger,
        json!([row(&format!("{list}.99"), "CLICKED")]),
    )
    .await;
    assert_eq!(theirs, never);
    assert_eq!(theirs["refused"], 1);
    let variables = json!({ "rows": [row(token, "CLICKED")] });
    assert_eq!(
        app.code_as(&Viewer::Nobody, TELL, variables).await,
        "UNAUTHENTICATED"
    );
    let apps = app.app(&[Scope::InteractionsWrite]);
    assert_eq!(
        tell(&app, &apps, json!([row(token, "SERVED")])).await["recorded"],
        1
    );
    for many in [0, 101] {
        let told = tell(&app, &viewer, json!(vec![row(token, "SERVED"); many])).await;
        assert_eq!(told["errors"][0]["path"], json!(["feedback"]), "{told:#}");
    }
    assert_eq!(
        (
            count(&app, "feedback").await,
            count(&app, "interactions").await
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn admins_read_how_often_each_rank_is_opened() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let other = app.viewer(Role::User).await;
    let others = self::tokens(&app, &other).await;
    let rows = json!([
        { "attributionToken": tokens[0], "kind": "SERVED" },
        { "attributionToken": tokens[0], "kind": "CLICKED" },
        { "attributionToken": tokens[1], "kind": "DISMISSED" },
        { "attributionToken": tokens[1], "kind": "RATED", "rating": 3 },
    ]);
    assert_eq!(tell(&app, &viewer, rows).await["recorded"], 4);
    // Told as an interaction with the token, it counts as well; told in both ways, once.
    let sql = "SELECT content_id FROM recommendation_items WHERE list_id = $1 AND rank = $2";
    for (viewer, token) in [(&other, &others[1]), (&viewer, &tokens[0])] {
        let (list, rank) = token.split_once('.').unwrap();
        let content: Uuid = sqlx::query_scalar(sql)
            .bind(list.parse::<Id<id::List>>().unwrap().uuid())
            .bind(rank.parse::<i32>().unwrap())
            .fetch_one(app.ctx.db.pool())
            .await
            .unwrap();
        let click = NewInteraction {
            attribution_token: Some(token.clone()),
            ..NewInteraction::new(content.into(), InteractionKind::Click)
        };
        app.services
            .interactions
            .record(viewer, click)
            .await
            .unwrap();
    }
    let document = "{ recommendationStatistics {
        total { served displayed clicked dismissed rated clickThroughRate }
        byRank { rank counts { served clicked clickThroughRate } }
        byContext { context counts { served clicked } } bySource { source counts { served } } } }";
    let admin = app.viewer(Role::Admin).await;
    let data = app.ask_as(&admin, document, json!({})).await;
    let told = &data["recommendationStatistics"];
    assert_eq!(
        told["total"],
        json!({ "served": 10, "displayed": 1, "clicked": 2, "dismissed": 1, "rated": 1, "clickThroughRate": 0.2 }),
        "{told:#}"
    );
    let ranks = told["byRank"].as_array().unwrap();
    assert_eq!(ranks.len(), 5);
    for (index, clicked) in [(0, 1), (1, 1), (2, 0)] {
        assert_eq!(ranks[index]["rank"], index + 1);
        let counts = &ranks[index]["counts"];
        assert_eq!(
            (&counts["served"], &counts["clicked"]),
            (&json!(2), &json!(clicked))
        );
        assert_eq!(counts["clickThroughRate"], f64::from(clicked) / 2.0);
    }
    assert_eq!(
        told["byContext"],
        json!([{ "context": "FEED", "counts": { "served": 10, "clicked": 2 } }])
    );
    assert_eq!(
        told["bySource"],
        json!([{ "source": "NEW", "counts": { "served": 10 } }])
    );
    assert_eq!(app.code_as(&viewer, document, json!({})).await, "FORBIDDEN");
    let empty = "{ recommendationStatistics(from: \"2026-03-02T00:00:00Z\", until: \"2026-03-01T00:00:00Z\") { from } }";
    assert_eq!(
        app.code_as(&admin, empty, json!({})).await,
        "BAD_USER_INPUT"
    );
}

#[tokio::test]
async fn feedback_goes_with_its_user() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let row = json!([{ "attributionToken": tokens[3], "kind": "RATED", "rating": 3.5 }]);
    tell(&app, &viewer, row).await;
    let user = viewer.user().unwrap();
    let document = "mutation ($id: ID!) { exportUser(input: { id: $id }) { export } }";
    let answer = app.ask_as(&viewer, document, json!({ "id": user })).await;
    let exported = &answer["exportUser"]["export"]["feedback"];
    assert_eq!(exported[0]["kind"], "RATED", "{answer:#}");
    assert_eq!(
        (&exported[0]["rank"], &exported[0]["rating"]),
        (&json!(4), &json!(3.5))
    );
}
