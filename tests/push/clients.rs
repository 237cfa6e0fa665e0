//! The clients that people use: the npm packages `graphql-ws` and `graphql-sse`.

use std::time::Duration;

use marquee::domain::jobs::Workers;
use secrecy::ExposeSecret;
use tokio::process::Command;

use crate::Server;

impl Server {
    /// Something to learn from: users of two tastes.
    pub(crate) async fn fill(&self) {
        let mut films = Vec::new();
        for number in 0..16 {
            films.push(self.app.film(&format!("Film {number}")).await);
        }
        for number in 0..16 {
            let taste = films.iter().skip(number % 2).step_by(2);
            let liked = taste.skip(number / 8).copied();
            self.app.user(format!("User {number}")).likes(liked).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_clients_get_on_with_this_server() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/push");
    assert!(
        std::path::Path::new(folder).join("node_modules").exists(),
        "run `npm ci` in tests/push first"
    );
    let server = Server::start().await;
    let ada = server.admin().await;
    let film = server.app.film("A film").await;
    server.fill().await;
    let worker = Workers::start([server.app.services.jobs.clone()], 1, "test/1");
    // The clients record what they hear of; two moments tell the interactions apart.
    let first = server.cursor().await;
    server.app.ctx.clock.advance(chrono::TimeDelta::seconds(1));
    let output = Command::new("node")
        .current_dir(folder)
        .arg("clients.mjs")
        .arg(server.url())
        .arg(ada.tokens.access.expose_secret())
        .arg(film.to_string())
        .arg(first)
        .output()
        .await
        .expect("node is installed");
    worker.drain(Duration::ZERO).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.ends_with("8 passed, 0 failed\n"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
