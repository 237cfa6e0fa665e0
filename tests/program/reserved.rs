//! Schemas that are named like words of SQL.

use serde_json::json;

use crate::process::{self, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_named_like_a_word_of_sql_is_migrated_filled_and_served() {
    let folder = process::folder();
    let settings = [("MARQUEE_SCHEMAS", r#"["user", "order"]"#)];
    let server = Server::start_with(folder.path(), &[], &settings);
    for (schema, path) in [("user", "/graphql"), ("order", "/graphql/order")] {
        let admin = process::command(
            folder.path(),
            &[
                "user",
                "--schema",
                schema,
                "create",
                "--admin",
                "--email",
                "ada@example.org",
                "--name",
                "Ada",
                "--password-stdin",
            ],
        );
        let password = "a film a day keeps";
        let made = process::with_input(admin, &settings, password);
        assert!(made.status.success(), "{made:?}");
        let url = server.url(path);
        let login =
            "mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }";
        let input = json!({ "input": { "email": "ada@example.org", "password": password } });
        let answer = process::ask(&url, None, login, input).await.unwrap();
        let token = answer["data"]["login"]["tokens"]["accessToken"].as_str();
        let token = Some(token.unwrap_or_else(|| panic!("{answer}")));
        let create =
            "mutation { createContent(input: { kind: MOVIE, title: \"Ran\" }) { content { id } } }";
        let made = process::ask(&url, token, create, json!({})).await.unwrap();
        let film = &made["data"]["createContent"]["content"]["id"];
        let record =
            "mutation ($input: RecordInteractionInput!) { recordInteraction(input: $input) {
            interaction { id } } }";
        let input = json!({ "input": { "contentId": film, "kind": "LIKE" } });
        let recorded = process::ask(&url, token, record, input).await.unwrap();
        assert!(
            recorded["data"]["recordInteraction"]["interaction"]["id"].is_string(),
            "{recorded}"
        );
        let read = "{ contents { totalCount } interactions { totalCount } recommendations { id }
            search(query: \"ran\") { totalCount } schemas { name counts { contents } } }";
        let answer = process::ask(&url, token, read, json!({})).await.unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        assert_eq!(answer["data"]["contents"]["totalCount"], 1);
        assert_eq!(answer["data"]["interactions"]["totalCount"], 1);
    }
    let mut migrate = process::command(folder.path(), &["migrate"]);
    let migrated = migrate.envs(settings).output().unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    server.stop();
}
