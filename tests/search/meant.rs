//! What people mean by a query: the thing itself, the favourite, something alike.

use chrono::TimeDelta;
use marquee::domain::auth::Viewer;
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::{demo, search, search_with, titles};

/// Films by their titles, each as popular as it is said.
async fn films(app: &TestApp, films: &[(&str, f64)]) {
    for (title, popularity) in films {
        let mut fields = Fields::new(ContentKind::Movie, *title);
        fields.popularity = *popularity;
        create(app, fields).await;
    }
}

async fn create(app: &TestApp, fields: Fields) {
    let content = &app.services.content;
    content
        .create(&Viewer::Command, fields, Vec::new())
        .await
        .unwrap();
}

async fn first(app: &TestApp, query: &str) -> Option<String> {
    let found = search(app, query).await;
    titles(&found).first().map(|title| (*title).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_very_title_comes_first_and_then_the_more_popular() {
    let app = TestApp::start().await;
    films(
        &app,
        &[
            ("The Heat", 90.0),
            ("Heat", 5.0),
            ("Red Heat", 80.0),
            ("Star Wars: The Holiday Special", 2.0),
            ("Star Wars: A New Hope", 70.0),
            ("Rocky II", 1.0),
            ("Arthur 2: On the Rocks", 60.0),
        ],
    )
    .await;
    assert_eq!(
        titles(&search(&app, "heat").await),
        ["Heat", "The Heat", "Red Heat"]
    );
    assert_eq!(first(&app, "the heat").await.as_deref(), Some("The Heat"));
    assert_eq!(
        first(&app, "star wars").await.as_deref(),
        Some("Star Wars: A New Hope")
    );
    assert_eq!(first(&app, "rocky 2").await.as_deref(), Some("Rocky II"));
    // The same in titles that lists are asked for by.
    let document = "query ($titles: [String!]) { similar(titles: $titles) { about { title } } }";
    let data = app
        .ask_as(&Viewer::Nobody, document, json!({ "titles": ["Heat"] }))
        .await;
    assert_eq!(data["similar"]["about"][0]["title"], "Heat", "{data:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_shown_today_is_no_suggestion_of_what_was_meant() {
    let app = TestApp::start().await;
    let mut fields = Fields::new(ContentKind::Movie, "Fanny and Friends");
    fields.rights_from = Some((app.ctx.clock.now() + TimeDelta::days(30)).date_naive());
    create(&app, fields).await;
    films(&app, &[("Funnel", 1.0)]).await;
    for query in ["fannx", "fanny", "fany friends"] {
        let found = search(&app, query).await;
        assert_eq!(
            (found["totalCount"].as_i64(), found["didYouMean"].as_str()),
            (Some(0), None),
            "{query}"
        );
    }
    let data = app
        .ask("{ searchSuggestions(prefix: \"fan\") { text } }")
        .await;
    assert_eq!(data["searchSuggestions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_users_took_orders_what_has_no_figures_of_its_own() {
    let app = demo().await;
    let taken = "SELECT c.title FROM content_items c JOIN interactions i ON i.content_id = c.id
                  WHERE i.kind <> ALL ('{SKIP,DISLIKE,REMOVE_FROM_CART,RETURN}')
                    AND (i.kind <> 'RATING' OR i.value >= 3)
                  GROUP BY c.title ORDER BY count(DISTINCT i.user_id) DESC LIMIT 40";
    let favourites: Vec<String> = sqlx::query_scalar(taken)
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    let listed = search(&app, "").await;
    for title in &titles(&listed)[..10] {
        assert!(
            favourites.iter().any(|favourite| favourite == title),
            "{title}: {favourites:?}"
        );
    }
    // Of several people the one whose films are taken.
    let document = "{ searchSuggestions(prefix: \"kur\", first: 8) { kind text } }";
    let data = app.ask(document).await;
    let all = data["searchSuggestions"].as_array().unwrap();
    let people: Vec<&Value> = all.iter().filter(|one| one["kind"] == "PERSON").collect();
    assert_eq!(people[0]["text"], "Akira Kurosawa", "{data:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_like_something_is_found_without_it() {
    let app = demo().await;
    for query in [
        "movies like Alien",
        "similar to alien",
        "Filme wie Alien",
        "films comme Alien",
        "películas como Alien",
        "Alienのような映画",
    ] {
        let found = search(&app, query).await;
        let titles = titles(&found);
        assert_eq!(titles.first(), Some(&"Aliens"), "{query}: {titles:?}");
        assert!(!titles.contains(&"Alien"), "{query}: {titles:?}");
    }
    // A title is a title.
    assert_eq!(
        first(&app, "some like it hot").await.as_deref(),
        Some("Some Like It Hot")
    );
    // What is like nothing that is there is searched for as it is.
    assert!(titles(&search(&app, "movies like dinosaurs").await).contains(&"Jurassic Park"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_with_all_words_comes_before_those_with_some() {
    let app = demo().await;
    assert_eq!(
        first(&app, "kate winslet titanic").await.as_deref(),
        Some("Titanic")
    );
    let found = search(&app, "sci-fi").await;
    for edge in &found["edges"].as_array().unwrap()[..20] {
        assert!(
            edge["node"]["genres"]
                .to_string()
                .contains("Science Fiction"),
            "{edge:#}"
        );
    }
    let page = json!({ "query": "1950s western", "first": 10 });
    for edge in search_with(&app, page).await["edges"].as_array().unwrap() {
        let year = edge["node"]["year"].as_i64().unwrap();
        assert!((1950..1960).contains(&year), "{edge:#}");
    }
}

/// The same in other languages, on items of those.
#[tokio::test(flavor = "multi_thread")]
async fn german_french_spanish_and_japanese_queries_mean_the_same() {
    let app = TestApp::start().await;
    for (title, language, year, genre, person) in [
        ("Die Brücke", "de", 1959, "Krieg", "Bernhard Wicki"),
        ("Brücke im Nebel", "de", 2001, "Drama", "Ada Quill"),
        ("Les Vacances", "fr", 1953, "Comédie", "Jacques Tati"),
        ("El orfanato", "es", 2007, "Terror", "J. A. Bayona"),
        ("東京物語", "ja", 1953, "ドラマ", "小津安二郎"),
        ("ゴジラ", "ja", 1954, "ホラー", "本多猪四郎"),
    ] {
        let mut fields = Fields::new(ContentKind::Movie, title);
        (fields.language, fields.year) = (Some(language.to_owned()), Some(year));
        fields.genres = vec![genre.to_owned()];
        let credit = NewCredit {
            person: PersonRef::Name(person.into()),
            role: CreditRole::Director,
            character: None,
        };
        let made = app
            .services
            .content
            .create(&Viewer::Command, fields, vec![credit]);
        made.await.unwrap();
    }
    for (query, title) in [
        ("brücke", "Die Brücke"),
        ("die bruecke der 50er jahre", "Die Brücke"),
        ("deutsche filme der 50er jahre", "Die Brücke"),
        ("film français des années 50", "Les Vacances"),
        ("comédie française", "Les Vacances"),
        ("película española de terror", "El orfanato"),
        ("películas españolas de miedo", "El orfanato"),
        ("50年代の日本映画 東京", "東京物語"),
        ("東京物語", "東京物語"),
        ("ｺﾞｼﾞﾗ", "ゴジラ"),
        ("ごじら", "ゴジラ"),
        ("小津安二郎", "東京物語"),
    ] {
        let found = search(&app, query).await;
        assert_eq!(
            titles(&found).first(),
            Some(&title),
            "{query}: {:?}",
            titles(&found)
        );
    }
}
