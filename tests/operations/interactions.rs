//! What people do, told by them and heard by others.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::story::{Story, film, some, text};

pub async fn what_people_do_is_recorded(story: &Story) {
    let list = story.user("feed", json!({ "first": 1 })).await;
    let item = &list["recommendations"]["items"][0];
    let input = json!({
        "contentId": item["content"]["id"], "kind": "RATING", "value": 4.5,
        "attributionToken": item["attributionToken"], "idempotencyKey": "once",
    });
    let told = story
        .user("recordInteraction", json!({ "input": input }))
        .await;
    let told = &told["recordInteraction"];
    assert_eq!(told["interaction"]["listRank"], 1);
    let again = story
        .user("recordInteraction", json!({ "input": input }))
        .await;
    assert_eq!(again["recordInteraction"]["repeated"], true);
    assert_eq!(
        again["recordInteraction"]["interaction"],
        told["interaction"]
    );
    // What the demo brought is of the same moment, so the order says nothing.
    let favourites = story.user("favourites", json!({ "first": 100 })).await;
    let rated = some(&favourites["interactions"]["nodes"])
        .iter()
        .find(|one| one["content"]["id"] == item["content"]["id"]);
    assert_eq!(rated.unwrap()["value"], 4.5);
    let list = story.user("feed", json!({ "first": 100 })).await;
    assert!(
        some(&list["recommendations"]["items"])
            .iter()
            .all(|other| other["content"]["id"] != item["content"]["id"]),
        "what was rated is in no list any more"
    );

    let film = film(story, "Godzilla").await;
    let many = json!([
        { "contentId": film, "kind": "VIEW" },
        { "contentId": film, "kind": "RATING", "value": 11 },
    ]);
    let told = story
        .user(
            "recordInteractions",
            json!({ "input": { "interactions": many } }),
        )
        .await;
    let told = &told["recordInteractions"];
    assert_eq!(told["recorded"], 1);
    assert_eq!(told["results"][1]["outcome"], "REFUSED");
    let viewed = &told["results"][0]["interaction"]["id"];
    let gone = story
        .user("deleteInteraction", json!({ "input": { "id": viewed } }))
        .await;
    assert_eq!(&gone["deleteInteraction"]["deletedId"], viewed);
    let variables = json!({ "filter": { "content": { "eq": film }, "kind": { "eq": "VIEW" } } });
    let history = story.user("history", variables).await;
    let history = history["interactions"]["nodes"].as_array().unwrap();
    assert!(history.iter().all(|one| &one["id"] != viewed));

    let counted = story
        .admin("interactionCounts", json!({ "groupBy": ["KIND"] }))
        .await;
    let ratings = some(&counted["interactionCounts"])
        .iter()
        .find(|count| count["kind"] == "RATING");
    assert!(ratings.unwrap()["count"].as_i64() > Some(1000));
    let table = story.user("interactionWeights", json!({})).await;
    let version = &table["interactionWeights"]["version"];
    let input =
        json!({ "expectedVersion": version, "weights": [{ "kind": "SHARE", "weight": 0.9 }] });
    let changed = story
        .admin("updateInteractionWeights", json!({ "input": input }))
        .await;
    let changed = &changed["updateInteractionWeights"]["weights"];
    assert_eq!(
        changed["version"].as_i64(),
        version.as_i64().map(|was| was + 1)
    );
    let share = some(&changed["rows"])
        .iter()
        .find(|row| row["kind"] == "SHARE");
    assert_eq!(share.unwrap()["weight"], 0.9);
}

pub async fn what_people_do_is_heard_at_once(story: &Story) {
    let id = text(&story.user("viewer", json!({})).await["viewer"]["id"]);
    let now = story.admin("interactionsCursor", json!({})).await;
    let after = &now["interactionsCursor"];
    let variables = json!({ "after": after, "filter": { "user": { "eq": id } } });
    let mut all = story
        .receive(&story.admin, "interactionsRecorded", variables)
        .await;
    let mut own = story
        .receive(&story.user, "recommendationsUpdated", json!({}))
        .await;
    let film = film(story, "Casablanca").await;
    // A change of lists is told to those who listen already, so it is made until it is heard.
    let update = loop {
        story
            .server
            .app
            .ctx
            .clock
            .advance(chrono::TimeDelta::seconds(1));
        let like = json!({ "input": { "contentId": film, "kind": "LIKE" } });
        story.user("recordInteraction", like).await;
        if let Ok(received) = timeout(Duration::from_secs(2), own.next()).await {
            break received.unwrap();
        }
    };
    assert_eq!(update["recommendationsUpdated"]["userId"], id);
    assert_eq!(update["recommendationsUpdated"]["reason"], "TASTE");
    let received = all.next().await.unwrap();
    let received = &received["interactions"];
    assert_eq!(
        (&received["kind"], &received["userId"]),
        (&json!("LIKE"), &json!(id))
    );
    assert_eq!(received["content"]["title"], "Casablanca");
    assert_ne!(&received["cursor"], after);
    assert!(received["cursor"].is_string());
}
