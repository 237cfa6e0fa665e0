//! What users did comes to a state, and the states of many to what is popular: nobody bends it alone,
//! nor with an import.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind as Kind, NewInteraction};
use marquee::engine::history::{Event, History};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;
use uuid::Uuid;

type Content = Id<id::Content>;

/// A user of another age than the test's.
async fn met(app: &TestApp, anonymous: bool, at: DateTime<Utc>) -> Uuid {
    let user: Id<id::User> = Id::at(at, app.ctx.rng.bytes());
    sqlx::query(
        "INSERT INTO users (id, display_name, anonymous, created_at, updated_at)
         VALUES ($1, 'Somebody', $2, $3, $3)",
    )
    .bind(user.uuid())
    .bind(anonymous)
    .bind(at)
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
    user.uuid()
}

/// Writes what a user did, as an import does.
async fn did(app: &TestApp, user: Uuid, items: &[Content], kind: Kind, at: DateTime<Utc>) {
    let event = |_: &Content| Id::<id::Interaction>::at(at, app.ctx.rng.bytes()).uuid();
    let ids: Vec<Uuid> = items.iter().map(event).collect();
    let contents: Vec<Uuid> = items.iter().map(|item| item.uuid()).collect();
    sqlx::query(
        "INSERT INTO interactions (id, user_id, content_id, kind, value, occurred_at)
         SELECT id, $2, content_id, $4, $5, $6
           FROM unnest($1::uuid[], $3::uuid[]) AS did (id, content_id)",
    )
    .bind(ids)
    .bind(user)
    .bind(contents)
    .bind(kind.as_str())
    .bind((kind == Kind::Rating).then_some(4.5_f32))
    .bind(at)
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
}

async fn films(app: &TestApp, titles: &[&str]) -> Vec<Content> {
    let mut films = Vec::new();
    for title in titles {
        films.push(app.film(title).await);
    }
    films
}

/// What a newcomer is offered as popular, best first.
async fn popular(app: &TestApp) -> Vec<String> {
    app.services.recommendations.invalidate_non_personalised();
    let newcomer = app.viewer(Role::User).await;
    let document = "{ recommendations(first: 50) { items { sources content { title } } } }";
    let data = app.ask_as(&newcomer, document, json!({})).await;
    let items = data["recommendations"]["items"].as_array().unwrap().iter();
    let popular = items.filter(|item| item["sources"][0] == "POPULAR");
    popular
        .map(|item| item["content"]["title"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn one_view_of_today_does_not_beat_an_import_of_long_ago() {
    let app = TestApp::start().await;
    let now = app.ctx.clock.now();
    let old = films(&app, &["Ran", "Ikiru", "Kagemusha", "Red Beard", "Yojimbo"]).await;
    for number in 0..40 {
        let user = met(&app, false, now).await;
        // The favourites are rated by all, the others by fewer and fewer.
        let rated = &old[..5 - number / 8];
        did(
            &app,
            user,
            rated,
            Kind::Rating,
            now - TimeDelta::days(2_800),
        )
        .await;
    }
    let viewed = app.film("Viewed today").await;
    did(&app, met(&app, true, now).await, &[viewed], Kind::View, now).await;
    let popular = popular(&app).await;
    assert_eq!(popular[..2], ["Ran", "Ikiru"], "{popular:?}");
    assert!(!popular.contains(&"Viewed today".to_owned()));
}

#[tokio::test]
async fn a_hundred_and_fifty_sessions_of_two_seconds_put_nothing_first() {
    let app = TestApp::start().await;
    let now = app.ctx.clock.now();
    let own = films(&app, &["A", "B", "C", "D", "E"]).await;
    let (honest, pushed) = (app.film("Honest").await, app.film("Pushed").await);
    for number in 0..30 {
        let user = met(&app, false, now - TimeDelta::days(60)).await;
        let day = now - TimeDelta::days(number % 40);
        did(&app, user, &own[..4], Kind::View, day).await;
        did(&app, user, &[honest], Kind::Purchase, day).await;
    }
    for _ in 0..150 {
        let session = met(&app, true, now).await;
        did(&app, session, &[pushed], Kind::Purchase, now).await;
    }
    let popular = popular(&app).await;
    assert_eq!(popular[0], "Honest", "{popular:?}");
    for window in ["HOUR", "DAY", "WEEK", "MONTH"] {
        let document = format!("{{ trending(window: {window}) {{ content {{ title }} }} }}");
        let data = app.ask_as(&Viewer::Nobody, &document, json!({})).await;
        assert!(!data.to_string().contains("Pushed"), "{window}: {data}");
    }
}

#[tokio::test]
async fn one_like_is_not_what_everybody_likes() {
    let app = TestApp::start().await;
    let now = app.ctx.clock.now();
    let film = app.film("Liked by few").await;
    for people in 1..=3 {
        did(&app, met(&app, false, now).await, &[film], Kind::Like, now).await;
        let expected = usize::from(people == 3);
        assert_eq!(popular(&app).await.len(), expected, "{people} people");
    }
}

#[tokio::test]
async fn a_rating_that_was_corrected_is_no_liking_any_more() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let films = films(&app, &["Corrected", "Loved", "Returned", "Another"]).await;
    let act = async |content: Content, kind: Kind, value: Option<f32>| {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        let new = NewInteraction {
            value,
            ..NewInteraction::new(content, kind)
        };
        app.services.interactions.record(&user, new).await.unwrap();
    };
    act(films[0], Kind::Rating, Some(5.0)).await;
    act(films[0], Kind::Rating, Some(1.0)).await;
    act(films[2], Kind::Purchase, None).await;
    act(films[2], Kind::Return, None).await;
    act(films[1], Kind::View, None).await;
    act(films[1], Kind::Rating, Some(5.0)).await;

    let Viewer::User { id, .. } = user else {
        panic!("a user")
    };
    let document = "query ($user: ID) { because(userId: $user, rows: 5, first: 5) { title } }";
    let rows = app
        .ask_as(&user, document, json!({ "user": id }))
        .await
        .to_string();
    assert!(
        !rows.contains("Corrected") && !rows.contains("Returned"),
        "{rows}"
    );

    // And the mean of the ratings takes the last of each user.
    let document = "query ($id: ID!) { content(id: $id) { ratings { count mean } } }";
    let rated = app.ask_as(&user, document, json!({ "id": films[0] })).await;
    assert_eq!(
        rated["content"]["ratings"],
        json!({ "count": 1, "mean": 1.0 })
    );
}

#[tokio::test]
async fn the_database_and_the_engine_agree_on_the_last_ratings() {
    let app = TestApp::start().await;
    let films = films(&app, &["One", "Two", "Three"]).await;
    let weights = app.services.interactions.weights().await.unwrap();
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(app.viewer(Role::User).await);
    }
    let mut done: Vec<Vec<Event>> = vec![Vec::new(); users.len()];
    for _ in 0..180 {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        let [user, film, kind, stars] = app.ctx.rng.bytes();
        let user = usize::from(user) % users.len();
        let kind = match kind % 3 {
            0 => Kind::ALL[usize::from(kind / 3) % Kind::ALL.len()],
            _ => Kind::Rating,
        };
        let value = (kind == Kind::Rating).then_some(f32::from(stars % 10 + 1) / 2.0);
        let new = NewInteraction {
            value,
            ..NewInteraction::new(films[usize::from(film) % films.len()], kind)
        };
        done[user].push(Event {
            content: films[usize::from(film) % films.len()],
            kind,
            value,
            at: app.ctx.clock.now(),
        });
        let recorded = app.services.interactions.record(&users[user], new).await;
        recorded.unwrap();
    }
    let histories: Vec<History> = done
        .into_iter()
        .map(|events| History::new(events.into_iter().rev().collect(), weights.clone()))
        .collect();
    let ratings = app.services.interactions.ratings_of(&films).await.unwrap();
    for film in &films {
        let stars = histories
            .iter()
            .filter_map(|history| history.state(*film)?.stars);
        let stars: Vec<f64> = stars.map(f64::from).collect();
        let mean = stars.iter().sum::<f64>() / stars.len() as f64;
        assert_eq!(ratings[film].count, stars.len() as i64);
        assert!((ratings[film].mean - mean).abs() < 1e-9);
    }
}

#[tokio::test]
async fn what_was_looked_at_stays_and_what_is_disliked_leaves_later_pages() {
    let app = TestApp::start().await;
    let mut views = Vec::new();
    for number in 1..=29 {
        let film = app.film(&format!("Western {number:02}")).await;
        views.push(NewInteraction::new(film, Kind::View));
    }
    let user = app.user("Kei").did(views).await;
    let document = "query ($after: String) { recommendations(first: 10, after: $after) {
        items { content { id title } } pageInfo { endCursor hasNextPage } } }";
    let page = async |after: Value| {
        let data = app.ask_as(&user, document, json!({ "after": after })).await;
        data["recommendations"].clone()
    };
    let all = app
        .ask_as(
            &user,
            "{ recommendations(first: 100) { items { content { id title } } } }",
            json!({}),
        )
        .await;
    let all = all["recommendations"]["items"].as_array().unwrap().clone();
    assert_eq!(
        all.len(),
        29,
        "who has viewed all westerns still gets westerns"
    );

    let first = page(Value::Null).await;
    assert_eq!(first["items"], json!(all[..10]));
    // While they scroll, they dislike one further down, buy another, and look at a third.
    for (index, kind) in [(12, Kind::Dislike), (14, Kind::Purchase), (15, Kind::View)] {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        let film = all[index]["content"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let new = NewInteraction::new(film, kind);
        app.services.interactions.record(&user, new).await.unwrap();
    }
    let second = page(first["pageInfo"]["endCursor"].clone()).await;
    let expected: Vec<Value> = (10..22)
        .filter(|index| ![12, 14].contains(index))
        .map(|index| all[index].clone())
        .collect();
    assert_eq!(second["items"], json!(expected));
    // Nothing comes twice, and nothing else is missing.
    let third = page(second["pageInfo"]["endCursor"].clone()).await;
    assert_eq!(third["items"], json!(all[22..]));
    assert_eq!(third["pageInfo"]["hasNextPage"], false);
}
