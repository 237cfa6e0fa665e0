//! Registering, signing in and out, and the tokens in between.

use std::net::IpAddr;

use chrono::TimeDelta;
use marquee::domain::auth::{Client, Role, Viewer};
use marquee::foundation::{Error, Refusal};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{TestApp, settings};
use crate::{PASSWORD, audited, bearer, code, login, login_from, register, viewer};

#[tokio::test]
async fn an_account_is_made_used_refreshed_and_left_through_graphql() {
    let app = TestApp::start().await;
    let made = app
        .ask_as(
            &Viewer::Nobody,
            r#"mutation { register(input: { email: "Ana@Example.org", password: "a film a day keeps", displayName: "Ana" }) {
                user { id email displayName role } tokens { accessToken tokenType expiresInSeconds refreshToken } errors { __typename } } }"#,
            json!({}),
        )
        .await;
    let user = &made["register"]["user"];
    assert_eq!(user["email"], "ana@example.org");
    assert_eq!(user["role"], "USER");
    let tokens = &made["register"]["tokens"];
    assert_eq!(tokens["expiresInSeconds"], 900);
    let access = tokens["accessToken"].as_str().unwrap().into();
    let ana = bearer(&app, &access).await.unwrap();
    let me = app
        .ask_as(&ana, "{ viewer { ... on User { id email } } }", json!({}))
        .await;
    assert_eq!(
        me["viewer"],
        json!({ "id": user["id"], "email": "ana@example.org" })
    );

    let next = app
        .ask_as(
            &Viewer::Nobody,
            "mutation ($t: String!) { refreshToken(input: { refreshToken: $t }) { tokens { accessToken } user { id } errors { __typename } } }",
            json!({ "t": tokens["refreshToken"] }),
        )
        .await;
    assert_eq!(next["refreshToken"]["user"]["id"], user["id"]);
    let access = next["refreshToken"]["tokens"]["accessToken"]
        .as_str()
        .unwrap()
        .into();
    let ana = bearer(&app, &access).await.unwrap();
    let out = app
        .ask_as(&ana, "mutation { logout { done } }", json!({}))
        .await;
    assert_eq!(out["logout"]["done"], true);
    assert_eq!(code(&bearer(&app, &access).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn what_registration_refuses_it_names() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    for (email, password, name, error) in [
        ("ana@example.org", PASSWORD, "Ana", "EmailTaken"),
        ("bob@example.org", "short", "Bob", "WeakPassword"),
        ("bob@example.org", "bob@example.org", "Bob", "WeakPassword"),
        ("bob@example.org", "Password1234", "Bob", "WeakPassword"),
        ("bob@example.org", PASSWORD, " ", "InvalidInput"),
        ("bob@example.org", PASSWORD, "Bo\nb", "InvalidInput"),
    ] {
        let answer = app
            .ask_as(
                &Viewer::Nobody,
                "mutation ($i: RegisterInput!) { register(input: $i) { tokens { tokenType } errors { __typename } } }",
                json!({ "i": { "email": email, "password": password, "displayName": name } }),
            )
            .await;
        let expected = json!({ "tokens": null, "errors": [{ "__typename": error }] });
        assert_eq!(answer["register"], expected, "{email} {password} {name}");
    }
    let bad = app
        .run_as(
            &Viewer::Nobody,
            r#"mutation { register(input: { email: "nobody", password: "a film a day", displayName: "N" }) { errors { __typename } } }"#,
            json!({}),
        )
        .await;
    assert!(
        bad["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("name@example.org")
    );
}

#[tokio::test]
async fn a_closed_server_registers_for_admins_only() {
    let mut settings = settings();
    settings.auth.open_registration = false;
    let app = TestApp::with(settings).await;
    let auth = &app.services.auth;
    let email = || "ana@example.org".parse().unwrap();
    let password = PASSWORD.into();
    let stranger = auth.register(&Viewer::Nobody, "Ana".into(), email(), &password);
    assert_eq!(code(&stranger.await), "FORBIDDEN");
    assert_eq!(
        code(&auth.start_anonymous_session(&Viewer::Nobody).await),
        "FORBIDDEN"
    );
    let admin = app.viewer(Role::Admin).await;
    let by_admin = auth.register(&admin, "Ana".into(), email(), &password);
    assert_eq!(code(&by_admin.await), "OK");
}

#[tokio::test]
async fn an_unknown_account_and_a_wrong_password_are_told_the_same() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let wrong = login(&app, "ana", "not the one").await.unwrap_err();
    let unknown = login(&app, "nobody", "not the one").await.unwrap_err();
    let nonsense = login(&app, "no body @", "not the one").await.unwrap_err();
    assert_eq!(wrong.to_string(), unknown.to_string());
    assert_eq!(wrong.to_string(), nonsense.to_string());
    assert!(matches!(wrong, Error::Refused(Refusal::InvalidCredentials)));
    assert_eq!(code(&login(&app, "ANA", PASSWORD).await), "OK");
}

/// Comparing is what takes the time, and it is done for both alike.
#[tokio::test]
async fn an_unknown_account_costs_the_same_work_as_a_wrong_password() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    for name in ["ana", "nobody", "not an address"] {
        let before = app.services.auth.password_comparisons();
        login(&app, name, "not the one").await.unwrap_err();
        let after = app.services.auth.password_comparisons();
        assert_eq!(after - before, 1, "{name}");
    }
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_ends_its_session() {
    let app = TestApp::start().await;
    let first = register(&app, "ana").await;
    let elsewhere = login(&app, "ana", PASSWORD).await.unwrap();
    let auth = &app.services.auth;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    assert_eq!(code(&viewer(&app, &second).await), "OK");

    let reused = auth.refresh(&first.tokens.refresh).await;
    assert!(matches!(reused, Err(Error::Refused(Refusal::InvalidToken))));
    assert_eq!(
        code(&auth.refresh(&second.tokens.refresh).await),
        "UNAUTHENTICATED"
    );
    assert_eq!(code(&viewer(&app, &second).await), "UNAUTHENTICATED");
    assert_eq!(
        code(&viewer(&app, &elsewhere).await),
        "OK",
        "another session of the same user"
    );
    assert_eq!(audited(&app, "session.reuse").await, 1);
    let log: String =
        sqlx::query_scalar("SELECT string_agg(to_jsonb(a)::text, '') FROM audit_log a")
            .fetch_one(app.ctx.db.pool())
            .await
            .unwrap();
    assert!(!log.contains(first.tokens.refresh.expose_secret()));
}

#[tokio::test]
async fn of_many_who_refresh_with_one_token_exactly_one_wins() {
    let app = TestApp::start().await;
    let first = register(&app, "ana").await;
    let tries = (0..6).map(|_| app.services.auth.refresh(&first.tokens.refresh));
    let outcomes = futures::future::join_all(tries).await;
    let won: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().ok())
        .collect();
    assert_eq!(won.len(), 1);
    // The others counted as reuse, so that nobody's session is left.
    assert_eq!(code(&viewer(&app, won[0]).await), "UNAUTHENTICATED");
    assert_eq!(audited(&app, "session.reuse").await, 1);
}

#[tokio::test]
async fn a_refresh_token_ends_and_what_is_none_is_refused() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    for nonsense in [
        "",
        "mr_",
        "mr_nonsense",
        "\0",
        ana.tokens.access.expose_secret(),
    ] {
        let answer = app.services.auth.refresh(&nonsense.into()).await;
        assert!(
            matches!(answer, Err(Error::Refused(Refusal::InvalidToken))),
            "{nonsense}"
        );
    }
    app.ctx.clock.advance(TimeDelta::days(30));
    let late = app.services.auth.refresh(&ana.tokens.refresh).await;
    assert!(matches!(late, Err(Error::Refused(Refusal::InvalidToken))));
}

#[tokio::test]
async fn logout_ends_one_session_and_logout_everywhere_all() {
    let app = TestApp::start().await;
    let here = register(&app, "ana").await;
    let there = login(&app, "ana", PASSWORD).await.unwrap();
    let auth = &app.services.auth;
    let ana = viewer(&app, &here).await.unwrap();
    auth.logout(&ana).await.unwrap();
    assert_eq!(code(&viewer(&app, &here).await), "UNAUTHENTICATED");
    assert_eq!(
        code(&auth.refresh(&here.tokens.refresh).await),
        "UNAUTHENTICATED"
    );
    let ana = viewer(&app, &there).await.unwrap();
    let third = login(&app, "ana", PASSWORD).await.unwrap();
    auth.logout_everywhere(&ana).await.unwrap();
    for session in [&there, &third] {
        assert_eq!(code(&viewer(&app, session).await), "UNAUTHENTICATED");
    }
    assert_eq!(code(&auth.logout(&Viewer::Nobody).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_logout_during_refreshes_leaves_no_living_token() {
    let app = TestApp::start().await;
    for round in 0..5 {
        let session = register(&app, &format!("ana{round}")).await;
        let ana = viewer(&app, &session).await.unwrap();
        let auth = &app.services.auth;
        let (refreshed, out) =
            tokio::join!(auth.refresh(&session.tokens.refresh), auth.logout(&ana));
        out.unwrap();
        if let Ok(next) = refreshed {
            assert_eq!(code(&viewer(&app, &next).await), "UNAUTHENTICATED");
            assert_eq!(
                code(&auth.refresh(&next.tokens.refresh).await),
                "UNAUTHENTICATED"
            );
        }
    }
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sessions() {
    let app = TestApp::start().await;
    let here = register(&app, "ana").await;
    let there = login(&app, "ana", PASSWORD).await.unwrap();
    let ana = viewer(&app, &here).await.unwrap();
    let new = "another film tomorrow";
    let change = async |old: &str, new: &str| {
        let auth = &app.services.auth;
        auth.change_password(&ana, Client::default(), &old.into(), &new.into())
            .await
    };
    assert_eq!(code(&change("not the one", new).await), "UNAUTHENTICATED");
    assert_eq!(code(&change(PASSWORD, "short").await), "BAD_USER_INPUT");
    assert_eq!(code(&viewer(&app, &there).await), "OK");
    change(PASSWORD, new).await.unwrap();
    assert_eq!(code(&viewer(&app, &here).await), "OK");
    assert_eq!(code(&viewer(&app, &there).await), "UNAUTHENTICATED");
    assert_eq!(code(&login(&app, "ana", PASSWORD).await), "UNAUTHENTICATED");
    assert_eq!(code(&login(&app, "ana", new).await), "OK");
}

#[tokio::test]
async fn a_hash_of_old_parameters_is_renewed_at_the_next_login() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let hash = || async {
        sqlx::query_scalar::<_, String>(
            "SELECT password_hash FROM users WHERE email = 'ana@example.org'",
        )
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
    };
    assert!(hash().await.contains("m=64,t=1,"));
    let mut ctx = app.ctx.clone();
    let mut settings = settings();
    settings.auth.argon2_passes = 2;
    ctx.settings = std::sync::Arc::new(settings);
    let services = marquee::domain::Services::new(&ctx);
    let credentials = marquee::domain::auth::Credentials {
        email: "ana@example.org".into(),
        password: PASSWORD.into(),
    };
    services
        .auth
        .login(Client::default(), &credentials)
        .await
        .unwrap();
    assert!(hash().await.contains("m=64,t=2,"));
    services
        .auth
        .login(Client::default(), &credentials)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_account_that_is_guessed_at_has_to_wait_ever_longer() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let waits = |outcome| match outcome {
        Err(Error::Refused(Refusal::TooManyAttempts { retry_after })) => retry_after.as_secs(),
        _ => 0,
    };
    for _ in 0..5 {
        assert_eq!(waits(login(&app, "ana", "wrong").await), 0);
    }
    for seconds in [1, 2, 4, 8] {
        // The right password has to wait too, and waiting costs nothing.
        assert_eq!(waits(login(&app, "ana", PASSWORD).await), seconds);
        assert_eq!(waits(login(&app, "ana", "wrong").await), seconds);
        app.ctx
            .clock
            .advance(TimeDelta::seconds(i64::try_from(seconds).unwrap()));
        assert_eq!(waits(login(&app, "ana", "wrong").await), 0);
    }
    assert_eq!(
        waits(login(&app, "bob", "wrong").await),
        0,
        "another account"
    );
    app.ctx.clock.advance(TimeDelta::seconds(16));
    assert_eq!(code(&login(&app, "ana", PASSWORD).await), "OK");
    // Success has wiped the slate.
    for _ in 0..5 {
        assert_eq!(waits(login(&app, "ana", "wrong").await), 0);
    }
    app.ctx.clock.advance(TimeDelta::days(1));
    assert_eq!(waits(login(&app, "ana", "wrong").await), 0);
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_has_to_wait() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let at = |address: &str| Client {
        address: Some(address.parse::<IpAddr>().unwrap()),
    };
    for guess in 0..20 {
        let outcome = login_from(&app, at("2001:db8::1"), &format!("user{guess}"), "wrong").await;
        assert_eq!(code(&outcome), "UNAUTHENTICATED");
    }
    let neighbour = login_from(&app, at("2001:db8::2"), "ana", PASSWORD).await;
    assert_eq!(
        code(&neighbour),
        "RATE_LIMITED",
        "the same customer's network"
    );
    let elsewhere = login_from(&app, at("2001:db8:1::1"), "ana", PASSWORD).await;
    assert_eq!(code(&elsewhere), "OK");
}
