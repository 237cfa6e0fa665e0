//! Users as admins see them, and as they see themselves.

use marquee::domain::auth::{Role, Viewer};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::TestApp;
use crate::{PASSWORD, audited, code, login, register, viewer};

/// Sixty users of all sorts.
async fn crowd(app: &TestApp) {
    sqlx::query(
        "INSERT INTO users (id, email, display_name, role, anonymous, preferences, disabled_at, created_at, updated_at)
         SELECT gen_random_uuid(),
                CASE WHEN n % 3 > 0 THEN 'user' || n || '@example.org' END,
                'User ' || lpad(((n * 37) % 60)::text, 2, '0'),
                CASE n % 10 WHEN 0 THEN 'ADMIN' WHEN 1 THEN 'CURATOR' ELSE 'USER' END,
                n % 15 = 3,
                CASE n % 4 WHEN 0 THEN '{}'::jsonb
                           WHEN 1 THEN '{\"favouriteGenres\": [\"Drama\"], \"languages\": [\"ja\", \"en\"]}'
                           WHEN 2 THEN '{\"favouriteGenres\": [\"Drama\", \"War\"], \"extra\": {\"theme\": \"dark\"}}'
                           ELSE '{\"favouriteGenres\": [\"Comedy\"], \"languages\": [\"fr\"]}' END,
                CASE WHEN n % 20 = 7 THEN timestamptz '2026-02-01' END,
                timestamptz '2026-01-01' + (n % 7) * interval '1 day', timestamptz '2026-01-01'
           FROM generate_series(1, 60) n",
    )
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
}

async fn sql(app: &TestApp, condition: &str, order: &str) -> Vec<String> {
    let sql = format!("SELECT id FROM users WHERE {condition} ORDER BY {order}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    rows.iter()
        .map(|row| Id::<id::User>::from(row.get::<uuid::Uuid, _>(0)).to_string())
        .collect()
}

#[tokio::test]
async fn every_filter_finds_what_sql_finds() {
    let app = TestApp::start().await;
    crowd(&app).await;
    for (filter, condition) in [
        (json!({}), "true"),
        (json!({ "role": { "eq": "CURATOR" } }), "role = 'CURATOR'"),
        (
            json!({ "role": { "in": ["ADMIN", "CURATOR"] } }),
            "role IN ('ADMIN', 'CURATOR')",
        ),
        (
            json!({ "displayName": { "startsWith": "user 1" } }),
            "display_name LIKE 'User 1%'",
        ),
        (json!({ "displayName": { "contains": "%" } }), "false"),
        (json!({ "email": { "isNull": true } }), "email IS NULL"),
        (
            json!({ "email": { "eq": "user4@example.org" } }),
            "email = 'user4@example.org'",
        ),
        (json!({ "anonymous": true }), "anonymous"),
        (json!({ "disabled": true }), "disabled_at IS NOT NULL"),
        (json!({ "disabled": false }), "disabled_at IS NULL"),
        (
            json!({ "createdAt": { "gte": "2026-01-04T00:00:00Z" } }),
            "created_at >= '2026-01-04Z'",
        ),
        (
            json!({ "favouriteGenres": { "has": "War" } }),
            "preferences->'favouriteGenres' ? 'War'",
        ),
        (
            json!({ "favouriteGenres": { "hasAny": ["War", "Comedy"] } }),
            "preferences->'favouriteGenres' ?| array['War','Comedy']",
        ),
        (json!({ "favouriteGenres": { "hasAny": [] } }), "false"),
        (
            json!({ "favouriteGenres": { "hasAll": ["War", "Drama"] } }),
            "preferences->'favouriteGenres' ?& array['War','Drama']",
        ),
        (json!({ "favouriteGenres": { "hasAll": [] } }), "true"),
        (
            json!({ "favouriteGenres": { "isEmpty": true } }),
            "NOT preferences ? 'favouriteGenres'",
        ),
        (
            json!({ "favouriteGenres": { "isEmpty": false } }),
            "preferences ? 'favouriteGenres'",
        ),
        (
            json!({ "languages": { "has": "ja" } }),
            "preferences->'languages' ? 'ja'",
        ),
        (
            json!({ "not": { "favouriteGenres": { "has": "Drama" } } }),
            "NOT coalesce(preferences->'favouriteGenres' ? 'Drama', false)",
        ),
        (
            json!({ "or": [{ "role": { "eq": "ADMIN" } }, { "languages": { "has": "fr" } }], "and": [{ "disabled": false }] }),
            "(role = 'ADMIN' OR preferences->'languages' ? 'fr') AND disabled_at IS NULL",
        ),
    ] {
        let answer = app
            .ask_as(
                &Viewer::Command,
                "query ($f: UserFilter) { users(filter: $f, first: 100, orderBy: { field: CREATED_AT }) { totalCount nodes { id } } }",
                json!({ "f": filter }),
            )
            .await;
        let found: Vec<&str> = ids(&answer["users"]["nodes"]);
        let expected = sql(&app, condition, "created_at, id").await;
        assert_eq!(found, expected, "{filter}");
        assert_eq!(answer["users"]["totalCount"], expected.len(), "{filter}");
    }
}

fn ids(nodes: &Value) -> Vec<&str> {
    nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_order_pages_through_all_both_ways() {
    let app = TestApp::start().await;
    crowd(&app).await;
    for (field, column) in [
        ("CREATED_AT", "created_at"),
        ("DISPLAY_NAME", "display_name COLLATE \"default\""),
        ("EMAIL", "email"),
    ] {
        for direction in ["ASC", "DESC"] {
            let order = format!("{column} {direction} NULLS LAST, id {direction}");
            let expected = sql(&app, "true", &order).await;
            for forward in [true, false] {
                let mut seen: Vec<String> = Vec::new();
                let mut cursor = Value::Null;
                loop {
                    let paging = if forward {
                        "first: 7, after: $c"
                    } else {
                        "last: 7, before: $c"
                    };
                    let answer = app
                        .ask_as(
                            &Viewer::Command,
                            &format!("query ($c: String) {{ users({paging}, orderBy: {{ field: {field}, direction: {direction} }}) {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"),
                            json!({ "c": cursor }),
                        )
                        .await;
                    let page = ids(&answer["users"]["nodes"])
                        .into_iter()
                        .map(ToOwned::to_owned);
                    let info = &answer["users"]["pageInfo"];
                    let more = if forward {
                        seen.extend(page);
                        cursor = info["endCursor"].clone();
                        &info["hasNextPage"]
                    } else {
                        seen.splice(0..0, page);
                        cursor = info["startCursor"].clone();
                        &info["hasPreviousPage"]
                    };
                    if more == false {
                        break;
                    }
                }
                assert_eq!(seen, expected, "{field} {direction} forward: {forward}");
            }
        }
    }
}

#[tokio::test]
async fn favourite_genres_are_found_through_their_index() {
    let app = TestApp::start().await;
    crowd(&app).await;
    let mut connection = app.ctx.db.pool().acquire().await.unwrap();
    sqlx::query("SET enable_seqscan = off")
        .execute(&mut *connection)
        .await
        .unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT * FROM users WHERE preferences @> '{\"favouriteGenres\": [\"War\"]}' OR preferences @> '{\"favouriteGenres\": [\"Comedy\"]}'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    // Not to be handed on with that setting.
    connection.detach();
    assert!(plan.join("\n").contains("users_preferences"), "{plan:#?}");
}

#[tokio::test]
async fn lists_are_for_admins_and_apps_that_may() {
    let app = TestApp::start().await;
    let ana = viewer(&app, &register(&app, "ana").await).await.unwrap();
    for (viewer, expected) in [
        (Viewer::Nobody, "sign in first"),
        (ana, "the role ADMIN"),
        (app.viewer(Role::Curator).await, "the role ADMIN"),
    ] {
        for document in ["{ users { totalCount } }", "{ apiKeys { totalCount } }"] {
            let answer = app.run_as(&viewer, document, json!({})).await;
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[tokio::test]
async fn a_profile_keeps_what_its_change_leaves_out() {
    let app = TestApp::start().await;
    let signed_in = register(&app, "ana").await;
    let ana = viewer(&app, &signed_in).await.unwrap();
    let change = async |viewer: &Viewer, input: Value| {
        let document = "mutation ($i: UpdateProfileInput!) { updateProfile(input: $i) {
            user { displayName preferences { favouriteGenres languages extra } } errors { ... on UserError { path code } } query { viewer { ... on User { displayName } } } } }";
        app.ask_as(viewer, document, json!({ "i": input })).await["updateProfile"].take()
    };
    let user = |name: &str, genres: Value, languages: Value, extra: Value| json!({ "displayName": name, "preferences": { "favouriteGenres": genres, "languages": languages, "extra": extra } });
    let all = json!({ "preferences": { "favouriteGenres": ["War"], "languages": ["ja"], "extra": { "theme": { "dark": true } } } });
    let answer = change(&ana, all).await;
    assert_eq!(
        answer["user"],
        user(
            "ana",
            json!(["War"]),
            json!(["ja"]),
            json!({ "theme": { "dark": true } })
        )
    );
    let answer = change(
        &ana,
        json!({ "displayName": "  Ana  ", "preferences": { "languages": null } }),
    )
    .await;
    assert_eq!(
        answer["user"],
        user(
            "Ana",
            json!(["War"]),
            json!([]),
            json!({ "theme": { "dark": true } })
        )
    );
    assert_eq!(answer["query"]["viewer"]["displayName"], "Ana");
    let answer = change(&ana, json!({ "preferences": null })).await;
    assert_eq!(answer["user"], user("Ana", json!([]), json!([]), json!({})));

    for (input, path) in [
        (json!({ "displayName": "" }), json!(["displayName"])),
        (
            json!({ "preferences": { "extra": [1] } }),
            json!(["preferences", "extra"]),
        ),
        (
            json!({ "preferences": { "extra": { "a": ["\0"] } } }),
            json!(["preferences", "extra"]),
        ),
        (
            json!({ "preferences": { "extra": { "a": "x".repeat(70_000) } } }),
            json!(["preferences", "extra"]),
        ),
        (
            json!({ "preferences": { "languages": [""] } }),
            json!(["preferences", "languages"]),
        ),
        (
            json!({ "preferences": { "favouriteGenres": vec!["x"; 51] } }),
            json!(["preferences", "favouriteGenres"]),
        ),
    ] {
        let answer = change(&ana, input).await;
        assert_eq!(
            answer["errors"],
            json!([{ "path": path, "code": "BAD_USER_INPUT" }])
        );
    }
    let by_admin = json!({ "userId": signed_in.user.id.to_string(), "displayName": "Renamed" });
    assert_eq!(
        change(&Viewer::Command, by_admin).await["user"]["displayName"],
        "Renamed"
    );
    assert_eq!(audited(&app, "user.update").await, 1);
}

#[tokio::test]
async fn an_admin_makes_users_with_and_without_a_password() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let make = async |input: Value| {
        let document = "mutation ($i: CreateUserInput!) { createUser(input: $i) { user { id email role } errors { __typename } } }";
        app.ask_as(&admin, document, json!({ "i": input })).await["createUser"].take()
    };
    let made = make(json!({ "displayName": "Bob", "email": "bob@example.org", "password": PASSWORD, "role": "CURATOR" })).await;
    assert_eq!(made["user"]["role"], "CURATOR");
    assert_eq!(code(&login(&app, "bob", PASSWORD).await), "OK");
    let made = make(json!({ "displayName": "Kim", "email": "kim@example.org" })).await;
    assert_eq!(made["user"]["email"], "kim@example.org");
    assert_eq!(code(&login(&app, "kim", PASSWORD).await), "UNAUTHENTICATED");
    let taken = make(json!({ "displayName": "Kim", "email": "KIM@example.org" })).await;
    assert_eq!(taken["errors"][0]["__typename"], "EmailTaken");
    let pointless = make(json!({ "displayName": "Kim", "password": PASSWORD })).await;
    assert_eq!(pointless["errors"][0]["__typename"], "InvalidInput");
    assert_eq!(audited(&app, "user.create").await, 2);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = TestApp::start().await;
    let (first, second) = (app.viewer(Role::Admin).await, app.viewer(Role::Admin).await);
    let (one, two) = (first.user().unwrap(), second.user().unwrap());
    let users = &app.services.users;
    // Each deposes the other at the same moment: one of them has to fail.
    let (a, b) = tokio::join!(
        users.set_role(&first, two, Role::User),
        users.set_role(&second, one, Role::User)
    );
    let mut codes = [code(&a), code(&b)];
    codes.sort_unstable();
    assert_eq!(codes, ["CONFLICT", "OK"]);
    let last = if a.is_ok() { one } else { two };
    assert_eq!(
        code(&users.disable(&Viewer::Command, last).await),
        "CONFLICT"
    );
    assert_eq!(
        code(&users.set_role(&Viewer::Command, last, Role::Curator).await),
        "CONFLICT"
    );
    assert_eq!(
        code(&users.set_role(&Viewer::Command, last, Role::Admin).await),
        "OK"
    );
    let nobody = Id::new(&app.ctx.clock, &app.ctx.rng);
    assert_eq!(
        code(&users.disable(&Viewer::Command, nobody).await),
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn nodes_are_fetched_by_id_and_only_by_those_who_may() {
    let app = TestApp::start().await;
    let signed_in = register(&app, "ana").await;
    let ana = viewer(&app, &signed_in).await.unwrap();
    let film = crate::film(&app, "Ran").await;
    let ids = json!([
        signed_in.user.id.to_string(),
        film.to_string(),
        signed_in.user.id.to_string()
    ]);
    let ask = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on User { email } ... on Content { title } } }";
    let own = app.ask_as(&ana, ask, json!({ "ids": ids })).await;
    assert_eq!(own["nodes"][0]["email"], "ana@example.org");
    assert_eq!(own["nodes"][1]["title"], "Ran");
    assert_eq!(own["nodes"][2], own["nodes"][0]);
    let stranger = app.viewer(Role::User).await;
    let others = app.ask_as(&stranger, ask, json!({ "ids": ids })).await;
    assert_eq!(others["nodes"][0], Value::Null);
    assert_eq!(others["nodes"][1]["title"], "Ran");
    for (ids, words) in [
        (json!(["nonsense"]), "not an id"),
        (json!(["user_x"]), "not an id"),
        (json!(["session_00000000000000000000000000"]), "not fetched"),
        (json!(vec![film.to_string(); 101]), "at most 100"),
    ] {
        let answer = app.run_as(&ana, ask, json!({ "ids": ids })).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn text_that_postgres_cannot_hold_is_refused_not_a_fault() {
    let app = TestApp::start().await;
    for filter in [
        json!({ "displayName": { "contains": "\0" } }),
        json!({ "favouriteGenres": { "has": "\0" } }),
    ] {
        let answer = app
            .run_as(
                &Viewer::Command,
                "query ($f: UserFilter) { users(filter: $f) { totalCount } }",
                json!({ "f": filter }),
            )
            .await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("U+0000"), "{message}");
    }
}
