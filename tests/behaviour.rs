//! What users do with content: recording it, reading it back, taking it back, and what it weighs.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic, its helpers included"
)]

mod support;

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::interactions::model::{Attribution, Recorded};
use marquee::domain::interactions::{Interaction, InteractionFilter, InteractionKind as Kind};
use marquee::domain::interactions::{NewInteraction, Outcome};
use marquee::foundation::page::Window;
use marquee::foundation::{Id, Refusal, id};
use serde_json::{Value, json};
use support::{TestApp, start_of_time};

const RECORD: &str = "mutation ($input: RecordInteractionInput!) {
    recordInteraction(input: $input) {
        interaction { id kind value occurredAt content { title } listRank }
        repeated
        errors { __typename ... on UserError { message path code } }
    }
}";

async fn record(app: &TestApp, viewer: &Viewer, input: Value) -> Value {
    let mut answer = app.ask_as(viewer, RECORD, json!({ "input": input })).await;
    answer["recordInteraction"].take()
}

async fn rows(app: &TestApp) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM interactions")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

async fn did(app: &TestApp, viewer: &Viewer, new: NewInteraction) -> Interaction {
    let recorded = app.services.interactions.record(viewer, new).await;
    recorded.unwrap().interaction
}

fn keyed(content: Id<id::Content>, key: &str) -> NewInteraction {
    NewInteraction {
        idempotency_key: Some(key.to_owned()),
        ..NewInteraction::new(content, Kind::View)
    }
}

fn rated(content: Id<id::Content>, stars: f32) -> NewInteraction {
    NewInteraction {
        value: Some(stars),
        ..NewInteraction::new(content, Kind::Rating)
    }
}

#[tokio::test]
async fn what_a_user_did_is_recorded_and_read_back_the_newest_first() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let ran = app.film("Ran").await;
    let made = record(
        &app,
        &user,
        json!({ "contentId": ran, "kind": "RATING", "value": 4.5 }),
    )
    .await;
    assert_eq!(made["errors"], json!([]));
    assert_eq!(made["interaction"]["content"]["title"], "Ran");
    app.ctx.clock.advance(TimeDelta::seconds(1));
    record(&app, &user, json!({ "contentId": ran, "kind": "LIKE" })).await;
    record(
        &app,
        &user,
        json!({ "contentId": ran, "kind": "VIEW", "occurredAt": "2025-12-24T20:00:00Z" }),
    )
    .await;

    let history = app
        .ask_as(
            &user,
            "{ interactions { nodes { kind value occurredAt content { title } } totalCount } }",
            json!({}),
        )
        .await;
    let film = json!({ "title": "Ran" });
    assert_eq!(
        history["interactions"],
        json!({ "totalCount": 3, "nodes": [
            { "kind": "LIKE", "value": null, "occurredAt": "2026-03-01T12:00:01.000000Z", "content": film },
            { "kind": "RATING", "value": 4.5, "occurredAt": "2026-03-01T12:00:00.000000Z", "content": film },
            { "kind": "VIEW", "value": null, "occurredAt": "2025-12-24T20:00:00.000000Z", "content": film },
        ] })
    );
}

#[tokio::test]
async fn a_history_is_filtered_by_kind_content_and_time() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let films = [app.film("Ran").await, app.film("Ikiru").await];
    for day in 1..=6 {
        let kind = if day % 2 == 0 { Kind::Like } else { Kind::View };
        let new = NewInteraction {
            occurred_at: Some(start_of_time() - TimeDelta::days(day)),
            ..NewInteraction::new(films[usize::from(day > 3)], kind)
        };
        did(&app, &user, new).await;
    }
    for (filter, expected) in [
        (json!({ "kind": { "eq": "LIKE" } }), 3),
        (json!({ "kind": { "in": [] } }), 0),
        (json!({ "content": { "eq": films[1] } }), 3),
        (
            json!({ "content": { "in": [films[0]] }, "kind": { "in": ["VIEW", "CLICK"] } }),
            2,
        ),
        (
            json!({ "occurredAt": { "gte": "2026-02-26T12:00:00Z" } }),
            3,
        ),
        (json!({ "occurredAt": { "gt": "2026-02-26T12:00:00Z" } }), 2),
        (json!({ "occurredAt": { "lt": "2026-02-26T12:00:00Z" } }), 3),
        (
            json!({ "occurredAt": { "lte": "2026-02-26T12:00:00Z" } }),
            4,
        ),
        (json!({ "occurredAt": { "eq": "2026-02-26T12:00:00Z" } }), 1),
        (
            json!({ "occurredAt": { "lt": "+200000-01-01T00:00:00Z" } }),
            6,
        ),
    ] {
        let document = "query ($filter: InteractionFilter) {
            interactions(filter: $filter) { nodes { id } totalCount } }";
        let found = app
            .ask_as(&user, document, json!({ "filter": filter }))
            .await;
        assert_eq!(found["interactions"]["totalCount"], expected, "{filter}");
        assert_eq!(
            found["interactions"]["nodes"].as_array().unwrap().len(),
            expected
        );
    }
}

#[tokio::test]
async fn what_cannot_have_been_is_refused_with_the_field_that_is_wrong() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let ran = app.film("Ran").await;
    for (more, field) in [
        (json!({ "kind": "RATING" }), "value"),
        (json!({ "kind": "RATING", "value": 0.4 }), "value"),
        (json!({ "kind": "RATING", "value": 5.1 }), "value"),
        (json!({ "kind": "RATING", "value": 1e300 }), "value"),
        (json!({ "kind": "VIEW", "value": 3 }), "value"),
        (
            json!({ "kind": "VIEW", "occurredAt": "2026-03-01T12:05:01Z" }),
            "occurredAt",
        ),
        (
            json!({ "kind": "VIEW", "occurredAt": "1989-12-31T23:59:59Z" }),
            "occurredAt",
        ),
        (
            json!({ "kind": "VIEW", "occurredAt": "-0500-01-01T00:00:00Z" }),
            "occurredAt",
        ),
        (
            json!({ "kind": "VIEW", "idempotencyKey": "" }),
            "idempotencyKey",
        ),
        (
            json!({ "kind": "VIEW", "idempotencyKey": "a\u{0}b" }),
            "idempotencyKey",
        ),
        (
            json!({ "kind": "VIEW", "idempotencyKey": "x".repeat(201) }),
            "idempotencyKey",
        ),
        (
            json!({ "kind": "VIEW", "attributionToken": "" }),
            "attributionToken",
        ),
        (
            json!({ "kind": "VIEW", "attributionToken": "\u{0}.1" }),
            "attributionToken",
        ),
    ] {
        let mut input = more.clone();
        input["contentId"] = json!(ran);
        let answer = record(&app, &user, input).await;
        assert_eq!(answer["interaction"], Value::Null, "{more}");
        assert_eq!(answer["errors"][0]["path"], json!([field]), "{more}");
        assert_eq!(answer["errors"][0]["code"], "BAD_USER_INPUT");
    }
    let near = json!({ "contentId": ran, "kind": "VIEW", "occurredAt": "2026-03-01T12:05:00Z" });
    assert_eq!(record(&app, &user, near).await["errors"], json!([]));
    assert_eq!(rows(&app).await, 1);
    let kinds = json!({ "input": { "contentId": ran.to_string().replace("content", "person"), "kind": "VIEW" } });
    assert_eq!(app.code_as(&user, RECORD, kinds).await, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_repeat_answers_what_was_recorded_the_first_time() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let other = app.viewer(Role::User).await;
    let ran = app.film("Ran").await;
    let input = json!({ "contentId": ran, "kind": "LIKE", "idempotencyKey": "k" });
    let first = record(&app, &user, input.clone()).await;
    assert_eq!(first["repeated"], false);
    app.ctx.clock.advance(TimeDelta::hours(1));
    // The film may go meanwhile: what was recorded stays so.
    app.services
        .content
        .delete(&Viewer::Command, ran)
        .await
        .unwrap();
    let again = record(&app, &user, input.clone()).await;
    assert_eq!(again["repeated"], true);
    assert_eq!(again["interaction"]["id"], first["interaction"]["id"]);
    assert_eq!(rows(&app).await, 1);
    // Keys are each user's own.
    let others = record(&app, &other, input).await;
    assert_eq!(others["errors"][0]["__typename"], "NotFound");
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_a_conflict() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let (ran, heat) = (app.film("Ran").await, app.film("Heat").await);
    let input = json!({ "contentId": ran, "kind": "RATING", "value": 4.5, "idempotencyKey": "k" });
    let first = record(&app, &user, input.clone()).await;
    assert_eq!(first["errors"], json!([]));
    let changed = |field: &str, value: Value| {
        let mut other = input.clone();
        other[field] = value;
        other
    };
    let others = [
        changed("contentId", json!(heat)),
        changed("value", json!(4.0)),
        changed("occurredAt", json!("2026-02-01T00:00:00Z")),
        json!({ "contentId": ran, "kind": "LIKE", "idempotencyKey": "k" }),
    ];
    // Keys from before requests were kept are told apart by what they made.
    for forget in [false, true] {
        if forget {
            let kept = "UPDATE idempotency_keys SET request_hash = NULL";
            sqlx::query(kept).execute(app.ctx.db.pool()).await.unwrap();
        }
        for other in &others {
            let answer = record(&app, &user, other.clone()).await;
            assert_eq!(answer["errors"][0]["__typename"], "Conflict", "{other}");
            assert_eq!(answer["interaction"], Value::Null);
        }
        let again = record(&app, &user, input.clone()).await;
        assert_eq!(again["repeated"], true, "the same is still a repeat");
        assert_eq!(again["interaction"]["id"], first["interaction"]["id"]);
    }
    assert_eq!(rows(&app).await, 1);
    // In one call as well: the first row with a key is the one.
    let document =
        "mutation ($input: RecordInteractionsInput!) { recordInteractions(input: $input) {
        results { outcome errors { __typename } } errors { __typename } } }";
    let interactions = json!([
        { "contentId": ran, "kind": "CLICK", "idempotencyKey": "new" },
        { "contentId": heat, "kind": "CLICK", "idempotencyKey": "new" },
        { "contentId": ran, "kind": "CLICK", "idempotencyKey": "new" },
    ]);
    let input = json!({ "input": { "interactions": interactions } });
    let answer = app.ask_as(&user, document, input).await;
    let results = &answer["recordInteractions"]["results"];
    let outcome = |row: usize| results[row]["outcome"].as_str().unwrap();
    assert_eq!([0, 1, 2].map(outcome), ["RECORDED", "REFUSED", "REPEATED"]);
    assert_eq!(results[1]["errors"][0]["__typename"], "Conflict");
    assert_eq!(rows(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_repeats_at_once_one_is_recorded() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let ran = app.film("Ran").await;
    let attempts = (0..40).map(|_| {
        let (services, user) = (app.services.clone(), user.clone());
        tokio::spawn(async move {
            // Two keys, in both orders: whoever waits must not wait in a circle.
            let new = vec![keyed(ran, "a"), keyed(ran, "b"), keyed(ran, "a")];
            services.interactions.record_many(&user, new).await.unwrap()
        })
    });
    let mut outcomes: Vec<Outcome> = Vec::new();
    for attempt in futures::future::join_all(attempts).await {
        outcomes.extend(attempt.unwrap());
    }
    let outcomes: Vec<Recorded> = outcomes.into_iter().map(Result::unwrap).collect();
    let fresh = outcomes.iter().filter(|outcome| !outcome.repeated);
    assert_eq!(fresh.count(), 2);
    let ids: HashSet<_> = outcomes
        .iter()
        .map(|outcome| outcome.interaction.id)
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(rows(&app).await, 2);
}

#[tokio::test]
async fn good_rows_are_kept_though_others_are_refused() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let stranger = app.viewer(Role::User).await;
    let ran = app.film("Ran").await;
    let hidden = app.private_film(&stranger, "Mine").await;
    let missing = Id::<id::Content>::from(uuid::Uuid::from_u128(1));
    record(
        &app,
        &user,
        json!({ "contentId": ran, "kind": "LIKE", "idempotencyKey": "old" }),
    )
    .await;
    let document =
        "mutation ($input: RecordInteractionsInput!) { recordInteractions(input: $input) {
        results { outcome interaction { kind } errors { __typename path code } }
        recorded repeated refused errors { __typename } } }";
    let interactions = json!([
        { "contentId": ran, "kind": "VIEW" },
        { "contentId": ran, "kind": "LIKE", "idempotencyKey": "old" },
        { "contentId": ran, "kind": "RATING" },
        { "contentId": missing, "kind": "VIEW" },
        { "contentId": hidden, "kind": "VIEW" },
        { "contentId": ran, "kind": "CLICK", "idempotencyKey": "new" },
        { "contentId": ran, "kind": "CLICK", "idempotencyKey": "new" },
        { "contentId": ran, "kind": "SHARE", "attributionToken": "nonsense" },
        { "contentId": ran, "kind": "PURCHASE" },
    ]);
    let answer = app
        .ask_as(
            &user,
            document,
            json!({ "input": { "interactions": interactions } }),
        )
        .await;
    let answer = &answer["recordInteractions"];
    let outcomes: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "RECORDED", "REPEATED", "REFUSED", "REFUSED", "REFUSED", "RECORDED", "REPEATED",
            "REFUSED", "RECORDED"
        ]
    );
    let errors = |index: usize| &answer["results"][index]["errors"][0];
    assert_eq!(errors(2)["path"], json!(["interactions", "2", "value"]));
    assert_eq!(errors(3)["__typename"], "NotFound");
    // What is not for this user is told like what is not there.
    for row in [3, 4] {
        let place = json!(["interactions", row.to_string(), "contentId"]);
        let missing = json!({ "__typename": "NotFound", "path": place, "code": "NOT_FOUND" });
        assert_eq!(errors(row), &missing);
    }
    assert_eq!(
        errors(7)["path"],
        json!(["interactions", "7", "attributionToken"])
    );
    assert_eq!(
        (&answer["recorded"], &answer["repeated"], &answer["refused"]),
        (&json!(3), &json!(2), &json!(4))
    );
    assert_eq!(rows(&app).await, 4);
}

#[tokio::test]
async fn a_thousand_rows_cost_as_many_statements_as_ten() {
    let app = TestApp::start().await;
    let recorder = app.app(&[Scope::InteractionsWrite]);
    let film = app.film("Ran").await;
    let mut users = Vec::new();
    for _ in 0..10 {
        users.push(app.viewer(Role::User).await.user().unwrap());
    }
    let batch = |count: usize, start: usize| -> Vec<NewInteraction> {
        let row = |index: usize| NewInteraction {
            user: Some(users[index % users.len()].into()),
            ..keyed(film, &format!("k{}", index + start))
        };
        (0..count).map(row).collect()
    };
    let mut costs = Vec::new();
    for (count, start) in [(10, 0), (1000, 10), (500, 0)] {
        let before = app.ctx.db.statements();
        let rows = batch(count, start);
        let outcomes = app.services.interactions.record_many(&recorder, rows).await;
        assert!(outcomes.unwrap().iter().all(Result::is_ok));
        costs.push(app.ctx.db.statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
    assert!(costs[2] <= costs[0] + 2, "{costs:?}");
    assert_eq!(rows(&app).await, 1010);
    for count in [0, 1001] {
        let outcome = app
            .services
            .interactions
            .record_many(&recorder, batch(count, 0))
            .await;
        assert_eq!(outcome.unwrap_err().code(), "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_history_pages_both_ways_without_repeat_or_gap_while_more_arrives() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let film = app.film("Ran").await;
    let mut ids = Vec::new();
    for _ in 0..23 {
        // Some in the same millisecond, where only random bytes order the ids.
        ids.push(
            did(&app, &user, NewInteraction::new(film, Kind::View))
                .await
                .id,
        );
        if ids.len() % 3 == 0 {
            app.ctx.clock.advance(TimeDelta::milliseconds(1));
        }
    }
    ids.sort_unstable();
    ids.reverse();
    let page = async |arguments: String| -> Value {
        let document = format!(
            "{{ interactions({arguments}) {{ nodes {{ id }} \
               pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} }} }}"
        );
        app.ask_as(&user, &document, json!({})).await["interactions"].take()
    };
    let nodes = |page: &Value| -> Vec<String> {
        let nodes = page["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<String> = ids.iter().map(ToString::to_string).collect();

    let (mut forward, mut after) = (Vec::new(), String::new());
    loop {
        let read = page(format!("first: 5 {after}")).await;
        assert_eq!(read["pageInfo"]["hasPreviousPage"], !forward.is_empty());
        forward.extend(nodes(&read));
        // Each page is followed by something new, which belongs before all of them.
        app.ctx.clock.advance(TimeDelta::seconds(1));
        did(&app, &user, NewInteraction::new(film, Kind::Like)).await;
        if read["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = format!("after: {}", read["pageInfo"]["endCursor"]);
    }
    assert_eq!(forward, expected);

    let (mut backward, mut before) = (Vec::new(), String::new());
    loop {
        let read = page(format!("last: 5 {before}")).await;
        let mut part = nodes(&read);
        part.append(&mut backward);
        backward = part;
        if read["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
        before = format!("before: {}", read["pageInfo"]["startCursor"]);
    }
    assert_eq!(backward.len(), expected.len() + 5);
    assert!(backward.ends_with(&expected));
}

#[tokio::test]
async fn only_those_who_may_act_for_a_user_do() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let stranger = app.viewer(Role::Curator).await;
    let admin = app.viewer(Role::Admin).await;
    let film = app.film("Ran").await;
    let mine = app.private_film(&user, "Mine").await;
    let id = user.user().unwrap();
    let of_user = |content| NewInteraction {
        user: Some(id.into()),
        ..NewInteraction::new(content, Kind::View)
    };
    let service = &app.services.interactions;
    for (viewer, code) in [
        (&Viewer::Nobody, "UNAUTHENTICATED"),
        (&stranger, "FORBIDDEN"),
        (
            &app.app(&[Scope::UsersRead, Scope::CatalogueWrite]),
            "FORBIDDEN",
        ),
    ] {
        let refused = service.record(viewer, of_user(film)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{viewer:?}");
    }
    assert_eq!(rows(&app).await, 0);
    let recorder = app.app(&[Scope::InteractionsWrite]);
    for viewer in [&admin, &recorder, &Viewer::Command] {
        did(&app, viewer, of_user(film)).await;
        // As the user they see what the user sees.
        did(&app, viewer, of_user(mine)).await;
    }
    let hidden = app.private_film(&admin, "The admin's").await;
    let refused = service.record(&admin, of_user(hidden)).await.unwrap_err();
    assert_eq!(refused.code(), "NOT_FOUND");
    let nobody = NewInteraction {
        user: Some(Id::from(uuid::Uuid::from_u128(1)).into()),
        ..NewInteraction::new(film, Kind::View)
    };
    let refused = service.record(&recorder, nobody).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no such user");

    let document = "query ($user: ID) { interactions(userId: $user) { totalCount nodes { content { title } } } }";
    let of = json!({ "user": id });
    for (viewer, code) in [
        (&Viewer::Nobody, "UNAUTHENTICATED"),
        (&stranger, "FORBIDDEN"),
        (&recorder, "FORBIDDEN"),
    ] {
        assert_eq!(app.code_as(viewer, document, of.clone()).await, code);
    }
    let reader = app.app(&[Scope::UsersRead]);
    let read = app.ask_as(&reader, document, of.clone()).await;
    assert_eq!(read["interactions"]["totalCount"], 6);
    // The history is the reader's to read, the private film is not.
    let titles = read["interactions"]["nodes"].as_array().unwrap().iter();
    let seen = titles.filter(|node| node["content"] == Value::Null).count();
    assert_eq!(seen, 3);
    let own = app.ask_as(&stranger, document, json!({})).await;
    assert_eq!(own["interactions"]["totalCount"], 0);
}

#[tokio::test]
async fn what_was_done_can_be_taken_back_by_whoever_did_it() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let stranger = app.viewer(Role::User).await;
    let admin = app.viewer(Role::Admin).await;
    let film = app.film("Ran").await;
    let document = "mutation ($id: ID!) { deleteInteraction(input: { id: $id }) { deletedId errors { __typename } } }";
    let first = did(&app, &user, keyed(film, "k")).await.id;
    let second = did(&app, &user, NewInteraction::new(film, Kind::Like))
        .await
        .id;
    let delete = async |viewer: &Viewer, id| {
        let mut answer = app.ask_as(viewer, document, json!({ "id": id })).await;
        answer["deleteInteraction"].take()
    };
    let not_found = json!({ "deletedId": null, "errors": [{ "__typename": "NotFound" }] });
    assert_eq!(delete(&stranger, first).await, not_found);
    let of_first = json!({ "id": first });
    assert_eq!(
        app.code_as(&Viewer::Nobody, document, of_first).await,
        "UNAUTHENTICATED"
    );
    assert_eq!(
        delete(&user, first).await,
        json!({ "deletedId": first, "errors": [] })
    );
    assert_eq!(delete(&user, first).await, not_found);
    assert_eq!(delete(&admin, second).await["deletedId"], json!(second));
    assert_eq!(rows(&app).await, 0);
    // A late repeat does not bring it back.
    let late = app
        .services
        .interactions
        .record(&user, keyed(film, "k"))
        .await;
    assert_eq!(late.unwrap_err().code(), "CONFLICT");
    assert_eq!(rows(&app).await, 0);
}

#[tokio::test]
async fn a_token_says_which_list_and_rank_led_there_if_it_is_the_users_own() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let other = app.viewer(Role::User).await;
    let (ran, ikiru) = (app.film("Ran").await, app.film("Ikiru").await);
    let list = Id::<id::List>::new(&app.ctx.clock, &app.ctx.rng);
    sqlx::query(
        "WITH list AS (INSERT INTO recommendation_lists (id, user_id, context, controls, \
                 weights_version, created_at, blend_sources, blend_weights, events, content_ids, \
                 scores, sources, parts, because_ids, because) \
             VALUES ($1, $2, 'FEED', '{}', 1, $3, '{}', '{}', 0, ARRAY[$4], ARRAY[1], ARRAY[64], \
                 '{}', '{}', ARRAY[0])) \
         INSERT INTO recommendation_items VALUES ($1, 7, $4, 1, 'POPULAR', $3)",
    )
    .bind(list.uuid())
    .bind(user.user().unwrap().uuid())
    .bind(app.ctx.clock.now())
    .bind(ran.uuid())
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
    let with = |content, rank| NewInteraction {
        attribution_token: Some(Attribution { list, rank }.to_string()),
        ..NewInteraction::new(content, Kind::Click)
    };
    let kept = did(&app, &user, with(ran, 7)).await;
    assert_eq!(kept.attribution, Some(Attribution { list, rank: 7 }));
    let (filter, window) = (InteractionFilter::default(), Window::first(1));
    let page = app
        .services
        .interactions
        .history(&user, None, &filter, &window);
    assert_eq!(page.await.unwrap().rows, [kept]);
    for (viewer, new) in [
        (&user, with(ran, 8)),
        (&user, with(ikiru, 7)),
        (&other, with(ran, 7)),
    ] {
        let refused = app.services.interactions.record(viewer, new).await;
        assert_eq!(refused.unwrap_err().code(), "BAD_USER_INPUT");
    }
}

const WEIGHTS: &str = "query ($version: Int) { interactionWeights(version: $version) {
    version rows { kind weight halfLifeSeconds excludeForSeconds } } }";
const UPDATE: &str = "mutation ($input: UpdateInteractionWeightsInput!) {
    updateInteractionWeights(input: $input) {
        weights { version rows { kind weight halfLifeSeconds excludeForSeconds } }
        errors { __typename ... on UserError { path } } } }";

#[tokio::test]
async fn a_change_of_the_weights_is_a_new_version_in_force_at_once() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let user = app.viewer(Role::User).await;
    let first = app.ask_as(&user, WEIGHTS, json!({})).await;
    let row = |table: &Value, kind: &str| -> Value {
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 11);
        rows.iter().find(|row| row["kind"] == kind).unwrap().clone()
    };
    let first = &first["interactionWeights"];
    assert_eq!(
        row(first, "ADD_TO_CART"),
        json!({ "kind": "ADD_TO_CART", "weight": 0.6, "halfLifeSeconds": 1800, "excludeForSeconds": 0 })
    );
    let input = json!({ "input": { "expectedVersion": 1, "weights": [
        { "kind": "VIEW", "weight": 0.25, "excludeForSeconds": 60 },
        { "kind": "SKIP", "halfLifeSeconds": 60 },
        { "kind": "REMOVE_FROM_CART", "excludeForSeconds": null },
    ] } });
    let second = app.ask_as(&admin, UPDATE, input.clone()).await;
    let second = &second["updateInteractionWeights"]["weights"];
    assert_eq!(second["version"], 2);
    assert_eq!(
        row(second, "VIEW"),
        json!({ "kind": "VIEW", "weight": 0.25, "halfLifeSeconds": 300, "excludeForSeconds": 60 })
    );
    // What was left out stays, what is null is for good.
    assert_eq!(row(second, "SKIP")["excludeForSeconds"], 604_800);
    assert_eq!(
        row(second, "REMOVE_FROM_CART")["excludeForSeconds"],
        Value::Null
    );
    assert_eq!(row(second, "LIKE"), row(first, "LIKE"));
    let now = app.ask_as(&user, WEIGHTS, json!({})).await;
    assert_eq!(&now["interactionWeights"], second);
    let before = app.ask_as(&user, WEIGHTS, json!({ "version": 1 })).await;
    assert_eq!(&before["interactionWeights"], first);
    let none = app.ask_as(&user, WEIGHTS, json!({ "version": 9 })).await;
    assert_eq!(none["interactionWeights"], Value::Null);

    let stale = app.ask_as(&admin, UPDATE, input.clone()).await;
    assert_eq!(
        stale["updateInteractionWeights"]["errors"][0]["__typename"],
        "Conflict"
    );
    assert_eq!(app.code_as(&user, UPDATE, input).await, "FORBIDDEN");
    assert_eq!(
        app.code_as(&Viewer::Nobody, WEIGHTS, json!({})).await,
        "UNAUTHENTICATED"
    );
    for (change, field) in [
        (json!({ "kind": "VIEW", "weight": 1.5 }), "weight"),
        (
            json!({ "kind": "VIEW", "halfLifeSeconds": 0 }),
            "halfLifeSeconds",
        ),
        (
            json!({ "kind": "VIEW", "excludeForSeconds": -1 }),
            "excludeForSeconds",
        ),
    ] {
        let input = json!({ "input": { "weights": [change] } });
        let refused = app.ask_as(&admin, UPDATE, input).await;
        let path = &refused["updateInteractionWeights"]["errors"][0]["path"];
        assert_eq!(path, &json!(["weights", "0", field]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_the_weights_at_once_follow_each_other_and_none_is_lost() {
    let app = TestApp::start().await;
    let change = |index: usize| {
        let services = app.services.clone();
        tokio::spawn(async move {
            let change = domain::interactions::weights::WeightChange {
                kind: Kind::ALL[index],
                weight: Some(0.125),
                half_life_seconds: None,
                exclude_for_seconds: None,
            };
            let service = &services.interactions;
            service
                .update_weights(&Viewer::Command, None, vec![change])
                .await
        })
    };
    let changes = futures::future::join_all((0..Kind::ALL.len()).map(change)).await;
    let versions: HashSet<i32> = changes
        .into_iter()
        .map(|changed| changed.unwrap().unwrap().version)
        .collect();
    assert_eq!(versions, (2..=12).collect());
    let table = app.services.interactions.weights().await.unwrap();
    assert_eq!(table.version, 12);
    assert!(
        table
            .rows()
            .iter()
            .all(|row| (row.weight - 0.125).abs() < 1e-6)
    );
}

#[tokio::test]
async fn interactions_are_counted_by_kind_and_day_for_admins() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let user = app.viewer(Role::User).await;
    let film = app.film("Ran").await;
    let mut expected: BTreeMap<(String, String), i64> = BTreeMap::new();
    for step in 0..60_i64 {
        let kind = Kind::ALL[usize::try_from(step % 3).unwrap()];
        let when = start_of_time() - TimeDelta::hours(step * 7);
        let new = NewInteraction {
            occurred_at: Some(when),
            ..NewInteraction::new(film, kind)
        };
        did(&app, &user, new).await;
        let from: DateTime<Utc> = "2026-02-20T00:00:00Z".parse().unwrap();
        if when >= from && when < start_of_time() {
            let group = (when.date_naive().to_string(), kind.as_str().to_owned());
            *expected.entry(group).or_default() += 1;
        }
    }
    let document = "query ($by: [InteractionGrouping!]!, $from: DateTime, $until: DateTime, $kinds: [InteractionKind!]) {
        interactionCounts(groupBy: $by, from: $from, until: $until, kinds: $kinds) { day kind count } }";
    let from = "2026-02-20T00:00:00Z";
    let both = app
        .ask_as(
            &admin,
            document,
            json!({ "by": ["DAY", "KIND"], "from": from }),
        )
        .await;
    let counted: BTreeMap<(String, String), i64> = both["interactionCounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let text = |field: &str| group[field].as_str().unwrap().to_owned();
            (
                (text("day"), text("kind")),
                group["count"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counted, expected);
    let views: i64 = expected
        .iter()
        .filter(|((_, kind), _)| kind == "VIEW")
        .map(|(_, count)| count)
        .sum();
    let all = app
        .ask_as(
            &admin,
            document,
            json!({ "by": [], "from": from, "kinds": ["VIEW"] }),
        )
        .await;
    assert_eq!(
        all["interactionCounts"],
        json!([{ "day": null, "kind": null, "count": views }])
    );
    let by = json!({ "by": ["KIND"] });
    assert_eq!(app.code_as(&user, document, by.clone()).await, "FORBIDDEN");
    assert_eq!(
        app.code_as(&Viewer::Nobody, document, by).await,
        "UNAUTHENTICATED"
    );
    for (from, until) in [
        ("2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("-262000-01-01T00:00:00Z", "+262000-01-01T00:00:00Z"),
    ] {
        let range = json!({ "by": ["DAY"], "from": from, "until": until });
        assert_eq!(app.code_as(&admin, document, range).await, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn each_users_last_rating_of_a_film_counts() {
    let app = TestApp::start().await;
    let (ran, ikiru) = (app.film("Ran").await, app.film("Ikiru").await);
    let (ana, bob) = (app.viewer(Role::User).await, app.viewer(Role::User).await);
    did(&app, &ana, rated(ran, 1.0)).await;
    app.ctx.clock.advance(TimeDelta::minutes(1));
    did(&app, &ana, rated(ran, 5.0)).await;
    did(&app, &bob, rated(ran, 4.0)).await;
    did(&app, &bob, NewInteraction::new(ran, Kind::Dislike)).await;
    let document = "query ($a: ID!, $b: ID!) {
        a: content(id: $a) { ratings { count mean } interactionCount }
        b: content(id: $b) { ratings { count mean } interactionCount } }";
    let answer = app
        .ask_as(&Viewer::Nobody, document, json!({ "a": ran, "b": ikiru }))
        .await;
    assert_eq!(
        answer["a"],
        json!({ "ratings": { "count": 2, "mean": 4.5 }, "interactionCount": 4 })
    );
    assert_eq!(
        answer["b"],
        json!({ "ratings": { "count": 0, "mean": null }, "interactionCount": 0 })
    );
}

#[tokio::test]
async fn one_refusal_alone_is_the_error_of_the_call() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let missing = NewInteraction::new(Id::from(uuid::Uuid::from_u128(1)), Kind::View);
    let refused = app.services.interactions.record(&user, missing).await;
    let thing = "content item";
    let expected = Refusal::NotFound { thing }.at("contentId");
    match refused.unwrap_err() {
        foundation::Error::Refused(refusal) => assert_eq!(refusal, expected),
        other => panic!("{other}"),
    }
}
