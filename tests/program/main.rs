//! The program as people run it: real processes, signals, files and exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod embed;
mod jobs;
mod logs;
mod process;
mod reserved;
mod scripts;

use std::path::Path;
use std::sync::{Arc, Mutex};

use process::{Server, marquee};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_write_survives_kill_9() {
    let folder = process::folder();
    let server = Server::start(folder.path(), &[]);
    let key = process::api_key(folder.path());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (url, key, acknowledged) = (server.url("/graphql"), key.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for number in 0.. {
                    let title = format!("Work {writer} {number}");
                    let query = "mutation ($title: String!) { createContent(input: { kind: TEXT, title: $title }) { content { id } errors { __typename } } }";
                    let Ok(answer) = process::ask(&url, Some(&key), query, json!({ "title": title })).await else {
                        return; // the server is gone
                    };
                    let id = answer["data"]["createContent"]["content"]["id"].as_str().unwrap_or_else(|| panic!("{answer}"));
                    acknowledged.lock().unwrap().push(id.to_owned());
                }
            })
        })
        .collect();
    process::until(|| acknowledged.lock().unwrap().len() >= 200);
    server.kill();
    for writer in writers {
        writer.await.unwrap();
    }
    let ids = acknowledged.lock().unwrap().clone();

    let server = Server::start(folder.path(), &[]);
    for ids in ids.chunks(50) {
        let query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let answer = process::ask(
            &server.url("/graphql"),
            Some(&key),
            query,
            json!({ "ids": ids }),
        )
        .await
        .unwrap();
        let found: Vec<&str> = answer["data"]["nodes"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .iter()
            .filter_map(|node| node["id"].as_str())
            .collect();
        assert_eq!(found, ids, "an acknowledged write is gone");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_served_and_a_second_start_finds_it() {
    let folder = process::folder();
    let server = Server::start(folder.path(), &["--demo"]);
    let said = server.said();
    for login in domain::demo::LOGINS {
        assert!(
            said.contains(login.email) && said.contains(login.password),
            "{said}"
        );
    }
    let answer = process::ask(
        &server.url("/graphql"),
        None,
        "{ schemas { name isDefault path } }",
        json!({}),
    )
    .await
    .unwrap();
    let expected = json!([
        { "name": "app", "isDefault": true, "path": "/graphql" },
        { "name": "demo", "isDefault": false, "path": "/graphql/demo" },
    ]);
    assert_eq!(answer["data"]["schemas"], expected);

    let titles = kurosawa_list(&server).await;
    assert!(
        titles
            .iter()
            .any(|title| title == "Red Beard" || title == "Ikiru"),
        "{titles:?}"
    );
    server.stop();

    let server = Server::start(folder.path(), &["--demo"]);
    assert!(!server.said().contains("Loaded the demo"));
    assert_eq!(
        kurosawa_list(&server).await,
        titles,
        "the same data give the same list"
    );
    server.stop();
}

async fn kurosawa_list(server: &Server) -> Vec<String> {
    let url = server.url("/graphql/demo");
    let login = domain::demo::LOGINS[0];
    let query = "mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } errors { ... on UserError { message } } } }";
    let input = json!({ "input": { "email": login.email, "password": login.password } });
    let answer = process::ask(&url, None, query, input).await.unwrap();
    let token = answer["data"]["login"]["tokens"]["accessToken"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    let query = "{ recommendations(first: 10) { items { content { title } } } }";
    let answer = process::ask(&url, Some(token), query, json!({}))
        .await
        .unwrap();
    let items = answer["data"]["recommendations"]["items"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    items
        .iter()
        .map(|item| item["content"]["title"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_a_command_joins_the_first() {
    let folder = process::folder();
    let server = Server::start(folder.path(), &[]);
    let second = marquee(folder.path(), &["serve"]);
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another Marquee (process"), "{said}");

    let beside = marquee(folder.path(), &["migrate"]);
    assert!(beside.status.success(), "{beside:?}");
    server.stop();
    let alone = marquee(folder.path(), &["migrate"]);
    assert!(alone.status.success(), "{alone:?}");
}

#[test]
fn what_is_wrong_is_said_in_a_sentence_and_an_exit_code() {
    let folder = process::folder();
    let unknown = folder.path().join("unknown.toml");
    std::fs::write(&unknown, "lisen = \"127.0.0.1:1\"\n").unwrap();
    let missing = folder.path().join("missing");
    for (arguments, words) in [
        (
            vec!["--config", unknown.to_str().unwrap(), "migrate"],
            "no setting `lisen`",
        ),
        (
            vec!["--config", missing.to_str().unwrap(), "migrate"],
            "no settings file",
        ),
        (vec!["train", "--schema", "nowhere"], "is not served"),
        (
            vec!["train", "--schema", "No Schema"],
            "cannot name a schema",
        ),
        (vec!["train"], "nothing to learn from"),
        (
            vec![
                "evaluate",
                "--train",
                missing.to_str().unwrap(),
                "--test",
                missing.to_str().unwrap(),
                "--model",
                "als",
                "--out",
                "/dev/null",
            ],
            "missing",
        ),
        (vec!["dance"], "unrecognized subcommand"),
    ] {
        let outcome = marquee(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(!outcome.status.success(), "{arguments:?}");
        assert!(
            outcome.status.code().is_some(),
            "{arguments:?} died of a signal"
        );
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_before_anything_starts() {
    let folder = process::folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let outcome = process::command(folder.path(), &["serve"])
        .env("MARQUEE_LISTEN", taken.local_addr().unwrap().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(
        said.contains("cannot listen on") && said.contains("MARQUEE_LISTEN"),
        "{said}"
    );
    assert!(!Path::new(&folder.path().join("data/postgres")).exists());
}

#[test]
fn the_contract_and_the_help_are_printed_without_a_database() {
    let folder = process::folder();
    let schema = marquee(folder.path(), &["schema"]);
    assert_eq!(String::from_utf8(schema.stdout).unwrap(), graphql::sdl());
    let help = String::from_utf8(marquee(folder.path(), &["--help"]).stdout).unwrap();
    for command in [
        "serve",
        "migrate",
        "import",
        "train",
        "work",
        "evaluate",
        "schema",
        "user",
        "api-key",
        "doctor",
        "simulate",
        "slate",
        "experiment",
    ] {
        assert!(help.contains(command), "{help}");
    }
}

#[test]
fn the_doctor_tells_what_is_there() {
    let folder = process::folder();
    let report = marquee(folder.path(), &["doctor"]);
    let said = String::from_utf8(report.stdout).unwrap();
    for word in ["settings", "port", "pgvector", "free disk space"] {
        assert!(said.contains(word), "{said}");
    }
    // How much room there is on the disk is the machine's affair.
    let missing = said.lines().filter(|line| line.starts_with("MISSING"));
    let missing: Vec<&str> = missing.collect();
    assert!(
        missing.iter().all(|line| line.contains("free disk space")),
        "{said}"
    );
    assert_eq!(report.status.success(), missing.is_empty(), "{said}");
}

#[test]
fn the_doctor_and_the_server_tell_what_a_schema_lacks_and_what_brings_it() {
    let folder = process::folder();
    let server = Server::start(folder.path(), &[]);
    let doctor = || {
        let report = marquee(folder.path(), &["doctor"]);
        String::from_utf8(report.stdout).unwrap()
    };
    for (what, command) in [
        ("`app` has no admin", "`marquee user create --admin"),
        ("`app` has no items", "`marquee import"),
        ("`demo` has no items", "`marquee demo --schema demo`"),
    ] {
        let said = doctor();
        let line = said.lines().find(|line| line.contains(what));
        let line = line.unwrap_or_else(|| panic!("{what}: {said}"));
        assert!(line.starts_with("note") && line.contains(command), "{line}");
        process::until(|| server.said().contains(command));
    }
    let made = marquee(
        folder.path(),
        &[
            "user",
            "create",
            "--admin",
            "--email",
            "ada@example.org",
            "--name",
            "Ada",
        ],
    );
    assert!(made.status.success(), "{made:?}");
    assert!(!doctor().contains("`app` has no admin"));
    server.stop();
}

#[test]
fn the_doctor_finds_what_serve_refuses() {
    let folder = process::folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken
        .local_addr()
        .map(|at| (at.to_string(), taken))
        .unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let objects = format!("file://{}", file.display());
    for (setting, value, line) in [
        (
            "MARQUEE_LISTEN",
            taken.0.as_str(),
            "MISSING port: cannot listen on",
        ),
        (
            "MARQUEE_AUTH__SIGNING_KEYS",
            r#"["first:short"]"#,
            "MISSING signing keys:",
        ),
        ("MARQUEE_OBJECTS__URL", objects.as_str(), "MISSING files:"),
    ] {
        for command in ["serve", "doctor"] {
            let mut run = process::command(folder.path(), &[command]);
            let ended = run.env(setting, value).output().unwrap();
            assert!(!ended.status.success(), "{command} with {setting}");
            let said = String::from_utf8_lossy(&ended.stdout).into_owned();
            assert!(
                command == "serve" || said.contains(line),
                "{setting}: {said}"
            );
        }
    }
}

#[test]
fn the_doctor_tells_what_is_missing() {
    let folder = process::folder();
    let mut command = process::command(folder.path(), &["doctor"]);
    let report = command
        .env("DATABASE_URL", "postgres://marquee@127.0.0.1:1/marquee")
        .env(
            "MARQUEE_AUTH__SIGNING_KEYS",
            r#"["first:0123456789 0123456789 0123456789"]"#,
        )
        .output()
        .unwrap();
    let said = String::from_utf8(report.stdout).unwrap();
    assert!(said.contains("MISSING database: does not answer"), "{said}");
    assert_eq!(report.status.code(), Some(1), "{said}");
}
