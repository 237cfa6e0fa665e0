//! Lists, likeness, and what becomes of them.

use serde_json::{Value, json};

use crate::story::{Story, film, some, text};

fn titles(items: &Value) -> Vec<String> {
    some(items)
        .iter()
        .map(|item| text(&item["content"]["title"]))
        .collect()
}

pub async fn lists_are_drawn(story: &Story) {
    let first = story.user("feed", json!({ "first": 5 })).await;
    let first = &first["recommendations"];
    for item in some(&first["items"]) {
        assert!(!text(&item["reasons"][0]["message"]).is_empty());
    }
    assert!(first["model"]["version"].is_string());
    let next = json!({ "first": 5, "after": first["pageInfo"]["endCursor"] });
    let next = story.user("feed", next).await;
    let next = &next["recommendations"];
    assert_eq!(next["id"], first["id"], "a later page of the same draw");
    assert_eq!(next["items"][0]["rank"], 6);
    let variables = json!({ "id": first["id"], "first": 10 });
    let again = story.user("recommendationList", variables).await;
    let both = [titles(&first["items"]), titles(&next["items"])].concat();
    assert_eq!(titles(&again["recommendationList"]["items"]), both);

    let pinned = film(story, "Casablanca").await;
    let variables = json!({
        "first": 5,
        "filter": { "kind": { "eq": "MOVIE" } },
        "boost": [{ "filter": { "genres": { "has": "Drama" } }, "factor": 2 }],
        "exclude": [first["items"][0]["content"]["id"]],
        "pin": [{ "contentId": pinned, "rank": 2 }],
        "diversity": 0.3,
        "minScore": 0,
        "fallback": ["POPULAR"],
    });
    let steered = story.user("controlledFeed", variables).await;
    let steered = &steered["recommendations"]["items"];
    assert_eq!(titles(steered)[1], "Casablanca");
    assert!(!titles(steered).contains(&titles(&first["items"])[0]));

    let western = json!({ "filter": { "genres": { "has": "Western" } }, "first": 5 });
    let shelf = story.user("categoryRecommendations", western).await;
    for item in some(&shelf["recommendations"]["items"]) {
        let genres = some(&item["content"]["genres"]);
        assert!(genres.contains(&json!("Western")), "{item:#}");
    }
    let variables = json!({ "query": "a detective in the city", "first": 5 });
    let found = story.user("searchRecommendations", variables).await;
    assert_eq!(found["recommendations"]["context"], "SEARCH");
    let sources = some(&found["recommendations"]["items"])[0]["sources"].clone();
    assert!(some(&sources).contains(&json!("QUERY")), "{sources}");
    let beside = film(story, "Seven Samurai").await;
    let variables = json!({ "contentId": beside, "first": 5 });
    let alike = story.user("similarRecommendations", variables).await;
    assert_eq!(alike["recommendations"]["context"], "SIMILAR");
    assert!(!titles(&alike["recommendations"]["items"]).contains(&"Seven Samurai".to_owned()));
}

pub async fn likeness_is_shown(story: &Story) {
    let samurai = film(story, "Seven Samurai").await;
    let variables = json!({ "contentId": samurai, "first": 3 });
    let alike = story.user("similar", variables).await;
    let groups = some(&alike["similar"]["groups"]);
    let same = groups.iter().find(|group| group["kind"] == "SAME_DIRECTOR");
    let same = same.unwrap_or_else(|| panic!("{groups:#?}"));
    assert!(text(&same["title"]).contains("Akira Kurosawa"), "{same:#}");
    let variables = json!({ "titles": ["Rashomon", "Yojimbbo"], "first": 3 });
    let alike = &story.user("similarToTitles", variables).await["similar"];
    assert_eq!(alike["about"][0]["title"], "Rashomon");
    let guess = &alike["notFound"][0]["suggestions"][0];
    assert_eq!(guess["title"], "Yojimbo", "{alike:#}");
    let rows = story
        .user("because", json!({ "rows": 2, "first": 4 }))
        .await;
    let row = &some(&rows["because"])[0];
    assert!(text(&row["title"]).starts_with("Because you"), "{row:#}");
    assert!(titles(&row["items"]).len() <= 4);

    // Something begins to rise.
    let rising = film(story, "Godzilla").await;
    let likes = |number| json!({ "contentId": rising, "kind": "VIEW", "userId": number });
    let viewers = story.admin("users", json!({ "first": 60 })).await;
    let likes: Vec<_> = some(&viewers["users"]["nodes"])
        .iter()
        .map(|user| likes(user["id"].clone()))
        .collect();
    let input = json!({ "input": { "interactions": likes } });
    let told = story.admin("recordInteractions", input).await;
    assert_eq!(told["recordInteractions"]["refused"], 0);
    let variables =
        json!({ "window": "WEEK", "first": 10, "filter": { "title": { "eq": "Godzilla" } } });
    let rises = story.user("trending", variables).await;
    let item = &some(&rises["trending"])[0];
    assert!(
        item["recent"].as_f64() > item["expected"].as_f64(),
        "{item:#}"
    );
}

pub async fn clicks_are_told_and_counted(story: &Story) {
    let list = story.user("feed", json!({ "first": 3 })).await;
    let list = &list["recommendations"];
    let feedback = json!([
        { "attributionToken": list["items"][0]["attributionToken"], "kind": "CLICKED" },
        { "attributionToken": list["items"][1]["attributionToken"], "kind": "RATED", "rating": 4.5 },
    ]);
    let told = story
        .user(
            "recordRecommendationFeedback",
            json!({ "input": { "feedback": feedback } }),
        )
        .await;
    let told = &told["recordRecommendationFeedback"];
    assert_eq!(told["recorded"], 2, "{told:#}");
    assert_eq!(told["results"][1]["feedback"]["rank"], 2);
    let counted = story.admin("recommendationStatistics", json!({})).await;
    let total = &counted["recommendationStatistics"]["total"];
    assert_eq!(
        (&total["clicked"], &total["rated"]),
        (&json!(1), &json!(1)),
        "{total:#}"
    );
}

pub async fn a_list_is_explained(story: &Story) {
    let list = story.user("feed", json!({ "first": 5 })).await;
    let list = &list["recommendations"];
    let id = &list["id"];
    let own = story.user("traces", json!({ "first": 5 })).await;
    let newest = &some(&own["traces"]["nodes"])[0]["list"];
    assert!(newest["id"].is_string() && newest["createdAt"].is_string());
    let trace = story.user("trace", json!({ "id": id, "first": 50 })).await;
    let trace = &trace["trace"];
    assert_eq!(&trace["list"]["id"], id);
    assert!(!some(&trace["signals"]).is_empty());
    let candidates = some(&trace["candidates"]["nodes"]);
    assert_eq!(candidates[0]["rank"], 1);

    let first = &list["items"][0]["content"]["id"];
    let why = story
        .user("whyNot", json!({ "listId": id, "contentId": first }))
        .await;
    assert_eq!(why["whyNot"]["stage"], "LISTED");
    let same = story.user("replay", json!({ "id": id })).await;
    assert_eq!(same["replay"]["identical"], true);
    let changes = json!({ "exclude": [first] });
    let without = story
        .user(
            "replay",
            json!({ "id": id, "changes": changes, "first": 5 }),
        )
        .await;
    assert_eq!(&some(&without["replay"]["left"])[0]["content"]["id"], first);
}
