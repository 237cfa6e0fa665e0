//! Jobs through the queue: `script/bench jobs`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::client::{Caller, Connection};
use crate::figures::{Figures, Spread};
use crate::prepare;
use crate::process::Cpu;
use crate::server::{Marquee, Serving};

/// How many ask for jobs at a time.
const POLLERS: usize = 16;
/// How often it is looked whether all jobs are over.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// A job warms the cache for so many queries at most.
const QUERIES: usize = 1001;

/// How to measure jobs.
#[derive(clap::Args)]
pub struct Options {
    /// How many jobs wait when the workers begin.
    #[arg(long, default_value_t = 20_000)]
    jobs: usize,
    /// How many jobs a process runs at a time.
    #[arg(long, default_value_t = 16)]
    slots: usize,
    /// How often it is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many jobs a second are asked for while it is measured how long they wait.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// For how many seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Give up on jobs that are not over after so many seconds.
    #[arg(long, default_value_t = 120)]
    patience: u64,
}

/// What the workers made of the jobs that waited.
#[derive(Default)]
struct Drained {
    rates: Vec<f64>,
    statements: Vec<f64>,
    waits: [Vec<f64>; 2],
}

/// Measures processes of its own.
///
/// # Errors
/// When one does not start, or a job is not made or does not end well.
pub fn measure(mut marquee: Marquee, options: &Options) -> anyhow::Result<Figures> {
    ensure!(
        options.jobs > 0 && options.rounds > 0,
        "there is nothing to measure"
    );
    let mut figures = Figures::new("jobs");
    figures.note(format!("{} slots a process", options.slots));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let password = prepare::admin(&marquee)?;
    // The server runs none itself here.
    marquee.settings.insert(0, slots_of_server(0));
    {
        let server = marquee.serve()?;
        let caller = Caller::new(Some(&prepare::login(&server, &password)?));
        let mut made = Vec::new();
        for processes in [1, 2] {
            let mut drained = Drained::default();
            for round in 1..=options.rounds {
                eprintln!("==> making {} jobs", options.jobs);
                made.push(fill(&server, &caller, options.jobs)?);
                eprintln!("==> {processes} process(es), round {round}");
                let drain = drain(&marquee, &server, options, processes, &mut drained);
                runtime.block_on(drain)?;
            }
            drained.tell(&mut figures, processes);
        }
        figures.spread(
            "jobs made by a mutation each",
            "/s",
            Spread::of(made.into_iter()),
        );
    }
    marquee.settings.insert(0, slots_of_server(options.slots));
    marquee
        .settings
        .retain(|setting| *setting != slots_of_server(0));
    let server = marquee.serve()?;
    let caller = Caller::new(Some(&prepare::login(&server, &password)?));
    for processes in [1, 2] {
        let _other = match processes {
            2 => Some(marquee.work(options.slots)?),
            _ => None,
        };
        eprintln!("==> {} jobs/s, {processes} process(es)", options.rate);
        let waits = runtime.block_on(waits(&marquee, &server, &caller, options))?;
        for (share, wait) in [("median", waits[0]), ("p95", waits[1]), ("p99", waits[2])] {
            let name = format!(
                "waiting at {}/s, {processes} process(es), {share}",
                options.rate
            );
            figures.one(&name, "ms", wait);
        }
    }
    Ok(figures)
}

fn slots_of_server(slots: usize) -> (String, String) {
    ("MARQUEE_JOBS__SERVE_SLOTS".to_owned(), slots.to_string())
}

impl Drained {
    fn tell(self, figures: &mut Figures, processes: usize) {
        let Self {
            rates,
            statements,
            waits: [median, p99],
        } = self;
        for (what, unit, of) in [
            ("jobs done", "/s", rates),
            ("statements of a job", "", statements),
            ("from waiting to begun, median", "ms", median),
            ("from waiting to begun, p99", "ms", p99),
        ] {
            let name = format!("{what}, {processes} process(es)");
            figures.spread(&name, unit, Spread::of(of.into_iter()));
        }
    }
}

/// Asks for a job; `number` tells it from others that wait. With nothing recorded and nothing
/// searched for, warming the cache is two small queries and nothing else.
fn ask(connection: &mut Connection, caller: &Caller, number: usize) -> anyhow::Result<()> {
    let document = include_str!("documents/create_job.graphql");
    let warming = json!({ "queries": number % QUERIES, "users": number / QUERIES });
    let input = json!({ "input": { "parameters": { "cacheWarming": warming } } });
    let made = connection.ask(caller, document, &input)?;
    let made = &made["createGenerationJob"];
    ensure!(
        made["job"]["id"].is_string() && made["joined"] == Value::Bool(false),
        "no job was made: {made}"
    );
    Ok(())
}

/// Makes so many jobs, and answers how many a second.
fn fill(server: &Serving, caller: &Caller, jobs: usize) -> anyhow::Result<f64> {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let poller = || {
            let mut connection = Connection::open(server.port)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= jobs {
                    return anyhow::Ok(());
                }
                ask(&mut connection, caller, number)?;
            }
        };
        let pollers: Vec<_> = (0..POLLERS).map(|_| scope.spawn(poller)).collect();
        pollers.into_iter().try_for_each(|poller| {
            let asked = poller.join();
            asked.map_err(|_| anyhow::anyhow!("a poller panicked"))?
        })
    })?;
    Ok(jobs as f64 / start.elapsed().as_secs_f64())
}

/// Lets so many processes run all that waits.
async fn drain(
    marquee: &Marquee,
    server: &Serving,
    options: &Options,
    processes: usize,
    drained: &mut Drained,
) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&marquee.database()?).await?;
    let before = commits(&mut database).await?;
    let cpu = Cpu::now(server.pid());
    let workers: Vec<_> = (0..processes)
        .map(|_| marquee.work(options.slots))
        .collect::<anyhow::Result<_>>()?;
    over(&mut database, options).await?;
    let cpu = Cpu::now(server.pid()).since(cpu);
    // Sessions that end have told what they did.
    drop(workers);
    let after = commits(&mut database).await?;
    let (done, seconds, median, p99): (i64, f64, f64, f64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'COMPLETED'), \
                extract(epoch FROM max(finished_at) - min(started_at))::float8, \
                1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY wait)::float8, \
                1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY wait)::float8 \
           FROM (SELECT state, started_at, finished_at, \
                        extract(epoch FROM started_at - min(started_at) OVER ()) AS wait \
                   FROM bench.generation_jobs) AS jobs",
    )
    .fetch_one(&mut database)
    .await?;
    ensure!(
        done == i64::try_from(options.jobs)?,
        "of {} jobs {done} were completed",
        options.jobs
    );
    eprintln!(
        "    {:.0} jobs/s; processor time of the database: {:.0} µs a job",
        done as f64 / seconds,
        cpu.database as f64 / done as f64
    );
    drained.rates.push(done as f64 / seconds);
    drained
        .statements
        .push((after - before) as f64 / done as f64);
    drained.waits[0].push(median);
    drained.waits[1].push(p99);
    clear(&mut database).await
}

/// How many statements have been committed; each is a transaction of its own.
async fn commits(database: &mut PgConnection) -> anyhow::Result<i64> {
    let query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    Ok(sqlx::query_scalar(query).fetch_one(database).await?)
}

/// Waits until no job waits or runs.
async fn over(database: &mut PgConnection, options: &Options) -> anyhow::Result<()> {
    let start = Instant::now();
    let query = "SELECT count(*) FROM bench.generation_jobs WHERE state IN ('PENDING', 'RUNNING')";
    loop {
        let left: i64 = sqlx::query_scalar(query).fetch_one(&mut *database).await?;
        if left == 0 {
            return Ok(());
        }
        ensure!(
            start.elapsed().as_secs() < options.patience,
            "{left} jobs are not over after {} s",
            options.patience
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn clear(database: &mut PgConnection) -> anyhow::Result<()> {
    let clear = "TRUNCATE bench.generation_jobs, bench.job_events";
    sqlx::query(clear).execute(database).await?;
    Ok(())
}

/// Asks for jobs at an even rate, and answers how long they waited: median, p95 and p99, in
/// milliseconds.
async fn waits(
    marquee: &Marquee,
    server: &Serving,
    caller: &Caller,
    options: &Options,
) -> anyhow::Result<[f64; 3]> {
    let gap = Duration::from_secs(1) / options.rate.max(1);
    let mut connection = Connection::open(server.port)?;
    let start = Instant::now();
    for number in 0..options.rate * options.seconds {
        let due = start + gap * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        ask(&mut connection, caller, usize::try_from(number)?)?;
    }
    let mut database = PgConnection::connect(&marquee.database()?).await?;
    over(&mut database, options).await?;
    let waits: Vec<f64> = sqlx::query_scalar(
        "SELECT 1000 * unnest(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP \
             (ORDER BY extract(epoch FROM started_at - created_at)))::float8 \
           FROM bench.generation_jobs",
    )
    .fetch_all(&mut database)
    .await?;
    clear(&mut database).await?;
    waits.try_into().ok().context("there were no jobs")
}
