//! One event to many subscribers: `script/bench push`.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use futures::stream::{FuturesUnordered, iter};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::client::{Caller, Connection};
use crate::figures::{Figures, Spread};
use crate::prepare;
use crate::process::{self, Cpu};
use crate::server::{Marquee, Serving};
use crate::socket::Socket;

/// So many sockets are opened at a time.
const AT_ONCE: usize = 64;
/// How long an event may take to the last subscriber.
const PATIENCE: Duration = Duration::from_secs(60);
/// Descriptors beside those of the subscribers, for either process.
const SPARE: usize = 500;

/// How to measure push.
#[derive(clap::Args)]
pub struct Options {
    /// How many subscribers there are.
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// How many events they are told of, one after the other.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// What one event took.
struct Round {
    /// Until the mutation was answered.
    answered: Duration,
    /// Until each subscriber had it, sorted.
    heard: Vec<Duration>,
    cpu: Cpu,
}

/// Measures a server of its own.
///
/// # Errors
/// When the machine has too few descriptors, something is not let in, or an event is not told to all.
pub fn measure(mut marquee: Marquee, options: &Options) -> anyhow::Result<Figures> {
    let many = options.subscribers;
    ensure!(
        many > 0 && options.rounds > 0,
        "there is nothing to measure"
    );
    enough_descriptors(many)?;
    let mut figures = Figures::new("push");
    // One more than the subscribers: whoever asks for the number of statements.
    let own = [
        ("MARQUEE_PUSH__MAX_SOCKETS", many + 1),
        ("MARQUEE_PUSH__MAX_SOCKETS_PER_USER", many + 1),
        // A job that waits is not begun.
        ("MARQUEE_JOBS__SERVE_SLOTS", 0),
    ];
    for (name, value) in own {
        figures.note(format!("{name}={value}"));
        // Before those of the command line, which win.
        marquee
            .settings
            .insert(0, (name.to_owned(), value.to_string()));
    }
    let password = prepare::admin(&marquee)?;
    let server = marquee.serve()?;
    let token = prepare::login(&server, &password)?;
    // One thread: the other cores are the server's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let all = rounds(&server, &token, options, &mut figures);
    let seconds = Duration::from_secs(options.seconds);
    runtime
        .block_on(async { timeout(seconds, all).await })
        .with_context(|| format!("not done in {} s", options.seconds))??;
    Ok(figures)
}

fn enough_descriptors(subscribers: usize) -> anyhow::Result<()> {
    let needed = subscribers + SPARE;
    match process::descriptors() {
        Some(most) if most < needed => bail!(
            "{subscribers} subscribers need {needed} open files for the server and as many for this \
             program, but {most} are allowed; raise the hard limit (`ulimit -Hn`), or ask for fewer \
             with --subscribers"
        ),
        _ => Ok(()),
    }
}

async fn rounds(
    server: &Serving,
    token: &str,
    options: &Options,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let many = options.subscribers;
    let mut job = Job::make(server, token)?;
    let memory = || process::memory(server.pid()).map_or(0.0, |(now, _)| now);
    let each = |mib: f64, before: f64| (mib - before) * 1024.0 / many as f64;
    let before = memory();

    eprintln!("==> connecting {many} sockets");
    let start = Instant::now();
    let opened = iter(0..many).map(|number| Socket::open(server.port, number, token));
    let opened: Vec<_> = opened.buffer_unordered(AT_ONCE).collect().await;
    let mut sockets: Vec<Socket> = opened.into_iter().collect::<anyhow::Result<_>>()?;
    let rate = many as f64 / start.elapsed().as_secs_f64();
    figures.one("sockets let in", "/s", rate);
    let idle = memory();
    figures.one("memory of a socket, idle", "KiB", each(idle, before));

    eprintln!("==> subscribing");
    let start = Instant::now();
    for some in sockets.chunks_mut(AT_ONCE) {
        let mut begun: FuturesUnordered<_> = some.iter_mut().map(present).collect();
        while let Some(begun) = begun.next().await {
            begun?;
        }
    }
    let rate = many as f64 / start.elapsed().as_secs_f64();
    figures.one("subscriptions begun", "/s", rate);
    let subscribed = memory();
    figures.one(
        "memory of a socket, subscribed",
        "KiB",
        each(subscribed, before),
    );

    let (tell, mut heard) = unbounded_channel();
    for socket in sockets {
        tokio::spawn(listen(socket, tell.clone()));
    }
    let first = statements(server, token).await?;
    let mut done = Vec::new();
    // The first is not counted: it reaches code and memory that nothing has used yet.
    for round in 0..=options.rounds {
        eprintln!("==> event {round} of {}", options.rounds);
        done.push(one(server, &mut job, &mut heard, many).await?);
    }
    let last = statements(server, token).await?;
    done.remove(0);
    let events = (options.rounds + 1) as f64;
    figures.one(
        "statements of an event, all in all",
        "",
        (last - first) / events,
    );
    let after = memory();
    figures.one("memory of a socket, at the end", "KiB", each(after, before));
    for (name, share) in [
        ("first", 0.0),
        ("median", 0.5),
        ("p99", 0.99),
        ("last", 1.0),
    ] {
        let of = done.iter().map(|round| at(&round.heard, share));
        figures.spread(
            &format!("event to the {name} subscriber"),
            "ms",
            Spread::of(of),
        );
    }
    let of = done.iter().map(|round| round.answered.as_secs_f64() * 1e3);
    figures.spread("event to the mutation's answer", "ms", Spread::of(of));
    let each = |micros: u64| micros as f64 / many as f64;
    let of = done.iter().map(|round| each(round.cpu.server));
    figures.spread(
        "processor time of the server, a message",
        "µs",
        Spread::of(of),
    );
    let of = done.iter().map(|round| each(round.cpu.client));
    figures.spread(
        "processor time of the subscribers, a message",
        "µs",
        Spread::of(of),
    );
    Ok(())
}

/// Subscribes, and waits for what is there already.
async fn present(socket: &mut Socket) -> anyhow::Result<()> {
    socket
        .subscribe(include_str!("documents/jobs.graphql"))
        .await?;
    let first = socket.next().await?;
    ensure!(
        first.contains("\"lastEvent\":1,"),
        "not the present: {first}"
    );
    Ok(())
}

/// Tells when the socket heard of which event of the job; nothing more once it has broken.
async fn listen(mut socket: Socket, tell: UnboundedSender<anyhow::Result<(Instant, u64)>>) {
    loop {
        let heard = socket.next().await;
        let heard = heard.and_then(|text| Ok((Instant::now(), number(&text)?)));
        let over = heard.is_err();
        // Nobody who counts: the run is over.
        if tell.send(heard).is_err() || over {
            return;
        }
    }
}

/// The number of the event in a message.
fn number(text: &str) -> anyhow::Result<u64> {
    let (_, rest) = text
        .split_once("\"lastEvent\":")
        .with_context(|| format!("not of a job: {text}"))?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit());
    Ok(rest[..digits.unwrap_or(rest.len())].parse()?)
}

/// Makes an event and waits until all have heard of it.
async fn one(
    server: &Serving,
    job: &mut Job,
    heard: &mut UnboundedReceiver<anyhow::Result<(Instant, u64)>>,
    many: usize,
) -> anyhow::Result<Round> {
    let cpu = Cpu::now(server.pid());
    let change = job.change()?;
    let start = Instant::now();
    // It waits for its answer on a thread of its own while this one hears.
    let answered = tokio::task::spawn_blocking(move || change().map(|()| start.elapsed()));
    let mut times = Vec::with_capacity(many);
    while times.len() < many {
        let next = timeout(PATIENCE, heard.recv()).await;
        let next = next.with_context(|| format!("{} of {many} heard it", times.len()))?;
        let (at, event) = next.context("nobody listens")??;
        ensure!(event == job.event, "event {event} came twice, or late");
        times.push(at.duration_since(start));
    }
    let answered = answered.await??;
    times.sort_unstable();
    Ok(Round {
        answered,
        heard: times,
        cpu: Cpu::now(server.pid()).since(cpu),
    })
}

/// Milliseconds until this share of all had heard (nearest rank).
fn at(sorted: &[Duration], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1].as_secs_f64() * 1e3
}

/// How many statements the server has sent to the database so far.
async fn statements(server: &Serving, token: &str) -> anyhow::Result<f64> {
    let mut socket = Socket::open(server.port, 0, token).await?;
    socket
        .subscribe(include_str!("documents/metrics.graphql"))
        .await?;
    let text = socket.next().await?;
    let sample: Value = serde_json::from_str(&text)?;
    let sample = &sample["payload"]["data"]["metrics"]["statements"];
    sample
        .as_f64()
        .with_context(|| format!("no sample: {text}"))
}

/// The job that is watched. No worker is there, so it waits; it is cancelled and put back by turns.
struct Job {
    port: u16,
    caller: Caller,
    id: Value,
    /// The number of its latest event.
    event: u64,
}

impl Job {
    fn make(server: &Serving, token: &str) -> anyhow::Result<Self> {
        let caller = Caller::new(Some(token));
        let document = include_str!("documents/create_job.graphql");
        let input = json!({ "parameters": { "cacheWarming": { "queries": 0, "users": 0 } } });
        let made =
            Connection::open(server.port)?.ask(&caller, document, &json!({ "input": input }))?;
        let id = made["createGenerationJob"]["job"]["id"].clone();
        ensure!(id.is_string(), "no job was made: {made}");
        Ok(Self {
            port: server.port,
            caller,
            id,
            event: 1,
        })
    }

    /// The next change, to be sent.
    fn change(&mut self) -> anyhow::Result<impl FnOnce() -> anyhow::Result<()> + Send + use<>> {
        let document = if self.event % 2 == 1 {
            include_str!("documents/cancel_job.graphql")
        } else {
            include_str!("documents/retry_job.graphql")
        };
        self.event += 1;
        let (event, caller) = (self.event, self.caller.clone());
        let input = json!({ "input": { "id": self.id } });
        let mut connection = Connection::open(self.port)?;
        Ok(move || {
            let changed = connection.ask(&caller, document, &input)?;
            let changed = changed
                .as_object()
                .and_then(|fields| fields.values().next());
            let last = changed.map(|changed| &changed["job"]["lastEvent"]);
            ensure!(last == Some(&json!(event)), "not changed: {changed:?}");
            Ok(())
        })
    }
}
