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
async fn registration_tells_everything_that_is_wrong_and_where() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let answer = app
        .ask_as(
            &Viewer::Nobody,
            "mutation ($i: RegisterInput!) { register(input: $i) { user { id } errors { ... on UserError { __typename path code } } } }",
            json!({ "i": { "email": "Ana@example.org", "password": "short", "displayName": " " } }),
        )
        .await;
    let expected = json!({ "user": null, "errors": [
        { "__typename": "InvalidInput", "path": ["displayName"], "code": "BAD_USER_INPUT" },
        { "__typename": "WeakPassword", "path": ["password"], "code": "BAD_USER_INPUT" },
        { "__typename": "EmailTaken", "path": ["email"], "code": "CONFLICT" },
    ] });
    assert_eq!(answer["register"], expected);
}

#[tokio::test]
async fn what_other_mutations_of_an_account_refuse_has_its_place_in_the_input_too() {
    let app = TestApp::start().await;
    let ana = register(&app, "ana").await;
    let viewer = viewer(&app, &ana).await.unwrap();
    let change = "mutation ($i: ChangePasswordInput!) { changePassword(input: $i) { errors { ... on UserError { __typename path } } } }";
    let changed = async |old: &str, new: &str| {
        let input = json!({ "i": { "oldPassword": old, "newPassword": new } });
        app.ask_as(&viewer, change, input).await["changePassword"]["errors"].take()
    };
    assert_eq!(
        changed(PASSWORD, "short").await,
        json!([{ "__typename": "WeakPassword", "path": ["newPassword"] }])
    );
    assert_eq!(
        changed("not the one", "a film every night").await,
        json!([{ "__typename": "InvalidCredentials", "path": ["oldPassword"] }])
    );
    let refreshed = app
        .ask_as(
            &Viewer::Nobody,
            "mutation { refreshToken(input: { refreshToken: \"mr_x\" }) { errors { ... on UserError { path } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        refreshed["refreshToken"]["errors"],
        json!([{ "path": ["refreshToken"] }])
    );
    let login = app
        .ask_as(
            &Viewer::Nobody,
            "mutation { login(input: { email: \"ana@example.org\", password: \"x\" }) { errors { ... on UserError { path } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        login["login"]["errors"],
        json!([{ "path": [] }]),
        "which is not told"
    );
    let created = app
        .ask_as(
            &Viewer::Command,
            "mutation ($i: CreateUserInput!) { createUser(input: $i) { errors { ... on UserError { path } } } }",
            json!({ "i": { "displayName": "", "email": "ana@example.org", "password": "short",
                           "preferences": { "languages": [""] } } }),
        )
        .await;
    let paths = json!([
        { "path": ["displayName"] },
        { "path": ["preferences", "languages"] },
        { "path": ["password"] },
        { "path": ["email"] },
    ]);
    assert_eq!(created["createUser"]["errors"], paths);
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard_and_old_hashes_stay_good() {
    use argon2::password_hash::PasswordHasher;

    let app = TestApp::start().await;
    // As a Mac and as a phone send it.
    let (mac, phone) = ("un cafe\u{301} par jour", "un\u{a0}caf\u{e9} par jour");
    let auth = &app.services.auth;
    let email = || "ana@example.org".parse().unwrap();
    let password = mac.into();
    let registered = auth.register(&Viewer::Nobody, "Ana".into(), email(), &password);
    registered.await.unwrap();
    for password in [mac, phone] {
        assert_eq!(code(&login(&app, "ana", password).await), "OK");
    }
    assert_eq!(
        code(&login(&app, "ana", "un cafe par jour").await),
        "UNAUTHENTICATED"
    );
    // From before passwords were normalised: of what the Mac sent.
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let old = argon2
        .hash_password_with_salt(mac.as_bytes(), &[7; 16])
        .unwrap();
    sqlx::query("UPDATE users SET password_hash = $1")
        .bind(old.to_string())
        .execute(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(code(&login(&app, "ana", phone).await), "UNAUTHENTICATED");
    assert_eq!(code(&login(&app, "ana", mac).await), "OK");
    assert_eq!(
        code(&login(&app, "ana", phone).await),
        "OK",
        "the hash was renewed"
    );
}

#[tokio::test]
async fn who_has_logged_out_is_nobody_for_the_rest_of_the_request() {
    let app = TestApp::start().await;
    for mutation in ["logout", "logoutEverywhere"] {
        let session = register(&app, &mutation.to_lowercase()).await;
        let ana = viewer(&app, &session).await.unwrap();
        let user = session.user.id;
        let document = format!(
            "mutation {{ before: updateProfile(input: {{}}) {{ query {{ viewer {{ __typename }} user(id: \"{user}\") {{ id }} }} }} \
               out: {mutation} {{ done query {{ viewer {{ __typename }} user(id: \"{user}\") {{ id }} }} }} \
               after: updateProfile(input: {{}}) {{ user {{ id }} }} }}"
        );
        let answer = app.run_as(&ana, &document, json!({})).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAUTHENTICATED", "{answer:#}");
        assert_eq!(answer["errors"][0]["path"], json!(["after"]));
        let out = document.replace("after: updateProfile(input: {}) { user { id } }", "");
        let session = login(&app, &mutation.to_lowercase(), PASSWORD)
            .await
            .unwrap();
        let ana = viewer(&app, &session).await.unwrap();
        let answer = app.ask_as(&ana, &out, json!({})).await;
        assert_eq!(answer["before"]["query"]["viewer"]["__typename"], "User");
        assert_eq!(answer["before"]["query"]["user"]["id"], json!(user));
        let nobody = json!({ "viewer": null, "user": null });
        assert_eq!(answer["out"], json!({ "done": true, "query": nobody }));
    }
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

/// Past the grace in which a used refresh token is still answered.
fn after_the_grace(app: &TestApp) {
    let grace = app.ctx.settings.auth.refresh_grace_seconds;
    app.ctx.clock.advance(TimeDelta::seconds(grace.into()));
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_ends_its_session() {
    let app = TestApp::start().await;
    let first = register(&app, "ana").await;
    let elsewhere = login(&app, "ana", PASSWORD).await.unwrap();
    let auth = &app.services.auth;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    assert_eq!(code(&viewer(&app, &second).await), "OK");

    after_the_grace(&app);
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
async fn a_lost_answer_is_given_again_for_a_short_while() {
    let app = TestApp::start().await;
    let auth = &app.services.auth;
    let known = register(&app, "ana").await;
    let guest = auth.start_anonymous_session(&Viewer::Nobody).await.unwrap();
    for first in [known, guest] {
        let lost = auth.refresh(&first.tokens.refresh).await.unwrap();
        app.ctx.clock.advance(TimeDelta::seconds(29));
        let again = auth.refresh(&first.tokens.refresh).await.unwrap();
        assert_eq!(
            again.tokens.refresh.expose_secret(),
            lost.tokens.refresh.expose_secret()
        );
        assert_eq!(
            again.tokens.refresh_expires_at,
            lost.tokens.refresh_expires_at
        );
        assert_ne!(
            again.tokens.access.expose_secret(),
            lost.tokens.access.expose_secret(),
            "an access token of its own, good for its whole time"
        );
        for session in [&lost, &again] {
            assert_eq!(code(&viewer(&app, session).await), "OK");
        }
        let next = auth.refresh(&again.tokens.refresh).await;
        assert_eq!(code(&next), "OK", "the session goes on");
    }
    assert_eq!(audited(&app, "session.reuse").await, 0);
}

#[tokio::test]
async fn many_who_refresh_with_one_token_at_once_get_the_same_next_one() {
    let app = TestApp::start().await;
    let other = app.twin().await;
    let first = register(&app, "ana").await;
    let tries = [&app, &other, &app, &other, &app, &other]
        .map(|server| server.services.auth.refresh(&first.tokens.refresh));
    let answers = futures::future::join_all(tries).await;
    let refresh = |answer: &foundation::Result<_>| {
        let answer: &domain::auth::SignedIn = answer.as_ref().unwrap();
        answer.tokens.refresh.expose_secret().to_owned()
    };
    let same: std::collections::HashSet<String> = answers.iter().map(refresh).collect();
    assert_eq!(same.len(), 1);
    for answer in answers {
        assert_eq!(code(&viewer(&app, &answer.unwrap()).await), "OK");
    }
    assert_eq!(audited(&app, "session.reuse").await, 0);
}

/// A slow tab sends a token that another tab exchanged twice since, all within the grace.
#[tokio::test]
async fn a_token_that_is_two_exchanges_old_gives_the_newest_within_the_grace() {
    let app = TestApp::start().await;
    let auth = &app.services.auth;
    let first = register(&app, "ana").await;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    app.ctx.clock.advance(TimeDelta::seconds(20));
    let third = auth.refresh(&second.tokens.refresh).await.unwrap();
    let slow = auth.refresh(&first.tokens.refresh).await.unwrap();
    assert_eq!(
        slow.tokens.refresh.expose_secret(),
        third.tokens.refresh.expose_secret()
    );
    // The second was used 20 seconds later, so it has 20 seconds more.
    app.ctx.clock.advance(TimeDelta::seconds(10));
    assert_eq!(code(&auth.refresh(&second.tokens.refresh).await), "OK");
    let late = auth.refresh(&first.tokens.refresh).await;
    assert!(matches!(late, Err(Error::Refused(Refusal::InvalidToken))));
    assert_eq!(code(&viewer(&app, &third).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_session_that_was_left_is_not_brought_back_by_the_grace() {
    let app = TestApp::start().await;
    let auth = &app.services.auth;
    let first = register(&app, "ana").await;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    let ana = viewer(&app, &second).await.unwrap();
    auth.logout(&ana).await.unwrap();
    for token in [&first.tokens.refresh, &second.tokens.refresh] {
        let outcome = auth.refresh(token).await;
        assert!(matches!(
            outcome,
            Err(Error::Refused(Refusal::InvalidToken))
        ));
    }
    assert_eq!(audited(&app, "session.reuse").await, 0, "nobody stole it");
}

#[tokio::test]
async fn without_a_grace_a_token_is_good_for_one_exchange() {
    let mut settings = settings();
    settings.auth.refresh_grace_seconds = 0;
    let app = TestApp::with(settings).await;
    let first = register(&app, "ana").await;
    let auth = &app.services.auth;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    assert_eq!(
        code(&auth.refresh(&first.tokens.refresh).await),
        "UNAUTHENTICATED"
    );
    assert_eq!(code(&viewer(&app, &second).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn no_refresh_token_is_kept_and_an_old_one_does_not_lead_to_the_living_one() {
    let app = TestApp::start().await;
    let auth = &app.services.auth;
    let first = register(&app, "ana").await;
    let second = auth.refresh(&first.tokens.refresh).await.unwrap();
    after_the_grace(&app);
    let third = auth.refresh(&second.tokens.refresh).await.unwrap();
    let table: String =
        sqlx::query_scalar("SELECT string_agg(to_jsonb(t)::text, '') FROM refresh_tokens t")
            .fetch_one(app.ctx.db.pool())
            .await
            .unwrap();
    for session in [&first, &second, &third] {
        assert!(!table.contains(session.tokens.refresh.expose_secret()));
    }
    let salts: i64 = sqlx::query_scalar("SELECT count(successor_salt) FROM refresh_tokens")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(salts, 1, "that of the last exchange");
}

#[tokio::test]
async fn an_access_token_may_live_for_seconds() {
    let mut settings = settings();
    settings.auth.access_token_minutes = 0;
    settings.auth.access_token_seconds = 3;
    let app = TestApp::with(settings).await;
    let ana = register(&app, "ana").await;
    assert_eq!(ana.tokens.expires_in_seconds, 3);
    app.ctx.clock.advance(TimeDelta::seconds(2));
    assert_eq!(code(&viewer(&app, &ana).await), "OK");
    app.ctx.clock.advance(TimeDelta::seconds(1));
    assert_eq!(code(&viewer(&app, &ana).await), "UNAUTHENTICATED");
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
    let services = domain::Services::new(&ctx);
    let credentials = domain::auth::Credentials {
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

/// A client at this address.
fn at(address: &str) -> Client {
    Client {
        address: Some(address.parse::<IpAddr>().unwrap()),
    }
}

#[tokio::test]
async fn errors_of_others_behind_the_same_proxy_delay_nobody() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let proxy = at("192.0.2.1");
    for person in 0..25 {
        let outcome = login_from(&app, proxy, &format!("user{person}"), "wrong").await;
        assert_eq!(code(&outcome), "UNAUTHENTICATED");
    }
    assert_eq!(code(&login_from(&app, proxy, "ana", PASSWORD).await), "OK");
    // Her own errors count, and a good login forgives them.
    for _ in 0..2 {
        for _ in 0..5 {
            let outcome = login_from(&app, proxy, "ana", "wrong").await;
            assert_eq!(code(&outcome), "UNAUTHENTICATED");
        }
        let outcome = login_from(&app, proxy, "ana", PASSWORD).await;
        assert_eq!(code(&outcome), "RATE_LIMITED");
        app.ctx.clock.advance(TimeDelta::seconds(1));
        assert_eq!(code(&login_from(&app, proxy, "ana", PASSWORD).await), "OK");
    }
}

#[tokio::test]
async fn who_guesses_elsewhere_does_not_lock_somebody_out() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let home = at("2001:db8::1");
    assert_eq!(code(&login_from(&app, home, "ana", PASSWORD).await), "OK");
    let mut refused = 0;
    for network in 0..60 {
        let attacker = at(&format!("2001:db8:1:{network:x}::1"));
        let outcome = login_from(&app, attacker, "ana", "wrong").await;
        refused += usize::from(code(&outcome) == "RATE_LIMITED");
    }
    // After fifty from everywhere, no new address gets in at once, whatever it knows.
    assert_eq!(refused, 10);
    let new = at("2001:db8:2::1");
    assert_eq!(
        code(&login_from(&app, new, "ana", PASSWORD).await),
        "RATE_LIMITED"
    );
    // The same network, as the first 64 bits tell it.
    let neighbour = at("2001:db8::2");
    assert_eq!(
        code(&login_from(&app, neighbour, "ana", PASSWORD).await),
        "OK"
    );
    assert_eq!(code(&login_from(&app, new, "ana", PASSWORD).await), "OK");
}

#[tokio::test]
async fn a_sign_in_that_fails_names_the_schema() {
    let app = TestApp::start().await;
    let login = "mutation { login(input: {email: \"ana@example.org\", password: \"wrong, surely\"}) { \
                 errors { __typename ... on UserError { message } } } }";
    let answer = app.ask_as(&Viewer::Nobody, login, json!({})).await;
    let error = &answer["login"]["errors"][0];
    assert_eq!(error["__typename"], "InvalidCredentials");
    let schema = format!("`{}`", app.ctx.db.schema());
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&schema), "{message}");
}
