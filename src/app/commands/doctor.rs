//! `marquee doctor`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::hints::{Hint, hints};
use crate::app::startup::App;
use crate::platform::cluster::{self, Finding, Options, Verdict};
use crate::platform::config::Settings;
use crate::platform::db::migration_status::{self, MigrationStatus};
use crate::platform::db::versions::{self, Versions};
use crate::platform::objects::Objects;
use crate::platform::secrets::Secrets;

/// How long to wait for Redis, and for whoever has our port.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of the answer of whoever has our port is read, in bytes.
const MAX_ANSWER: u64 = 4096;

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
                .map(platform::config::SchemaName::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            settings.listen
        ),
    )];
    findings.push(port(&settings).await);
    findings.push(signing_keys(&settings));
    findings.push(files(&settings));
    let url = if settings.private_database() {
        let options = Options::from_environment(&settings.data_dir);
        findings.extend(tokio::task::spawn_blocking(move || cluster::report(&options)).await?);
        cluster::running(&settings.data_dir)
    } else {
        Some(settings.database.url.expose_secret().to_owned())
    };
    match settings.redis.client() {
        Ok(Some(client)) => findings.push(redis(&client).await),
        Ok(None) => {}
        Err(error) => findings.push(found(Verdict::Bad, "redis", format!("{error:#}"))),
    }
    if let Some(url) = url {
        let answer = database(&url).await;
        let answers = answer.verdict == Verdict::Good;
        findings.push(answer);
        if answers {
            findings.extend(schemas(&settings, &url).await);
        }
    } else {
        let detail = "the private database does not run, so that nothing is known of what is in it; it starts \
                      with `marquee serve`";
        findings.push(found(Verdict::Note, "data", detail.to_owned()));
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
        Err(_) if is_marquee(settings.listen).await => found(
            Verdict::Note,
            "port",
            format!("a Marquee server answers on {} already", settings.listen),
        ),
        Err(error) => found(
            Verdict::Bad,
            "port",
            format!(
                "cannot listen on {}: {error}; choose another address with MARQUEE_LISTEN",
                settings.listen
            ),
        ),
    }
}

/// Whether a server of ours answers there.
async fn is_marquee(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request = format!("GET /live HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer.ends_with(b"live\n"))
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    matches!(answer, Ok(Ok(true)))
}

fn signing_keys(settings: &Settings) -> Finding {
    match Secrets::check(settings) {
        Ok(()) => found(Verdict::Good, "signing keys", "usable".to_owned()),
        Err(error) => found(Verdict::Bad, "signing keys", format!("{error:#}")),
    }
}

/// The folder of files, if one is set; the one under the data directory is made at the first start.
fn files(settings: &Settings) -> Finding {
    if settings.objects.url.is_empty() {
        let detail = "kept under the data directory".to_owned();
        return found(Verdict::Good, "files", detail);
    }
    match Objects::open(&settings.objects, &settings.data_dir) {
        Ok(_) => found(Verdict::Good, "files", settings.objects.url.clone()),
        Err(error) => found(
            Verdict::Bad,
            "files",
            format!("{error:#}; look at `objects.url`"),
        ),
    }
}

/// How far each schema is migrated, and what it lacks.
async fn schemas(settings: &Settings, url: &str) -> Vec<Finding> {
    let (mut findings, mut all_current) = (Vec::new(), true);
    for schema in &settings.schemas {
        let status = migration_status::read(url, schema).await;
        all_current &= matches!(status, Ok(MigrationStatus::Current));
        let (verdict, detail) = match status {
            Ok(MigrationStatus::Current) => continue,
            Ok(MigrationStatus::Empty) => (
                Verdict::Note,
                "has no tables yet; `marquee migrate` makes them, and so does `marquee serve`"
                    .to_owned(),
            ),
            Ok(MigrationStatus::Behind(missing)) => (
                Verdict::Note,
                format!(
                    "{missing} migrations are missing; `marquee migrate` runs them, and so does `marquee serve`"
                ),
            ),
            Ok(MigrationStatus::Newer(version)) => (
                Verdict::Bad,
                format!(
                    "was migrated by another version of Marquee (migration {version}); use that version"
                ),
            ),
            Err(error) => (Verdict::Bad, format!("cannot be read: {error:#}")),
        };
        findings.push(found(verdict, "schema", format!("`{schema}` {detail}")));
    }
    // The services expect the tables of this version.
    if all_current {
        findings.extend(data(settings, url).await);
    }
    findings
}

/// What the schemas lack, with the command for each.
async fn data(settings: &Settings, url: &str) -> Vec<Finding> {
    let app = match App::attach(settings.clone(), url.to_owned()).await {
        Ok(app) => app,
        Err(error) => return vec![found(Verdict::Bad, "data", format!("{error:#}"))],
    };
    let mut findings = Vec::new();
    for (schema, services) in app.schemas.iter() {
        match hints(settings, services).await {
            Ok(hints) if hints.is_empty() => {
                let detail = format!("`{schema}` has admins, items, a model and vectors");
                findings.push(found(Verdict::Good, "data", detail));
            }
            Ok(hints) => findings.extend(hints.into_iter().map(|Hint { what, remedy }| {
                found(
                    Verdict::Note,
                    "data",
                    format!("`{schema}` has {what}: {remedy}"),
                )
            })),
            Err(error) => {
                let detail = format!("`{schema}` cannot be looked at: {error:?}");
                findings.push(found(Verdict::Bad, "data", detail));
            }
        }
    }
    app.close().await;
    findings
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
