//! Films for the hours of a channel, picked by a curator.

use chrono::Days;
use serde_json::{Value, json};

use crate::story::{Story, some};

pub async fn a_curator_programmes_an_evening(story: &Story) {
    let channels = story
        .run(Some(&story.curator), "channels", json!({ "own": true }))
        .await;
    let channel = &some(&channels["channels"]["nodes"])[0]["id"];
    let today = story.server.app.ctx.clock.now().date_naive();
    let date = today.checked_add_days(Days::new(1)).unwrap().to_string();
    let at = |hour: i32| json!({ "channelId": channel, "date": date, "hour": hour });
    let curator =
        async |name: &str, variables: Value| story.run(Some(&story.curator), name, variables).await;

    let trained = story.complete(
        &story.admin,
        "createPlainJob",
        json!({ "plain": "SLATE_TRAINING" }),
    );
    let trained = trained.await;
    assert!(
        trained["curator"]["model"].is_string() && trained["audience"]["model"].is_string(),
        "{trained:#}"
    );

    let follow = json!({ "channelId": channel });
    let mut updates = story.receive(&story.curator, "slateUpdated", follow).await;
    let offered = curator("slate", at(21)).await;
    let slate = &offered["slate"];
    assert_eq!(slate["state"], "OPEN");
    let items = some(&slate["items"]);
    assert_eq!(items.len(), 10);
    assert!(
        items[0]["predictedAudience"].as_f64() > Some(0.0),
        "{:#}",
        items[0]
    );
    let curators: Vec<&Value> = items
        .iter()
        .map(|item| &item["signals"][0]["value"])
        .collect();
    assert!(
        curators.iter().any(|value| *value != curators[0]),
        "{curators:?}"
    );
    let mut update = updates.next().await.unwrap();
    // It may have begun to listen after the slate was made.
    while update["slateUpdated"]["slate"]["id"] != slate["id"] {
        update = updates.next().await.unwrap();
    }

    let weights = curator("signalWeights", at(21)).await;
    assert_eq!(some(&weights["signalWeights"]["weights"]).len(), 6);
    let plot = weights["signalWeights"]["plotUrl"].as_str().unwrap();
    let plot = reqwest::get(plot).await.unwrap();
    assert_eq!(plot.headers()["content-type"], "image/svg+xml");
    assert!(plot.text().await.unwrap().contains("</svg>"));

    let picked = &items[1]["content"]["id"];
    let input =
        json!({ "input": { "slateId": slate["id"], "contentId": picked, "signals": ["NOVELTY"] } });
    let selected = curator("selectForSlate", input).await;
    assert_eq!(
        &selected["selectForSlate"]["selection"]["content"]["id"],
        picked
    );
    let selections = curator("slateSelections", json!({ "first": 5 })).await;
    let selection = &some(&selections["slateSelections"]["nodes"])[0];
    assert_eq!(&selection["content"]["id"], picked);
    // What it learned from the schedules of the demo's channels.
    assert_eq!(selection["slate"]["modelVersion"], "1.0.0");

    let late = curator("slate", at(23)).await;
    let input = json!({ "input": { "slateId": late["slate"]["id"] } });
    let rejected = curator("regenerateSlate", input).await;
    let rejected = &rejected["regenerateSlate"];
    assert_eq!(rejected["rejected"]["state"], "REJECTED");
    assert_ne!(rejected["slate"]["id"], late["slate"]["id"]);
    let abandoned = curator("abandonSlate", json!({ "input": at(23) })).await;
    assert_eq!(abandoned["abandonSlate"]["readmitted"], 10);

    let first = story.admin("checkpointBandit", json!({})).await;
    let first = &first["checkpointBandit"]["model"];
    assert_eq!(
        (&first["version"], &first["metrics"]["slates"]),
        (&json!("1.1.0"), &json!(2))
    );
    let variables = json!({ "first": first["id"], "second": first["id"] });
    let compared = story.admin("compareModels", variables).await;
    assert_eq!(compared["compareModels"]["settings"], json!([]));
    // It has learned from all that was decided, so nothing can judge it yet.
    let period = json!({
        "version": first["id"], "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
    });
    let judged = story.admin("evaluatePolicy", period).await;
    let judged = &judged["evaluatePolicy"];
    assert_eq!(
        (&judged["slates"], &judged["learnedSlates"]),
        (&json!(0), &json!(2))
    );
    let refused = json!({ "input": { "version": first["id"] } });
    let refused = story.refused(&story.admin, "promoteModel", refused).await;
    assert_eq!(refused["promoteModel"]["errors"][0]["code"], "CONFLICT");
    let forced = json!({ "input": { "version": first["id"], "force": true } });
    let forced = story.admin("promoteModel", forced).await;
    assert_eq!(forced["promoteModel"]["model"]["state"], "ACTIVE");
    let sources = story.admin("modelSources", json!({})).await;
    let kinds: Vec<&Value> = some(&sources["modelSources"])
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert!(kinds.contains(&&json!("CURATOR")), "{kinds:?}");
    // The schema of this story is neither `test` nor `demo`.
    let refused = story
        .refused(&story.admin, "resetTestData", json!({}))
        .await;
    assert_eq!(refused["resetTestData"]["errors"][0]["code"], "CONFLICT");
}
