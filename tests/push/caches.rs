//! The normalising caches that people use: urql's graphcache, and Apollo's, with the keys of
//! `frontend-examples/normalised-cache`.

use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use crate::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_caches_mix_up_nothing() {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = format!("{root}/tests/push");
    assert!(
        std::path::Path::new(&folder).join("node_modules").exists(),
        "run `npm ci` in tests/push first"
    );
    let server = Server::start().await;
    let ada = server.admin().await;
    server.fill().await;
    let mut connection = PgConnection::connect(&server.app.url).await.unwrap();
    // Two films of which one is called in one catalogue what the other is called in another.
    for (title, source) in [("Film 0", "movielens"), ("Film 1", "imdb")] {
        let name = format!(
            "INSERT INTO \"{}\".content_external_ids SELECT id, '{source}', '1' \
             FROM \"{0}\".content_items WHERE title = '{title}'",
            server.app.ctx.db.schema()
        );
        let named = sqlx::raw_sql(sqlx::AssertSqlSafe(name));
        assert_eq!(
            named
                .execute(&mut connection)
                .await
                .unwrap()
                .rows_affected(),
            1
        );
    }
    let output = Command::new("node")
        .current_dir(folder)
        .arg("caches.mjs")
        .arg(server.url())
        .arg(ada.tokens.access.expose_secret())
        .arg(format!("{root}/frontend-examples/operations"))
        .output()
        .await
        .expect("node is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.ends_with("7 passed, 0 failed\n"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
