//! Queries as a person would write them, with what they would take for an answer, on the demo.

use std::ops::ControlFlow;

use marquee::domain::auth::Viewer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::demo;

/// A right answer must be among the first so many.
const FIRST: usize = 3;
/// Of so many of the queries, in hundredths.
const LEAST: usize = 97;

/// A query and what is right: one of some titles, or what fits all facts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    query: String,
    #[serde(default)]
    titles: Vec<String>,
    facts: Option<Facts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    kind: Option<String>,
    genre: Option<String>,
    keyword: Option<String>,
    language: Option<String>,
    person: Option<String>,
    year: Option<i64>,
    decade: Option<i64>,
}

impl Facts {
    fn fit(&self, item: &Value) -> bool {
        let one = |wanted: &Option<String>, field: &str| {
            wanted.as_ref().is_none_or(|wanted| item[field] == **wanted)
        };
        let listed = |wanted: &Option<String>, fields: &[&str]| {
            let has = |wanted: &String| {
                let lists = fields.iter().filter_map(|field| item[field].as_array());
                lists.flatten().any(|value| value == &**wanted)
            };
            wanted.as_ref().is_none_or(has)
        };
        let credited = |name: &String| {
            let mut credits = item["credits"].as_array().unwrap().iter();
            credits.any(|credit| credit["person"]["name"] == **name)
        };
        let year = item["year"].as_i64();
        one(&self.kind, "kind")
            && one(&self.language, "language")
            && listed(&self.genre, &["genres"])
            && listed(&self.keyword, &["tags"])
            && self.person.as_ref().is_none_or(credited)
            && self.year.is_none_or(|wanted| year == Some(wanted))
            && self
                .decade
                .is_none_or(|wanted| year.is_some_and(|year| year / 10 * 10 == wanted))
    }
}

impl Written {
    fn is_right(&self, item: &Value) -> bool {
        let titled = self.titles.iter().any(|title| item["title"] == **title);
        titled || self.facts.as_ref().is_some_and(|facts| facts.fit(item))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_has_a_right_answer_among_the_first_three() {
    let app = demo().await;
    let embeddings = &app.services.embeddings;
    let trained = embeddings.train(&Viewer::Command, |_| ControlFlow::Continue(()));
    trained.await.unwrap();
    embeddings.refresh().await.unwrap();
    let queries = include_str!("quality/queries.jsonl").lines();
    let queries: Vec<Written> = queries
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(queries.len() >= 120);
    let document = "query ($query: String!, $first: Int!) { search(query: $query, first: $first) {
        edges { node { title kind genres tags language year credits { person { name } } } } } }";
    let mut missed = Vec::new();
    for written in &queries {
        let variables = json!({ "query": written.query, "first": FIRST });
        let found = app.ask_as(&Viewer::Nobody, document, variables).await;
        let edges = found["search"]["edges"].as_array().unwrap();
        if !edges.iter().any(|edge| written.is_right(&edge["node"])) {
            let titles: Vec<&Value> = edges.iter().map(|edge| &edge["node"]["title"]).collect();
            missed.push(format!("{}: {titles:?}", written.query));
        }
    }
    let right = queries.len() - missed.len();
    println!("{right} of {} right", queries.len());
    assert!(
        right * 100 >= LEAST * queries.len(),
        "{right} of {}: {missed:#?}",
        queries.len()
    );
}
