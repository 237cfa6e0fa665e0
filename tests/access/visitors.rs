//! Visitors who become known, and what is kept about anybody.

use marquee::domain::auth::Viewer;
use marquee::foundation::{Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::support::TestApp;
use crate::{audited, code, film, register, viewer};

/// Each table and column that refers to a user, and what merging does about it.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("api_keys", "created_by", "an anonymous user makes none"),
    ("batch_recommendations", "user_id", "dropped"),
    ("content_items", "creator_id", "moved"),
    ("content_tags", "user_id", "moved"),
    ("feedback", "user_id", "moved and exported"),
    ("generation_jobs", "owner_id", "moved and exported"),
    ("idempotency_keys", "user_id", "moved"),
    ("interactions", "user_id", "moved"),
    ("recommendation_lists", "user_id", "moved"),
    ("refresh_tokens", "user_id", "revoked"),
    (
        "slate_selections",
        "curator_id",
        "an anonymous user is no curator; exported",
    ),
    ("uploads", "owner_id", "moved and exported"),
    (
        "users",
        "merged_into",
        "only anonymous users are merged, and nobody into them",
    ),
];

#[tokio::test]
async fn merging_and_exporting_know_every_table_that_refers_to_a_user() {
    let app = TestApp::start().await;
    let found: Vec<(String, String)> = sqlx::query_as(
        // Of a partition, the table that it is a part of.
        "SELECT DISTINCT coalesce(whole.relname, r.relname)::text, a.attname::text
           FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
           LEFT JOIN pg_inherits part ON part.inhrelid = r.oid
           LEFT JOIN pg_class whole ON whole.oid = part.inhparent
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
          WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND c.conparentid = 0
          ORDER BY 1, 2",
    )
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    let known: Vec<_> = REFERENCES
        .iter()
        .map(|(table, column, _)| (table.to_string(), column.to_string()))
        .collect();
    assert_eq!(
        found, known,
        "teach mergeUsers (domain/users/merge) and exportUser (domain/users/export) about the \
         table, and then this list"
    );
}

async fn run(app: &TestApp, sql: &'static str, ids: [Uuid; 3]) {
    sqlx::query(sql)
        .bind(ids[0])
        .bind(ids[1])
        .bind(ids[2])
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
}

/// Something of everything about `user`, who has film `a`.
async fn history(app: &TestApp, user: Id<id::User>, a: Id<id::Content>, key: &str) {
    let pool = app.ctx.db.pool();
    let new = || Id::<id::Interaction>::new(&app.ctx.clock, &app.ctx.rng).uuid();
    let (interaction, list) = (new(), new());
    for (sql, id) in [
        (
            "INSERT INTO interactions (id, user_id, content_id, kind, value, occurred_at) VALUES ($3, $1, $2, 'RATING', 4.5, '2026-02-01')",
            interaction,
        ),
        (
            "INSERT INTO recommendation_lists (id, user_id, context, controls, weights_version, created_at, blend_sources, blend_weights, events, content_ids, scores, sources, parts, because_ids, because) VALUES ($3, $1, 'FEED', '{}', 1, '2026-03-01', '{}', '{}', 0, ARRAY[$2], '{0.5}', '{64}', '{}', ARRAY[$2], '{1}')",
            list,
        ),
        (
            "INSERT INTO recommendation_items (list_id, rank, content_id, score, source, served_at) SELECT $3, 1, $2, 0.5, 'POPULAR', '2026-03-01' WHERE $1::uuid IS NOT NULL",
            list,
        ),
        (
            "INSERT INTO feedback (id, list_id, rank, user_id, kind, at) SELECT gen_random_uuid(), $3, 1, $1, 'CLICKED', '2026-03-01' WHERE $2::uuid IS NOT NULL",
            list,
        ),
        (
            "INSERT INTO batch_recommendations (model_version_id, user_id, content_ids, scores, because) SELECT id, $1, ARRAY[$2], '{0.5}', ARRAY[$2] FROM model_versions WHERE $3::uuid IS NOT NULL ON CONFLICT DO NOTHING",
            list,
        ),
    ] {
        run(app, sql, [user.uuid(), a.uuid(), id]).await;
    }
    sqlx::query("INSERT INTO content_tags VALUES ($1, $2, 'samurai', '2026-02-01')")
        .bind(a.uuid())
        .bind(user.uuid())
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO idempotency_keys VALUES ($1, $2, $3, '2026-02-01')")
        .bind(user.uuid())
        .bind(key)
        .bind(interaction)
        .execute(pool)
        .await
        .unwrap();
}

async fn model(app: &TestApp) {
    sqlx::query("INSERT INTO model_versions (id, kind, version, state, algorithm, created_at) VALUES (gen_random_uuid(), 'COLLABORATIVE', '1.0.0', 'ACTIVE', 'als', now())")
        .execute(app.ctx.db.pool()).await.unwrap();
}

async fn counts(app: &TestApp, user: Id<id::User>) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "interactions",
        "recommendation_lists",
        "feedback",
        "content_tags",
        "idempotency_keys",
        "batch_recommendations",
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE user_id = $1");
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(user.uuid());
        counts.push(count.fetch_one(app.ctx.db.pool()).await.unwrap());
    }
    counts
}

#[tokio::test]
async fn a_visitor_becomes_part_of_the_user_they_turn_out_to_be() {
    let app = TestApp::start().await;
    model(&app).await;
    let (a, b) = (film(&app, "Ran").await, film(&app, "Ikiru").await);
    let started = app
        .ask_as(&Viewer::Nobody, "mutation { startAnonymousSession { user { id anonymous email } tokens { accessToken } } }", json!({}))
        .await;
    let started = &started["startAnonymousSession"];
    assert_eq!(started["user"]["anonymous"], true);
    let guest: Id<id::User> = started["user"]["id"].as_str().unwrap().parse().unwrap();
    let token = started["tokens"]["accessToken"].as_str().unwrap();
    let guest_viewer = crate::bearer(&app, &token.into()).await.unwrap();
    let likes = r#"mutation { updateProfile(input: { preferences: { favouriteGenres: ["War"] } }) { errors { __typename } } }"#;
    app.ask_as(&guest_viewer, likes, json!({})).await;

    let signed_in = register(&app, "ana").await;
    let (ana, ana_id) = (viewer(&app, &signed_in).await.unwrap(), signed_in.user.id);
    history(&app, guest, a, "the same").await;
    history(&app, guest, b, "another").await;
    history(&app, ana_id, a, "the same").await;

    let merge = "mutation ($t: String!) { mergeUsers(input: { anonymousToken: $t }) { user { id preferences { favouriteGenres } } errors { __typename ... on UserError { message } } } }";
    let merged = app.ask_as(&ana, merge, json!({ "t": token })).await;
    assert_eq!(merged["mergeUsers"]["errors"], json!([]));
    assert_eq!(
        merged["mergeUsers"]["user"]["preferences"]["favouriteGenres"],
        json!(["War"])
    );
    assert_eq!(counts(&app, guest).await, [0, 0, 0, 0, 0, 0]);
    // One tag and one key that both had; the lists drawn for the guest as a batch are dropped.
    assert_eq!(counts(&app, ana_id).await, [3, 3, 3, 2, 2, 1]);
    assert_eq!(
        code(&crate::bearer(&app, &token.into()).await),
        "UNAUTHENTICATED"
    );
    assert_eq!(audited(&app, "user.merge").await, 1);

    let again = app.ask_as(&ana, merge, json!({ "t": token })).await;
    assert_eq!(
        again["mergeUsers"]["errors"][0]["__typename"],
        "InvalidInput"
    );
    let listed = app
        .ask_as(&Viewer::Command, "{ users { nodes { id } } }", json!({}))
        .await;
    assert_eq!(
        listed["users"]["nodes"],
        json!([{ "id": ana_id.to_string() }])
    );
}

#[tokio::test]
async fn only_a_visitor_is_merged_and_only_into_somebody_known() {
    let app = TestApp::start().await;
    let auth = &app.services.auth;
    let (guest, other) = (
        auth.start_anonymous_session(&Viewer::Nobody).await.unwrap(),
        auth.start_anonymous_session(&Viewer::Nobody).await.unwrap(),
    );
    let (ana, bob) = (register(&app, "ana").await, register(&app, "bob").await);
    let users = &app.services.users;
    let ana_viewer = viewer(&app, &ana).await.unwrap();
    let by_ids = users.merge(&ana_viewer, guest.user.id, ana.user.id).await;
    assert_eq!(code(&by_ids), "FORBIDDEN", "ids are no proof");
    let of_known = users.merge_by_token(&ana_viewer, &bob.tokens.access).await;
    assert_eq!(code(&of_known), "CONFLICT");
    let own = users.merge_by_token(&ana_viewer, &ana.tokens.access).await;
    assert_eq!(code(&own), "CONFLICT");
    let guest_viewer = viewer(&app, &guest).await.unwrap();
    let into_guest = users
        .merge_by_token(&guest_viewer, &other.tokens.access)
        .await;
    assert_eq!(code(&into_guest), "CONFLICT");
    let key = users
        .merge(&Viewer::Command, guest.user.id, ana.user.id)
        .await;
    assert_eq!(code(&key), "OK");
    let twice = users
        .merge(&Viewer::Command, guest.user.id, bob.user.id)
        .await;
    assert_eq!(code(&twice), "CONFLICT");
}

#[tokio::test]
async fn an_export_holds_everything_about_a_user_and_nothing_about_others() {
    let app = TestApp::start().await;
    model(&app).await;
    let (a, b) = (film(&app, "Ran").await, film(&app, "Ikiru").await);
    let (ana, bob) = (register(&app, "ana").await, register(&app, "bob").await);
    history(&app, ana.user.id, a, "mine").await;
    history(&app, bob.user.id, b, "BOBS KEY").await;
    let ana_viewer = viewer(&app, &ana).await.unwrap();
    let own = r#"mutation { createContent(input: { kind: TEXT, title: "Diary", visibility: PRIVATE }) { errors { __typename } } }"#;
    app.ask_as(&ana_viewer, own, json!({})).await;
    let ask = "mutation { exportUser(input: {}) { export errors { __typename } } }";
    let answer = app.ask_as(&ana_viewer, ask, json!({})).await;
    let export = &answer["exportUser"]["export"];
    assert_eq!(export["user"]["email"], "ana@example.org");
    assert_eq!(export["interactions"][0]["content"], a.to_string());
    assert_eq!(export["interactions"][0]["value"], 4.5);
    assert_eq!(export["recommendationLists"][0]["served"][0]["rank"], 1);
    assert_eq!(
        export["batchRecommendations"][0]["content"],
        json!([a.to_string()])
    );
    assert_eq!(export["feedback"][0]["kind"], "CLICKED");
    assert_eq!(export["tags"][0]["tag"], "samurai");
    assert_eq!(export["idempotencyKeys"][0]["key"], "mine");
    assert_eq!(export["content"][0]["title"], "Diary");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    let text = export.to_string();
    for foreign in [
        "BOBS KEY",
        &bob.user.id.to_string(),
        &b.to_string(),
        "argon2",
    ] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    let users = &app.services.users;
    assert_eq!(
        code(&users.export(&ana_viewer, bob.user.id).await),
        "FORBIDDEN"
    );
    users.export(&Viewer::Command, bob.user.id).await.unwrap();
    assert_eq!(audited(&app, "user.export").await, 1);
}

#[tokio::test]
async fn a_long_history_is_exported_whole_and_one_too_long_is_refused_with_the_way() {
    let app = TestApp::start().await;
    let a = film(&app, "Ran").await;
    let ana = register(&app, "ana").await;
    let rows = "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at)
                SELECT ('01900000' || substr(md5(random()::text), 1, 24))::uuid, $1, $2, 'VIEW', '2026-02-01' FROM generate_series(1, 2500) WHERE $3::uuid IS NOT NULL";
    let ids = [ana.user.id.uuid(), a.uuid(), Uuid::nil()];
    run(&app, rows, ids).await;
    let users = &app.services.users;
    let export = users.export(&Viewer::Command, ana.user.id).await.unwrap();
    assert_eq!(export["interactions"].as_array().unwrap().len(), 2500);
    for _ in 0..40 {
        run(&app, rows, ids).await;
    }
    let refused = users
        .export(&Viewer::Command, ana.user.id)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("marquee user export"),
        "{refused}"
    );
    let mut seen = 0;
    let mut count = |section: &'static str, _| {
        seen += usize::from(section == "interactions");
        Ok(())
    };
    users
        .export_rows(&Viewer::Command, ana.user.id, &mut count)
        .await
        .unwrap();
    assert_eq!(seen, 41 * 2500);
}
