//! People of the catalogue: filmographies and statistics against a plain computation, and who may
//! change whom.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic, its helpers included"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::model::{CreditRole, Fields, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Visibility};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;

/// A film of a small cinema in which everybody works with everybody.
struct Film {
    id: Id<id::Content>,
    title: String,
    year: Option<i32>,
    genres: Vec<&'static str>,
    rating: Option<f32>,
    credits: Vec<(usize, CreditRole)>,
    hidden: bool,
    stars: Vec<f64>,
}

const NAMES: [&str; 6] = ["Akira", "Éric", "İlker", "Setsuko", "Toshirō", "Takashi"];

/// 24 films, each different by its number; every fifth is private to `owner`.
async fn cinema(app: &TestApp, owner: &Viewer) -> Vec<Film> {
    let fans = [app.viewer(Role::User).await, app.viewer(Role::User).await];
    let mut films = Vec::new();
    for number in 0..24_usize {
        let hidden = number % 5 == 4;
        let film_genres = [vec!["Drama"], vec!["Drama", "War"], vec![], vec!["Crime"]];
        let mut film = Film {
            id: Id::from(uuid::Uuid::nil()),
            title: format!("Film {number:02}"),
            year: (number % 4 != 3).then(|| 1950 + i32::try_from(number * 7 % 30).unwrap()),
            genres: film_genres[number % 4].clone(),
            rating: (number % 3 != 2).then(|| 5.1 + number as f32 / 10.0),
            credits: vec![
                (number % 3, CreditRole::Director),
                (number % 6, CreditRole::Cast),
                ((number + 1) % 6, CreditRole::Cast),
            ],
            hidden,
            stars: Vec::new(),
        };
        let mut fields = Fields::new(ContentKind::Movie, film.title.clone());
        fields.year = film.year;
        fields.genres = film.genres.iter().map(ToString::to_string).collect();
        fields.rating_average = film.rating;
        if hidden {
            fields.visibility = Visibility::Private;
        }
        let credit = |(person, role): &(usize, CreditRole)| NewCredit {
            person: PersonRef::Name(NAMES[*person].to_owned()),
            role: *role,
            character: (*role == CreditRole::Cast).then(|| format!("Role {number}")),
        };
        let credits = film.credits.iter().map(credit).collect();
        let made = app.services.content.create(owner, fields, credits).await;
        film.id = made.unwrap().id;
        for (index, fan) in fans.iter().enumerate().filter(|_| !hidden) {
            let stars = 0.5 + ((number + index) % 10) as f32 / 2.0;
            let new = NewInteraction {
                value: Some(stars),
                ..NewInteraction::new(film.id, InteractionKind::Rating)
            };
            app.services.interactions.record(fan, new).await.unwrap();
            film.stars.push(f64::from(stars));
        }
        films.push(film);
    }
    films
}

fn of(films: &[Film], person: usize, all: bool) -> Vec<&Film> {
    let mut of: Vec<&Film> = films
        .iter()
        .filter(|film| (all || !film.hidden) && film.credits.iter().any(|(who, _)| *who == person))
        .collect();
    of.sort_by_key(|film| std::cmp::Reverse((film.year, film.id)));
    of
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn close(answer: &Value, expected: Option<f64>) {
    match (answer.as_f64(), expected) {
        (Some(answer), Some(expected)) => assert!((answer - expected).abs() < 1e-6),
        (answer, expected) => assert_eq!(answer, expected),
    }
}

const STATISTICS: &str =
    "{ people(first: 100) { nodes { name filmography { totalCount nodes { content { title } } }
    statistics { films firstYear lastYear ratingAverage ratings { count mean }
        genres { genre films } collaborators(first: 100) { films roles person { name } } } } } }";

fn statistics_hold(person: &Value, films: &[Film], all: bool) {
    let name = person["name"].as_str().unwrap();
    let number = NAMES.iter().position(|known| *known == name).unwrap();
    let theirs = of(films, number, all);
    let titles: Vec<Value> = theirs
        .iter()
        .take(20)
        .map(|film| json!({ "content": { "title": film.title } }))
        .collect();
    assert_eq!(person["filmography"]["nodes"], json!(titles), "{name}");
    assert_eq!(person["filmography"]["totalCount"], theirs.len());

    let figures = &person["statistics"];
    assert_eq!(figures["films"], theirs.len());
    let years = || theirs.iter().filter_map(|film| film.year);
    assert_eq!(figures["firstYear"], json!(years().min()));
    assert_eq!(figures["lastYear"], json!(years().max()));
    let ratings: Vec<f64> = theirs
        .iter()
        .filter_map(|film| film.rating)
        .map(f64::from)
        .collect();
    close(&figures["ratingAverage"], mean(&ratings));
    let stars: Vec<f64> = theirs.iter().flat_map(|film| film.stars.clone()).collect();
    assert_eq!(figures["ratings"]["count"], stars.len());
    close(&figures["ratings"]["mean"], mean(&stars));

    let mut genres: BTreeMap<&str, usize> = BTreeMap::new();
    for genre in theirs.iter().flat_map(|film| &film.genres) {
        *genres.entry(genre).or_default() += 1;
    }
    let counted: BTreeMap<&str, usize> = figures["genres"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let films = group["films"].as_u64().unwrap();
            (
                group["genre"].as_str().unwrap(),
                usize::try_from(films).unwrap(),
            )
        })
        .collect();
    assert_eq!(counted, genres);

    for other in (0..NAMES.len()).filter(|other| *other != number) {
        let shared = theirs
            .iter()
            .filter(|film| film.credits.iter().any(|(who, _)| *who == other));
        let roles: BTreeSet<&str> = shared
            .clone()
            .flat_map(|film| &film.credits)
            .filter(|(who, _)| *who == other)
            .map(|(_, role)| role.as_str())
            .collect();
        let found = figures["collaborators"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["person"]["name"] == NAMES[other]);
        match found {
            None => assert_eq!(shared.count(), 0),
            Some(found) => {
                assert_eq!(found["films"], shared.count());
                let found = found["roles"].as_array().unwrap().iter();
                let found: BTreeSet<&str> = found.map(|role| role.as_str().unwrap()).collect();
                assert_eq!(found, roles);
            }
        }
    }
}

#[tokio::test]
async fn statistics_agree_with_a_plain_computation_and_see_what_the_viewer_may_list() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::Curator).await;
    let films = cinema(&app, &owner).await;
    let stranger = app.viewer(Role::User).await;
    for (viewer, all) in [(&owner, true), (&Viewer::Nobody, false), (&stranger, false)] {
        let answer = app.ask_as(viewer, STATISTICS, json!({})).await;
        let people = answer["people"]["nodes"].as_array().unwrap();
        assert_eq!(people.len(), NAMES.len());
        for person in people {
            statistics_hold(person, &films, all);
        }
    }
}

#[tokio::test]
async fn six_people_cost_as_many_statements_as_two() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::Curator).await;
    cinema(&app, &owner).await;
    let mut costs = Vec::new();
    for size in ["first: 2)", "first: 6)"] {
        let before = app.ctx.db.statements();
        app.ask(&STATISTICS.replacen("first: 100)", size, 1)).await;
        costs.push(app.ctx.db.statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn a_filmography_pages_both_ways_and_by_role() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::Curator).await;
    let films = cinema(&app, &owner).await;
    let document = "query ($name: String!, $roles: [CreditRole!], $direction: OrderDirection, $first: Int,
            $after: String, $last: Int, $before: String) {
        person(name: $name) { filmography(roles: $roles, direction: $direction, first: $first, after: $after,
            last: $last, before: $before) {
            nodes { content { title } roles characters } totalCount
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let read = async |more: Value| -> Value {
        let mut variables = json!({ "name": "AKIRA" });
        for (name, value) in more.as_object().unwrap() {
            variables[name] = value.clone();
        }
        app.ask_as(&owner, document, variables).await["person"]["filmography"].take()
    };
    let titles = |page: &Value| -> Vec<String> {
        let nodes = page["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["content"]["title"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut by_year = of(&films, 0, true);
    for ascending in [false, true] {
        if ascending {
            by_year.sort_by_key(|film| (film.year.is_none(), film.year, film.id));
        }
        let direction = if ascending { "ASC" } else { "DESC" };
        let expected: Vec<String> = by_year.iter().map(|film| film.title.clone()).collect();
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = read(json!({ "direction": direction, "first": 3, "after": after })).await;
            seen.extend(titles(&page));
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen, expected);
        let (mut seen, mut before) = (Vec::new(), Value::Null);
        loop {
            let page = read(json!({ "direction": direction, "last": 4, "before": before })).await;
            seen = [titles(&page), seen].concat();
            if page["pageInfo"]["hasPreviousPage"] == false {
                break;
            }
            before = page["pageInfo"]["startCursor"].clone();
        }
        assert_eq!(seen, expected);
    }
    let directed = films
        .iter()
        .filter(|film| film.credits.contains(&(0, CreditRole::Director)));
    let page = read(json!({ "roles": ["DIRECTOR"] })).await;
    assert_eq!(page["totalCount"], directed.count());
    // The first film: director and cast at once, yet one entry.
    let both = read(json!({ "first": 100 })).await;
    let first = both["nodes"].as_array().unwrap().iter();
    let mut first = first.filter(|node| node["content"]["title"] == "Film 00");
    let first = first.next().unwrap();
    assert_eq!(first["roles"], json!(["CAST", "DIRECTOR"]));
    assert_eq!(first["characters"], json!(["Role 0"]));
}

#[tokio::test]
async fn a_person_is_found_by_name_and_changed_by_those_who_write_the_catalogue() {
    let app = TestApp::start().await;
    let writer = app.app(&[Scope::CatalogueWrite]);
    let user = app.viewer(Role::Curator).await;
    let create = "mutation ($input: CreatePersonInput!) { createPerson(input: $input) {
        person { id name biography } errors { __typename ... on UserError { path } } } }";
    let input = json!({ "input": { "name": " Setsuko Hara ", "biography": "An actor." } });
    assert_eq!(app.code_as(&user, create, input.clone()).await, "FORBIDDEN");
    assert_eq!(
        app.code_as(&Viewer::Nobody, create, input.clone()).await,
        "UNAUTHENTICATED"
    );
    let made = app.ask_as(&writer, create, input.clone()).await;
    let person = &made["createPerson"]["person"];
    assert_eq!(person["name"], "Setsuko Hara");
    let again = app.ask_as(&writer, create, input).await;
    assert_eq!(again["createPerson"]["errors"][0]["__typename"], "Conflict");
    for (bad, field) in [
        (json!({ "name": "  " }), "name"),
        (json!({ "name": "x".repeat(201) }), "name"),
        (json!({ "name": "a\u{0}" }), "name"),
        (json!({ "name": "a", "biography": "\u{0}" }), "biography"),
        (json!({ "name": "a", "photoUrl": "" }), "photoUrl"),
    ] {
        let refused = app.ask_as(&writer, create, json!({ "input": bad })).await;
        assert_eq!(refused["createPerson"]["errors"][0]["path"], json!([field]));
    }

    let update = "mutation ($id: ID!, $name: String, $photo: String, $biography: String) {
        updatePerson(input: { id: $id, name: $name, photoUrl: $photo, biography: $biography }) {
            person { name photoUrl biography } errors { __typename } } }";
    let id = &person["id"];
    let photo = json!({ "id": id, "photo": "https://pictures.example/hara" });
    assert_eq!(app.code_as(&user, update, photo.clone()).await, "FORBIDDEN");
    let changed = app.ask_as(&writer, update, photo).await;
    assert_eq!(
        changed["updatePerson"]["person"],
        json!({ "name": "Setsuko Hara", "photoUrl": "https://pictures.example/hara", "biography": "An actor." })
    );
    let emptied = json!({ "id": id, "biography": null });
    let emptied = app.ask_as(&writer, update, emptied).await;
    assert_eq!(emptied["updatePerson"]["person"]["biography"], Value::Null);
    assert_ne!(emptied["updatePerson"]["person"]["photoUrl"], Value::Null);

    let find = "query ($name: String, $id: ID) { person(name: $name, id: $id) { name } }";
    let found = app
        .ask_as(&user, find, json!({ "name": "setsuko HARA" }))
        .await;
    assert_eq!(found["person"]["name"], "Setsuko Hara");
    let found = app.ask_as(&user, find, json!({ "id": id })).await;
    assert_eq!(found["person"]["name"], "Setsuko Hara");
    let found = app.ask_as(&user, find, json!({ "name": "Nobody" })).await;
    assert_eq!(found["person"], Value::Null);
    assert_eq!(app.code_as(&user, find, json!({})).await, "BAD_USER_INPUT");
    let wrong = json!({ "id": "content_00000000000000000000000001" });
    assert_eq!(app.code_as(&user, find, wrong).await, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_person_with_credits_stays() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let admin = app.viewer(Role::Admin).await;
    let credit = NewCredit {
        person: PersonRef::Name("Éric Rohmer".to_owned()),
        role: CreditRole::Director,
        character: None,
    };
    let fields = Fields::new(ContentKind::Movie, "Le Rayon vert");
    let content = &app.services.content;
    let film = content.create(&admin, fields, vec![credit]).await.unwrap();
    let person = app
        .services
        .people
        .named("Éric Rohmer")
        .await
        .unwrap()
        .unwrap()
        .id;
    let delete = "mutation ($id: ID!) { deletePerson(input: { id: $id }) { deletedId errors { __typename } } }";
    let of = json!({ "id": person });
    assert_eq!(app.code_as(&user, delete, of.clone()).await, "FORBIDDEN");
    let refused = app.ask_as(&admin, delete, of.clone()).await;
    assert_eq!(
        refused["deletePerson"]["errors"][0]["__typename"],
        "Conflict"
    );
    let none = Some(Vec::new());
    content.update(&admin, film.id, none, |_| ()).await.unwrap();
    let done = app.ask_as(&admin, delete, of.clone()).await;
    assert_eq!(done["deletePerson"]["deletedId"], json!(person));
    let again = app.ask_as(&admin, delete, of).await;
    assert_eq!(again["deletePerson"]["errors"][0]["__typename"], "NotFound");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_new_names_at_once_make_each_person_once() {
    let app = TestApp::start().await;
    let names = ["Éric", "İlker", "Zoë", "éric", "Straße", "Ana"];
    let writers = (0..16_usize).map(|turn| {
        let services = app.services.clone();
        tokio::spawn(async move {
            let mut credits: Vec<NewCredit> = names
                .iter()
                .map(|name| NewCredit {
                    person: PersonRef::Name((*name).to_owned()),
                    role: CreditRole::Cast,
                    character: None,
                })
                .collect();
            credits.rotate_left(turn % names.len());
            let fields = Fields::new(ContentKind::Movie, format!("Film {turn}"));
            services
                .content
                .create(&Viewer::Command, fields, credits)
                .await
        })
    });
    for written in futures::future::join_all(writers).await {
        written.unwrap().unwrap();
    }
    let people: Vec<String> = sqlx::query_scalar("SELECT name FROM people")
        .fetch_all(app.ctx.db.pool())
        .await
        .unwrap();
    let distinct: BTreeSet<&String> = people.iter().collect();
    assert_eq!(people.len(), distinct.len());
    assert!((5..=6).contains(&people.len()), "{people:?}");
}

#[tokio::test]
async fn a_credit_by_name_goes_to_the_only_namesake_of_another_catalogue() {
    let app = TestApp::start().await;
    let insert = |name: &'static str, number: i32| {
        sqlx::query(
            "INSERT INTO people (id, name, source, external_id, created_at, updated_at) \
             VALUES (gen_random_uuid(), $1, 'tmdb', $2, now(), now())",
        )
        .bind(name)
        .bind(number.to_string())
        .execute(app.ctx.db.pool())
    };
    insert("Akira Kurosawa", 1).await.unwrap();
    insert("John Smith", 2).await.unwrap();
    insert("John Smith", 3).await.unwrap();
    let credit = |name: &str| NewCredit {
        person: PersonRef::Name(name.to_owned()),
        role: CreditRole::Cast,
        character: None,
    };
    let credits = vec![credit("akira kurosawa"), credit("John Smith")];
    let fields = Fields::new(ContentKind::Movie, "Film");
    let made = app
        .services
        .content
        .create(&Viewer::Command, fields, credits)
        .await;
    made.unwrap();
    // Kurosawa was there; which Smith is meant nobody knows, so that he is a third.
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM people")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(people, 4);
}

#[tokio::test]
async fn the_way_on_from_a_changed_person_sees_the_change() {
    let app = TestApp::start().await;
    let made = app
        .ask("mutation { createPerson(input: { name: \"Ana\" }) { person { id } } }")
        .await;
    let seen = app
        .ask_as(
            &Viewer::Command,
            "mutation ($id: ID!) {
                a: updatePerson(input: { id: $id, biography: \"One.\" }) { query { ...seen } }
                b: updatePerson(input: { id: $id, biography: \"Two.\" }) { query { ...seen } }
                c: deletePerson(input: { id: $id }) { query { ...seen } }
            }
            fragment seen on Query { person(id: $id) { biography } }",
            json!({ "id": made["createPerson"]["person"]["id"] }),
        )
        .await;
    assert_eq!(seen["a"]["query"]["person"]["biography"], "One.");
    assert_eq!(seen["b"]["query"]["person"]["biography"], "Two.");
    assert_eq!(seen["c"]["query"]["person"], Value::Null);
}
