//! Slates over HTTP, and what the ranking in them takes: `script/bench slates`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use foundation::{Clock, Id, id};
use ranking::bandit::{Bandit, Settings, Signals, SlateContext};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::client::{Caller, Connection};
use crate::figures::Figures;
use crate::prepare;
use crate::rng::BenchRng;
use crate::server::{Marquee, Serving};

/// The draws that the server counts propensities over.
const REPLAYS: usize = 1_024;
/// For how long the training of the signals may take.
const TRAINING: Duration = Duration::from_secs(600);

/// Films with rights for two years; every other one has its genre, language, year and votes by chance.
const FILMS: &str = "INSERT INTO bench.content_items \
        (id, kind, title, genres, year, duration_minutes, language, popularity, rating_average, rating_count, \
         rights_from, rights_until, created_at, updated_at) \
     SELECT gen_random_uuid(), 'MOVIE', 'Film ' || n, \
            ARRAY[(ARRAY['Drama', 'Comedy', 'Western', 'Horror', 'Crime', 'Romance'])[1 + n % 6]], \
            1950 + n % 75, 75 + n % 90, (ARRAY['en', 'de', 'fr'])[1 + n % 3], n % 97, \
            (n % 50) / 10.0, 10 + n % 5000, \
            current_date - 30, current_date + 1 + n % 720, now(), now() \
       FROM generate_series(1, $1) AS n";

/// Two channels: ours, and a competitor.
const CHANNELS: &str = "INSERT INTO bench.channels (id, key, name, time_zone, own, created_at, updated_at) \
     SELECT gen_random_uuid(), key, key, 'Europe/Berlin', key = 'ours', now(), now() \
       FROM unnest(ARRAY['ours', 'rival']) AS key";

/// A film every six hours of the half year before today on both, with an audience that prefers some hours.
const AIRINGS: &str = "INSERT INTO bench.airings \
        (id, channel_id, content_id, title, kind, starts_at, ends_at, audience, source, confidence) \
     SELECT gen_random_uuid(), c.id, f.id, f.title, 'FILM', at, at + interval '2 hours', \
            100000 + 20000 * extract(hour FROM at)::bigint + f.number, 'CSV', 1 \
       FROM bench.channels c, \
            generate_series(0, $1 - 1) AS n, \
            LATERAL (SELECT date_trunc('day', now()) - n * interval '6 hours' AS at) AS times, \
            LATERAL (SELECT (n * 37 + CASE WHEN c.own THEN 0 ELSE 11 END) % $2 AS number) AS numbers \
       JOIN (SELECT id, title, row_number() OVER (ORDER BY title) - 1 AS number \
               FROM bench.content_items) AS f ON f.number = numbers.number";

/// How to measure slates.
#[derive(clap::Args)]
pub struct Options {
    /// Films that may be offered.
    #[arg(long, default_value_t = 10_000)]
    films: u32,
    /// Airings of each of the two channels; at least a hundred train the signal AUDIENCE.
    #[arg(long, default_value_t = 730)]
    airings: u32,
    /// Films of a slate.
    #[arg(long, default_value_t = 10)]
    length: usize,
    /// Fresh slates, one after the other.
    #[arg(long, default_value_t = 300)]
    slates: usize,
}

/// Measures a server of its own.
///
/// # Errors
/// When it does not start, or a slate is not what was asked for.
pub fn measure(marquee: &Marquee, options: &Options) -> anyhow::Result<Figures> {
    ensure!(options.slates > 0, "there is nothing to measure");
    let mut figures = Figures::new("slates");
    let password = prepare::admin(marquee)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let channel = {
        eprintln!("==> making {} films", options.films);
        let _database = marquee.serve()?;
        runtime.block_on(fill(marquee, options))?
    };
    // A server that finds all of it when it starts.
    let server = marquee.serve()?;
    let caller = Caller::new(Some(&prepare::login(&server, &password)?));
    eprintln!("==> training the signals");
    runtime.block_on(train(marquee, &server, &caller))?;
    eprintln!("==> {} slates", options.slates);
    let times = slates(&server, &caller, &channel, options, false)?;
    let kept = slates(&server, &caller, &channel, options, true)?;
    figures.note(format!(
        "{} films in each slate's choice, {} slates of {} films",
        options.films, options.slates, options.length
    ));
    for (what, mut times) in [
        ("a fresh slate over HTTP", times),
        ("the same slate again", kept),
        ("ranking and propensities alone", ranking_alone(options)?),
    ] {
        times.sort_unstable_by(f64::total_cmp);
        for (share, name) in [(0.5, "median"), (0.95, "p95")] {
            let at = ((times.len() - 1) as f64 * share).round() as usize;
            figures.one(&format!("{what}, {name}"), "ms", times[at]);
        }
    }
    Ok(figures)
}

/// Writes films, channels and airings, and answers the id of our channel.
async fn fill(marquee: &Marquee, options: &Options) -> anyhow::Result<String> {
    let mut database = PgConnection::connect(&marquee.database()?).await?;
    let (films, airings) = (i64::from(options.films), i64::from(options.airings));
    sqlx::query(FILMS)
        .bind(films)
        .execute(&mut database)
        .await?;
    sqlx::query(CHANNELS).execute(&mut database).await?;
    let airings = sqlx::query(AIRINGS).bind(airings).bind(films.max(1));
    airings.execute(&mut database).await?;
    let ours: Uuid = sqlx::query_scalar("SELECT id FROM bench.channels WHERE own")
        .fetch_one(&mut database)
        .await?;
    database.close().await?;
    Ok(Id::<id::Channel>::from(ours).to_string())
}

/// Trains the models of curators and audiences, so that all six signals say something.
async fn train(marquee: &Marquee, server: &Serving, caller: &Caller) -> anyhow::Result<()> {
    let document = include_str!("documents/create_job.graphql");
    let input = json!({ "input": { "parameters": { "plain": "SLATE_TRAINING" } } });
    let made = Connection::open(server.port)?.ask(caller, document, &input)?;
    ensure!(
        made["createGenerationJob"]["job"]["id"].is_string(),
        "no job was made: {made}"
    );
    let mut database = PgConnection::connect(&marquee.database()?).await?;
    let began = Instant::now();
    loop {
        let query = "SELECT state FROM bench.generation_jobs WHERE kind = 'SLATE_TRAINING'";
        let state: String = sqlx::query_scalar(query).fetch_one(&mut database).await?;
        match state.as_str() {
            "COMPLETED" => return Ok(()),
            "PENDING" | "RUNNING" if began.elapsed() < TRAINING => {}
            other => anyhow::bail!("the training of the signals is {other}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Asks for the slates of hours from tomorrow on, and answers the milliseconds of each. The first day warms up,
/// and is not among them.
fn slates(
    server: &Serving,
    caller: &Caller,
    channel: &str,
    options: &Options,
    again: bool,
) -> anyhow::Result<Vec<f64>> {
    const WARM_UP: usize = 24;
    let document = include_str!("documents/slate.graphql");
    let mut connection = Connection::open(server.port)?;
    let tomorrow = Clock::system().now().date_naive() + chrono::Days::new(1);
    let mut times = Vec::with_capacity(options.slates);
    // Those that are asked for again need no day before them.
    let from = if again { WARM_UP } else { 0 };
    for number in from..WARM_UP + options.slates {
        let date = tomorrow + chrono::Days::new(number as u64 / 24);
        let variables = json!({
            "channelId": channel, "date": date.to_string(), "hour": number % 24, "first": options.length,
        });
        let began = Instant::now();
        let answer = connection.ask(caller, document, &variables)?;
        let took = began.elapsed();
        let slate = &answer["slate"];
        let films = slate["items"].as_array().map_or(0, Vec::len);
        ensure!(
            films == options.length && slate["candidateCount"].as_u64() > Some(0),
            "a slate of {films} films of {} candidates",
            slate["candidateCount"]
        );
        if number >= WARM_UP {
            times.push(1e3 * took.as_secs_f64());
        }
    }
    Ok(times)
}

/// The milliseconds of a draw, the best films by it and all propensities, without a server around them.
fn ranking_alone(options: &Options) -> anyhow::Result<Vec<f64>> {
    let bandit = Bandit::new(Settings::default(), 1).context("the bandit of the defaults")?;
    let mut rng = BenchRng::new(1, 6);
    let signals = |number: u32| (number, Signals::from(std::array::from_fn(|_| rng.unit())));
    let candidates: Vec<(u32, Signals)> = (0..options.films).map(signals).collect();
    let mut times = Vec::with_capacity(options.slates);
    for number in 0..options.slates {
        let context = SlateContext::new((number % 24) as u8, (number % 7) as u8, 6, 0)?;
        let began = Instant::now();
        let seed = number as u64;
        let (_, best) = bandit.rank(&context, &candidates, options.length, seed)?;
        let all = bandit.propensities(&context, &candidates, options.length, REPLAYS, seed ^ 1)?;
        times.push(1e3 * began.elapsed().as_secs_f64());
        ensure!(
            best.len() == options.length && all.len() == candidates.len(),
            "a slate of {} films",
            best.len()
        );
    }
    Ok(times)
}
