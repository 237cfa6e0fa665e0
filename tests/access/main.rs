//! People and access: who gets in, who stays out, and who sees what.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod keys;
mod oauth;
mod replicas;
mod sessions;
mod stale_tokens;
mod tokens;
mod users;
mod visitors;
mod walls;

use marquee::domain::auth::{Client, Credentials, SignedIn, Viewer};
use marquee::foundation::{Id, Result, id};
use secrecy::{ExposeSecret, SecretString};
use support::TestApp;

/// A password that the rules accept.
pub const PASSWORD: &str = "a film a day keeps";

/// Registers somebody of this name, at `name@example.org`.
pub async fn register(app: &TestApp, name: &str) -> SignedIn {
    let email = format!("{name}@example.org").parse().unwrap();
    app.services
        .auth
        .register(&Viewer::Nobody, name.to_owned(), email, &PASSWORD.into())
        .await
        .unwrap()
}

/// Tries to sign in as `name@example.org` from nowhere in particular.
pub async fn login(app: &TestApp, name: &str, password: &str) -> Result<SignedIn> {
    login_from(app, Client::default(), name, password).await
}

/// Tries to sign in from an address.
pub async fn login_from(
    app: &TestApp,
    client: Client,
    name: &str,
    password: &str,
) -> Result<SignedIn> {
    let credentials = Credentials {
        email: format!("{name}@example.org"),
        password: password.into(),
    };
    app.services.auth.login(client, &credentials).await
}

/// On whose behalf the bearer of these tokens asks.
pub async fn viewer(app: &TestApp, signed_in: &SignedIn) -> Result<Viewer> {
    bearer(app, &signed_in.tokens.access).await
}

/// On whose behalf the bearer of this token asks.
pub async fn bearer(app: &TestApp, token: &SecretString) -> Result<Viewer> {
    app.services.auth.authenticate(token.expose_secret()).await
}

/// The code of a refusal, or `OK`.
pub fn code<T>(outcome: &Result<T>) -> &'static str {
    outcome
        .as_ref()
        .map_or_else(foundation::Error::code, |_| "OK")
}

/// How many lines of the audit log tell of this action.
pub async fn audited(app: &TestApp, action: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_log WHERE action = $1")
        .bind(action)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

/// A film that everybody may see.
pub async fn film(app: &TestApp, title: &str) -> Id<id::Content> {
    use marquee::domain::content::{ContentKind, Fields};
    let fields = Fields::new(ContentKind::Movie, title);
    let made = app
        .services
        .content
        .create(&Viewer::Command, fields, Vec::new());
    made.await.unwrap().id
}
