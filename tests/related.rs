//! What is like an item, rows of a front page, what rises, and what became of lists.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;
use uuid::Uuid;

type Content = Id<id::Content>;

/// The demo with its space.
async fn demo() -> TestApp {
    let app = TestApp::start().await;
    let loaded = app.services.demo.load(&Viewer::Command).await.unwrap();
    assert!(loaded.is_some());
    let go_on = |_| ControlFlow::Continue(());
    let trained = app.services.embeddings.train(&Viewer::Command, go_on);
    trained.await.unwrap();
    app
}

const SIMILAR: &str = "query ($titles: [String!], $item: ID, $first: Int, $kinds: [SimilarKind!]) {
    similar(titles: $titles, contentId: $item, first: $first, kinds: $kinds) {
        about { id title }
        notFound { title suggestions { title } }
        groups { kind title items { score explanation
            content { id kind title year genres directors { name } credits(roles: [CAST]) { person { name } } } } } } }";

async fn similar(app: &TestApp, titles: &[&str]) -> Value {
    let variables = json!({ "titles": titles, "first": 10 });
    let mut data = app.ask_as(&Viewer::Nobody, SIMILAR, variables).await;
    data["similar"].take()
}

fn group<'a>(similar: &'a Value, kind: &str) -> &'a Value {
    let groups = similar["groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["kind"] == kind);
    group.unwrap_or_else(|| panic!("no {kind} in {similar:#}"))
}

fn items(group: &Value) -> &[Value] {
    group["items"].as_array().unwrap()
}

fn titles(group: &Value) -> Vec<&str> {
    let all = items(group).iter();
    all.map(|item| item["content"]["title"].as_str().unwrap())
        .collect()
}

/// In how many items the list of this field has the value.
fn with(group: &Value, field: &str, value: &str) -> usize {
    let has = |item: &&Value| {
        let list = item["content"][field].as_array().unwrap();
        list.iter()
            .any(|one| one == value || one["name"] == value || one["person"]["name"] == value)
    };
    items(group).iter().filter(has).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_like_a_film_looks_right_to_a_film_lover() {
    let app = demo().await;
    for (film, genre, director, least) in [
        ("Seven Samurai", "Drama", Some("Akira Kurosawa"), 6),
        ("Psycho", "Horror", Some("Alfred Hitchcock"), 4),
        ("Rio Bravo", "Western", None, 7),
        ("Spirited Away", "Animation", Some("Hayao Miyazaki"), 6),
        ("Alien", "Science Fiction", None, 7),
        ("The Godfather", "Crime", Some("Francis Ford Coppola"), 6),
    ] {
        let found = similar(&app, &[film]).await;
        assert_eq!(found["about"][0]["title"], film, "{found:#}");
        for kind in ["SIMILAR_CONTENT", "SIMILAR_GENRE"] {
            let group = group(&found, kind);
            let count = with(group, "genres", genre);
            let few = if kind == "SIMILAR_GENRE" {
                least
            } else {
                least - 1
            };
            assert!(count >= few, "{film} {kind}: {count} {:?}", titles(group));
        }
        if let Some(director) = director {
            let group = group(&found, "SAME_DIRECTOR");
            assert_eq!(group["title"], format!("More by {director}"));
            assert_eq!(with(group, "directors", director), items(group).len());
            let why = format!("Directed by {director}");
            assert!(items(group).iter().all(|item| item["explanation"] == why));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_keep_their_promises() {
    let app = demo().await;
    let found = similar(&app, &["Seven Samurai"]).await;
    assert_eq!(found["groups"].as_array().unwrap().len(), 6, "{found:#}");
    let cast = group(&found, "SAME_CAST");
    assert!(
        cast["title"].as_str().unwrap().starts_with("More with "),
        "{cast:#}"
    );
    assert!(with(cast, "credits", "Toshiro Mifune") >= 3);
    assert_eq!(
        group(&found, "POPULAR_THAT_YEAR")["title"],
        "Popular in 1954"
    );
    let of_year = items(group(&found, "POPULAR_THAT_YEAR")).iter();
    assert!(of_year.clone().all(|item| item["content"]["year"] == 1954));
    let together = group(&found, "BOUGHT_TOGETHER");
    let why = items(together)[0]["explanation"].as_str().unwrap();
    assert!(
        why.ends_with("who took “Seven Samurai” took it, too"),
        "{why}"
    );
    // Those who love Kurosawa are among its takers.
    assert!(
        with(together, "directors", "Akira Kurosawa") >= 2,
        "{:?}",
        titles(together)
    );

    let pool = app.ground.db.pool();
    for group in found["groups"].as_array().unwrap() {
        let titles = titles(group);
        assert!(!titles.contains(&"Seven Samurai"), "{group:#}");
        let scores = items(group)
            .iter()
            .map(|item| item["score"].as_f64().unwrap());
        let scores: Vec<f64> = scores.collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{group:#}");
        assert!(
            scores.iter().all(|score| (0.0..=1.0).contains(score)),
            "{group:#}"
        );
        let ids = items(group)
            .iter()
            .map(|item| item["content"]["id"].as_str().unwrap());
        let ids: Vec<Uuid> = ids
            .map(|id| id.parse::<Content>().unwrap().uuid())
            .collect();
        assert_eq!(
            ids.iter().collect::<BTreeSet<_>>().len(),
            ids.len(),
            "{group:#}"
        );
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM content_items WHERE id = ANY ($1) AND deleted_at IS NULL
                AND coalesce(rights_from, '-infinity') <= $2
                AND coalesce(rights_until, 'infinity') >= $2",
        )
        .bind(&ids)
        .bind(app.ground.clock.now().date_naive())
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!(
            open as usize,
            ids.len(),
            "not all may be shown today: {group:#}"
        );
    }

    // What is deleted is gone at once, though the answer is kept.
    let first = &items(group(&found, "SAME_DIRECTOR"))[0]["content"];
    let gone: Content = first["id"].as_str().unwrap().parse().unwrap();
    let content = &app.services.content;
    content.delete(&Viewer::Command, gone).await.unwrap();
    let after = similar(&app, &["Seven Samurai"]).await;
    assert!(!after["groups"].to_string().contains(&gone.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_are_found_as_people_type_them_and_wrong_ones_get_suggestions() {
    let app = demo().await;
    let typed = [
        "the  SEVEN samurai",
        "Amelie",
        "Godfather, The (1972)",
        "Seven Samurei",
        "Qqqq Zzzz",
    ];
    let found = similar(&app, &typed).await;
    let about: Vec<&Value> = found["about"].as_array().unwrap().iter().collect();
    let about: Vec<&str> = about
        .iter()
        .map(|item| item["title"].as_str().unwrap())
        .collect();
    assert_eq!(about.len(), 3, "{found:#}");
    assert_eq!((about[0], about[2]), ("Seven Samurai", "The Godfather"));
    assert!(about[1].starts_with("Am"));
    assert_eq!(
        found["notFound"],
        json!([
            { "title": "Seven Samurei", "suggestions": found["notFound"][0]["suggestions"] },
            { "title": "Qqqq Zzzz", "suggestions": [] },
        ])
    );
    assert_eq!(
        found["notFound"][0]["suggestions"][0]["title"],
        "Seven Samurai"
    );
    for group in found["groups"].as_array().unwrap() {
        for title in titles(group) {
            assert!(
                !about.contains(&title),
                "asked about, and answered: {group:#}"
            );
        }
    }
    // The wrong year is another film.
    let found = similar(&app, &["Seven Samurai (1960)"]).await;
    assert_eq!(found["about"], json!([]));
    assert_eq!(found["groups"], json!([]));
    assert_eq!(
        found["notFound"][0]["suggestions"][0]["title"],
        "Seven Samurai"
    );
}

#[tokio::test]
async fn a_catalogue_without_people_years_or_space_still_answers_by_labels() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for (title, genre) in [("A", "Western"), ("B", "Western"), ("C", "Musical")] {
        let document = "mutation ($title: String!, $genre: String!) {
            createContent(input: { kind: MOVIE, title: $title, genres: [$genre] }) { content { id } } }";
        let variables = json!({ "title": title, "genre": genre });
        let data = app.ask_as(&Viewer::Command, document, variables).await;
        made.push(data["createContent"]["content"]["id"].clone());
    }
    let data = app
        .ask_as(&Viewer::Nobody, SIMILAR, json!({ "item": made[0] }))
        .await;
    let groups = data["similar"]["groups"].as_array().unwrap();
    let kinds: Vec<&str> = groups
        .iter()
        .map(|group| group["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["SIMILAR_CONTENT", "SIMILAR_GENRE"], "{data:#}");
    assert!(
        groups.iter().all(|group| titles(group) == ["B"]),
        "{data:#}"
    );
    assert_eq!(groups[1]["items"][0]["explanation"], "Shares Western");
}

#[tokio::test]
async fn a_wrong_question_gets_a_clear_answer() {
    let app = TestApp::start().await;
    let film = app.film("A film").await;
    let owner = app.viewer(Role::User).await;
    let diary = app.private_film(&owner, "A diary").await;
    let nobody = &Viewer::Nobody;
    for (variables, code) in [
        (json!({}), "BAD_USER_INPUT"),
        (
            json!({ "item": film, "titles": ["A film"] }),
            "BAD_USER_INPUT",
        ),
        (json!({ "titles": [] }), "BAD_USER_INPUT"),
        (json!({ "titles": vec!["A"; 11] }), "BAD_USER_INPUT"),
        (json!({ "titles": ["A".repeat(201)] }), "BAD_USER_INPUT"),
        (json!({ "titles": [" "] }), "BAD_USER_INPUT"),
        (json!({ "item": film, "first": 0 }), "BAD_USER_INPUT"),
        (json!({ "item": film, "first": -1 }), "BAD_USER_INPUT"),
        (json!({ "item": film, "first": 51 }), "BAD_USER_INPUT"),
        (json!({ "item": film, "kinds": [] }), "BAD_USER_INPUT"),
        (json!({ "item": diary }), "NOT_FOUND"),
    ] {
        let found = app.code_as(nobody, SIMILAR, variables.clone()).await;
        assert_eq!(found, code, "{variables}");
    }
    app.ask_as(&owner, SIMILAR, json!({ "item": diary })).await;
    // Nobody finds out by its title that there is a diary.
    let data = app
        .ask_as(&owner, SIMILAR, json!({ "titles": ["A diary"] }))
        .await;
    assert_eq!(data["similar"]["about"], json!([]));
    for wrong in ["trending(first: 0)", "trending(first: 101)"] {
        let document = format!("{{ {wrong} {{ score }} }}");
        assert_eq!(
            app.code_as(nobody, &document, json!({})).await,
            "BAD_USER_INPUT"
        );
    }
    for wrong in [
        "because(rows: 0)",
        "because(rows: 11)",
        "because(first: -1)",
    ] {
        let document = format!("{{ {wrong} {{ title }} }}");
        assert_eq!(
            app.code_as(&owner, &document, json!({})).await,
            "BAD_USER_INPUT"
        );
    }
}

const BECAUSE: &str = "query ($user: ID, $rows: Int, $first: Int) {
    because(userId: $user, rows: $rows, first: $first) {
        title genre because { id title } items { score explanation content { id title genres } } } }";

async fn user_of(app: &TestApp, key: &str) -> Id<id::User> {
    let user: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE external_id = $1")
        .bind(key)
        .fetch_one(app.ground.db.pool())
        .await
        .unwrap();
    user.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_from_the_latest_likings_and_share_nothing() {
    let app = demo().await;
    let user = user_of(&app, "user").await;
    let variables = json!({ "user": user, "rows": 5, "first": 8 });
    let data = app
        .ask_as(&Viewer::Command, BECAUSE, variables.clone())
        .await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows.len(), 5, "{rows:#?}");
    let taken: Vec<Uuid> =
        sqlx::query_scalar("SELECT content_id FROM interactions WHERE user_id = $1")
            .bind(user.uuid())
            .fetch_all(app.ground.db.pool())
            .await
            .unwrap();
    let mut met = BTreeSet::new();
    for row in rows {
        assert!(!items(row).is_empty());
        for item in items(row) {
            let id: Content = item["content"]["id"].as_str().unwrap().parse().unwrap();
            assert!(!taken.contains(&id.uuid()), "taken already: {item:#}");
            assert!(met.insert(id), "in two rows: {item:#}");
        }
    }
    for row in &rows[..4] {
        let title = row["because"]["title"].as_str().unwrap();
        let start = row["title"].as_str().unwrap();
        assert!(
            start.starts_with("Because you ") && start.contains(title),
            "{start}"
        );
    }
    let last = &rows[4];
    let genre = last["genre"].as_str().unwrap();
    assert_eq!(last["title"], format!("Popular in {genre}"));
    assert_eq!(with(last, "genres", genre), items(last).len());

    // What they like now heads the page, and what they take leaves it.
    let western = similar(&app, &["Rio Bravo"]).await["about"][0]["id"].clone();
    let western: Content = western.as_str().unwrap().parse().unwrap();
    let shown: Content = items(&rows[0])[0]["content"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for (content, kind) in [
        (shown, InteractionKind::View),
        (western, InteractionKind::Like),
    ] {
        app.ground.clock.advance(TimeDelta::seconds(1));
        let new = NewInteraction {
            user: Some(user),
            ..NewInteraction::new(content, kind)
        };
        let interactions = &app.services.interactions;
        interactions.record(&Viewer::Command, new).await.unwrap();
    }
    let data = app.ask_as(&Viewer::Command, BECAUSE, variables).await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows[0]["title"], "Because you liked “Rio Bravo”");
    assert!(with(&rows[0], "genres", "Western") >= 5, "{:#}", rows[0]);
    let all = json!(rows.iter().map(|row| &row["items"]).collect::<Vec<_>>());
    assert!(!all.to_string().contains(&shown.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_what_is_popular_and_nobody_reads_anothers_rows() {
    let app = demo().await;
    let newcomer = app.viewer(Role::User).await;
    let data = app.ask_as(&newcomer, BECAUSE, json!({})).await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["title"], "Popular these days");
    assert_eq!(items(&rows[0]).len(), 10);
    let others = json!({ "user": user_of(&app, "user").await });
    assert_eq!(
        app.code_as(&newcomer, BECAUSE, others.clone()).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.code_as(&Viewer::Nobody, BECAUSE, others.clone()).await,
        "UNAUTHENTICATED"
    );
    app.ask_as(&app.app(&[Scope::RecommendationsRead]), BECAUSE, others)
        .await;
    let unknown = json!({ "user": Id::<id::User>::from(Uuid::from_u128(7)) });
    assert_eq!(
        app.code_as(&Viewer::Command, BECAUSE, unknown).await,
        "NOT_FOUND"
    );
}

const TRENDING: &str = "query ($window: TrendingWindow!, $filter: ContentFilter) {
    trending(window: $window, filter: $filter) { score recent expected content { title } } }";

/// `users` users do this to an item so long ago.
async fn did(
    app: &TestApp,
    users: &[Viewer],
    item: Content,
    kind: InteractionKind,
    ago: TimeDelta,
) {
    for user in users {
        let new = NewInteraction {
            occurred_at: Some(app.ground.clock.now() - ago),
            ..NewInteraction::new(item, kind)
        };
        app.services.interactions.record(user, new).await.unwrap();
    }
}

#[tokio::test]
async fn what_rises_is_neither_the_favourite_nor_one_users_doing() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..12 {
        users.push(app.viewer(Role::User).await);
    }
    let (favourite, riser) = (app.film("Favourite").await, app.film("Riser").await);
    let (zealous, faller) = (app.film("Zealous").await, app.film("Faller").await);
    let (like, dislike) = (InteractionKind::Like, InteractionKind::Dislike);
    let now = TimeDelta::minutes(30);
    // The favourite is liked by eleven a day, and today by twelve.
    for day in 1..=7 {
        did(
            &app,
            &users[..11],
            favourite,
            InteractionKind::Purchase,
            TimeDelta::hours(24 * day - 1) + TimeDelta::hours(2),
        )
        .await;
    }
    did(&app, &users, favourite, InteractionKind::Purchase, now).await;
    did(&app, &users[..1], riser, like, TimeDelta::days(3)).await;
    did(&app, &users[..8], riser, like, now).await;
    for _ in 0..30 {
        did(&app, &users[..1], zealous, like, now).await;
    }
    did(&app, &users[..6], faller, like, TimeDelta::days(2)).await;
    did(&app, &users[..1], faller, dislike, now).await;

    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "DAY" }))
        .await;
    let rising = data["trending"].as_array().unwrap();
    let title = |item: &Value| item["content"]["title"].as_str().unwrap().to_owned();
    let all: Vec<String> = rising.iter().map(title).collect();
    assert!(!all.contains(&"Faller".to_owned()), "{rising:#?}");
    assert_eq!(rising[0]["score"], 1.0);
    let of = |name: &str| rising.iter().find(|item| title(item) == name).unwrap();
    // Eight likes of .7; one of the seven days before had one.
    assert!((of("Riser")["recent"].as_f64().unwrap() - 5.6).abs() < 1e-5);
    assert!((of("Riser")["expected"].as_f64().unwrap() - 0.1).abs() < 1e-5);
    // However often one user says it, it counts 2.
    assert!((of("Zealous")["recent"].as_f64().unwrap() - 2.0).abs() < 1e-5);
    let score = |name: &str| of(name)["score"].as_f64().unwrap();
    assert!(score("Riser") > score("Zealous"), "{rising:#?}");

    let only = json!({ "window": "DAY", "filter": { "title": { "eq": "Zealous" } } });
    let data = app.ask_as(&Viewer::Nobody, TRENDING, only).await;
    assert_eq!(data["trending"].as_array().unwrap().len(), 1);
    // Three hours later the last hour is empty, while the day is not.
    app.ground.clock.advance(TimeDelta::hours(3));
    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "HOUR" }))
        .await;
    assert_eq!(data["trending"], json!([]));
    let content = &app.services.content;
    content.delete(&Viewer::Command, riser).await.unwrap();
    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "DAY" }))
        .await;
    let left: Vec<String> = data["trending"]
        .as_array()
        .unwrap()
        .iter()
        .map(title)
        .collect();
    assert!(left.contains(&"Zealous".to_owned()) && !left.contains(&"Riser".to_owned()));
}

const TELL: &str = "mutation ($rows: [RecommendationFeedbackInput!]!) {
    recordRecommendationFeedback(input: { feedback: $rows }) {
        recorded repeated refused errors { ... on UserError { message path } }
        results { outcome errors { path code message }
            feedback { kind rank rating content { title } interaction { kind value listRank } } } } }";

/// A world with ten films, and the tokens of the first list of a user.
async fn served(app: &TestApp) -> (Viewer, Vec<String>) {
    for number in 0..10 {
        app.film(&format!("Film {number}")).await;
    }
    let viewer = app.viewer(Role::User).await;
    (viewer.clone(), tokens(app, &viewer).await)
}

async fn tokens(app: &TestApp, viewer: &Viewer) -> Vec<String> {
    let document = "{ recommendations(first: 5) { items { attributionToken } } }";
    let data = app.ask_as(viewer, document, json!({})).await;
    let items = data["recommendations"]["items"].as_array().unwrap().iter();
    let token = |item: &Value| item["attributionToken"].as_str().unwrap().to_owned();
    items.map(token).collect()
}

async fn tell(app: &TestApp, viewer: &Viewer, rows: Value) -> Value {
    let mut data = app.ask_as(viewer, TELL, json!({ "rows": rows })).await;
    data["recordRecommendationFeedback"].take()
}

async fn count(app: &TestApp, table: &'static str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql)
        .fetch_one(app.ground.db.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_told_twice_counts_once_and_taste_is_learnt_from_it() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let rows = json!([
        { "attributionToken": tokens[0], "kind": "SERVED" },
        { "attributionToken": tokens[0], "kind": "CLICKED" },
        { "attributionToken": tokens[1], "kind": "DISMISSED" },
        { "attributionToken": tokens[2], "kind": "RATED", "rating": 4.5, "idempotencyKey": "stars" },
    ]);
    let told = tell(&app, &viewer, rows.clone()).await;
    assert_eq!(
        (&told["recorded"], &told["errors"]),
        (&json!(4), &json!([])),
        "{told:#}"
    );
    let as_interactions: Vec<&Value> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["feedback"]["interaction"])
        .collect();
    assert_eq!(as_interactions[0], &Value::Null);
    assert_eq!(
        as_interactions[1],
        &json!({ "kind": "CLICK", "value": null, "listRank": 1 })
    );
    assert_eq!(
        as_interactions[2],
        &json!({ "kind": "SKIP", "value": null, "listRank": 2 })
    );
    assert_eq!(
        as_interactions[3],
        &json!({ "kind": "RATING", "value": 4.5, "listRank": 3 })
    );

    let again = tell(&app, &viewer, rows).await;
    assert_eq!(
        (&again["recorded"], &again["repeated"]),
        (&json!(0), &json!(4)),
        "{again:#}"
    );
    assert_eq!(
        (
            count(&app, "feedback").await,
            count(&app, "interactions").await
        ),
        (4, 3)
    );

    // The last stars stay, and whoever changes their mind back is heard.
    for (place, stars) in [2.0, 4.5, 2.0].into_iter().enumerate() {
        app.ground.clock.advance(TimeDelta::seconds(1));
        let row = json!([{ "attributionToken": tokens[2], "kind": "RATED", "rating": stars }]);
        let told = tell(&app, &viewer, row).await;
        assert_eq!(told["recorded"], 1, "{told:#}");
        assert_eq!(told["results"][0]["feedback"]["rating"], stars);
        assert_eq!(count(&app, "interactions").await, 4 + place as i64);
    }
    // A late repeat of the first call changes nothing.
    let late = json!([{ "attributionToken": tokens[2], "kind": "RATED", "rating": 4.5, "idempotencyKey": "stars" }]);
    let told = tell(&app, &viewer, late).await;
    assert_eq!(told["results"][0]["outcome"], "REPEATED", "{told:#}");
    assert_eq!(told["results"][0]["feedback"]["rating"], 2.0);
    assert_eq!(count(&app, "feedback").await, 4);
}

#[tokio::test]
async fn wrong_rows_are_refused_by_themselves() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let stranger = app.viewer(Role::User).await;
    let row = |token: &str, kind: &str| json!({ "attributionToken": token, "kind": kind });
    let token = &tokens[0];
    let rows = json!([
        row(token, "CLICKED"),
        row("nonsense", "CLICKED"),
        row(token, "RATED"),
        { "attributionToken": token, "kind": "DISMISSED", "rating": 4 },
        { "attributionToken": token, "kind": "RATED", "rating": 6 },
        { "attributionToken": token, "kind": "RATED", "rating": 5, "idempotencyKey": "" },
        row(token, "CLICKED"),
    ]);
    let told = tell(&app, &viewer, rows).await;
    assert_eq!(
        (&told["recorded"], &told["refused"]),
        (&json!(1), &json!(6)),
        "{told:#}"
    );
    let path = |place: usize| told["results"][place]["errors"][0]["path"].clone();
    assert_eq!(path(1), json!(["feedback", "1", "attributionToken"]));
    assert_eq!(path(2), json!(["feedback", "2", "rating"]));
    assert_eq!(path(5), json!(["feedback", "5", "idempotencyKey"]));
    assert_eq!(path(6), json!(["feedback", "6", "kind"]));

    // Another's list is as unknown as one that never was.
    let theirs = tell(&app, &stranger, json!([row(token, "CLICKED")])).await;
    let (list, _) = token.split_once('.').unwrap();
    let never = tell(
        &app,
        &stranger,
        json!([row(&format!("{list}.99"), "CLICKED")]),
    )
    .await;
    assert_eq!(theirs, never);
    assert_eq!(theirs["refused"], 1);
    let variables = json!({ "rows": [row(token, "CLICKED")] });
    assert_eq!(
        app.code_as(&Viewer::Nobody, TELL, variables).await,
        "UNAUTHENTICATED"
    );
    let apps = app.app(&[Scope::InteractionsWrite]);
    assert_eq!(
        tell(&app, &apps, json!([row(token, "SERVED")])).await["recorded"],
        1
    );
    for many in [0, 101] {
        let told = tell(&app, &viewer, json!(vec![row(token, "SERVED"); many])).await;
        assert_eq!(told["errors"][0]["path"], json!(["feedback"]), "{told:#}");
    }
    assert_eq!(
        (
            count(&app, "feedback").await,
            count(&app, "interactions").await
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn admins_read_how_often_each_rank_is_opened() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let other = app.viewer(Role::User).await;
    let others = self::tokens(&app, &other).await;
    let rows = json!([
        { "attributionToken": tokens[0], "kind": "SERVED" },
        { "attributionToken": tokens[0], "kind": "CLICKED" },
        { "attributionToken": tokens[1], "kind": "DISMISSED" },
        { "attributionToken": tokens[1], "kind": "RATED", "rating": 3 },
    ]);
    assert_eq!(tell(&app, &viewer, rows).await["recorded"], 4);
    // Told as an interaction with the token, it counts as well; told in both ways, once.
    let sql = "SELECT content_id FROM recommendation_items WHERE list_id = $1 AND rank = $2";
    for (viewer, token) in [(&other, &others[1]), (&viewer, &tokens[0])] {
        let (list, rank) = token.split_once('.').unwrap();
        let content: Uuid = sqlx::query_scalar(sql)
            .bind(list.parse::<Id<id::List>>().unwrap().uuid())
            .bind(rank.parse::<i32>().unwrap())
            .fetch_one(app.ground.db.pool())
            .await
            .unwrap();
        let click = NewInteraction {
            attribution_token: Some(token.clone()),
            ..NewInteraction::new(content.into(), InteractionKind::Click)
        };
        app.services
            .interactions
            .record(viewer, click)
            .await
            .unwrap();
    }
    let document = "{ recommendationStatistics {
        total { served displayed clicked dismissed rated clickThroughRate }
        byRank { rank counts { served clicked clickThroughRate } }
        byContext { context counts { served clicked } } bySource { source counts { served } } } }";
    let admin = app.viewer(Role::Admin).await;
    let data = app.ask_as(&admin, document, json!({})).await;
    let told = &data["recommendationStatistics"];
    assert_eq!(
        told["total"],
        json!({ "served": 10, "displayed": 1, "clicked": 2, "dismissed": 1, "rated": 1, "clickThroughRate": 0.2 }),
        "{told:#}"
    );
    let ranks = told["byRank"].as_array().unwrap();
    assert_eq!(ranks.len(), 5);
    for (place, clicked) in [(0, 1), (1, 1), (2, 0)] {
        assert_eq!(ranks[place]["rank"], place + 1);
        let counts = &ranks[place]["counts"];
        assert_eq!(
            (&counts["served"], &counts["clicked"]),
            (&json!(2), &json!(clicked))
        );
        assert_eq!(counts["clickThroughRate"], f64::from(clicked) / 2.0);
    }
    assert_eq!(
        told["byContext"],
        json!([{ "context": "FEED", "counts": { "served": 10, "clicked": 2 } }])
    );
    assert_eq!(
        told["bySource"],
        json!([{ "source": "NEW", "counts": { "served": 10 } }])
    );
    assert_eq!(app.code_as(&viewer, document, json!({})).await, "FORBIDDEN");
    let empty = "{ recommendationStatistics(from: \"2026-03-02T00:00:00Z\", until: \"2026-03-01T00:00:00Z\") { from } }";
    assert_eq!(
        app.code_as(&admin, empty, json!({})).await,
        "BAD_USER_INPUT"
    );
}

#[tokio::test]
async fn feedback_goes_with_its_user() {
    let app = TestApp::start().await;
    let (viewer, tokens) = served(&app).await;
    let row = json!([{ "attributionToken": tokens[3], "kind": "RATED", "rating": 3.5 }]);
    tell(&app, &viewer, row).await;
    let user = viewer.user().unwrap();
    let document = "mutation ($id: ID!) { exportUser(input: { id: $id }) { export } }";
    let answer = app.ask_as(&viewer, document, json!({ "id": user })).await;
    let exported = &answer["exportUser"]["export"]["feedback"];
    assert_eq!(exported[0]["kind"], "RATED", "{answer:#}");
    assert_eq!(
        (&exported[0]["rank"], &exported[0]["rating"]),
        (&json!(4), &json!(3.5))
    );
}
