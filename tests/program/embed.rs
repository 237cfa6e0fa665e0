//! `marquee embed`.

use crate::process::{self, Server, marquee};

#[tokio::test(flavor = "multi_thread")]
async fn embedding_trains_a_version_that_is_served_and_stores_its_vectors() {
    let folder = process::folder();
    let server = Server::start(folder.path(), &["--demo"]);

    let of_nothing = marquee(folder.path(), &["embed"]);
    assert!(!of_nothing.status.success(), "{of_nothing:?}");
    let said = String::from_utf8_lossy(&of_nothing.stderr).into_owned();
    assert!(
        said.contains("there is nothing to learn from yet"),
        "{said}"
    );

    let done = marquee(folder.path(), &["embed", "--schema", "demo"]);
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let (first, report) = said.split_once('\n').unwrap();
    let mut database = process::database(folder.path()).await;
    let (version, vectors, dimensions, items): (String, i64, i32, i64) = sqlx::query_as(
        "SELECT m.version, count(*), min(vector_dims(e.embedding)), (SELECT count(*) FROM demo.content_items)
           FROM demo.model_versions m JOIN demo.content_embeddings e ON e.model_version_id = m.id
          WHERE m.kind = 'EMBEDDING' AND m.state = 'ACTIVE' GROUP BY m.version",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_eq!(vectors, items, "every item of the demo has a vector");
    let expected =
        format!("Embedding model {version} is active: {vectors} items, {dimensions} dimensions, ");
    assert!(first.starts_with(&expected), "{first} is not {expected}");
    assert_eq!(version, "1.1.0", "the demo itself has trained the first");
    // Where a model of the lists is served, it is learned again how much each source counts.
    assert!(
        report.starts_with("Lists as they are served, for "),
        "{said}"
    );
    server.stop();
}
