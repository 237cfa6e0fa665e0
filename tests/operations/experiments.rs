//! An admin tries another setting of the lists on half of the users.

use serde_json::json;

use crate::story::{Story, some};

pub async fn an_admin_tries_another_setting(story: &Story) {
    let variants = json!([
        { "name": "control" },
        { "name": "diverse", "overrides": { "diversity": 0.3 } },
    ]);
    let input = json!({ "name": "More different", "contexts": ["FEED"], "variants": variants });
    let made = story
        .admin("createExperiment", json!({ "input": input }))
        .await;
    let id = &made["createExperiment"]["experiment"]["id"];
    let input = json!({ "input": { "id": id } });
    let started = story.admin("startExperiment", input.clone()).await;
    let started = &started["startExperiment"]["experiment"];
    assert_eq!((&started["id"], &started["state"]), (id, &json!("RUNNING")));
    // The film lover gets a list of one of the two.
    story.run(Some(&story.user), "feed", json!({})).await;
    let found = story.admin("experiment", json!({ "id": id })).await;
    let variants = some(&found["experiment"]["variants"]);
    let users = variants.iter().map(|variant| &variant["results"]["users"]);
    let users: i64 = users.filter_map(serde_json::Value::as_i64).sum();
    assert_eq!(users, 1, "{found:#}");
    let stopped = story.admin("stopExperiment", input.clone()).await;
    assert_eq!(stopped["stopExperiment"]["experiment"]["state"], "STOPPED");
    let all = story
        .admin("experiments", json!({ "state": "STOPPED" }))
        .await;
    assert_eq!(&some(&all["experiments"]["nodes"])[0]["id"], id);
    let gone = story.admin("deleteExperiment", input).await;
    assert_eq!(&gone["deleteExperiment"]["deletedId"], id);
}
