//! No connection outlives what it was opened with.

use std::sync::Arc;

use chrono::TimeDelta;
use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Client, Role, Scope, SignedIn, Viewer};
use marquee::domain::schemas::Schemas;
use marquee::domain::{SchemaContext, Services};
use marquee::platform::events::EventListener;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::time::timeout;

use crate::client::{PATIENCE, Received, Socket};
use crate::support::TestApp;
use crate::{PASSWORD, Server, bearer};

async fn viewer(server: &Server, who: &SignedIn) -> Viewer {
    let token = who.tokens.access.expose_secret();
    let auth = &server.app.services.auth;
    auth.authenticate(token).await.unwrap()
}

async fn login(server: &Server, name: &str) -> SignedIn {
    let credentials = domain::auth::Credentials {
        email: format!("{name}@example.org"),
        password: PASSWORD.into(),
    };
    let auth = &server.app.services.auth;
    auth.login(Client::default(), &credentials).await.unwrap()
}

async fn renew(socket: &mut Socket, who: &SignedIn) -> Received {
    let payload = json!({ "authorization": bearer(who) });
    socket
        .say(json!({ "type": "ping", "payload": payload }))
        .await;
    socket.receive().await
}

#[tokio::test]
async fn a_logout_ends_the_sockets_of_its_session_and_no_others() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let again = login(&server, "ada").await;
    let bob = server.sign_in("bob", Role::User).await;
    let mut one = server.socket(&ada).await;
    let mut other = server.socket(&again).await;
    let mut bobs = server.socket(&bob).await;
    let auth = &server.app.services.auth;
    auth.logout(&viewer(&server, &ada).await).await.unwrap();
    assert_eq!(one.closed().await, 4403);
    other.is_alive().await;
    bobs.is_alive().await;
    let there = viewer(&server, &again).await;
    auth.logout_everywhere(&there).await.unwrap();
    assert_eq!(other.closed().await, 4403);
    bobs.is_alive().await;
}

#[tokio::test]
async fn a_new_password_ends_the_sockets_of_other_sessions() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let again = login(&server, "ada").await;
    let mut one = server.socket(&ada).await;
    let mut other = server.socket(&again).await;
    let auth = &server.app.services.auth;
    let here = viewer(&server, &ada).await;
    auth.change_password(
        &here,
        Client::default(),
        &PASSWORD.into(),
        &"another one, quite long".into(),
    )
    .await
    .unwrap();
    assert_eq!(other.closed().await, 4403);
    one.is_alive().await;
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_ends_the_sockets_of_its_session() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let mut socket = server.socket(&ada).await;
    let auth = &server.app.services.auth;
    auth.refresh(&ada.tokens.refresh).await.unwrap();
    socket.is_alive().await;
    let grace = server.app.ctx.settings.auth.refresh_grace_seconds;
    let clock = &server.app.ctx.clock;
    clock.advance(TimeDelta::seconds(grace.into()));
    auth.refresh(&ada.tokens.refresh).await.unwrap_err();
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn who_is_disabled_demoted_or_promoted_has_to_come_again() {
    let server = Server::start().await;
    server.admin().await;
    let users = &server.app.services.users;
    for name in ["disabled", "demoted", "promoted"] {
        let role = match name {
            "demoted" => Role::Admin,
            _ => Role::User,
        };
        let who = server.sign_in(name, role).await;
        let mut socket = server.socket(&who).await;
        let id = who.user.id;
        let changed = match name {
            "disabled" => users.disable(&Viewer::Command, id).await,
            "demoted" => users.set_role(&Viewer::Command, id, Role::User).await,
            _ => users.set_role(&Viewer::Command, id, Role::Curator).await,
        };
        changed.unwrap();
        assert_eq!(socket.closed().await, 4403, "{name}");
    }
}

#[tokio::test]
async fn an_anonymous_user_who_is_merged_has_to_come_again() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let auth = &server.app.services.auth;
    let guest = auth.start_anonymous_session(&Viewer::Nobody).await.unwrap();
    let mut socket = server.socket(&guest).await;
    let users = &server.app.services.users;
    let merged = users.merge(&Viewer::Command, guest.user.id, ada.user.id);
    merged.await.unwrap();
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_revoked_key_ends_its_sockets() {
    let server = Server::start().await;
    let auth = &server.app.services.auth;
    let new = NewApiKey {
        name: "an app".to_owned(),
        scopes: vec![Scope::UsersRead],
        expires_at: None,
    };
    let (key, secret) = auth.create_api_key(&Viewer::Command, new).await.unwrap();
    let mut socket = server.connect().await;
    let payload = json!({ "authorization": format!("Bearer {}", secret.expose_secret()) });
    socket
        .say(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    let revoked = auth.revoke_api_key(&Viewer::Command, key.id).await;
    revoked.unwrap();
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let server = Server::with(|settings| settings.push.ping_ms = 1000).await;
    let ada = server.sign_in("ada", Role::User).await;
    let mut socket = server.socket(&ada).await;
    server.app.ctx.clock.advance(TimeDelta::minutes(14));
    socket.is_alive().await;
    server.app.ctx.clock.advance(TimeDelta::minutes(1));
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_renewed_token_keeps_the_socket() {
    let server = Server::with(|settings| settings.push.ping_ms = 1000).await;
    let ada = server.sign_in("ada", Role::User).await;
    let mut socket = server.socket(&ada).await;
    server.app.ctx.clock.advance(TimeDelta::minutes(14));
    let auth = &server.app.services.auth;
    let fresh = auth.refresh(&ada.tokens.refresh).await.unwrap();
    let Received::Message(told) = renew(&mut socket, &fresh).await else {
        panic!("the token is good")
    };
    assert_eq!(told["type"], "pong");
    let told: chrono::DateTime<chrono::Utc> = told["payload"]["expiresAt"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(told, fresh.tokens.access_expires_at);
    server.app.ctx.clock.advance(TimeDelta::minutes(14));
    socket.is_alive().await;
    server.app.ctx.clock.advance(TimeDelta::minutes(1));
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_socket_may_go_on_in_another_session_of_its_user() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let again = login(&server, "ada").await;
    let mut socket = server.socket(&ada).await;
    assert!(matches!(
        renew(&mut socket, &again).await,
        Received::Message(_)
    ));
    let auth = &server.app.services.auth;
    auth.logout(&viewer(&server, &ada).await).await.unwrap();
    socket.is_alive().await;
    auth.logout(&viewer(&server, &again).await).await.unwrap();
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn nobody_renews_with_anothers_token_or_a_bad_one() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let bob = server.sign_in("bob", Role::User).await;
    let mut socket = server.socket(&ada).await;
    assert_eq!(renew(&mut socket, &bob).await, Received::Closed(4403));
    let mut socket = server.anonymous().await;
    assert_eq!(renew(&mut socket, &ada).await, Received::Closed(4403));
    for nonsense in ["Bearer nonsense", "nonsense"] {
        let mut socket = server.socket(&ada).await;
        let payload = json!({ "authorization": nonsense });
        socket
            .say(json!({ "type": "ping", "payload": payload }))
            .await;
        assert_eq!(socket.closed().await, 4403, "{nonsense}");
    }
    let mut socket = server.connect().await;
    assert_eq!(renew(&mut socket, &ada).await, Received::Closed(4401));
}

#[tokio::test]
async fn a_stopping_server_says_goodbye_to_all() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let mut sockets = vec![
        server.socket(&ada).await,
        server.anonymous().await,
        server.connect().await,
    ];
    let goodbyes = async {
        let mut codes = Vec::new();
        for socket in &mut sockets {
            codes.push(socket.closed().await);
        }
        codes
    };
    let (codes, ()) = timeout(PATIENCE, async {
        tokio::join!(goodbyes, server.connections.close())
    })
    .await
    .expect("the server does not wait for good");
    assert_eq!(codes, [1012; 3]);
}

/// Two servers on one database.
#[tokio::test]
async fn a_logout_on_one_server_ends_the_sockets_on_the_other() {
    let app = TestApp::start().await;
    let mut servers = Vec::new();
    for _ in 0..2 {
        let name = app.schemas.default_name().clone();
        let ctx = SchemaContext {
            events: EventListener::new(&app.url).unwrap().of(&name),
            ..app.ctx.clone()
        };
        let services = Arc::new(Services::new(&ctx));
        let all = [(name.clone(), Arc::clone(&services))].into();
        servers.push(
            Server::of(TestApp {
                services,
                schemas: Arc::new(Schemas::new(name, all)),
                contract: app.contract.clone(),
                url: app.url.clone(),
                files: Arc::clone(&app.files),
                cleanup: Arc::clone(&app.cleanup),
                ctx,
            })
            .await,
        );
    }
    let ada = servers[0].sign_in("ada", Role::User).await;
    let mut socket = servers[1].socket(&ada).await;
    let auth = &servers[0].app.services.auth;
    auth.logout(&viewer(&servers[0], &ada).await).await.unwrap();
    assert_eq!(socket.closed().await, 4403);
    // And its requests are refused there at once.
    let token = ada.tokens.access.expose_secret();
    let refused = servers[1].app.services.auth.authenticate(token).await;
    refused.unwrap_err();
}

/// What is said of a socket in a page: clients of the protocol know which codes are final.
#[tokio::test]
async fn the_reason_stands_beside_the_code() {
    use futures::StreamExt;
    use tokio_tungstenite::tungstenite::Message;
    let server = Server::start().await;
    let mut socket = server.connect().await;
    socket.subscribe("1", "{ __typename }").await;
    let reason = loop {
        match timeout(PATIENCE, socket.0.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => break frame.reason.to_string(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason, "Unauthorized");
}
