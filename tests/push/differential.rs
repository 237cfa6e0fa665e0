//! Random documents, answered as graphql-js answers them.

use secrecy::ExposeSecret;
use tokio::process::Command;

use crate::Server;

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_random_documents_are_answered_as_the_specification_wants() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/push");
    assert!(
        std::path::Path::new(folder).join("node_modules").exists(),
        "run `npm ci` in tests/push first"
    );
    let server = Server::start().await;
    let ada = server.admin().await;
    server.fill().await;
    // Half of the requests see what an admin sees, the others what nobody in particular does.
    for (seed, token) in [("1", ada.tokens.access.expose_secret()), ("2", "")] {
        let output = Command::new("node")
            .current_dir(folder)
            .arg("differential.mjs")
            .args([&server.url(), token, seed, "1000"])
            .output()
            .await
            .expect("node is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.ends_with(" 0 different\n"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        println!("{said}");
    }
}
