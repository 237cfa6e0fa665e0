//! Counts agree with the database.

use marquee::domain::auth::Viewer;
use proptest::prelude::Just;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::TestApp;
use crate::{demo, search_with};

/// What may be offered on the day of the tests, in the words of the database.
const OFFERED: &str = "deleted_at IS NULL AND visibility = 'PUBLIC' \
    AND (rights_from IS NULL OR rights_from <= '2026-03-01') \
    AND (rights_until IS NULL OR rights_until >= '2026-03-01') \
    AND (stock IS NULL OR stock > 0)";

const FACETS: &str = "query ($query: String!, $filter: ContentFilter) {
    search(query: $query, filter: $filter) { totalCount facets {
        kinds { kind count } decades { decade count } genres(first: 100) { value count }
        tags(first: 100) { value count } languages(first: 100) { value count }
        brands(first: 100) { value count } merchants(first: 100) { value count }
        categories(first: 100) { value count } priceRanges { currency from below count } } } }";

/// A filter, and the same in SQL.
type Both = (Value, String);

fn filters() -> impl Strategy<Value = Both> {
    let leaf = proptest::prop_oneof![
        (1920..2020_i32, 1..40_i32).prop_map(|(from, span)| (
            json!({ "year": { "gte": from, "lt": from + span } }),
            format!("year >= {from} AND year < {}", from + span),
        )),
        proptest::sample::select(vec!["Drama", "Western", "Horror", "Comedy", "Animation"])
            .prop_map(|genre| (
                json!({ "genres": { "has": genre } }),
                format!("'{genre}' = ANY (genres)"),
            )),
        proptest::sample::select(vec!["MOVIE", "PRODUCT"]).prop_map(|kind| (
            json!({ "kind": { "eq": kind } }),
            format!("kind = '{kind}'"),
        )),
        proptest::sample::select(vec!["en", "ja", "fr", "it"]).prop_map(|language| (
            json!({ "language": { "eq": language } }),
            format!("coalesce(language = '{language}', false)"),
        )),
        (5..300_u32).prop_map(|price| (
            json!({ "price": { "lte": price.to_string() } }),
            format!("coalesce(price <= {price}, false)"),
        )),
        proptest::sample::select(vec!["a", "the", "light", "w"]).prop_map(|part| (
            json!({ "title": { "contains": part } }),
            format!("title ILIKE '%{part}%'"),
        )),
        Just((
            json!({ "brand": { "isNull": false } }),
            "brand IS NOT NULL".to_owned()
        )),
    ];
    leaf.prop_recursive(2, 8, 3, |part| {
        let list = || proptest::collection::vec(part.clone(), 1..3);
        let joined = |parts: &[Both], with: &str| {
            let parts: Vec<_> = parts.iter().map(|(_, sql)| format!("({sql})")).collect();
            format!("({})", parts.join(with))
        };
        let inputs = |parts: &[Both]| -> Vec<Value> {
            parts.iter().map(|(input, _)| input.clone()).collect()
        };
        proptest::prop_oneof![
            list()
                .prop_map(move |parts| (json!({ "and": inputs(&parts) }), joined(&parts, " AND "))),
            list().prop_map(move |parts| (json!({ "or": inputs(&parts) }), joined(&parts, " OR "))),
            part.clone().prop_map(|(input, sql)| (
                json!({ "not": input }),
                format!("NOT coalesce(({sql}), false)")
            )),
        ]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_and_facets_of_any_filter_are_what_the_database_counts() {
    let app = demo().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut selective = 0;
    for _ in 0..25 {
        let (filter, sql) = filters().new_tree(&mut runner).unwrap().current();
        let variables = json!({ "query": "", "filter": filter });
        let data = app.ask_as(&Viewer::Nobody, FACETS, variables).await;
        let found = &data["search"];
        let wanted = format!("FROM content_items WHERE {OFFERED} AND coalesce(({sql}), false)");
        agree(&app, found, &wanted).await;
        let total = found["totalCount"].as_i64().unwrap();
        selective += usize::from((1..700).contains(&total));
    }
    assert!(selective > 10, "most filters found everything or nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facets_of_a_query_are_what_its_items_count() {
    let app = demo().await;
    for query in ["robot", "love war", "projector", "akira"] {
        let data = app
            .ask_as(&Viewer::Nobody, FACETS, json!({ "query": query }))
            .await;
        let ids = all_ids(&app, json!({ "query": query })).await;
        assert_eq!(data["search"]["totalCount"], ids.len());
        assert!(ids.len() > 3, "{query}");
        let ids: Vec<_> = ids.iter().map(|id| format!("'{id}'")).collect();
        let wanted = format!("FROM content_items WHERE id IN ({})", ids.join(", "));
        agree(&app, &data["search"], &wanted).await;
        // A facet says how many there are once it is chosen.
        for group in data["search"]["facets"]["genres"].as_array().unwrap() {
            let filter = json!({ "genres": { "has": group["value"] } });
            let chosen = search_with(&app, json!({ "query": query, "filter": filter })).await;
            assert_eq!(chosen["totalCount"], group["count"], "{query} {group}");
        }
    }
}

/// The UUIDs of everything that is found.
async fn all_ids(app: &TestApp, mut variables: Value) -> Vec<uuid::Uuid> {
    use marquee::foundation::{Id, id};
    let mut ids = Vec::new();
    loop {
        let page = search_with(app, variables.clone()).await;
        for edge in page["edges"].as_array().unwrap() {
            let id: Id<id::Content> = edge["node"]["id"].as_str().unwrap().parse().unwrap();
            ids.push(id.uuid());
        }
        if page["pageInfo"]["hasNextPage"] == false {
            return ids;
        }
        variables["after"] = page["pageInfo"]["endCursor"].clone();
    }
}

/// Every count of `found` is that of the statement's rows.
async fn agree(app: &TestApp, found: &Value, wanted: &str) {
    let facets = &found["facets"];
    let total = counts(app, &format!("SELECT 'all', count(*) {wanted}")).await;
    assert_eq!(found["totalCount"], total[0].1, "{wanted}");
    let each = |column: &str| {
        format!(
            "SELECT value, count(*) FROM (SELECT id, unnest({column}) AS value {wanted}) AS each \
             GROUP BY value ORDER BY count(*) DESC, value COLLATE \"C\" LIMIT 100"
        )
    };
    let one = |column: &str| {
        format!(
            "SELECT {column}, count(*) {wanted} AND {column} IS NOT NULL \
             GROUP BY {column} ORDER BY count(*) DESC, {column} COLLATE \"C\" LIMIT 100"
        )
    };
    for (facet, value, sql) in [
        ("genres", "value", each("genres")),
        ("tags", "value", each("tags")),
        ("categories", "value", each("category_path")),
        ("languages", "value", one("language")),
        ("brands", "value", one("brand")),
        ("merchants", "value", one("merchant")),
        ("kinds", "kind", one("kind")),
    ] {
        let groups = facets[facet].as_array().unwrap().iter();
        let groups: Vec<_> = groups
            .map(|group| {
                (
                    group[value].as_str().unwrap().to_owned(),
                    group["count"].as_i64().unwrap(),
                )
            })
            .collect();
        assert_eq!(groups, counts(app, &sql).await, "{facet} {wanted}");
    }
    let decades = format!(
        "SELECT (year / 10 * 10)::text, count(*) {wanted} AND year IS NOT NULL GROUP BY year / 10 ORDER BY year / 10"
    );
    let groups = facets["decades"].as_array().unwrap().iter();
    let groups: Vec<_> = groups
        .map(|group| {
            (
                group["decade"].to_string(),
                group["count"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, counts(app, &decades).await, "decades {wanted}");
    let mut priced = 0;
    for range in facets["priceRanges"].as_array().unwrap() {
        let below = range["below"]
            .as_str()
            .map_or(String::new(), |below| format!("AND price < {below}"));
        let (currency, from) = (
            range["currency"].as_str().unwrap(),
            range["from"].as_str().unwrap(),
        );
        let sql = format!(
            "SELECT 'in', count(*) {wanted} AND currency = '{currency}' AND price >= {from} {below}"
        );
        assert_eq!(range["count"], counts(app, &sql).await[0].1, "{range}");
        priced += range["count"].as_i64().unwrap();
    }
    let all = format!("SELECT 'priced', count(*) {wanted} AND price IS NOT NULL");
    assert_eq!(priced, counts(app, &all).await[0].1);
}

async fn counts(app: &TestApp, sql: &str) -> Vec<(String, i64)> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
    let rows = rows.fetch_all(app.ctx.db.pool()).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
