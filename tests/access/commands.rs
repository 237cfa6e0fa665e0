//! The commands of the shell.

use clap::Parser;
use marquee::app::commands::{api_key, user};

use crate::code;
use crate::support::TestApp;

#[derive(Parser)]
enum Command {
    User(user::UserArgs),
    ApiKey(api_key::ApiKeyArgs),
}

async fn run(app: &TestApp, line: &[&str]) -> anyhow::Result<()> {
    let line = std::iter::once("marquee").chain(line.iter().copied());
    match Command::try_parse_from(line)? {
        Command::User(args) => user::run(args, &app.services).await,
        Command::ApiKey(args) => api_key::run(args, &app.services).await,
    }
}

#[tokio::test]
async fn an_admin_is_made_at_the_shell() {
    let app = TestApp::start().await;
    let create = [
        "user",
        "create",
        "--email",
        "Root@example.org",
        "--name",
        "Root",
    ];
    let admin = [&create[..], &["--admin"]].concat();
    run(&app, &admin).await.unwrap();
    let role: String = sqlx::query_scalar(
        "SELECT role FROM users WHERE email = 'root@example.org' AND password_hash IS NOT NULL",
    )
    .fetch_one(app.ctx.db.pool())
    .await
    .unwrap();
    assert_eq!(role, "ADMIN");
    let twice = run(&app, &create).await.unwrap_err().to_string();
    assert!(twice.contains("exists"), "{twice}");
    let both = [&admin[..], &["--role", "USER"]].concat();
    assert!(run(&app, &both).await.is_err());
    let nonsense = run(
        &app,
        &["user", "create", "--email", "root", "--name", "Root"],
    )
    .await;
    assert!(
        nonsense
            .unwrap_err()
            .to_string()
            .contains("name@example.org")
    );
    run(&app, &["user", "list", "--role", "admin"])
        .await
        .unwrap();
    let id = app.ask("{ users { nodes { id } } }").await;
    let id = id["users"]["nodes"][0]["id"].as_str().unwrap();
    run(&app, &["user", "export", id]).await.unwrap();
    assert!(run(&app, &["user", "export", "content_x"]).await.is_err());
}

#[tokio::test]
async fn a_key_is_made_listed_and_revoked_at_the_shell() {
    let app = TestApp::start().await;
    let create = [
        "api-key",
        "create",
        "--name",
        "shop",
        "--scope",
        "users-read",
        "--scope",
        "USERS_WRITE",
    ];
    run(&app, &[&create[..], &["--expires-days", "30"]].concat())
        .await
        .unwrap();
    let key = app
        .ask("{ apiKeys { nodes { id scopes expiresAt } } }")
        .await;
    let key = &key["apiKeys"]["nodes"][0];
    assert_eq!(
        key["scopes"],
        serde_json::json!(["USERS_READ", "USERS_WRITE"])
    );
    assert_eq!(key["expiresAt"], "2026-03-31T12:00:00.000000Z");
    run(&app, &["api-key", "list"]).await.unwrap();
    run(&app, &["api-key", "revoke", key["id"].as_str().unwrap()])
        .await
        .unwrap();
    let revoked = app.ask("{ apiKeys { nodes { revokedAt } } }").await;
    assert_eq!(
        revoked["apiKeys"]["nodes"][0]["revokedAt"],
        "2026-03-01T12:00:00.000000Z"
    );
    for bad in [
        vec!["api-key", "create", "--name", "shop"],
        vec![
            "api-key",
            "create",
            "--name",
            "shop",
            "--scope",
            "everything",
        ],
        vec![
            "api-key",
            "create",
            "--name",
            "shop",
            "--scope",
            "USERS_READ",
            "--expires-days",
            "0",
        ],
        vec!["api-key", "revoke", "key_x"],
    ] {
        assert!(run(&app, &bad).await.is_err(), "{bad:?}");
    }
    let none = foundation::Id::new(&app.ctx.clock, &app.ctx.rng);
    let viewer = domain::auth::Viewer::Command;
    let unknown = app.services.auth.revoke_api_key(&viewer, none).await;
    assert_eq!(code(&unknown), "NOT_FOUND");
}
