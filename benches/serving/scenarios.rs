//! What is asked of the server, and what is asked of its figures.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::{Caller, Connection, good};
use crate::load::{Sample, Steps};
use crate::prepare::World;
use crate::rng::BenchRng;

const FEED: &str = include_str!("documents/feed.graphql");
const PAGE: &str = include_str!("documents/page.graphql");
const SEARCH: &str = include_str!("documents/search.graphql");
const RECORD: &str = include_str!("documents/record.graphql");

/// A user who is asked for a list again does not wait for longer than this many answers.
const MOST_STALE: usize = 100;

/// One thing that is measured.
pub struct Scenario {
    /// What it is called in the report.
    pub name: &'static str,
    /// The field of `Query` or `Mutation` without which it is skipped.
    pub needs: &'static str,
    /// Makes what the connection of a number does.
    pub steps: fn(&Arc<World>, usize) -> Steps,
    /// With one connection, 95 % must take less than this, in milliseconds.
    pub p95: Option<f64>,
    /// With many connections, its rate must be so much of the bare handler's.
    pub share_of_bare: Option<f64>,
}

/// All of them, in the order of the report. `items` is the size of the catalogue.
pub fn all(items: usize) -> Vec<Scenario> {
    let plain = |name, needs, steps, p95| Scenario {
        name,
        needs,
        steps,
        p95,
        share_of_bare: None,
    };
    let feed_limit = if items >= 1_000_000 { 30.0 } else { 10.0 };
    let feed = Some(feed_limit);
    vec![
        Scenario {
            share_of_bare: Some(1.0 / 3.0),
            ..plain("cached list", "recommendations", cached, Some(2.0))
        },
        plain(
            "fresh FEED, another user each time",
            "recommendations",
            fresh,
            feed,
        ),
        plain(
            "fresh FEED after a click",
            "recommendations",
            after_click,
            feed,
        ),
        plain("search", "search", search, Some(15.0)),
        plain("feedback", "recordInteraction", feedback, Some(10.0)),
        plain(
            "feedback to visible",
            "recommendations",
            visible,
            Some(50.0),
        ),
        plain("pages of 100 of one list", "recommendations", pages, None),
    ]
}

/// Sends one request and measures it.
fn timed(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Sample> {
    let start = Instant::now();
    let answer = connection.send(request)?;
    let took = start.elapsed();
    good(&answer)?;
    Ok(Sample {
        took,
        bytes: answer.bytes,
    })
}

/// The requests of the signed-in users for their list; the bare handler gets them too.
pub fn cached(world: &Arc<World>, number: usize) -> Steps {
    let request = |caller: &Caller| caller.request(FEED, &json!({}));
    let requests: Vec<_> = world.signed_in.iter().map(request).collect();
    let mut next = number;
    Box::new(move |connection| {
        next += 1;
        timed(connection, &requests[next % requests.len()])
    })
}

impl World {
    /// The next user, so that none has a list already.
    fn user(&self) -> &str {
        let next = self.next_user.fetch_add(1, Ordering::Relaxed);
        &self.users[next % self.users.len()]
    }
}

fn fresh(world: &Arc<World>, _: usize) -> Steps {
    let world = Arc::clone(world);
    Box::new(move |connection| {
        let request = world.app.request(FEED, &json!({ "user": world.user() }));
        timed(connection, &request)
    })
}

/// Records something and checks that it was recorded.
fn record(connection: &mut Connection, caller: &Caller, input: &Value) -> anyhow::Result<Sample> {
    let request = caller.request(RECORD, &json!({ "input": input }));
    let start = Instant::now();
    let answer = connection.send(&request)?;
    let took = start.elapsed();
    good(&answer)?;
    let text = std::str::from_utf8(answer.body)?;
    ensure!(text.contains(r#""errors":[]"#), "not recorded: {text}");
    Ok(Sample {
        took,
        bytes: answer.bytes,
    })
}

fn after_click(world: &Arc<World>, number: usize) -> Steps {
    let world = Arc::clone(world);
    let mut rng = BenchRng::new(world.seed, 100 + number as u64);
    Box::new(move |connection| {
        // Whatever list of this user was kept is of no use any more.
        let caller = rng.one(&world.signed_in);
        let input = json!({ "contentId": rng.one(&world.contents), "kind": "CLICK" });
        record(connection, caller, &input)?;
        timed(connection, &caller.request(FEED, &json!({})))
    })
}

fn search(world: &Arc<World>, number: usize) -> Steps {
    let world = Arc::clone(world);
    let mut rng = BenchRng::new(world.seed, 200 + number as u64);
    Box::new(move |connection| {
        let text = world.words.query(&mut rng);
        let caller = rng.one(&world.signed_in);
        timed(
            connection,
            &caller.request(SEARCH, &json!({ "text": text })),
        )
    })
}

fn feedback(world: &Arc<World>, number: usize) -> Steps {
    let world = Arc::clone(world);
    let mut rng = BenchRng::new(world.seed, 300 + number as u64);
    Box::new(move |connection| {
        let kind = match rng.unit() {
            at if at < 0.6 => "VIEW",
            at if at < 0.9 => "CLICK",
            _ => "LIKE",
        };
        let content = rng.one(&world.contents);
        let input = json!({ "userId": rng.one(&world.users), "contentId": content, "kind": kind });
        record(connection, &world.app, &input)
    })
}

/// From sending a DISLIKE of an item in a list until the first list without it is there.
fn visible(world: &Arc<World>, _: usize) -> Steps {
    let world = Arc::clone(world);
    Box::new(move |connection| {
        let user = world.user();
        let list = connection.ask(&world.app, FEED, &json!({ "user": user }))?;
        let items = &list["recommendations"]["items"];
        let content = items[2]["content"]["id"].as_str();
        let content = content.with_context(|| format!("the list has no third item: {list}"))?;
        let input = json!({ "userId": user, "contentId": content, "kind": "DISLIKE" });
        let again = world.app.request(FEED, &json!({ "user": user }));
        let start = Instant::now();
        record(connection, &world.app, &input)?;
        for _ in 0..MOST_STALE {
            let answer = connection.send(&again)?;
            good(&answer)?;
            if !std::str::from_utf8(answer.body)?.contains(content) {
                return Ok(Sample {
                    took: start.elapsed(),
                    bytes: answer.bytes,
                });
            }
            world.stale.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::bail!("{MOST_STALE} lists after a DISLIKE still had the item")
    })
}

/// Goes through whole lists, each step a page, and checks that nothing comes twice.
fn pages(world: &Arc<World>, _: usize) -> Steps {
    let world = Arc::clone(world);
    let mut user = world.user().to_owned();
    let mut after = Value::Null;
    let mut seen = HashSet::new();
    Box::new(move |connection| {
        let request = world
            .app
            .request(PAGE, &json!({ "user": user, "after": after }));
        let start = Instant::now();
        let answer = connection.send(&request)?;
        let sample = Sample {
            took: start.elapsed(),
            bytes: answer.bytes,
        };
        good(&answer)?;
        let mut page: Value = serde_json::from_slice(answer.body)?;
        let page = page["data"]["recommendations"].take();
        for item in page["items"].as_array().into_iter().flatten() {
            let id = item["content"]["id"]
                .as_str()
                .context("an item without content")?;
            ensure!(seen.insert(id.to_owned()), "{id} came twice in one list");
        }
        if page["pageInfo"]["hasNextPage"] == true {
            after = page["pageInfo"]["endCursor"].clone();
        } else {
            world.longest.fetch_max(seen.len(), Ordering::Relaxed);
            world.user().clone_into(&mut user);
            after = Value::Null;
            seen.clear();
        }
        Ok(sample)
    })
}
