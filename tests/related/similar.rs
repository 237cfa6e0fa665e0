//! What is like an item, or like the items of some titles.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::recommendations::training::TrainingOptions;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestApp;
use crate::{Content, SIMILAR, demo, group, items, similar, titles, with};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_like_a_film_looks_right_to_a_film_lover() {
    let app = demo().await;
    let mut told = 0;
    for (film, genre, director, least) in [
        ("Seven Samurai", "Drama", Some("Akira Kurosawa"), 6),
        ("Psycho", "Thriller", Some("Alfred Hitchcock"), 6),
        ("Rio Bravo", "Western", Some("Howard Hawks"), 6),
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
        // Counted among those who took it; none where they took nothing more than others did.
        let groups = found["groups"].as_array().unwrap().iter();
        for group in groups.filter(|group| group["kind"] == "BOUGHT_TOGETHER") {
            let why = items(group)[0]["explanation"].as_str().unwrap();
            let who = format!("who took “{film}” took it, too");
            assert!(why.ends_with(&who) && why.contains(" of "), "{why}");
            told += 1;
        }
        if let Some(director) = director {
            let group = group(&found, "SAME_DIRECTOR");
            assert_eq!(group["title"], format!("More by {director}"));
            assert_eq!(with(group, "directors", director), items(group).len());
            let why = format!("Directed by {director}");
            assert!(items(group).iter().all(|item| item["explanation"] == why));
        }
    }
    assert!(
        told >= 4,
        "only {told} of six films are taken together with others"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_keep_their_promises() {
    let app = demo().await;
    let services = &app.services;
    let go_on = |_| ControlFlow::Continue(());
    let trained =
        services
            .recommendations
            .train(&Viewer::Command, TrainingOptions::default(), go_on);
    trained.await.unwrap();
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
    // The same with a model as without: how many, and of how many.
    assert!(
        why.ends_with("who took “Seven Samurai” took it, too") && why.contains(" of "),
        "{why}"
    );
    // Those who love Kurosawa are among its takers.
    assert!(
        with(together, "directors", "Akira Kurosawa") >= 2,
        "{:?}",
        titles(together)
    );

    let pool = app.ctx.db.pool();
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
        .bind(app.ctx.clock.now().date_naive())
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
