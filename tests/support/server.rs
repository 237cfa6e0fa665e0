//! A server that listens, for tests of what is said over the wire. A test binary with this one also
//! has `support`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test binary uses its own part of this, and a test may panic"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use marquee::domain::auth::{Role, SignedIn, Viewer};
use marquee::http::connections::Connections;
use marquee::platform::config::Settings;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::support::{self, TestApp};

/// A password that the rules accept.
pub const PASSWORD: &str = "a film a day keeps";

/// A whole server.
pub struct Server {
    /// What it stands on.
    pub app: TestApp,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its connections.
    pub connections: Connections,
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
        // HTTP clients want to know what to encrypt with, even where nothing is. An error says that
        // they know.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connections = Connections::new(app.ctx.settings.push.max_sockets);
        let schemas = Arc::clone(&app.schemas);
        let router = marquee::http::router(schemas, &app.ctx.settings, &connections).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = marquee::http::listening(listener, &app.ctx.settings.push);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self {
            app,
            address,
            connections,
        }
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

    /// Where its GraphQL is.
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}

/// What goes into an `Authorization` header.
pub fn bearer(who: &SignedIn) -> String {
    format!("Bearer {}", who.tokens.access.expose_secret())
}
