//! The audits of the `graphql-http` package.

use tokio::process::Command;

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn all_audits_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http");
    assert!(
        std::path::Path::new(folder).join("node_modules").exists(),
        "run `npm ci` in tests/http first"
    );
    let server = Server::start().await;
    let output = Command::new("node")
        .current_dir(folder)
        .arg("audits.mjs")
        .arg(format!("http://{}/graphql", server.address))
        .output()
        .await
        .expect("node is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.ends_with("61 passed, 0 failed\n"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
}
