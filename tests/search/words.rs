//! What is found: by its words, by words typed wrong or in part.

use marquee::domain::auth::Viewer;
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields};
use serde_json::json;

use crate::support::TestApp;
use crate::{demo, search, search_with, titles};

#[tokio::test(flavor = "multi_thread")]
async fn typing_errors_find_and_are_put_right() {
    let app = demo().await;
    for (typed, title, meant) in [
        ("incepton", "Inception", Some("inception")),
        ("Termintor", "The Terminator", Some("terminator")),
        ("sevn samurai", "Seven Samurai", Some("seven samurai")),
        ("casablnaca", "Casablanca", Some("casablanca")),
        ("inception", "Inception", None),
        ("wall-e", "WALL·E", None),
        ("WALLE", "WALL·E", None),
        ("singing in the rain", "Singin' in the Rain", None),
    ] {
        let found = search(&app, typed).await;
        assert_eq!(titles(&found).first(), Some(&title), "{typed}: {found:#}");
        assert_eq!(found["didYouMean"].as_str(), meant, "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_genres_and_descriptions_find_in_any_spelling() {
    let app = demo().await;
    let kurosawa = search(&app, "kurosawa").await;
    assert!(
        kurosawa["totalCount"].as_i64().unwrap() >= 5,
        "{kurosawa:#}"
    );
    let misspelt = search(&app, "akira kurosava").await;
    assert_eq!(misspelt["didYouMean"], "akira kurosawa");
    assert!(titles(&misspelt).contains(&"Ran"), "{misspelt:#}");
    let melies = search(&app, "georges melies").await;
    assert_eq!(titles(&melies)[0], "A Trip to the Moon");
    // The original title, without its macron.
    let ghibli = search(&app, "tenku no shiro").await;
    assert_eq!(titles(&ghibli)[0], "Castle in the Sky");
    // Another form of a word in the description alone.
    let astronomer = search(&app, "astronomer").await;
    assert!(titles(&astronomer).contains(&"A Trip to the Moon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn films_about_robots_in_space_need_not_say_so() {
    let app = demo().await;
    let found = search(&app, "films about robots in space").await;
    let edges = &found["edges"].as_array().unwrap()[..10];
    let (mut films, mut fitting) = (0, 0);
    for edge in edges {
        let film = &edge["node"];
        let said = film.to_string().to_lowercase();
        films += usize::from(film["kind"] == "MOVIE");
        assert!(!said.contains("robots in space"));
        fitting += usize::from(said.contains("robot") && said.contains("space"));
    }
    // A book about the same may be among them.
    assert!(films >= 8 && fitting >= 5, "{:?}", titles(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_follow_the_typing() {
    let app = demo().await;
    let document = "query ($typed: String!) { searchSuggestions(prefix: $typed, first: 8) {
        kind text content { title } person { name } } }";
    for (typed, kind, text) in [
        ("incep", "TITLE", "Inception"),
        ("incpet", "TITLE", "Inception"),
        ("the godf", "TITLE", "The Godfather"),
        ("kuros", "PERSON", "Akira Kurosawa"),
        ("akira kuro", "PERSON", "Akira Kurosawa"),
        ("weste", "GENRE", "Western"),
    ] {
        let data = app
            .ask_as(&Viewer::Nobody, document, json!({ "typed": typed }))
            .await;
        let all = data["searchSuggestions"].as_array().unwrap();
        assert!(all.len() <= 8);
        let fits = |one: &&serde_json::Value| one["kind"] == kind && one["text"] == text;
        let found = all.iter().find(fits);
        let found = found.unwrap_or_else(|| panic!("{typed}: {data:#}"));
        match kind {
            "TITLE" => assert_eq!(found["content"]["title"], text),
            "PERSON" => assert_eq!(found["person"]["name"], found["text"]),
            _ => assert!(found["content"].is_null() && found["person"].is_null()),
        }
    }
    let none = app
        .ask("{ searchSuggestions(prefix: \"  \") { text } }")
        .await;
    assert_eq!(none["searchSuggestions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_found_by_the_next_request() {
    let app = TestApp::start().await;
    let content = &app.services.content;
    let mut fields = Fields::new(ContentKind::Movie, "Zyxwvut");
    fields.description = "A lighthouse keeper".to_owned();
    let credit = NewCredit {
        person: PersonRef::Name("Ada Quill".into()),
        role: CreditRole::Director,
        character: None,
    };
    assert_eq!(search(&app, "zyxwvut").await["totalCount"], 0);
    let film = content
        .create(&Viewer::Command, fields, vec![credit])
        .await
        .unwrap();
    for query in ["zyxwvut", "lighthouse", "quill", "zyxvut"] {
        assert_eq!(titles(&search(&app, query).await), ["Zyxwvut"], "{query}");
    }
    let renamed = content.update(&Viewer::Command, film.id, None, |fields| {
        fields.title = "Abcdefgh".to_owned();
    });
    renamed.await.unwrap();
    assert_eq!(search(&app, "zyxwvut").await["totalCount"], 0);
    assert_eq!(titles(&search(&app, "abcdefgh").await), ["Abcdefgh"]);
    // A person's name is part of their films.
    let person = app
        .services
        .people
        .named("Ada Quill")
        .await
        .unwrap()
        .unwrap();
    let rename = "mutation ($id: ID!) { updatePerson(input: { id: $id, name: \"Ida Feather\" }) { errors { __typename } } }";
    app.ask_as(&Viewer::Command, rename, json!({ "id": person.id }))
        .await;
    content.catalogue().await.unwrap().catch_up().await.unwrap();
    assert_eq!(titles(&search(&app, "feather").await), ["Abcdefgh"]);
    assert_eq!(search(&app, "quill").await["totalCount"], 0);
    content.delete(&Viewer::Command, film.id).await.unwrap();
    assert_eq!(search(&app, "abcdefgh").await["totalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn highlights_mark_the_words_and_let_no_markup_through() {
    let app = TestApp::start().await;
    let mut fields = Fields::new(
        ContentKind::Movie,
        "<b>Robots</b> & \"Tom's\" <script>alert(1)</script>",
    );
    fields.description = format!(
        "{}<img onerror=x> the robot's end",
        "filler text ".repeat(60)
    );
    let made = app
        .services
        .content
        .create(&Viewer::Command, fields, Vec::new());
    made.await.unwrap();
    let found = search(&app, "script robot").await;
    let highlights = found["edges"][0]["highlights"].as_array().unwrap();
    assert_eq!(highlights.len(), 2, "{found:#}");
    assert_eq!(
        highlights[0]["html"],
        "&lt;b&gt;<em>Robots</em>&lt;/b&gt; &amp; &quot;Tom&#39;s&quot; &lt;<em>script</em>&gt;alert(1)&lt;/<em>script</em>&gt;"
    );
    let description = highlights[1]["html"].as_str().unwrap();
    assert!(
        description.starts_with("… ") && description.len() < 400,
        "{description}"
    );
    assert!(
        description.contains("the <em>robot&#39;s</em> end"),
        "{description}"
    );
    for highlight in highlights {
        let parts = highlight["parts"].as_array().unwrap().iter();
        let marked = parts.filter(|part| part["marked"] == true);
        for part in marked {
            let text = part["text"].as_str().unwrap().to_lowercase();
            assert!(text.starts_with("robot") || text == "script", "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_query_lists_and_an_order_orders() {
    let app = TestApp::start().await;
    let content = &app.services.content;
    for (title, popularity, year) in [
        ("One", 5.0, Some(1990)),
        ("Two", 9.0, None),
        ("Three", 7.0, Some(1950)),
    ] {
        let mut fields = Fields::new(ContentKind::Movie, title);
        (fields.popularity, fields.year) = (popularity, year);
        content
            .create(&Viewer::Command, fields, Vec::new())
            .await
            .unwrap();
    }
    let listed = search(&app, "  ").await;
    assert_eq!(titles(&listed), ["Two", "Three", "One"]);
    assert_eq!(
        listed["edges"][0]["sources"],
        json!([{ "source": "LISTED", "rank": 1 }])
    );
    for (direction, expected) in [
        ("ASC", ["Three", "One", "Two"]),
        ("DESC", ["One", "Three", "Two"]),
    ] {
        let order = json!({ "field": "YEAR", "direction": direction });
        let ordered = search_with(&app, json!({ "query": "film", "orderBy": order })).await;
        assert_eq!(titles(&ordered), expected, "{direction}");
    }
    // Signs alone are no empty query: nothing says them.
    assert_eq!(search(&app, "?!").await["totalCount"], 0);
}
