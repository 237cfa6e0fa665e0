//! Keys for apps.

use chrono::{DateTime, TimeDelta, Utc};
use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope, Viewer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::support::TestApp;
use crate::{audited, bearer, code, register};

async fn key(app: &TestApp, scopes: &[Scope], days: Option<i64>) -> (Viewer, SecretString) {
    let new = NewApiKey {
        name: "shop".into(),
        scopes: scopes.to_vec(),
        expires_at: days.map(|days| app.ctx.clock.now() + TimeDelta::days(days)),
    };
    let made = app.services.auth.create_api_key(&Viewer::Command, new);
    let (_, secret) = made.await.unwrap();
    (bearer(app, &secret).await.unwrap(), secret)
}

#[tokio::test]
async fn a_key_is_shown_once_listed_and_revoked_at_once() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let made = app
        .ask_as(
            &admin,
            r#"mutation { createApiKey(input: { name: "shop", scopes: [USERS_READ, USERS_READ] }) {
                apiKey { id name prefix scopes createdBy { id } } secret errors { __typename } } }"#,
            json!({}),
        )
        .await;
    let made = &made["createApiKey"];
    let secret: SecretString = made["secret"].as_str().unwrap().into();
    let prefix = made["apiKey"]["prefix"].as_str().unwrap();
    assert!(secret.expose_secret().starts_with(&format!("{prefix}_")));
    assert!(prefix.starts_with("mq_"));
    assert_eq!(made["apiKey"]["scopes"], json!(["USERS_READ"]));
    assert_eq!(
        made["apiKey"]["createdBy"]["id"],
        admin.user().unwrap().to_string()
    );
    let stored: String = sqlx::query_scalar("SELECT to_jsonb(k)::text FROM api_keys k")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert!(!stored.contains(secret.expose_secret()));

    let app_viewer = bearer(&app, &secret).await.unwrap();
    let me = app
        .ask_as(
            &app_viewer,
            "{ viewer { ... on ApiKey { name } } }",
            json!({}),
        )
        .await;
    assert_eq!(me["viewer"]["name"], "shop");
    let list = app
        .ask_as(
            &admin,
            "{ apiKeys { totalCount nodes { id lastUsedAt } } }",
            json!({}),
        )
        .await;
    assert_eq!(list["apiKeys"]["totalCount"], 1);
    assert_eq!(
        list["apiKeys"]["nodes"][0]["lastUsedAt"],
        "2026-03-01T12:00:00.000000Z"
    );

    let revoke = "mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { revokedAt } errors { __typename } } }";
    for _ in 0..2 {
        let gone = app
            .ask_as(&admin, revoke, json!({ "id": made["apiKey"]["id"] }))
            .await;
        assert_eq!(gone["revokeApiKey"]["errors"], json!([]));
    }
    assert_eq!(code(&bearer(&app, &secret).await), "UNAUTHENTICATED");
    assert_eq!(audited(&app, "api_key.create").await, 1);
    assert_eq!(audited(&app, "api_key.revoke").await, 1);
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await.user.id;
    let (reader, _) = key(&app, &[Scope::UsersRead], None).await;
    let (writer, _) = key(&app, &[Scope::UsersWrite], None).await;
    let ask = "query ($id: ID!) { user(id: $id) { email } }";
    let seen = app
        .ask_as(&reader, ask, json!({ "id": ana.to_string() }))
        .await;
    assert_eq!(seen["user"]["email"], "ana@example.org");
    let unseen = app
        .ask_as(&writer, ask, json!({ "id": ana.to_string() }))
        .await;
    assert_eq!(unseen["user"], json!(null));

    let make = |role: Role| {
        let mut new = domain::users::NewUser::named("Bob");
        new.role = role;
        new
    };
    let users = &app.services.users;
    assert_eq!(
        code(&users.create(&reader, make(Role::User), None).await),
        "FORBIDDEN"
    );
    assert_eq!(
        code(&users.create(&writer, make(Role::Admin), None).await),
        "FORBIDDEN"
    );
    assert_eq!(
        code(&users.create(&writer, make(Role::User), None).await),
        "OK"
    );
    assert_eq!(
        code(&users.set_role(&writer, ana, Role::Admin).await),
        "FORBIDDEN"
    );
    assert_eq!(code(&app.services.auth.logout(&writer).await), "FORBIDDEN");
    let keys = NewApiKey {
        name: "x".into(),
        scopes: vec![Scope::UsersWrite],
        expires_at: None,
    };
    assert_eq!(
        code(&app.services.auth.create_api_key(&writer, keys).await),
        "FORBIDDEN"
    );
}

#[tokio::test]
async fn a_key_expires_and_its_last_use_is_kept_to_the_minute() {
    let app = TestApp::start().await;
    let (_, secret) = key(&app, &[Scope::UsersRead], Some(1)).await;
    let last_use = || async {
        sqlx::query_scalar::<_, Option<DateTime<Utc>>>("SELECT last_used_at FROM api_keys")
            .fetch_one(app.ctx.db.pool())
            .await
            .unwrap()
    };
    let first = last_use().await;
    app.ctx.clock.advance(TimeDelta::seconds(30));
    bearer(&app, &secret).await.unwrap();
    assert_eq!(last_use().await, first, "not again within a minute");
    app.ctx.clock.advance(TimeDelta::seconds(30));
    bearer(&app, &secret).await.unwrap();
    assert_eq!(last_use().await, Some(app.ctx.clock.now()));
    app.ctx.clock.advance(TimeDelta::days(1));
    assert_eq!(code(&bearer(&app, &secret).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_not_made() {
    let app = TestApp::start().await;
    let past = app.ctx.clock.now();
    for (name, scopes, expires_at) in [
        ("", vec![Scope::UsersRead], None),
        ("a\0b", vec![Scope::UsersRead], None),
        ("shop", vec![], None),
        ("shop", vec![Scope::UsersRead], Some(past)),
    ] {
        let new = NewApiKey {
            name: name.into(),
            scopes,
            expires_at,
        };
        let made = app
            .services
            .auth
            .create_api_key(&Viewer::Command, new)
            .await;
        assert_eq!(code(&made), "BAD_USER_INPUT", "{name}");
    }
}
