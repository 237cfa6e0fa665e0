//! Measures the server: `script/bench serving`, `push`, `jobs`, `slates` and `search-quality`. See docs/performance.md.
//!
//! It fills a database of its own through the program's commands, starts the program's server,
//! and asks it over loopback, beside a bare axum handler that returns the same bytes.

mod bare;
mod client;
mod figures;
mod jobs;
mod load;
mod prepare;
mod process;
mod push;
mod quality;
mod report;
mod rng;
mod scenarios;
mod server;
mod slates;
mod socket;
mod words;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Parser, Subcommand};
use serde_json::json;

use client::{Connection, good};
use load::{Measured, Run, run};
use prepare::{PreparedData, World};
use report::{Report, Row};
use scenarios::Scenario;
use server::{Marquee, Serving};

/// How often the bare handler and the server take turns.
const TURNS: u32 = 2;
/// For how long a fresh server may refuse its first list.
const FIRST_LIST: Duration = Duration::from_secs(120);

/// Measure the server.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    section: Option<Section>,
    /// The release binary of marquee.
    #[arg(long, global = true, default_value = "target/release/marquee")]
    marquee: PathBuf,
    /// A folder for the data; a world that is in it already is used again.
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    /// Items of the catalogue.
    #[arg(long, default_value_t = 10_000)]
    items: usize,
    /// Users with a history.
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    /// What users did; twenty for each user where left out.
    #[arg(long)]
    interactions: Option<usize>,
    /// The same seed makes the same world and asks the same.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// For how many seconds each scenario is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How many connections there are, besides one.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Only the scenarios with this in their names; give it again for more.
    #[arg(long)]
    only: Vec<String>,
    /// A setting of the server that is not the default, such as MARQUEE_LOG=warn.
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print one JSON object; the table goes to standard error.
    #[arg(long, global = true)]
    json: bool,
    /// Make the world and measure nothing.
    #[arg(long)]
    only_world: bool,
    /// Be the bare handler that answers this file.
    #[arg(long, hide = true)]
    bare: Option<PathBuf>,
    /// Cargo says so.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

/// What to measure instead of requests.
#[derive(Subcommand)]
enum Section {
    /// One event to many subscribers.
    Push(push::Options),
    /// Jobs through the queue.
    Jobs(jobs::Options),
    /// Slates of many films.
    Slates(slates::Options),
    /// Searches with queries made from the titles of real catalogues.
    SearchQuality(quality::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(file) = &options.bare {
        return told(bare::serve(file).map(|()| ExitCode::SUCCESS));
    }
    told(measure(&options))
}

fn told(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn measure(options: &Options) -> anyhow::Result<ExitCode> {
    let settings = options.set.iter().map(|setting| {
        let (name, value) = setting.split_once('=').context("--set takes NAME=VALUE")?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let folder = options.folder.clone();
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("marquee-bench-serving"));
    std::fs::create_dir_all(&folder)?;
    let marquee = Marquee {
        binary: options.marquee.canonicalize().with_context(|| {
            format!("there is no {}; build it first", options.marquee.display())
        })?,
        folder: folder.canonicalize()?,
        settings: settings.collect::<anyhow::Result<_>>()?,
    };
    match &options.section {
        Some(Section::Push(push)) => return shown(options, &push::measure(marquee, push)?),
        Some(Section::Jobs(jobs)) => return shown(options, &jobs::measure(marquee, jobs)?),
        Some(Section::Slates(slates)) => {
            return shown(options, &slates::measure(&marquee, slates)?);
        }
        Some(Section::SearchQuality(quality)) => {
            return shown(options, &quality::measure(&marquee, quality)?);
        }
        None => {}
    }
    let size = world::Size {
        items: options.items,
        users: options.users,
        interactions: options.interactions.unwrap_or(20 * options.users),
        seed: options.seed,
    };
    let load_before = process::load();
    let made = prepare::world(&marquee, size)?;
    if options.only_world {
        return Ok(ExitCode::SUCCESS);
    }
    let report = report(options, &marquee, made, load_before)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        eprint!("{}", report.text());
    } else {
        print!("{}", report.text());
    }
    Ok(if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn shown(options: &Options, figures: &figures::Figures) -> anyhow::Result<ExitCode> {
    if options.json {
        println!("{}", serde_json::to_string_pretty(figures)?);
        eprint!("{}", figures.text());
    } else {
        print!("{}", figures.text());
    }
    Ok(ExitCode::SUCCESS)
}

fn report(
    options: &Options,
    marquee: &Marquee,
    made: PreparedData,
    load_before: f64,
) -> anyhow::Result<Report> {
    eprintln!("==> starting the server");
    let server = marquee.serve()?;
    let mut memory: Vec<_> = made
        .empty_mib
        .map(|mib| ("without a world".to_owned(), mib))
        .into_iter()
        .collect();
    let mut remember = |moment: String, pick: fn((f64, f64)) -> f64| {
        memory.extend(process::memory(server.pid()).map(|mib| (moment, pick(mib))));
    };
    remember("when it is ready".to_owned(), |(now, _)| now);
    let world = Arc::new(made.open(&server)?);
    let fields = fields(&server)?;
    let First {
        bytes,
        seconds,
        refused,
    } = first_list(&server, &world)?;
    remember("after the first list".to_owned(), |(now, _)| now);
    let file = marquee.folder.join("answer.json");
    std::fs::write(&file, bytes)?;
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for scenario in scenarios::all(made.size.items) {
        if !options.only.is_empty()
            && !options
                .only
                .iter()
                .any(|only| scenario.name.contains(only.as_str()))
        {
            continue;
        }
        if !fields.iter().any(|field| field == scenario.needs) {
            notes.push(format!(
                "{}: skipped, there is no field `{}`",
                scenario.name, scenario.needs
            ));
            continue;
        }
        for connections in [1, options.connections] {
            eprintln!("==> {}, {connections} connection(s)", scenario.name);
            rows.extend(one(
                options,
                &server,
                &world,
                &scenario,
                connections,
                &file,
            )?);
        }
    }
    let asked = world.next_user.load(Ordering::Relaxed);
    remember(
        format!("at the end, lists of {asked} users later"),
        |(now, _)| now,
    );
    remember("at most".to_owned(), |(_, most)| most);
    if asked > world.users.len() {
        notes.push(format!(
            "{asked} lists of {} users: some had one already",
            world.users.len()
        ));
    }
    match world.longest.load(Ordering::Relaxed) {
        0 => {}
        longest => notes.push(format!(
            "the longest list that was paged through has {longest} items"
        )),
    }
    match world.stale.load(Ordering::Relaxed) {
        0 => {}
        stale => notes.push(format!(
            "{stale} lists still had what had just been disliked"
        )),
    }
    Ok(Report {
        machine: process::machine(),
        load_before,
        world: made.size,
        made_in: made.seconds,
        memory_mib: memory,
        first_list_seconds: seconds,
        refused,
        rows,
        notes,
    })
}

/// Measures one scenario, and the bare handler in turn with it where it is compared.
fn one(
    options: &Options,
    server: &Serving,
    world: &Arc<World>,
    scenario: &Scenario,
    connections: usize,
    answer: &Path,
) -> anyhow::Result<Vec<Row>> {
    let steps = |number: usize| (scenario.steps)(world, number);
    let measured = Duration::from_secs(options.seconds.into());
    let settings = Run {
        connections,
        warm_up: measured / 5,
        measured,
    };
    if scenario.share_of_bare.is_none() {
        let mut row = Row::new(scenario.name, connections, &run(server, settings, &steps)?);
        if let Some(limit) = scenario.p95.filter(|_| connections == 1) {
            row.p95_below(limit);
        }
        return Ok(vec![row]);
    }
    let settings = Run {
        measured: measured / TURNS,
        ..settings
    };
    let bare = Serving::bare(answer)?;
    let (mut ours, mut theirs) = (Measured::default(), Measured::default());
    for _ in 0..TURNS {
        theirs.add(run(&bare, settings, &|number| {
            scenarios::cached(world, number)
        })?);
        ours.add(run(server, settings, &steps)?);
    }
    let theirs = Row::new("bare axum handler, the same bytes", connections, &theirs);
    let mut ours = Row::new(scenario.name, connections, &ours);
    match scenario.share_of_bare {
        Some(share) if connections > 1 => ours.at_least_of(share, &theirs),
        _ => {}
    }
    if let Some(limit) = scenario.p95.filter(|_| connections == 1) {
        ours.p95_below(limit);
    }
    Ok(vec![theirs, ours])
}

/// The names of all fields of queries and mutations.
fn fields(server: &Serving) -> anyhow::Result<Vec<String>> {
    let document =
        "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let mut connection = Connection::open(server.port)?;
    let schema = connection.ask(&client::Caller::new(None), document, &json!({}))?;
    let schema = &schema["__schema"];
    let types = [&schema["queryType"], &schema["mutationType"]];
    let fields = types
        .iter()
        .filter_map(|kind| kind["fields"].as_array())
        .flatten();
    Ok(fields
        .filter_map(|field| field["name"].as_str().map(ToOwned::to_owned))
        .collect())
}

/// The first list that a fresh server gives.
struct First {
    bytes: Vec<u8>,
    seconds: f64,
    /// Why it was refused, as often as it was.
    refused: Vec<String>,
}

/// Asks for a list of 20 items until there is one: a fresh server may have much to read first.
fn first_list(server: &Serving, world: &Arc<World>) -> anyhow::Result<First> {
    let mut connection = Connection::open(server.port)?;
    let caller = world.signed_in.first().context("nobody is signed in")?;
    let request = caller.request(include_str!("documents/feed.graphql"), &json!({}));
    let mut refused = Vec::new();
    let start = Instant::now();
    loop {
        let answer = connection.send(&request)?;
        if let Err(error) = good(&answer) {
            anyhow::ensure!(start.elapsed() < FIRST_LIST, "no list at all: {error}");
            refused.push(format!("the first list: {error}"));
            continue;
        }
        let list: serde_json::Value = serde_json::from_slice(answer.body)?;
        let items = list["data"]["recommendations"]["items"].as_array();
        let items = items.map_or(0, Vec::len);
        anyhow::ensure!(items == 20, "a list has {items} items instead of 20");
        return Ok(First {
            bytes: answer.body.to_vec(),
            seconds: start.elapsed().as_secs_f64(),
            refused,
        });
    }
}
