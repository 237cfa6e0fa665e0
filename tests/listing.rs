//! Lists of the catalogue against a plain computation of what they should hold: generated
//! catalogues with missing years, equal titles and hidden items, every order, both ways.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic, its helpers included"
)]

mod support;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::model::{CreditRole, NewCredit, PersonRef};
use marquee::domain::content::{ContentKind, Fields};
use marquee::foundation::{Id, id};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use support::{TestApp, start_of_time};

#[derive(Clone, Debug)]
struct Item {
    id: Id<id::Content>,
    kind: &'static str,
    title: String,
    genres: Vec<&'static str>,
    year: Option<i32>,
    language: Option<&'static str>,
    brand: Option<&'static str>,
    popularity: f64,
    rating: Option<f32>,
    price: Option<i64>,
    stock: Option<i32>,
    created: DateTime<Utc>,
    visibility: &'static str,
    mine: bool,
    deleted: bool,
}

const GENRES: [&str; 4] = ["Drama", "War", "Crime", "Anime"];

fn item() -> impl Strategy<Value = Item> {
    let looks = (
        any::<u128>(),
        select(vec!["MOVIE", "PRODUCT", "TEXT"]),
        select(vec![
            "Ran",
            "ran",
            "Ráñ",
            "Éloge",
            "100%_\\",
            "Ikiru",
            "東京物語",
            "Z",
        ]),
        subsequence(GENRES.to_vec(), 0..=3),
        proptest::option::of(1980..2003_i32),
        proptest::option::of(select(vec!["ja", "fr"])),
        proptest::option::of(select(vec!["Acme", "acme", "Ünder"])),
    );
    let figures = (
        prop_oneof![Just(0.0), 0.0..1e9_f64],
        proptest::option::of(prop_oneof![Just(7.2_f32), 0.0..10.0_f32]),
        proptest::option::of(0..5000_i64),
        proptest::option::of(0..3_i32),
        0..5_i64,
        select(vec!["PUBLIC", "PUBLIC", "PUBLIC", "UNLISTED", "PRIVATE"]),
        any::<bool>(),
        proptest::bool::weighted(0.1),
    );
    (looks, figures).prop_map(|(looks, figures)| {
        let (bits, kind, title, genres, year, language, brand) = looks;
        let (popularity, rating, price, stock, second, visibility, mine, deleted) = figures;
        Item {
            id: Id::from(uuid::Uuid::from_u128(bits)),
            kind,
            title: title.to_owned(),
            genres,
            year,
            language,
            brand,
            popularity,
            rating,
            price,
            stock,
            created: start_of_time() + TimeDelta::microseconds(second),
            visibility,
            mine,
            deleted,
        }
    })
}

async fn fill(app: &TestApp, me: &Viewer, items: &[Item]) {
    let pool = app.ctx.db.pool();
    sqlx::query("DELETE FROM content_items")
        .execute(pool)
        .await
        .unwrap();
    for item in items {
        sqlx::query(
            "INSERT INTO content_items (id, kind, title, genres, year, language, brand, popularity, \
                 rating_average, price, currency, stock, visibility, creator_id, created_at, \
                 updated_at, deleted_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::numeric / 100, 'EUR', $11, $12, $13, \
                 $14, $14, $15)",
        )
        .bind(item.id.uuid())
        .bind(item.kind)
        .bind(&item.title)
        .bind(&item.genres)
        .bind(item.year)
        .bind(item.language)
        .bind(item.brand)
        .bind(item.popularity)
        .bind(item.rating)
        .bind(item.price)
        .bind(item.stock)
        .bind(item.visibility)
        .bind(me.user().filter(|_| item.mine).map(Id::uuid))
        .bind(item.created)
        .bind(item.deleted.then_some(item.created))
        .execute(pool)
        .await
        .unwrap();
    }
}

/// Those that may be listed: nothing deleted, and only what is public or one's own.
fn listed(items: &[Item], admin: bool, me: bool) -> Vec<&Item> {
    let visible =
        |item: &&Item| !item.deleted && (admin || item.visibility == "PUBLIC" || (me && item.mine));
    items.iter().filter(visible).collect()
}

/// What has no value comes last either way; ties go by id the same way round.
fn sort(items: &mut [&Item], field: &str, ascending: bool) {
    fn some_first<T>(a: Option<T>, b: Option<T>, by: impl Fn(T, T) -> Ordering) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => by(a, b),
            (None, None) => Ordering::Equal,
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        }
    }
    let proxy = |order: Ordering| if ascending { order } else { order.reverse() };
    items.sort_by(|a, b| {
        let by_value = match field {
            "CREATED_AT" => proxy(a.created.cmp(&b.created)),
            "TITLE" => proxy(a.title.as_bytes().cmp(b.title.as_bytes())),
            "YEAR" => some_first(a.year, b.year, |a, b| proxy(a.cmp(&b))),
            "POPULARITY" => proxy(a.popularity.total_cmp(&b.popularity)),
            "RATING_AVERAGE" => some_first(a.rating, b.rating, |a, b| proxy(a.total_cmp(&b))),
            "PRICE" => some_first(a.price, b.price, |a, b| proxy(a.cmp(&b))),
            other => panic!("no order {other}"),
        };
        by_value.then(proxy(a.id.cmp(&b.id)))
    });
}

async fn page(app: &TestApp, viewer: &Viewer, order: &Value, paging: Value) -> Value {
    let document =
        "query ($order: ContentOrder!, $first: Int, $after: String, $last: Int, $before: String) {
        contents(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { id } } totalCount
            pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } }";
    let mut variables = paging;
    variables["order"] = order.clone();
    app.ask_as(viewer, document, variables).await["contents"].take()
}

fn ids(page: &Value) -> Vec<String> {
    let edges = page["edges"].as_array().unwrap().iter();
    edges
        .map(|edge| edge["node"]["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn every_order_pages_both_ways(app: &TestApp, me: &Viewer, items: &[Item], size: i32) {
    for field in [
        "CREATED_AT",
        "TITLE",
        "YEAR",
        "POPULARITY",
        "RATING_AVERAGE",
        "PRICE",
    ] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let mut expected = listed(items, false, true);
            sort(&mut expected, field, direction == "ASC");
            let expected: Vec<String> = expected.iter().map(|item| item.id.to_string()).collect();

            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let read = page(app, me, &order, json!({ "first": size, "after": after })).await;
                assert_eq!(read["totalCount"], expected.len());
                assert_eq!(read["pageInfo"]["hasPreviousPage"], !seen.is_empty());
                seen.extend(ids(&read));
                if read["pageInfo"]["hasNextPage"] == false {
                    break;
                }
                after = read["pageInfo"]["endCursor"].clone();
            }
            assert_eq!(seen, expected, "forward by {order}");

            let (mut seen, mut before) = (Vec::new(), Value::Null);
            loop {
                let read = page(app, me, &order, json!({ "last": size, "before": before })).await;
                assert_eq!(read["pageInfo"]["hasNextPage"], !seen.is_empty());
                let mut part = ids(&read);
                part.append(&mut seen);
                seen = part;
                if read["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
                before = read["pageInfo"]["startCursor"].clone();
            }
            assert_eq!(seen, expected, "backward by {order}");
        }
    }
}

type Holds = fn(&Item) -> bool;

fn filters() -> Vec<(Value, Holds)> {
    vec![
        (json!({}), |_| true),
        (json!({ "kind": { "eq": "MOVIE" } }), |i| i.kind == "MOVIE"),
        (json!({ "kind": { "in": ["TEXT", "PRODUCT"] } }), |i| {
            i.kind != "MOVIE"
        }),
        (json!({ "title": { "eq": "Ran" } }), |i| i.title == "Ran"),
        (json!({ "title": { "startsWith": "RA" } }), |i| {
            i.title.to_ascii_lowercase().starts_with("ra")
        }),
        (json!({ "title": { "contains": "%_" } }), |i| {
            i.title.contains("%_")
        }),
        (json!({ "title": { "startsWith": "100%_\\" } }), |i| {
            i.title == "100%_\\"
        }),
        (json!({ "title": { "contains": "京" } }), |i| {
            i.title.contains('京')
        }),
        (json!({ "title": { "in": [] } }), |_| false),
        (json!({ "genres": { "has": "War" } }), |i| {
            i.genres.contains(&"War")
        }),
        (json!({ "genres": { "hasAny": ["War", "Anime"] } }), |i| {
            i.genres.contains(&"War") || i.genres.contains(&"Anime")
        }),
        (json!({ "genres": { "hasAll": ["War", "Drama"] } }), |i| {
            i.genres.contains(&"War") && i.genres.contains(&"Drama")
        }),
        (json!({ "genres": { "isEmpty": true } }), |i| {
            i.genres.is_empty()
        }),
        (json!({ "genres": { "isEmpty": false } }), |i| {
            !i.genres.is_empty()
        }),
        (json!({ "year": { "gte": 1990, "lt": 2000 } }), |i| {
            i.year.is_some_and(|year| (1990..2000).contains(&year))
        }),
        (json!({ "year": { "isNull": true } }), |i| i.year.is_none()),
        (json!({ "year": { "isNull": false, "lte": 1985 } }), |i| {
            i.year.is_some_and(|y| y <= 1985)
        }),
        (json!({ "year": { "in": [1985, 1990, 1995] } }), |i| {
            i.year
                .is_some_and(|year| [1985, 1990, 1995].contains(&year))
        }),
        (json!({ "ratingAverage": { "gte": 7.2 } }), |i| {
            i.rating.is_some_and(|r| r >= 7.2)
        }),
        (json!({ "ratingAverage": { "eq": 7.2 } }), |i| {
            i.rating == Some(7.2)
        }),
        (json!({ "popularity": { "gt": 0 } }), |i| i.popularity > 0.0),
        (json!({ "price": { "lte": "19.99" } }), |i| {
            i.price.is_some_and(|p| p <= 1999)
        }),
        (json!({ "stock": { "gt": 0 } }), |i| {
            i.stock.is_some_and(|s| s > 0)
        }),
        (json!({ "language": { "isNull": true } }), |i| {
            i.language.is_none()
        }),
        (json!({ "brand": { "eq": "acme" } }), |i| {
            i.brand == Some("acme")
        }),
        (json!({ "visibility": { "eq": "PRIVATE" } }), |i| {
            i.visibility == "PRIVATE"
        }),
        (json!({ "creator": { "isNull": false } }), |i| i.mine),
        (
            json!({ "createdAt": { "gt": "2026-03-01T12:00:00.000002Z" } }),
            |i| i.created > start_of_time() + TimeDelta::microseconds(2),
        ),
        (
            json!({ "or": [{ "year": { "lt": 1990 } }, { "language": { "eq": "ja" } }] }),
            |i| i.year.is_some_and(|y| y < 1990) || i.language == Some("ja"),
        ),
        (
            json!({ "and": [{ "genres": { "has": "War" } }, { "genres": { "has": "Crime" } }] }),
            |i| i.genres.contains(&"War") && i.genres.contains(&"Crime"),
        ),
        // What has no year is not of before 1990 either.
        (json!({ "not": { "year": { "lt": 1990 } } }), |i| {
            i.year.is_none_or(|y| y >= 1990)
        }),
        (
            json!({ "not": { "not": { "language": { "eq": "ja" } } } }),
            |i| i.language == Some("ja"),
        ),
    ]
}

async fn every_filter_finds_what_it_says(
    app: &TestApp,
    viewers: &[(&Viewer, bool, bool)],
    items: &[Item],
) {
    let document = "query ($filter: ContentFilter) {
        contents(filter: $filter, first: 100) { nodes { id } totalCount } }";
    for (viewer, admin, me) in viewers {
        for (filter, holds) in filters() {
            let mut expected: Vec<String> = listed(items, *admin, *me)
                .iter()
                .filter(|item| holds(item))
                .map(|item| item.id.to_string())
                .collect();
            let found = app
                .ask_as(viewer, document, json!({ "filter": filter }))
                .await;
            let nodes = found["contents"]["nodes"].as_array().unwrap().iter();
            let mut found_ids: Vec<String> = nodes
                .map(|node| node["id"].as_str().unwrap().to_owned())
                .collect();
            found_ids.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found_ids, expected, "{filter} for {viewer:?}");
            assert_eq!(found["contents"]["totalCount"], expected.len());
        }
    }
}

/// Groups with their counts, the most frequent first, then in the order of the value.
fn counted<'a>(values: impl Iterator<Item = &'a str>) -> Vec<(String, i64)> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for value in values {
        *counts.entry(value.to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn groups(answer: &Value, name: &str) -> Vec<(String, i64)> {
    let groups = answer.as_array().unwrap().iter();
    let counts: Vec<i64> = groups
        .clone()
        .map(|group| group["count"].as_i64().unwrap())
        .collect();
    if name != "decade" {
        assert!(
            counts.is_sorted_by(|a, b| a >= b),
            "the most frequent first"
        );
    }
    let mut groups: Vec<(String, i64)> = groups
        .map(|group| {
            let value = &group[name];
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (text, group["count"].as_i64().unwrap())
        })
        .collect();
    groups.sort();
    groups
}

async fn facets_count_what_is_listed(
    app: &TestApp,
    viewers: &[(&Viewer, bool, bool)],
    items: &[Item],
) {
    let document = "query ($filter: ContentFilter) { contentFacets(filter: $filter) {
        totalCount kinds { kind count } decades { decade count } genres { value count }
        languages { value count } brands { value count } one: genres(first: 1) { value } } }";
    let filter = json!({ "kind": { "in": ["MOVIE", "TEXT"] } });
    for (viewer, admin, me) in viewers {
        let of: Vec<&Item> = listed(items, *admin, *me)
            .into_iter()
            .filter(|item| item.kind != "PRODUCT")
            .collect();
        let answer = app
            .ask_as(viewer, document, json!({ "filter": filter }))
            .await;
        let facets = &answer["contentFacets"];
        assert_eq!(facets["totalCount"], of.len());
        assert_eq!(
            groups(&facets["kinds"], "kind"),
            counted(of.iter().map(|i| i.kind))
        );
        let decades: Vec<String> = of
            .iter()
            .filter_map(|item| item.year)
            .map(|year| (year - year % 10).to_string())
            .collect();
        assert_eq!(
            groups(&facets["decades"], "decade"),
            counted(decades.iter().map(String::as_str))
        );
        let genres = of.iter().flat_map(|item| item.genres.iter().copied());
        assert_eq!(groups(&facets["genres"], "value"), counted(genres));
        assert_eq!(
            groups(&facets["languages"], "value"),
            counted(of.iter().filter_map(|item| item.language))
        );
        assert_eq!(
            groups(&facets["brands"], "value"),
            counted(of.iter().filter_map(|item| item.brand))
        );
        assert!(facets["one"].as_array().unwrap().len() <= 1);
    }
}

#[test]
fn lists_filters_and_facets_agree_with_a_plain_computation() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::start());
    let me = runtime.block_on(app.viewer(Role::User));
    let other = runtime.block_on(app.viewer(Role::Curator));
    let admin = runtime.block_on(app.viewer(Role::Admin));
    let viewers = [
        (&Viewer::Nobody, false, false),
        (&me, false, true),
        (&other, false, false),
        (&admin, true, false),
    ];
    let mut runner = TestRunner::new(Config {
        cases: 6,
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let catalogues = (proptest::collection::vec(item(), 0..45), 1..=9_i32);
    let outcome = runner.run(&catalogues, |(items, size)| {
        runtime.block_on(async {
            fill(&app, &me, &items).await;
            every_order_pages_both_ways(&app, &me, &items, size).await;
            every_filter_finds_what_it_says(&app, &viewers, &items).await;
            facets_count_what_is_listed(&app, &viewers, &items).await;
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let app = TestApp::start().await;
    app.film("Ran").await;
    app.film("Ikiru").await;
    let user = app.viewer(Role::User).await;
    let by_year = page(
        &app,
        &user,
        &json!({ "field": "YEAR" }),
        json!({ "first": 1 }),
    )
    .await;
    let cursor = by_year["pageInfo"]["endCursor"].as_str().unwrap();
    let lists = ["contents", "people", "interactions"];
    for list in lists {
        for size in ["0", "-1", "101", "1000000", "-2147483648"] {
            for argument in ["first", "last"] {
                let document = format!("{{ {list}({argument}: {size}) {{ totalCount }} }}");
                assert_eq!(
                    app.code_as(&user, &document, json!({})).await,
                    "BAD_USER_INPUT"
                );
            }
        }
        for bad in [cursor, "", "no cursor", "AAAA", &"x".repeat(5000)] {
            for argument in ["after", "before"] {
                let document =
                    format!("query ($at: String) {{ {list}({argument}: $at) {{ totalCount }} }}");
                let code = app.code_as(&user, &document, json!({ "at": bad })).await;
                assert_eq!(code, "BAD_USER_INPUT", "{list} {argument}: {bad}");
            }
        }
        let both = format!("{{ {list}(first: 1, last: 1) {{ totalCount }} }}");
        assert_eq!(app.code_as(&user, &both, json!({})).await, "BAD_USER_INPUT");
    }
    // The same order the other way round is another order.
    for order in [
        "{ field: YEAR, direction: DESC }",
        "{ field: TITLE }",
        "{ field: PRICE }",
    ] {
        let document =
            format!("{{ contents(orderBy: {order}, after: {cursor:?}) {{ totalCount }} }}");
        assert_eq!(
            app.code_as(&user, &document, json!({})).await,
            "BAD_USER_INPUT"
        );
    }
}

#[tokio::test]
async fn a_filter_that_is_too_large_is_refused() {
    let app = TestApp::start().await;
    let document = "query ($filter: ContentFilter) { contents(filter: $filter) { totalCount } }";
    let parts: Vec<Value> = (0..101)
        .map(|year| json!({ "year": { "eq": year } }))
        .collect();
    let names: Vec<String> = (0..2001).map(|name| name.to_string()).collect();
    let mut deep = json!({});
    for _ in 0..30 {
        deep = json!({ "not": deep });
    }
    for (filter, good) in [
        (json!({ "or": parts }), false),
        (json!({ "title": { "in": names } }), false),
        (json!({ "title": { "in": names[..1000] } }), true),
        (deep, true),
    ] {
        let response = app
            .run_as(&Viewer::Nobody, document, json!({ "filter": filter }))
            .await;
        assert_eq!(response.get("errors").is_none(), good);
        if !good {
            let filter = json!({ "filter": filter });
            assert_eq!(
                app.code_as(&Viewer::Nobody, document, filter).await,
                "BAD_USER_INPUT"
            );
        }
    }
}

/// More values than a statement of Postgres may have.
#[tokio::test]
async fn no_list_of_values_is_too_long_to_be_answered() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let many = |word: &str| vec![word.to_owned(); 70_000];
    let interactions =
        "query ($filter: InteractionFilter) { interactions(filter: $filter) { totalCount } }";
    let users = "query ($filter: UserFilter) { users(filter: $filter) { totalCount } }";
    let parts = vec![json!({ "anonymous": true }); 101];
    for (viewer, document, filter) in [
        (
            &user,
            interactions,
            json!({ "kind": { "in": many("LIKE") } }),
        ),
        (
            &Viewer::Command,
            users,
            json!({ "email": { "in": many("a@example.org") } }),
        ),
        (
            &Viewer::Command,
            users,
            json!({ "favouriteGenres": { "hasAny": many("Drama") } }),
        ),
        (&Viewer::Command, users, json!({ "or": parts })),
    ] {
        let variables = json!({ "filter": filter });
        assert_eq!(
            app.code_as(viewer, document, variables).await,
            "BAD_USER_INPUT"
        );
    }
    let roles = "query ($roles: [CreditRole!]) {
        people { nodes { filmography(roles: $roles) { totalCount nodes { roles } } } } }";
    let fields = Fields::new(ContentKind::Movie, "Ran");
    let credit = NewCredit {
        person: PersonRef::Name("Akira Kurosawa".to_owned()),
        role: CreditRole::Director,
        character: None,
    };
    let content = &app.services.content;
    content
        .create(&Viewer::Command, fields, vec![credit])
        .await
        .unwrap();
    let found = app
        .ask_as(&user, roles, json!({ "roles": many("DIRECTOR") }))
        .await;
    assert_eq!(found["people"]["nodes"][0]["filmography"]["totalCount"], 1);
    let counts = "query ($kinds: [InteractionKind!]) { interactionCounts(groupBy: [], kinds: $kinds) { count } }";
    let found = app
        .ask_as(&Viewer::Command, counts, json!({ "kinds": many("LIKE") }))
        .await;
    assert_eq!(found["interactionCounts"][0]["count"], 0);
}

#[tokio::test]
async fn what_the_database_cannot_hold_is_the_callers_error() {
    let app = TestApp::start().await;
    let document = "query ($filter: ContentFilter) { contents(filter: $filter) { totalCount } }";
    for filter in [
        json!({ "title": { "eq": "a\u{0}" } }),
        json!({ "title": { "contains": "\u{0}" } }),
        json!({ "title": { "startsWith": "\u{0}" } }),
        json!({ "brand": { "in": ["a", "\u{0}"] } }),
        json!({ "genres": { "hasAny": ["\u{0}"] } }),
        json!({ "createdAt": { "gt": "-200000-01-01T00:00:00Z" } }),
        json!({ "rightsFrom": { "gt": "-200000-01-01" } }),
    ] {
        let variables = json!({ "filter": filter });
        let code = app.code_as(&Viewer::Nobody, document, variables).await;
        assert_eq!(code, "BAD_USER_INPUT", "{filter}");
    }
    for document in [
        "query ($text: String!) { person(name: $text) { id } }",
        "query ($text: String!) { people(filter: { name: { contains: $text } }) { totalCount } }",
    ] {
        let code = app
            .code_as(&Viewer::Nobody, document, json!({ "text": "\u{0}" }))
            .await;
        assert_eq!(code, "BAD_USER_INPUT");
    }
}

/// The catalogue in memory says the same of every filter as the database does.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_the_same_in_memory_as_in_the_database() {
    use marquee::domain::content::ContentFilter;
    use marquee::engine::catalogue::Matcher;
    use marquee::foundation::filter::{Comparison, Text, TextList};
    use proptest::strategy::{Strategy, ValueTree};

    let app = TestApp::start().await;
    app.services.demo.load(&Viewer::Command).await.unwrap();
    let catalogue = app.services.content.catalogue().await.unwrap();

    let text = proptest::option::of(select(vec!["a", "The", "%", "en", "ja", "fr"]));
    let word = select(vec![
        "Drama", "Western", "Horror", "Comedy", "robot", "love",
    ]);
    let number = proptest::option::of(1920..2020_i32);
    let leaf = (
        text.clone(),
        text,
        number.clone(),
        number,
        proptest::option::of(proptest::bool::ANY),
        proptest::collection::vec(word, 0..3),
        0..6_u8,
    )
        .prop_map(|(part, start, from, until, null, words, which)| {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let mut filter = ContentFilter::default();
            match which {
                0 => {
                    filter.title = Text {
                        contains: part.map(str::to_owned),
                        starts_with: start.map(str::to_owned),
                        ..Text::default()
                    }
                }
                1 => {
                    filter.year = Comparison {
                        gte: from,
                        lt: until,
                        is_null: null,
                        ..Comparison::default()
                    }
                }
                2 => {
                    filter.genres = TextList {
                        has_any: Some(words),
                        is_empty: null,
                        ..TextList::default()
                    }
                }
                3 => {
                    filter.genres = TextList {
                        has_all: Some(words),
                        ..TextList::default()
                    }
                }
                4 => {
                    filter.language = Text {
                        eq: part.map(str::to_owned),
                        one_of: start.map(|start| vec![start.to_owned()]),
                        is_null: null,
                        ..Text::default()
                    }
                }
                _ => {
                    filter.rating_average = Comparison {
                        gt: from.map(|year| f64::from(year % 10)),
                        is_null: null,
                        ..Comparison::default()
                    }
                }
            }
            filter
        });
    let filters = leaf.prop_recursive(3, 12, 3, |part| {
        (
            proptest::collection::vec(part.clone(), 0..3),
            proptest::collection::vec(part.clone(), 0..3),
            proptest::option::of(part),
        )
            .prop_map(|(and, or, not)| ContentFilter {
                and,
                or,
                not: not.map(Box::new),
                ..ContentFilter::default()
            })
    });
    let mut runner = TestRunner::deterministic();
    let mut selective = 0;
    for _ in 0..200 {
        let filter = filters.new_tree(&mut runner).unwrap().current();
        let counted = app
            .services
            .content
            .count(&Viewer::Command, &filter)
            .await
            .unwrap();
        let fitting = {
            let catalogue = catalogue.read();
            let matcher = Matcher::new(&filter, &catalogue);
            catalogue
                .iter()
                .filter(|(_, entry)| !entry.deleted && matcher.matches(entry))
                .count()
        };
        assert_eq!(fitting as u64, counted, "{filter:?}");
        selective += usize::from((1..600).contains(&counted));
    }
    assert!(selective > 30, "most filters found everything or nothing");
}
