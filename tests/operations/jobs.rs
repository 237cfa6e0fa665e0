//! Jobs of every kind, and what the server tells of itself.

use serde_json::json;

use crate::story::{Story, film, some, text};

pub async fn a_training_is_followed_to_its_end(story: &Story) {
    // Meanings come first: the lists of the next parts mix both.
    let space = json!({ "plain": "EMBEDDINGS" });
    story.complete(&story.admin, "createPlainJob", space).await;
    let kind = json!({ "kind": "COLLABORATIVE" });
    let mut promoted = story
        .receive(&story.admin, "modelPromoted", json!({}))
        .await;
    let present = promoted.next().await.unwrap();
    assert_eq!(present["modelPromoted"]["kind"], "EMBEDDING");
    let mut changes = story
        .receive(
            &story.admin,
            "jobsChanged",
            json!({ "filter": { "kind": { "eq": "TRAINING" } } }),
        )
        .await;
    // It waits until both are heard of: a job that is not over comes first.
    let asked = json!({ "delaySeconds": 3600, "priority": 1 });
    let waiting = story.admin("createTrainingJob", asked).await;
    let waiting = &waiting["createGenerationJob"]["job"];
    let told = changes.next().await.unwrap();
    assert_eq!(told["jobs"]["id"], waiting["id"]);
    assert_eq!(told["jobs"]["state"], "PENDING");
    let cancelled = json!({ "input": { "id": waiting["id"] } });
    story.admin("cancelJob", cancelled).await;

    let asked = story.admin("createTrainingJob", json!({})).await;
    let id = &asked["createGenerationJob"]["job"]["id"];
    let events = story.follow(&story.admin, id).await;
    let numbers: Vec<_> = events
        .iter()
        .map(|event| event["number"].as_u64())
        .collect();
    let expected: Vec<_> = (1..=events.len() as u64).map(Some).collect();
    assert_eq!(numbers, expected);
    let last = events.last().unwrap();
    assert_eq!(last["state"], "COMPLETED", "{last:#}");
    assert_eq!(last["progress"]["fraction"], 1.0);
    // Whoever comes back after the third event gets the rest.
    let after = json!({ "id": id, "after": 3 });
    let mut rest = story.receive(&story.admin, "jobProgress", after).await;
    assert_eq!(rest.next().await.unwrap()["jobProgress"]["number"], 4);
    let version = &last["job"]["result"]["version"];
    let model = promoted.next().await.unwrap();
    assert_eq!(&model["modelPromoted"]["version"], version);
    let models = story.admin("models", kind).await;
    let model = &some(&models["models"]["nodes"])[0];
    assert_eq!(
        (&model["version"], &model["state"]),
        (version, &json!("ACTIVE"))
    );
    let done = &story.admin("job", json!({ "id": id })).await["job"];
    assert_eq!(done["lastEvent"].as_u64(), Some(events.len() as u64));

    // A second version, back to the one before, and forth again; then nobody needs that one.
    let again = json!({ "training": { "force": true } });
    let second = story
        .complete(&story.admin, "createTrainingJob", again)
        .await;
    let kind = json!({ "input": { "kind": "COLLABORATIVE" } });
    let back = story.admin("rollBackModel", kind).await;
    assert_eq!(&back["rollBackModel"]["model"]["version"], version);
    assert_eq!(back["rollBackModel"]["model"]["state"], "ACTIVE");
    let newer = json!({ "input": { "id": second["model"] } });
    let forth = story.admin("activateModel", newer).await;
    let newer = &forth["activateModel"]["model"]["version"];
    assert_eq!(newer, &second["version"]);
    let gone = json!({ "input": { "id": model["id"] } });
    let gone = story.admin("discardModel", gone).await;
    assert_eq!(&gone["discardModel"]["model"]["version"], version);
}

pub async fn every_kind_of_job_is_done(story: &Story) {
    let who = &story.admin;
    let measured = story.complete(who, "createEvaluationJob", json!({})).await;
    assert!(measured["ndcgAt10"].as_f64() > Some(0.0), "{measured:#}");
    for operation in ["createRecommendationsJob", "generateRecommendations"] {
        let target = json!({ "activeWithinDays": 3650 });
        let variables = match operation {
            "generateRecommendations" => json!({ "input": { "target": target } }),
            _ => json!({ "target": target }),
        };
        let made = story.complete(who, operation, variables).await;
        assert!(made["users"].as_i64() > Some(100), "{made:#}");
    }
    let warmed = story
        .complete(
            who,
            "createCacheWarmingJob",
            json!({ "cacheWarming": { "queries": 3, "users": 3 } }),
        )
        .await;
    assert!(warmed.is_object(), "{warmed:#}");
    for plain in ["STATISTICS", "RETENTION"] {
        let done = json!({ "plain": plain });
        let done = story.complete(who, "createPlainJob", done).await;
        assert!(done.is_object(), "{done:#}");
    }

    let named = story.user("generators", json!({})).await;
    assert_eq!(some(&named["generators"])[0]["name"], "builtin");
    let about = film(story, "Seven Samurai").await;
    let text_job = json!({ "text": { "prompt": "A blurb", "about": about } });
    let written = story.complete(&story.user, "createTextJob", text_job).await;
    assert!(written.to_string().contains("content_"), "{written:#}");
    let image = json!({ "image": {
        "prompt": "A poster", "posterOf": about, "width": 256, "height": 384,
    } });
    story.complete(who, "createImageJob", image).await;
    let seen = &story.user("content", json!({ "id": about })).await["content"];
    assert!(text(&seen["posterUrl"]).contains("/files/"), "{seen:#}");
}

pub async fn jobs_are_cancelled_begun_again_and_removed(story: &Story) {
    let later = json!({ "delaySeconds": 3600 });
    let asked = story.admin("createEvaluationJob", later).await;
    let asked = &asked["createGenerationJob"]["job"];
    let which = json!({ "input": { "id": asked["id"] } });
    let ended = story.admin("cancelJob", which.clone()).await;
    assert_eq!(ended["cancelJob"]["job"]["state"], "CANCELLED");
    let begun = story.admin("retryJob", which.clone()).await;
    assert_eq!(begun["retryJob"]["job"]["cancelRequested"], false);
    // Running or not, it ends soon.
    story.admin("cancelJob", which.clone()).await;
    let events = story.follow(&story.admin, &asked["id"]).await;
    assert_eq!(events.last().unwrap()["state"], "CANCELLED");
    let variables = json!({
        "filter": { "kind": { "eq": "EVALUATION" }, "state": { "eq": "CANCELLED" } },
        "orderBy": { "field": "CREATED_AT", "direction": "DESC" }, "first": 1,
    });
    let jobs = &story.admin("jobs", variables).await["jobs"];
    assert_eq!(jobs["totalCount"], 1, "{jobs:#}");
    assert_eq!(jobs["nodes"][0]["id"], asked["id"]);
    let gone = story.admin("deleteJob", which).await;
    assert_eq!(gone["deleteJob"]["deletedId"], asked["id"]);
}

pub async fn the_server_tells_of_itself(story: &Story) {
    let told = story.admin("jobStatistics", json!({})).await;
    let trained = some(&told["jobStatistics"])
        .iter()
        .find(|row| row["kind"] == "TRAINING" && row["state"] == "COMPLETED");
    assert_eq!(trained.unwrap()["count"], 2, "{told:#}");
    assert_eq!(told["workers"][0]["slots"], 2);
    let hours = story.admin("hourlyStatistics", json!({})).await;
    assert!(
        some(&hours["hourlyStatistics"])
            .iter()
            .any(|hour| hour["interactions"].as_i64() > Some(0)),
        "{hours:#}"
    );
    let kept = story.admin("cacheStatistics", json!({})).await;
    assert_eq!(some(&kept["cacheStatistics"]).len(), 5);
    let cleared = json!({ "input": { "kind": "LISTS" } });
    let cleared = story.admin("clearCache", cleared).await;
    assert_eq!(cleared["clearCache"]["cleared"], true);
    let interval = json!({ "intervalSeconds": 1 });
    let mut figures = story.receive(&story.admin, "metrics", interval).await;
    let first = figures.next().await.unwrap();
    let second = figures.next().await.unwrap();
    let uptime = |data: &serde_json::Value| data["metrics"]["uptimeSeconds"].as_f64();
    assert!(uptime(&second) > uptime(&first));
    assert_eq!(second["metrics"]["workers"], 1);
}
