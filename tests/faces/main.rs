//! The example page, GraphiQL, and pages of the usual clients, used in a real browser as people use them.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod graphiql;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use futures::StreamExt;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::demo::LOGINS;
use marquee::domain::jobs::Workers;
use marquee::domain::recommendations::training::TrainingOptions;
use server::{PASSWORD, Server};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use uuid::Uuid;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/frontend-examples/vanilla");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faces");

/// A Chromium of this machine.
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PUPPETEER_EXECUTABLE_PATH") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

/// Runs a script that says what should happen on the server, by lines that `happen` knows, and is told when it
/// has. Answers how it ended and what else it said.
async fn converse(
    mut script: Command,
    mut happen: impl AsyncFnMut(&str) -> Option<String>,
) -> (ExitStatus, Vec<String>) {
    let mut script = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed");
    let mut tell = script.stdin.take().unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        match happen(&line).await {
            Some(answer) => {
                let answer = format!("{answer}\n");
                tell.write_all(answer.as_bytes()).await.unwrap();
            }
            None => said.push(line),
        }
    }
    (script.wait().await.unwrap(), said)
}

/// Serves a folder of pages on a port of its own, as `python3 -m http.server` does; answers its origin.
async fn host(folder: PathBuf) -> String {
    async fn file(State(folder): State<PathBuf>, request: Request) -> Response {
        let path = folder.join(request.uri().path().trim_start_matches('/'));
        let kind = match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("js") => "text/javascript",
            _ => "text/html",
        };
        match tokio::fs::read(&path).await {
            Ok(content) => ([(CONTENT_TYPE, kind)], content).into_response(),
            Err(_) => axum::http::StatusCode::NOT_FOUND.into_response(),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(file).with_state(folder);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

/// Holds the table that a training writes last, so that it stands still before its end.
async fn hold_trainings(server: &Server) -> PgConnection {
    let schema = server.app.ctx.db.schema();
    let mut gate = PgConnection::connect(&server.app.url).await.unwrap();
    let lock = format!("BEGIN; LOCK TABLE \"{schema}\".batch_recommendations IN SHARE MODE");
    let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
    lock.execute(&mut gate).await.unwrap();
    gate
}

/// Waits until the training is over, and answers how many events it had.
async fn training_is_over(server: &Server) -> usize {
    let id: Uuid = sqlx::query_scalar("SELECT id FROM generation_jobs WHERE kind = 'TRAINING'")
        .fetch_one(server.app.ctx.db.pool())
        .await
        .unwrap();
    let jobs = &server.app.services.jobs;
    let events = jobs.follow(&Viewer::Command, id.into(), 0).await.unwrap();
    tokio::time::timeout(Duration::from_secs(120), events.count())
        .await
        .expect("the training ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_feed_and_misses_nothing_of_a_training_while_it_is_cut_off() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium; install it or set PUPPETEER_EXECUTABLE_PATH");
        return;
    };
    for folder in [PAGE, SCRIPT] {
        let packages = Path::new(folder).join("node_modules");
        assert!(packages.exists(), "run `npm ci` in {folder} first");
    }
    let origin = host(PAGE.into()).await;
    let server = Server::with(|settings| {
        settings.http.cors_origins = vec![origin.clone()];
        // Nothing is given up while the training is held.
        settings.database.statement_timeout_ms = 120_000;
    })
    .await;
    let services = &server.app.services;
    services.demo.load(&Viewer::Command).await.unwrap().unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let train = services
        .recommendations
        .train(&Viewer::Command, TrainingOptions::default(), go_on);
    train.await.unwrap();
    // What is done from here on is newer than the model.
    server.app.ctx.clock.advance(TimeDelta::seconds(1));
    let workers = Workers::start([services.jobs.clone()], 1, "test/1");
    let mut gate = Some(hold_trainings(&server).await);

    let mut script = Command::new("node");
    script
        .current_dir(SCRIPT)
        .arg("page.mjs")
        .arg(&browser)
        .arg(&origin)
        .arg(server.address.to_string())
        .arg(server.app.ctx.db.schema().as_str());
    for login in [LOGINS[0], LOGINS[2]] {
        script.arg(login.email).arg(login.password);
    }
    let told = converse(script, async |line| match line {
        "please end the training" => {
            let mut gate = gate.take().expect("it is held");
            let commit = sqlx::raw_sql("COMMIT");
            commit.execute(&mut gate).await.unwrap();
            Some(training_is_over(&server).await.to_string())
        }
        "please let the tokens expire" => {
            server.app.ctx.clock.advance(TimeDelta::minutes(16));
            Some("done".to_owned())
        }
        _ => None,
    });
    let (ended, said) = told.await;
    workers.drain(Duration::ZERO).await;
    assert!(ended.success(), "{}", said.join("\n"));
    println!("{}", said.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_clients_stay_signed_in_in_two_tabs() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium; install it or set PUPPETEER_EXECUTABLE_PATH");
        return;
    };
    let packages = Path::new(SCRIPT).join("node_modules");
    assert!(packages.exists(), "run `npm ci` in {SCRIPT} first");
    let pages = tempfile::tempdir().unwrap();
    let origin = host(pages.path().into()).await;
    let server = Server::with(|settings| settings.http.cors_origins = vec![origin.clone()]).await;
    let ada = server.sign_in("ada", Role::User).await;

    let mut script = Command::new("node");
    script
        .current_dir(SCRIPT)
        .arg("sessions.mjs")
        .arg(&browser)
        .arg(&origin)
        .arg(pages.path())
        .arg(server.url())
        .args(["ada@example.org", PASSWORD, &ada.user.display_name]);
    let told = converse(script, async |line| {
        (line == "please let the tokens expire").then(|| {
            server.app.ctx.clock.advance(TimeDelta::minutes(16));
            "done".to_owned()
        })
    });
    let (ended, said) = told.await;
    assert!(ended.success(), "{}", said.join("\n"));
    println!("{}", said.join("\n"));
}
