//! Paging, what it costs, and what many ask.

use std::collections::HashSet;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use serde_json::json;

use crate::support::TestApp;
use crate::{demo, search, search_with, titles};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_pages_to_its_end_without_repeat_or_gap_while_others_write() {
    let app = TestApp::start().await;
    let content = &app.services.content;
    let add = async |number: u32| {
        let mut fields = Fields::new(ContentKind::Movie, format!("Penguin number {number}"));
        fields.popularity = f64::from(number % 7);
        let made = content.create(&Viewer::Command, fields, Vec::new()).await;
        made.unwrap().id
    };
    let mut there = Vec::new();
    for number in 0..120 {
        there.push(add(number).await.to_string());
    }
    let (mut met, mut after, mut number) = (Vec::new(), json!(null), 1000);
    loop {
        let variables = json!({ "query": "penguin", "first": 13, "after": after });
        let page = search_with(&app, variables).await;
        assert_eq!(page["totalCount"], 120);
        for edge in page["edges"].as_array().unwrap() {
            met.push(edge["node"]["id"].as_str().unwrap().to_owned());
            assert_eq!(edge["rank"], met.len());
        }
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
        // Somebody adds what would come first, and another search is made meanwhile.
        add(number).await;
        search(&app, "penguin").await;
        number += 1;
    }
    let unique: HashSet<_> = met.iter().collect();
    assert_eq!(unique.len(), met.len(), "an item came twice");
    met.sort_unstable();
    there.sort_unstable();
    assert_eq!(met, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_between_two_pages_is_gone_from_the_second() {
    let app = TestApp::start().await;
    for number in 0..6 {
        app.film(&format!("Otter {number}")).await;
    }
    let first = search_with(&app, json!({ "query": "otter", "first": 2 })).await;
    let all = search(&app, "otter").await;
    let third = all["edges"][2]["node"]["id"].as_str().unwrap();
    let content = &app.services.content;
    content
        .delete(&Viewer::Command, third.parse().unwrap())
        .await
        .unwrap();
    let after = &first["pageInfo"]["endCursor"];
    let rest = search_with(
        &app,
        json!({ "query": "otter", "first": 10, "after": after }),
    )
    .await;
    let ranks: Vec<_> = rest["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["rank"].clone())
        .collect();
    assert_eq!(ranks, [4, 5, 6].map(|rank| json!(rank)));
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
}

/// As after a restart, or on another replica.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_outlives_the_draw_that_it_is_of() {
    use marquee::domain::Services;
    use marquee::domain::search::SearchRequest;
    use marquee::foundation::page::{Direction, Window};

    let app = demo().await;
    let service = || Services::new(&app.ctx).search;
    let request = SearchRequest::new("love");
    let first = service()
        .search(&Viewer::Nobody, &request, &Window::first(5))
        .await
        .unwrap();
    let window = Window {
        direction: Direction::Forward,
        size: 5,
        from: Some(first.cursor(&first.hits[4])),
    };
    let second = service()
        .search(&Viewer::Nobody, &request, &window)
        .await
        .unwrap();
    let whole = service()
        .search(&Viewer::Nobody, &request, &Window::first(10))
        .await
        .unwrap();
    let ids = |hits: &[domain::search::model::SearchHit]| -> Vec<_> {
        hits.iter().map(|hit| hit.content).collect()
    };
    assert_eq!(
        [ids(&first.hits), ids(&second.hits)].concat(),
        ids(&whole.hits)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_never_grow_and_equal_searches_answer_the_same() {
    let app = demo().await;
    for query in ["love", "robots in space", "kurosawa samurai", ""] {
        let found = search_with(&app, json!({ "query": query, "first": 100 })).await;
        let edges = found["edges"].as_array().unwrap();
        let scores: Vec<f64> = edges
            .iter()
            .map(|edge| edge["score"].as_f64().unwrap())
            .collect();
        assert!(
            scores.iter().all(|score| (0.0..=1.0).contains(score)),
            "{scores:?}"
        );
        assert!(scores.is_sorted_by(|a, b| a >= b), "{query}: {scores:?}");
        let again = search_with(&app, json!({ "query": query, "first": 100 })).await;
        assert_eq!(titles(&found), titles(&again));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_forty_costs_no_statement_for_each_hit() {
    let app = demo().await;
    let document = "query ($first: Int!) { search(query: \"love\", first: $first) { totalCount
        edges { score highlights { html } node { title directors { name } } }
        facets { genres { value count } kinds { kind count } } } }";
    let cost = async |first: usize| {
        let before = app.ctx.db.statements();
        let data = app
            .ask_as(&Viewer::Nobody, document, json!({ "first": first }))
            .await;
        assert_eq!(data["search"]["edges"].as_array().unwrap().len(), first);
        app.ctx.db.statements() - before
    };
    cost(5).await;
    // A loader may read in two goes on a busy machine, but never once for each hit.
    let (few, many) = (cost(5).await, cost(40).await);
    assert!(few <= 8 && many <= 8, "{few} and {many} statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_five_asked_is_popular_and_only_admins_hear_of_it() {
    let app = demo().await;
    for query in ["Robots!", "robots", "ROBOTS", " robots ", "robots?"] {
        search(&app, query).await;
    }
    for _ in 0..4 {
        search(&app, "my secret diary").await;
    }
    // A later page is not another search, and nothing is none at all.
    let cursor = search(&app, "space").await["pageInfo"]["endCursor"].clone();
    for _ in 0..9 {
        search_with(&app, json!({ "query": "space", "after": cursor })).await;
        search(&app, " ").await;
    }
    app.services.search.flush().await.unwrap();
    let document = "{ popularSearches { query times lastAskedAt } }";
    let expected =
        json!([{ "query": "robots", "times": 5, "lastAskedAt": "2026-03-01T12:00:00Z" }]);
    let reader = app.app(&[Scope::RecommendationsRead]);
    for viewer in [&Viewer::Command, &reader] {
        let mut data = app.ask_as(viewer, document, json!({})).await;
        let mut popular = data["popularSearches"].take();
        let asked = popular[0]["lastAskedAt"]
            .as_str()
            .unwrap()
            .replace(".000000Z", "Z");
        popular[0]["lastAskedAt"] = json!(asked);
        assert_eq!(popular, expected);
    }
    let user = app.viewer(Role::User).await;
    assert_eq!(app.code_as(&user, document, json!({})).await, "FORBIDDEN");
    assert_eq!(
        app.code_as(&Viewer::Nobody, document, json!({})).await,
        "UNAUTHENTICATED"
    );
    let days = "{ popularSearches(days: 0) { query } }";
    assert_eq!(
        app.code_as(&Viewer::Command, days, json!({})).await,
        "BAD_USER_INPUT"
    );
    // A month later nobody asks for it, and half a year later nobody remembers.
    app.ctx.clock.advance(chrono::TimeDelta::days(30));
    let data = app.ask(document).await;
    assert_eq!(data["popularSearches"], json!([]));
    app.ctx.clock.advance(chrono::TimeDelta::days(150));
    app.services.search.flush().await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM search_queries")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn active_users_are_those_who_did_ten_things() {
    let app = demo().await;
    let since = app.ctx.clock.now() - chrono::TimeDelta::days(90);
    let interactions = &app.services.interactions;
    let active = interactions
        .active_users(&Viewer::Command, since, 10, 1000)
        .await
        .unwrap();
    let counted: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT user_id FROM interactions WHERE occurred_at >= $1 GROUP BY user_id \
         HAVING count(*) >= 10 ORDER BY count(*) DESC, user_id",
    )
    .bind(since)
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    let active: Vec<uuid::Uuid> = active.into_iter().map(foundation::Id::uuid).collect();
    assert!(active.len() > 10);
    assert_eq!(active, counted);
    let nobody = interactions
        .active_users(&Viewer::Nobody, since, 10, 10)
        .await;
    assert!(nobody.is_err());
}
