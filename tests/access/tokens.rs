//! Access tokens that are believed, and all the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chrono::TimeDelta;
use hmac::digest::KeyInit;
use hmac::{EagerHash, Hmac, Mac};
use marquee::domain::auth::{Role, Viewer};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

use crate::support::{TEST_SECRET, TestApp};
use crate::{PASSWORD, code, login, register, viewer};

fn parts(token: &str) -> (Value, Value, &str) {
    let mut parts = token.split('.');
    let mut json = || serde_json::from_slice(&B64.decode(parts.next().unwrap()).unwrap()).unwrap();
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap())
}

/// A token whose signature is right for `algorithm`, which is HMAC with the hash `H`.
fn sign<H: EagerHash>(algorithm: &str, kid: Option<&str>, claims: &Value, secret: &str) -> String
where
    Hmac<H>: Mac + KeyInit,
{
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let message = format!(
        "{}.{}",
        B64.encode(header.to_string()),
        B64.encode(claims.to_string())
    );
    let hmac = <Hmac<H> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    let signature = hmac.chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", B64.encode(signature))
}

#[tokio::test]
async fn a_token_says_what_it_must_and_no_more() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    let (header, claims, _) = parts(ana.tokens.access.expose_secret());
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], "test");
    assert_eq!(claims["sub"], ana.user.id.to_string());
    assert_eq!(claims["aud"], app.ctx.db.schema().as_str());
    assert_eq!(claims["iss"], "marquee");
    assert_eq!(claims["role"], "USER");
    let seconds = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(seconds, 15 * 60);
    assert!(
        !claims.to_string().contains("example.org"),
        "no personal data"
    );
}

#[tokio::test]
async fn whatever_was_not_signed_here_just_so_is_refused() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    let good = ana.tokens.access.expose_secret();
    let (_, claims, signature) = parts(good);
    let hs256 = |kid, claims: &Value, secret: &str| sign::<Sha256>("HS256", kid, claims, secret);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        hs256(Some("test"), &claims, TEST_SECRET)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        hs256(Some("test"), &claims, TEST_SECRET)
    };
    assert_eq!(
        code(
            &app.services
                .auth
                .authenticate(&with("jti", json!("other")))
                .await
        ),
        "OK"
    );

    let none = json!({ "alg": "none", "typ": "JWT", "kid": "test" }).to_string();
    let none = B64.encode(none);
    let body = B64.encode(claims.to_string());
    let mut raised = claims.clone();
    raised["role"] = json!("ADMIN");
    let head = good.split('.').next().unwrap();
    let forged = format!("{head}.{}.{signature}", B64.encode(raised.to_string()));
    let person = foundation::Id::<foundation::id::Person>::from(ana.user.id.uuid());
    let mut bad = vec![
        String::new(),
        "nonsense".to_owned(),
        "a.b.c".to_owned(),
        "é.é.é".to_owned(),
        "mq_".to_owned(),
        "mq_nokey_nokey".to_owned(),
        "x".repeat(100_000),
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        forged,
        good[..good.len() - 2].to_owned(),
        hs256(
            Some("test"),
            &claims,
            "another secret of the same length, quite",
        ),
        hs256(Some("unknown"), &claims, TEST_SECRET),
        hs256(None, &claims, TEST_SECRET),
        sign::<Sha384>("HS384", Some("test"), &claims, TEST_SECRET),
        sign::<Sha512>("HS512", Some("test"), &claims, TEST_SECRET),
        with("aud", json!("demo")),
        with("aud", json!([])),
        with("iss", json!("somebody")),
        with("sub", json!(person.to_string())),
        with("sub", json!(ana.user.id.uuid().to_string())),
        with("sub", json!("")),
        with("sid", json!(ana.user.id.to_string())),
        with("sid", json!("session_00000000000000000000000000")),
        with("exp", json!(app.ctx.clock.now().timestamp())),
        with("exp", json!("never")),
    ];
    bad.extend(["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"].map(without));
    for token in bad {
        let outcome = app.services.auth.authenticate(&token).await;
        assert_eq!(code(&outcome), "UNAUTHENTICATED", "{token}");
        let sentence = outcome.unwrap_err().to_string();
        assert!(
            !sentence.contains('\n') && sentence.len() < 120,
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_token_ends_to_the_second_by_the_servers_clock() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    app.ctx.clock.advance(TimeDelta::seconds(15 * 60 - 1));
    assert_eq!(code(&viewer(&app, &ana).await), "OK");
    app.ctx.clock.advance(TimeDelta::seconds(1));
    let late = viewer(&app, &ana).await.unwrap_err();
    assert!(late.to_string().contains("expired"), "{late}");
}

#[tokio::test]
async fn a_token_of_one_schema_is_nothing_in_another() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let ana = register(&app, "ana").await;
    assert_eq!(code(&viewer(&app, &ana).await), "OK");
    assert_eq!(code(&viewer(&other, &ana).await), "UNAUTHENTICATED");
    assert_eq!(
        code(&other.services.auth.refresh(&ana.tokens.refresh).await),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn the_role_is_that_of_the_moment() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let ana = register(&app, "ana").await;
    let role = async || match viewer(&app, &ana).await.unwrap() {
        Viewer::User { role, .. } => role,
        other => panic!("{other:?}"),
    };
    assert_eq!(role().await, Role::User);
    let users = &app.services.users;
    users
        .set_role(&admin, ana.user.id, Role::Curator)
        .await
        .unwrap();
    assert_eq!(role().await, Role::Curator);
    users
        .set_role(&admin, ana.user.id, Role::User)
        .await
        .unwrap();
    assert_eq!(role().await, Role::User);
    assert_eq!(crate::audited(&app, "user.role").await, 2);
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_stays_out() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    viewer(&app, &ana).await.unwrap();
    let users = &app.services.users;
    users.disable(&Viewer::Command, ana.user.id).await.unwrap();
    assert_eq!(code(&viewer(&app, &ana).await), "UNAUTHENTICATED");
    assert_eq!(
        code(&app.services.auth.refresh(&ana.tokens.refresh).await),
        "UNAUTHENTICATED"
    );
    assert_eq!(code(&login(&app, "ana", PASSWORD).await), "FORBIDDEN");
    assert_eq!(code(&login(&app, "ana", "wrong").await), "UNAUTHENTICATED");
    users.enable(&Viewer::Command, ana.user.id).await.unwrap();
    assert_eq!(
        code(&viewer(&app, &ana).await),
        "UNAUTHENTICATED",
        "old sessions stay over"
    );
    assert_eq!(code(&login(&app, "ana", PASSWORD).await), "OK");
}

#[tokio::test]
async fn telling_who_asks_costs_one_statement_and_soon_after_none() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    let cost = async || {
        let before = app.ctx.db.statements();
        viewer(&app, &ana).await.unwrap();
        app.ctx.db.statements() - before
    };
    assert_eq!(cost().await, 1);
    assert_eq!(cost().await, 0);
    app.ctx.clock.advance(TimeDelta::seconds(5));
    assert_eq!(cost().await, 1);
    // Another replica has ended the session: this one notices within five seconds.
    sqlx::query("UPDATE refresh_tokens SET revoked_at = now()")
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    app.ctx.clock.advance(TimeDelta::seconds(5));
    assert_eq!(code(&viewer(&app, &ana).await), "UNAUTHENTICATED");
}
