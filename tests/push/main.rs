//! Push: sockets, event streams and multipart answers of a running server.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/mod.rs"]
mod support;

mod client;
mod clients;
mod ending;
mod limits;
mod protocol;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, SignedIn, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use marquee::http::live::Live;
use marquee::platform::config::Settings;
use secrecy::ExposeSecret;
use support::TestApp;
use tokio::net::TcpListener;

/// A password that the rules accept.
pub const PASSWORD: &str = "a film a day keeps";

/// The subscription of these tests, from an interaction on that is known.
pub fn since(after: Id<id::Interaction>) -> String {
    format!("subscription {{ interactions(after: \"{after}\") {{ id kind userId }} }}")
}

/// A whole server.
pub struct Server {
    /// What it stands on.
    pub app: TestApp,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its connections.
    pub live: Live,
}

impl Server {
    /// A server with the settings of tests.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = support::settings();
        settings.http.cors_origins = vec!["https://app.example.com".to_owned()];
        change(&mut settings);
        Self::of(TestApp::with(settings).await).await
    }

    /// A server in front of these services.
    pub async fn of(app: TestApp) -> Self {
        let live = Live::new(app.ground.settings.push.max_sockets);
        let schemas = Arc::clone(&app.schemas);
        let router = marquee::http::router(schemas, &app.ground.settings, &live).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { app, address, live }
    }

    /// Somebody with this role, signed in.
    pub async fn sign_in(&self, name: &str, role: Role) -> SignedIn {
        let email = format!("{name}@example.org").parse().unwrap();
        let auth = &self.app.services.auth;
        let made = auth
            .register(&Viewer::Nobody, name.to_owned(), email, &PASSWORD.into())
            .await
            .unwrap();
        if role != Role::User {
            let users = &self.app.services.users;
            let set = users.set_role(&Viewer::Command, made.user.id, role).await;
            set.unwrap();
        }
        made
    }

    /// An admin, signed in.
    pub async fn admin(&self) -> SignedIn {
        self.sign_in("ada", Role::Admin).await
    }

    /// Somebody's view of a film, a second after whatever was before.
    pub async fn view(&self, who: &SignedIn) -> Id<id::Interaction> {
        self.app.ground.clock.advance(TimeDelta::seconds(1));
        let fields = Fields {
            description: "Long. ".repeat(1500),
            ..Fields::new(ContentKind::Movie, "A film")
        };
        let content = &self.app.services.content;
        let film = content.create(&Viewer::Command, fields, Vec::new()).await;
        let film = film.unwrap().id;
        let new = NewInteraction {
            user: Some(who.user.id),
            ..NewInteraction::new(film, InteractionKind::View)
        };
        let recorded = self.app.services.interactions.record(&Viewer::Command, new);
        recorded.await.unwrap().interaction.id
    }

    /// Where its GraphQL is.
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}

/// What goes into an `Authorization` header.
pub fn bearer(who: &SignedIn) -> String {
    format!("Bearer {}", who.tokens.access.expose_secret())
}
