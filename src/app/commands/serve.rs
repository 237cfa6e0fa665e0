//! `marquee serve`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::hints::{Hint, hints};
use crate::app::startup::{App, Use};
use crate::app::terminal;
use crate::domain::Services;
use crate::domain::content::CatalogueChanged;
use crate::domain::demo::LOGINS;
use crate::domain::models::ModelActivated;
use crate::domain::schemas::preload::preload_limit;
use crate::http::{self, connections::Connections};
use crate::platform::config::{SchemaName, Settings};
use crate::platform::db::migrate;
use crate::platform::events::{Events, Subscription};

/// The least time between two rounds of embedding changed items, and the most.
const EMBED_AFTER: Duration = Duration::from_secs(1);
const EMBED_EVERY: Duration = Duration::from_secs(60);
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
pub async fn run(args: Args, mut settings: Settings) -> anyhow::Result<ExitCode> {
    // Whoever tries the demo builds a page beside it, on a development server of this machine.
    settings.http.cors_localhost |= args.demo;
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
    app.check_models().await?;
    let address = listener.local_addr()?;
    let mut demo: Option<SchemaName> = None;
    if args.demo {
        let name = "demo".parse().map_err(anyhow::Error::msg)?;
        let (_, services) = app.schema(Some(&name))?;
        super::demo::load(services).await?;
        demo = Some(name);
    }
    for (_, services) in app.schemas.iter() {
        services.preload.begin();
    }
    let connections = Connections::new(app.settings.push.max_sockets);
    let page = http::graphiql::Page::of(&app.settings, demo.as_ref())?;
    let has_page = page.is_there();
    let schemas = Arc::clone(&app.schemas);
    let router = http::router_with_page(schemas, &app.settings, &connections, page)?;
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
    greet(address, args.demo, has_page);
    let outcome = tokio::select! {
        () = stop_signal() => Ok(()),
        how = app.database_ended() => Err(anyhow::anyhow!("the private database ended: {how}")),
        ended = &mut server => {
            return ended.context("the server stopped by itself")?.context("serving");
        }
        never = look_after_partitions(app) => never,
        never = preload(app) => never,
        never = follow_events(app) => never,
        never = say_hints(app) => never,
        never = finish_demo(app, args.demo) => never,
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

/// Loads what requests are answered from; `/ready` says how far that is.
async fn preload(app: &App) -> anyhow::Result<()> {
    let limit = preload_limit();
    let each = app.schemas.iter();
    let each = each.map(|(_, services)| services.preload.run(&limit));
    futures::future::join_all(each).await;
    // It runs beside the server, which does not end because everything is loaded.
    std::future::pending().await
}

fn greet(address: SocketAddr, demo: bool, has_page: bool) {
    let host = if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    if has_page {
        terminal::say(&format!("\nMarquee serves GraphiQL on http://{host}/"));
    } else {
        terminal::say(&format!(
            "\nMarquee serves GraphQL on http://{host}/graphql. GraphiQL is off; \
             MARQUEE_HTTP__GRAPHIQL=admins lets admins use it"
        ));
    }
    if demo {
        let logins = LOGINS.iter().map(|login| {
            let role = login.role.as_str();
            format!("\n  {role:8} {:24} {}", login.email, login.password)
        });
        terminal::say(&format!(
            "\nThe demo is on http://{host}/graphql/demo. Its logins:{}\n\nSign in on the page as one of \
             them, choose the schema `demo`, and paste:\n\n  \
             {{ recommendations(first: 10) {{ items {{ rank content {{ title year }} reasons {{ message }} }} }} }}\n",
            logins.collect::<String>()
        ));
        if !address.ip().is_loopback() {
            tracing::warn!(
                "The demo's passwords are known to everybody and {address} can be reached from \
                 other machines"
            );
        }
    }
}

/// Draws the posters that the demo lacks beside what is served: one after the other, which leaves the processor to
/// those who ask.
async fn finish_demo(app: &App, demo: bool) -> anyhow::Result<()> {
    if demo {
        let name: SchemaName = "demo".parse().map_err(anyhow::Error::msg)?;
        let (_, services) = app.schema(Some(&name))?;
        if let Err(error) = super::demo::draw_posters(services, usize::MAX, 1).await {
            tracing::warn!(?error, "Posters of the demo could not be drawn");
        }
    }
    std::future::pending().await
}

/// Says what the schemas lack.
async fn say_hints(app: &App) -> anyhow::Result<()> {
    for (schema, services) in app.schemas.iter() {
        match hints(&app.settings, services).await {
            Ok(hints) => {
                for Hint { what, remedy } in hints {
                    terminal::say(&format!("The schema {schema} has {what}: {remedy}."));
                }
            }
            Err(error) => tracing::warn!(%schema, ?error, "The schema cannot be looked at"),
        }
    }
    // It runs beside the server, which does not end because everything is said.
    std::future::pending().await
}

/// Follows what other processes do, and what needs more to be done.
async fn follow_events(app: &App) -> anyhow::Result<()> {
    let each = app.schemas.iter().map(|(schema, services)| async move {
        let (ctx, _) = app.schema(Some(schema))?;
        tokio::join!(
            embed_changed_items(&ctx.events, schema, services),
            services.interactions.follow_other_processes(),
            services.experiments.follow_other_processes(),
        );
        Ok::<_, anyhow::Error>(())
    });
    futures::future::try_join_all(each).await?;
    // Each of them follows for as long as it is polled.
    std::future::pending().await
}

/// Embeds the items that were created or changed, by whichever process.
async fn embed_changed_items(events: &Events, schema: &SchemaName, services: &Services) {
    let mut changed: Subscription<CatalogueChanged> = events.subscribe(None).await;
    let mut activated: Subscription<ModelActivated> = events.subscribe(None).await;
    let mut model_changed = false;
    loop {
        let embeddings = &services.embeddings;
        let refreshed = match model_changed {
            true => embeddings.refresh().await.map(|_| ()),
            false => Ok(()),
        };
        let embedded = match refreshed {
            Ok(()) => embeddings.catch_up().await.map(|_| ()),
            failed => failed,
        };
        if let Err(error) = embedded {
            tracing::warn!(%schema, ?error, "Changed items could not be embedded; trying again");
        }
        // Many changes are embedded together.
        tokio::time::sleep(EMBED_AFTER).await;
        model_changed = tokio::select! {
            _ = changed.next() => false,
            _ = activated.next() => true,
            () = tokio::time::sleep(EMBED_EVERY) => true,
        };
        while changed.next().now_or_never().is_some() {}
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
