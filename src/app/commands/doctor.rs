//! `marquee doctor`

use std::process::ExitCode;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::platform::cluster::{self, Finding, Options, Verdict};
use crate::platform::config::Settings;
use crate::platform::db::versions::{self, Versions};

/// How long to wait for Redis.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells what is there and what is missing; exit code 1 if the server could not start.
///
/// # Errors
/// Never, with settings that were checked: what is wrong is among the findings.
pub async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut findings = vec![found(
        Verdict::Good,
        "settings",
        format!(
            "read and consistent; serving {} on {}",
            settings
                .schemas
                .iter()
                .map(crate::platform::config::SchemaName::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            settings.listen
        ),
    )];
    findings.push(port(&settings).await);
    if settings.private_database() {
        let options = Options::from_environment(&settings.data_dir);
        findings.extend(tokio::task::spawn_blocking(move || cluster::report(&options)).await?);
        if let Some(url) = cluster::running(&settings.data_dir) {
            findings.push(database(&url).await);
        }
    } else {
        findings.push(database(settings.database.url.expose_secret()).await);
    }
    if let Some(client) = settings.redis.client()? {
        findings.push(redis(&client).await);
    }
    let mut bad = false;
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok     ",
            Verdict::Note => "note   ",
            Verdict::Bad => "MISSING",
        };
        bad |= finding.verdict == Verdict::Bad;
        println!("{mark} {}: {}", finding.what, finding.detail);
    }
    Ok(if bad {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn found(verdict: Verdict, what: &'static str, detail: String) -> Finding {
    Finding {
        verdict,
        what,
        detail,
    }
}

async fn port(settings: &Settings) -> Finding {
    match tokio::net::TcpListener::bind(settings.listen).await {
        Ok(_) => found(
            Verdict::Good,
            "port",
            format!("{} is free", settings.listen),
        ),
        Err(error) => found(
            Verdict::Note,
            "port",
            format!("{} cannot be bound: {error}", settings.listen),
        ),
    }
}

/// A server starts without its Redis too, so one that is away is a note.
async fn redis(client: &redis::Client) -> Finding {
    let check = async {
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connecting = client.get_multiplexed_async_connection_with_config(&patient);
        let mut connection = connecting.await?;
        let mut ask = redis::cmd("INFO");
        ask.arg("server");
        ask.query_async::<String>(&mut connection).await
    };
    match check.await {
        Ok(told) => {
            let version = told
                .lines()
                .find_map(|line| line.strip_prefix("redis_version:"));
            let version = version.unwrap_or("of an unknown version");
            found(Verdict::Good, "redis", format!("answers: Redis {version}"))
        }
        // The kind alone: the text may hold the address and what goes with it.
        Err(error) => found(
            Verdict::Note,
            "redis",
            format!(
                "does not answer ({:?}): the server runs without it, and several servers do not \
                 hear of each other's changes; look at `redis.url`",
                error.kind()
            ),
        ),
    }
}

async fn database(url: &str) -> Finding {
    match versions::read(url).await {
        Ok(Versions {
            postgres,
            pgvector: Some(pgvector),
        }) => found(
            Verdict::Good,
            "database",
            format!("answers: Postgres {postgres} with pgvector {pgvector}"),
        ),
        Ok(Versions { postgres, .. }) => found(
            Verdict::Bad,
            "database",
            format!("Postgres {postgres} has no pgvector; install the extension `vector`"),
        ),
        Err(error) => found(
            Verdict::Bad,
            "database",
            format!("does not answer: {error:#}"),
        ),
    }
}
