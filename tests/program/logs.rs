//! What is said where the log is JSON, and what is said of settings that are wrong.

use serde_json::Value;

use crate::process::{self, Server};

/// Every line as JSON.
fn lines(said: &str) -> Vec<Value> {
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    said.lines().map(read).collect()
}

#[test]
fn a_server_with_a_json_log_says_nothing_else() {
    let folder = process::folder();
    let server = Server::start_with(folder.path(), &[], &[("MARQUEE_LOG_FORMAT", "json")]);
    process::until(|| server.said().matches("no items").count() == 2);
    let said = lines(&server.said());
    let has = |words: &str| {
        let mut messages = said.iter().filter_map(|line| line["message"].as_str());
        messages.any(|message| message.contains(words))
    };
    assert!(
        has("serves GraphiQL") && has("no admin") && has("no items"),
        "{said:?}"
    );
    server.stop();
}

#[test]
fn errors_at_the_start_are_json_where_the_log_is() {
    let folder = process::folder();
    let file = folder.path().join("marquee.toml");
    for (settings, arguments, words) in [
        ("", &["serve", "--nonsense"][..], "--nonsense"),
        ("[auth]\nisuer = 'x'\n", &["serve"], "auth.isuer"),
        ("schemas = ['app', 'app']\n", &["serve"], "each name once"),
        ("log = 'a=b=c'\n", &["serve"], "the setting `log`"),
    ] {
        std::fs::write(&file, settings).unwrap();
        let mut command = process::command(folder.path(), arguments);
        let ended = command.env("MARQUEE_LOG_FORMAT", "json").output().unwrap();
        assert!(!ended.status.success());
        let said = lines(&String::from_utf8(ended.stderr).unwrap());
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0]["level"], "ERROR");
        assert!(
            said[0]["message"].as_str().unwrap().contains(words),
            "{said:?}"
        );
        assert!(ended.stdout.is_empty());
    }
    // Also where the file says it.
    std::fs::write(&file, "log_format = 'json'\nlisen = 'x'\n").unwrap();
    let ended = process::marquee(folder.path(), &["serve"]);
    let said = lines(&String::from_utf8(ended.stderr).unwrap());
    assert!(
        said[0]["message"].as_str().unwrap().contains("`lisen`"),
        "{said:?}"
    );
}

#[test]
fn a_wrong_setting_is_named_whole_with_its_file_an_example_and_the_right_name() {
    let folder = process::folder();
    std::fs::write(folder.path().join("marquee.toml"), "[auth]\nisuer = 'x'\n").unwrap();
    let ended = process::marquee(folder.path(), &["migrate"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    for words in [
        "there is no setting `auth.isuer` (in marquee.toml)",
        "did you mean `auth.issuer`?",
        "`issuer = \"marquee\"` under `[auth]` in the settings file",
        "MARQUEE_AUTH__ISSUER='marquee'",
    ] {
        assert!(said.contains(words), "{said}");
    }
    std::fs::write(folder.path().join("marquee.toml"), "").unwrap();
    let mut command = process::command(folder.path(), &["migrate"]);
    let ended = command
        .env("MARQUEE_AUTH__ACCESS_TOKEN_MINUTES", "soon")
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    for words in [
        "the setting `auth.access_token_minutes` (the environment variable \
         MARQUEE_AUTH__ACCESS_TOKEN_MINUTES)",
        "for example `access_token_minutes = 15` under `[auth]`",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("soon"), "the value may be a secret: {said}");
}
