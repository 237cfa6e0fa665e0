//! Nobody reads or changes another's rows, by whatever field.
//!
//! The documents are made from the contract itself: each query field with each id of the victim,
//! and below it every field that can be reached, id arguments included. What cannot be made up,
//! such as the input of a mutation, stands in `lessons.rs`; a field that is
//! in neither makes the test say "teach this test about …".

mod contract;
mod lessons;
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use marquee::domain::auth::Viewer;
use serde_json::{Value, json};
use tokio::time::timeout;

use contract::{Contract, DEPTH, named};
use lessons::{Lesson, OF_NOBODY, happen, mutation_lesson};
use world::{MARK, World};

/// How long a subscription may take to tell what it should.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn no_query_shows_what_is_anothers() {
    let world = World::start().await;
    let mut documents = queries(&world).await;
    assert!(documents.len() > 20, "{documents:#?}");
    // Their own traces repeat what strangers ask for below, the victim's mark included: these come first.
    documents.sort_by_key(|document| !document.text.starts_with("{ traces"));
    for (who, stranger) in world.strangers() {
        for document in &documents {
            let answer = world.app.run_as(&stranger, &document.text, json!({})).await;
            understood(&document.text, &answer);
            innocent(&world, &who, &document.text, &answer);
            if document.aimed {
                let counted = totals(&answer["data"]);
                assert!(
                    counted.iter().all(|total| *total == 0),
                    "{who} counts {document:?}: {answer:#}"
                );
            }
        }
    }
}

/// The proof that the documents above can read what they look for: asked by those who may, they do.
#[tokio::test]
async fn the_same_queries_show_their_owner_what_is_theirs() {
    let world = World::start().await;
    let mut shown = String::new();
    for document in queries(&world).await {
        for viewer in [&world.victim, &Viewer::Command] {
            let answer = world.app.run_as(viewer, &document.text, json!({})).await;
            understood(&document.text, &answer);
            shown += &answer["data"].to_string();
        }
    }
    for sign in world.signs.iter().filter(|sign| sign.readable) {
        assert!(
            shown.contains(&sign.text),
            "no document shows {}: {}",
            sign.what,
            sign.text
        );
    }
}

#[tokio::test]
async fn no_mutation_changes_what_is_anothers() {
    let world = World::start().await;
    let contract = Contract::of(&world).await;
    let before = world.rows().await;
    for (document, input) in attacks(&world, &contract) {
        for (who, stranger) in world.strangers() {
            let variables = json!({ "input": input });
            let answer = world.app.run_as(&stranger, &document, variables).await;
            understood(&document, &answer);
            innocent(&world, &who, &document, &answer);
            let after = world.rows().await;
            assert_eq!(
                before, after,
                "{who} changed something by {document} with {input}"
            );
        }
    }
}

/// The proof that the attacks above are no duds: by somebody who may, each of them does something.
#[tokio::test]
async fn the_same_mutations_work_for_those_who_may() {
    let first = World::start().await;
    let contract = Contract::of(&first).await;
    for index in 0..attacks(&first, &contract).len() {
        let world = World::start().await;
        let (document, input) = attacks(&world, &contract).swap_remove(index);
        let mut answers = Vec::new();
        for viewer in [&Viewer::Command, &world.victim] {
            let variables = json!({ "input": input });
            answers.push(world.app.run_as(viewer, &document, variables).await);
        }
        assert!(
            answers.iter().any(done),
            "{document} with {input}: {answers:#?}"
        );
    }
}

#[tokio::test]
async fn no_subscription_tells_what_is_anothers() {
    let world = World::start().await;
    let contract = Contract::of(&world).await;
    for field in contract.fields("Subscription") {
        let name = field["name"].as_str().unwrap();
        let selection = contract.selection(named(&field["type"]), DEPTH, &world, "");
        let mut shown = String::new();
        for (arguments, _) in contract.arguments("Subscription", field, &world) {
            let document = format!("subscription {{ {name}{arguments}{selection} }}");
            let mut allowed = world.app.hear(&Viewer::Command, &document);
            let mut strangers: Vec<_> = world
                .strangers()
                .into_iter()
                .map(|(who, stranger)| (who, world.app.hear(&stranger, &document)))
                .collect();
            let mut heard = ready(&mut allowed).await;
            for (who, events) in &mut strangers {
                blameless(&world, who, &document, &ready(events).await);
            }
            happen(name, &world).await;
            let ended = heard.iter().any(|answer| answer["errors"].is_array());
            let began = Instant::now();
            while heard.is_empty() || !(ended || heard.iter().any(tells)) {
                match timeout(Duration::from_millis(500), allowed.next()).await {
                    Ok(next) => heard.extend(next),
                    // It had not begun yet when that happened.
                    Err(_) => happen(name, &world).await,
                }
                assert!(began.elapsed() < PATIENCE, "{document} tells nothing");
            }
            // Whoever is told hears it now.
            for (who, events) in &mut strangers {
                blameless(&world, who, &document, &ready(events).await);
            }
            for answer in heard {
                understood(&document, &answer);
                shown += &answer["data"].to_string();
            }
        }
        assert!(
            OF_NOBODY.contains(&name) || shown.contains(&world.ids["user"]) || shown.contains(MARK),
            "`{name}` shows nothing of the victim's to those who may: {shown}"
        );
    }
}

/// What comes without anything further happening.
async fn ready(events: &mut BoxStream<'static, Value>) -> Vec<Value> {
    let mut all = Vec::new();
    // A turn for whatever a subscription asks the database before it begins.
    for _ in 0..1000 {
        match events.next().now_or_never() {
            Some(Some(event)) => all.push(event),
            Some(None) => break,
            None => tokio::task::yield_now().await,
        }
    }
    all
}

fn tells(answer: &Value) -> bool {
    !answer["data"].is_null()
}

fn blameless(world: &World, who: &str, document: &str, answers: &[Value]) {
    for answer in answers {
        understood(document, answer);
        innocent(world, who, document, answer);
    }
}

/// Whether a mutation did what it was asked for, all of it.
fn done(answer: &Value) -> bool {
    let payload = answer["data"]
        .as_object()
        .and_then(|data| data.values().next());
    let refused = payload.is_none_or(|payload| {
        payload["errors"] != json!([]) || payload["refused"].as_i64().is_some_and(|many| many > 0)
    });
    answer.get("errors").is_none() && !refused
}

#[derive(Debug)]
struct Document {
    text: String,
    /// Whether its root field names something of the victim's.
    aimed: bool,
}

async fn queries(world: &World) -> Vec<Document> {
    let contract = Contract::of(world).await;
    let mut documents = Vec::new();
    for field in contract.fields("Query") {
        let name = field["name"].as_str().unwrap();
        let selection = contract.selection(named(&field["type"]), DEPTH, world, "");
        for (arguments, aimed) in contract.arguments("Query", field, world) {
            let text = format!("{{ {name}{arguments}{selection} }}");
            documents.push(Document { text, aimed });
        }
    }
    documents
}

/// Each mutation that can name something of another's, with inputs that name the victim's.
fn attacks(world: &World, contract: &Contract) -> Vec<(String, Value)> {
    let mut attacks = Vec::new();
    for field in contract.fields("Mutation") {
        let name = field["name"].as_str().unwrap();
        let argument = field["args"].as_array().unwrap().first();
        let names_ids = argument.is_some_and(|argument| {
            contract.has_ids(named(&argument["type"]), &mut BTreeSet::new())
        });
        let selection = contract.selection(named(&field["type"]), DEPTH, world, "");
        match mutation_lesson(name, world) {
            Lesson::Own if names_ids => panic!("{name} takes ids: aim it at the victim's"),
            Lesson::Own => {}
            Lesson::Aimed(inputs) => {
                let input = named(&argument.unwrap()["type"]);
                for value in inputs {
                    attacks.push((
                        format!(
                            "mutation ($input: {input}!) {{ {name}(input: $input){selection} }}"
                        ),
                        value,
                    ));
                }
            }
            Lesson::None => panic!("teach this test about the mutation `{name}`"),
        }
    }
    attacks
}

/// The document was executed: an error that has no path is one of parsing or validation, and the
/// document then proves nothing.
fn understood(document: &str, answer: &Value) {
    for error in answer["errors"].as_array().into_iter().flatten() {
        assert!(
            error["path"].is_array(),
            "{document} was not executed: {error:#}"
        );
        assert_ne!(error["message"], "internal error", "{document}: {answer:#}");
    }
}

fn innocent(world: &World, who: &str, document: &str, answer: &Value) {
    let text = answer.to_string();
    assert!(
        !text.contains(MARK),
        "{who} reads the victim's data by {document}: {answer:#}"
    );
    // A message may repeat what the document itself said; data may not.
    let data = answer["data"].to_string();
    for sign in &world.signs {
        assert!(
            !data.contains(&sign.text),
            "{who} reads the victim's {} by {document}: {answer:#}",
            sign.what
        );
    }
}

fn totals(data: &Value) -> Vec<i64> {
    match data {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_i64() {
                Some(total) if name.ends_with("totalCount") => vec![total],
                _ => totals(value),
            })
            .collect(),
        Value::Array(members) => members.iter().flat_map(totals).collect(),
        _ => Vec::new(),
    }
}
