//! Films, people and searching.

use marquee::domain::auth::Viewer;
use serde_json::{Value, json};

use crate::story::{Story, film, some};

pub async fn the_catalogue_is_read(story: &Story) {
    let variables = json!({
        "filter": { "kind": { "eq": "MOVIE" }, "language": { "eq": "ja" } },
        "orderBy": { "field": "YEAR", "direction": "ASC" },
        "first": 5,
    });
    let films = &story.user("contents", variables.clone()).await["contents"];
    let years: Vec<_> = some(&films["nodes"])
        .iter()
        .map(|film| film["year"].as_i64().unwrap())
        .collect();
    assert!(years.len() == 5 && years.is_sorted(), "{years:?}");
    let facets = &story.user("contentFacets", variables).await["contentFacets"];
    assert_eq!(facets["totalCount"], films["totalCount"]);
    assert_eq!(facets["languages"][0]["value"], "ja");

    let id = film(story, "Seven Samurai").await;
    let seen = &story.user("content", json!({ "id": id })).await["content"];
    assert_eq!(
        (&seen["title"], &seen["year"]),
        (&json!("Seven Samurai"), &json!(1954))
    );
    let credits = some(&seen["credits"]);
    let directs = |credit: &&Value| credit["role"] == "DIRECTOR";
    let director = credits.iter().find(directs).unwrap();
    assert_eq!(director["person"]["name"], "Akira Kurosawa");
    let seen = story.user("node", json!({ "id": id })).await;
    assert_eq!(seen["node"]["title"], "Seven Samurai");

    let by_name = json!({ "name": "Akira Kurosawa" });
    let person = &story.user("person", by_name).await["person"];
    assert_eq!(person["id"], director["person"]["id"]);
    assert_eq!(
        person["statistics"]["films"],
        person["filmography"]["totalCount"]
    );
    let ids = json!({ "ids": [person["id"], id] });
    let nodes = &story.user("nodes", ids).await["nodes"];
    assert_eq!(
        (&nodes[0]["name"], &nodes[1]["title"]),
        (&json!("Akira Kurosawa"), &json!("Seven Samurai"))
    );
    let variables = json!({
        "filter": { "name": { "startsWith": "Akira" } }, "orderBy": { "field": "NAME" }, "first": 5,
    });
    let people = story.user("people", variables).await;
    assert!(
        some(&people["people"]["nodes"])
            .iter()
            .all(|person| person["name"].as_str().unwrap().starts_with("Akira"))
    );
    let worlds = story.admin("schemas", json!({})).await;
    assert!(some(&worlds["schemas"])[0]["counts"]["contents"].as_i64() > Some(400));
}

pub async fn the_catalogue_is_written(story: &Story) {
    let input = json!({ "name": "Ada Newcomer", "biography": "New here." });
    let made = story.admin("createPerson", json!({ "input": input })).await;
    let person = &made["createPerson"]["person"]["id"];
    let input = json!({ "id": person, "biography": null });
    let changed = story.admin("updatePerson", json!({ "input": input })).await;
    let changed = &changed["updatePerson"]["person"];
    assert_eq!(changed["name"], "Ada Newcomer", "what is left out stays");
    assert!(changed["biography"].is_null(), "what is null is emptied");

    let input = json!({
        "kind": "MOVIE", "title": "A First Film", "year": 2026, "genres": ["Drama"],
        "credits": [{ "name": "Another Newcomer", "role": "DIRECTOR" }],
    });
    let made = story
        .admin("createContent", json!({ "input": input }))
        .await;
    let made = &made["createContent"]["content"];
    assert_eq!(made["credits"][0]["person"]["name"], "Another Newcomer");
    let input = json!({ "id": made["id"], "title": "A Second Film", "year": null });
    let changed = story
        .admin("updateContent", json!({ "input": input }))
        .await;
    let changed = &changed["updateContent"]["content"];
    assert_eq!(changed["title"], "A Second Film");
    assert!(changed["year"].is_null());

    for (operation, id) in [("deleteContent", &made["id"]), ("deletePerson", person)] {
        let which = json!({ "input": { "id": id } });
        let gone = story.admin(operation, which).await;
        assert_eq!(&gone[operation]["deletedId"], id);
    }
    let seen = story.admin("node", json!({ "id": made["id"] })).await;
    assert!(seen["node"].is_null());
}

pub async fn things_are_found(story: &Story) {
    // Often enough to be popular.
    for _ in 0..5 {
        let found = story
            .user("search", json!({ "query": "samurai", "first": 5 }))
            .await;
        let first = &some(&found["search"]["edges"])[0];
        assert_eq!(first["rank"], 1);
        let marked = first["highlights"].to_string();
        assert!(marked.contains("\"marked\":true"), "{first:#}");
    }
    let variables = json!({ "prefix": "seven s", "first": 3 });
    let suggested = story.user("searchSuggestions", variables).await;
    let suggested = some(&suggested["searchSuggestions"]);
    assert!(suggested.iter().any(|one| one["text"] == "Seven Samurai"));
    // What is counted is written now and then.
    story.server.app.services.search.flush().await.unwrap();
    let popular = story
        .admin("popularSearches", json!({ "days": 7, "first": 3 }))
        .await;
    let popular = &some(&popular["popularSearches"])[0];
    assert_eq!(
        (&popular["query"], &popular["times"]),
        (&json!("samurai"), &json!(5))
    );
}

pub async fn a_vector_of_ones_own_is_brought(story: &Story) {
    let film = film(story, "Psycho").await;
    let spaces = story.admin("models", json!({ "kind": "EMBEDDING" })).await;
    let space = &some(&spaces["models"]["nodes"])[0];
    let mut settings = some(&space["settings"]).iter();
    let dimensions = settings.find(|setting| setting["name"] == "dimensions");
    let length = dimensions.unwrap()["value"].as_str().unwrap();
    let length: u64 = length.parse().unwrap();
    for vector in [json!(vec![0.5; length as usize]), json!(null)] {
        let input = json!({ "input": { "contentId": film, "vector": vector } });
        let set = story.admin("setContentEmbedding", input).await;
        assert_eq!(set["setContentEmbedding"]["content"]["title"], "Psycho");
    }
}

pub async fn channels_and_their_schedules_are_looked_after(story: &Story) {
    let input =
        json!({ "key": "film-one", "name": "Film One", "timeZone": "Europe/Berlin", "own": true });
    let made = story
        .admin("createChannel", json!({ "input": input }))
        .await;
    let ours = &made["createChannel"]["channel"]["id"];
    let input = json!({ "id": ours, "name": "Film One HD" });
    story
        .admin("updateChannel", json!({ "input": input }))
        .await;
    let key = json!({ "key": "film-one" });
    let seen = &story.admin("channel", key).await["channel"];
    assert_eq!((&seen["id"], &seen["name"]), (ours, &json!("Film One HD")));

    let guide = "<tv><programme channel=\"Rival\" start=\"20260301190000\" stop=\"20260301230000\">\
        <title>Seven Samurai</title><date>1954</date><category>Movie</category></programme></tv>";
    let uploads = &story.server.app.services.uploads;
    let mut writer = uploads.begin(&Viewer::Command).await.unwrap();
    writer.write(guide.into()).await.unwrap();
    let upload = writer.finish("guide.xml").await.unwrap().id;
    let input = json!({ "input": { "uploadIds": [upload] } });
    let done = story
        .complete(&story.admin, "importCompetition", input)
        .await;
    assert_eq!(done["tables"]["airings"]["added"], 1, "{done:#}");
    let channels = story.admin("channels", json!({ "own": false })).await;
    assert_eq!(channels["channels"]["nodes"][0]["key"], "rival");
    let period = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z", "channels": ["rival"] });
    let schedule = story.admin("competitionSchedule", period).await;
    let shown = &schedule["competitionSchedule"]["nodes"][0];
    assert_eq!(shown["content"]["title"], "Seven Samurai", "{shown:#}");
    assert!(shown["confidence"].as_f64() > Some(0.5), "{shown:#}");

    let gone = json!({ "input": { "id": ours } });
    let gone = story.admin("deleteChannel", gone).await;
    assert_eq!(&gone["deleteChannel"]["deletedId"], ours);
    // No guides are configured here: there is a job, and it says so.
    let asked = story.admin("syncCompetition", json!({ "input": {} })).await;
    let job = &asked["syncCompetition"]["job"];
    let events = story.follow(&story.admin, &job["id"]).await;
    assert_eq!(events.last().unwrap()["state"], "FAILED");
}
