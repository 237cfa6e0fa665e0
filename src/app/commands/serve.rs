//! `marquee serve`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::startup::{App, Use};
use crate::domain::demo::LOGINS;
use crate::http::{self, connections::Connections};
use crate::platform::config::{SchemaName, Settings};
use crate::platform::db::migrate;

/// How often changed items are looked for, to place them among what they are about.
const PLACED_EVERY: Duration = Duration::from_secs(1);
/// How often the partitions of the coming months are looked after.
const PARTITIONS_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Start the server: GraphQL API and GraphiQL.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Load the demo data into the schema `demo` if it is empty, and print example requests.
    #[arg(long)]
    demo: bool,
}

/// Serves until a signal comes, then lets the requests in flight end.
///
/// # Errors
/// When the server cannot start, or its private database ends by itself.
pub async fn run(args: Args, settings: Settings) -> anyhow::Result<ExitCode> {
    // The address first: a port that is taken is known before anything is started.
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another address with MARQUEE_LISTEN",
            settings.listen
        )
    })?;
    let app = App::open(settings, Use::Own).await?;
    let outcome = serve(args, &app, listener).await;
    app.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn serve(args: Args, app: &App, listener: TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    if args.demo {
        let name: SchemaName = "demo".parse().map_err(anyhow::Error::msg)?;
        let (_, services) = app.schema(Some(&name))?;
        super::demo::load(services).await?;
    }
    prepare(app);
    let connections = Connections::new(app.settings.push.max_sockets);
    let router = http::router(Arc::clone(&app.schemas), &app.settings, &connections)?;
    let drain = Duration::from_secs(app.settings.http.drain_seconds);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut wait = stopped.clone();
    let server = axum::serve(
        http::listening(listener, &app.settings.push),
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move {
        // An error means that the sender is gone, which is the end as well.
        let _ = wait.wait_for(|stop| *stop).await;
    });
    let mut server = tokio::spawn(server.into_future());
    let slots = app.settings.jobs.serve_slots;
    let workers = (slots > 0).then(|| super::work::begin(app, slots));
    greet(address, args.demo);
    let outcome = tokio::select! {
        () = stop_signal() => Ok(()),
        how = app.database_ended() => Err(anyhow::anyhow!("the private database ended: {how}")),
        ended = &mut server => {
            return ended.context("the server stopped by itself")?.context("serving");
        }
        never = look_after_partitions(app) => never,
        never = place_changed_items(app) => never,
    };
    tracing::info!(
        "Stopping: requests and jobs under way have {} s",
        drain.as_secs()
    );
    // Nobody listening means that the server has ended already.
    let _ = stop.send(true);
    let requests = async {
        // Sockets and streams first: a stream is a request in flight that does not end by itself.
        let ended = async {
            connections.close().await;
            (&mut server).await
        };
        if tokio::time::timeout(drain, ended).await.is_err() {
            tracing::warn!("Some requests were still running and are cut off");
            server.abort();
        }
    };
    let jobs = async {
        if let Some(workers) = workers {
            super::work::end(workers, drain.as_secs()).await;
        }
    };
    tokio::join!(requests, jobs);
    outcome
}

/// Reads what requests are answered from in memory, so that the first ones need not wait for it.
fn prepare(app: &App) {
    for (schema, services) in app.schemas.iter() {
        let (schema, services) = (schema.clone(), Arc::clone(services));
        tokio::spawn(async move {
            if let Err(error) = services.search.ready().await {
                tracing::warn!(%schema, ?error, "Search is not ready; its first request tries again");
            }
        });
    }
}

fn greet(address: SocketAddr, demo: bool) {
    let host = if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    eprintln!("\nMarquee serves GraphiQL on http://{host}/");
    if demo {
        eprintln!("\nThe demo is on http://{host}/graphql/demo. Its logins:");
        for login in LOGINS {
            eprintln!(
                "  {:8} {:24} {}",
                login.role.as_str(),
                login.email,
                login.password
            );
        }
        eprintln!(
            "\nSign in on the page as one of them, choose the schema `demo`, and paste:\n\n  \
             {{ recommendations(first: 10) {{ items {{ rank content {{ title year }} reasons {{ message }} }} }} }}\n"
        );
        if !address.ip().is_loopback() {
            tracing::warn!(
                "The demo's passwords are known to everybody and {address} can be reached from \
                 other machines"
            );
        }
    }
}

/// Gives items that were made or changed, by whomever, their place among what they are about.
async fn place_changed_items(app: &App) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(PLACED_EVERY).await;
        for (schema, services) in app.schemas.iter() {
            if let Err(error) = services.embeddings.catch_up().await {
                tracing::warn!(%schema, ?error, "Changed items could not be placed; trying again");
            }
        }
    }
}

async fn look_after_partitions(app: &App) -> anyhow::Result<()> {
    loop {
        // Those of the coming months were made at the start.
        tokio::time::sleep(PARTITIONS_EVERY).await;
        for (schema, _) in app.schemas.iter() {
            let now = app.clock.now();
            if let Err(error) = migrate::ensure_partitions(&app.url, schema, now).await {
                tracing::error!(%schema, error = format!("{error:#}"), "The partitions of the coming months could not be made; trying again tomorrow");
            }
        }
    }
}

/// Waits for SIGTERM, SIGINT or SIGHUP. Where signals cannot be listened for, it waits for good.
pub async fn stop_signal() {
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let mut signals: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    if signals.is_empty() {
        return std::future::pending().await;
    }
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(waits).await;
}
