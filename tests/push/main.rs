//! Push: sockets, event streams and multipart answers of a running server.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod caches;
mod client;
mod clients;
mod differential;
mod ending;
mod following;
mod limits;
mod protocol;
mod streams;

use chrono::TimeDelta;
use marquee::domain::auth::{SignedIn, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use server::{PASSWORD, Server, bearer};

/// The subscription of these tests, from a cursor on.
pub fn since(after: &str) -> String {
    format!("subscription {{ interactions(after: \"{after}\") {{ cursor id kind userId }} }}")
}

impl Server {
    /// The present position in the stream of interactions.
    pub async fn cursor(&self) -> String {
        let interactions = &self.app.services.interactions;
        let cursor = interactions.stream_cursor(&Viewer::Command).await;
        cursor.unwrap().encode()
    }

    /// Somebody's view of a film, a second after whatever was before.
    pub async fn view(&self, who: &SignedIn) -> Id<id::Interaction> {
        self.app.ctx.clock.advance(TimeDelta::seconds(1));
        let fields = Fields {
            description: "Long. ".repeat(1500),
            ..Fields::new(ContentKind::Movie, "A film")
        };
        let content = &self.app.services.content;
        let film = content.create(&Viewer::Command, fields, Vec::new()).await;
        let film = film.unwrap().id;
        let new = NewInteraction {
            user: Some(who.user.id.into()),
            ..NewInteraction::new(film, InteractionKind::View)
        };
        let recorded = self.app.services.interactions.record(&Viewer::Command, new);
        recorded.await.unwrap().interaction.id
    }
}
