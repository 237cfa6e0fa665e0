//! What goes wrong on the way to a generator outside.

use std::ops::ControlFlow;
use std::time::Duration;

use marquee::domain::generation::{GenerationError, Generator, GeneratorInput, ItemSummary};
use serde_json::json;

use crate::fakes::{End, Reply, Script, answer, busy, json, stream};
use crate::openai::{KEY, hello, image, openai, piece, settings, text, with};
use crate::run;

const EVENTS: &str = "text/event-stream";

/// What an error says, and whether it may be tried again.
fn ended(error: GenerationError) -> (String, bool) {
    match error {
        GenerationError::Retry { message, .. } => (message, true),
        GenerationError::Refused { message } => (message, false),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let cases: Vec<(&str, Reply)> = vec![
        ("too many, come at once", busy(429, "0")),
        (
            "too many, come a moment ago",
            busy(429, "Sun, 01 Mar 2026 11:59:59 GMT"),
        ),
        (
            "too many, no word of when",
            answer(429, "text/plain", "slow down"),
        ),
        (
            "a fault of the server's",
            json(500, &json!({ "error": { "message": "oh" } })),
        ),
        ("overloaded", answer(503, "text/html", "<h1>busy</h1>")),
        ("cut before the text", stream(EVENTS, &[], End::Cut)),
        (
            "cut in the text",
            stream(EVENTS, &[&piece("Hel")], End::Cut),
        ),
        (
            "ended in the text",
            stream(EVENTS, &[&piece("Hel")], End::Well),
        ),
        ("garbage", stream(EVENTS, &["data: {oh\n\n"], End::Well)),
        (
            "an event of another form",
            stream(EVENTS, &["data: {\"choices\": 3}\n\n"], End::Well),
        ),
        (
            "an error in the stream",
            stream(
                EVENTS,
                &["data: {\"error\":{\"message\":\"oh\"}}\n\n"],
                End::Well,
            ),
        ),
        (
            "nothing said",
            stream(EVENTS, &["data: [DONE]\n\n"], End::Well),
        ),
        ("JSON that is none", answer(200, "application/json", "{")),
    ];
    for (what, reply) in cases {
        let server = Script::start(vec![reply, hello()]).await;
        let (made, _) = run(&openai(&server.url), &text()).await;
        let made = made.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(made[0].text.as_deref(), Some("Hello, you"), "{what}");
        assert_eq!(server.received().len(), 2, "{what}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_left_to_the_queue_after_three_attempts() {
    let replies = (0..3)
        .map(|_| json(500, &json!({ "error": "out of coal" })))
        .collect();
    let server = Script::start(replies).await;
    let (made, _) = run(&openai(&server.url), &text()).await;
    let (message, again) = ended(made.unwrap_err());
    assert_eq!(message, "the OpenAI server answered 500: out of coal");
    assert!(again);
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_queue_at_once() {
    for (header, seconds) in [("90", 90), ("Sun, 01 Mar 2026 12:02:00 GMT", 120)] {
        let server = Script::start(vec![busy(429, header)]).await;
        let (made, _) = run(&openai(&server.url), &text()).await;
        match made {
            Err(GenerationError::Retry { after, .. }) => {
                assert_eq!(after, Some(Duration::from_secs(seconds)));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn what_stays_wrong_is_refused_at_once_and_the_key_is_never_told() {
    let blocked = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n";
    let told = json!({ "error": { "message": format!("no model for {KEY}\nhere") } });
    let cases: Vec<(Reply, &str)> = vec![
        (
            answer(401, "application/json", format!("{{\"error\":\"{KEY}\"}}")),
            "check `generation.openai.key`",
        ),
        (json(400, &told), "answered 400: no model for …here"),
        (busy(302, "0"), "answered 302"),
        (
            answer(200, "text/html; charset=utf-8", "<html>"),
            "answered with text/html; check its address",
        ),
        (
            stream(EVENTS, &[blocked], End::Well),
            "does not want to write this",
        ),
    ];
    for (reply, words) in cases {
        let server = Script::start(vec![reply, hello()]).await;
        let (made, _) = run(&openai(&server.url), &text()).await;
        let (message, again) = ended(made.unwrap_err());
        assert!(
            message.contains(words) && !message.contains(KEY),
            "{message}"
        );
        assert!(!again, "{message}");
        assert_eq!(server.received().len(), 1, "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_before_it_is_read() {
    let long = piece(&"x".repeat(3000));
    let cases: Vec<(GeneratorInput, Reply)> = vec![
        (text(), stream(EVENTS, &[&long, &long], End::Silence)),
        (image(1), answer(200, "application/json", "x".repeat(5000))),
        (
            image(1),
            stream("application/json", &[&"x".repeat(5000)], End::Silence),
        ),
    ];
    for (ask, reply) in cases {
        let server = Script::start(vec![reply]).await;
        let mut settings = settings(&server.url);
        settings.calls.max_answer_bytes = 4096;
        let (made, _) = run(&with(&settings), &ask).await;
        let (message, again) = ended(made.unwrap_err());
        assert_eq!(
            message,
            "the OpenAI server answered with more than 4096 bytes"
        );
        assert!(!again);
    }
}

#[tokio::test]
async fn pictures_that_are_none_are_not_kept() {
    let data = |data: &serde_json::Value| json(200, &json!({ "data": data }));
    let cases: [(serde_json::Value, &str); 5] = [
        (json!([{ "b64_json": "PGh0bWw+" }]), "no picture"),
        (json!([{ "b64_json": "%%%" }]), "cannot be read"),
        (json!([{ "url": "file:///etc/passwd" }]), "cannot be read"),
        (json!([{}]), "cannot be read"),
        (json!([]), "made 0 of 1 pictures"),
    ];
    for (pictures, words) in cases {
        let replies = (0..3).map(|_| data(&pictures)).collect();
        let server = Script::start(replies).await;
        let (made, _) = run(&openai(&server.url), &image(1)).await;
        let (message, again) = ended(made.unwrap_err());
        assert!(message.contains(words) && again, "{message}");
    }
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_settings_say() {
    let silent = || stream(EVENTS, &[&piece("Hel")], End::Silence);
    let short = 40;
    let server = Script::start(vec![Reply::Never]).await;
    let mut wait = settings(&server.url);
    wait.calls.attempts = 1;
    wait.calls.first_byte_timeout_ms = short;
    let (made, _) = run(&with(&wait), &text()).await;
    let (message, again) = ended(made.unwrap_err());
    assert_eq!(message, "the OpenAI server did not answer within 0.04 s");
    assert!(again);

    let server = Script::start(vec![silent()]).await;
    let mut wait = settings(&server.url);
    wait.calls.attempts = 1;
    wait.calls.pause_timeout_ms = short;
    let (made, _) = run(&with(&wait), &text()).await;
    assert_eq!(
        ended(made.unwrap_err()).0,
        "the OpenAI server was silent for 0.04 s"
    );

    let server = Script::start(vec![Reply::Never]).await;
    let mut wait = settings(&server.url);
    wait.calls.total_timeout_ms = short;
    let (made, _) = run(&with(&wait), &text()).await;
    assert_eq!(
        ended(made.unwrap_err()).0,
        "the OpenAI server took longer than 0.04 s"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (made, _) = run(&openai(&url), &text()).await;
    let (message, again) = ended(made.unwrap_err());
    assert_eq!(message, "the OpenAI server cannot be reached");
    assert!(again);
}

#[tokio::test]
async fn whoever_observes_it_can_stop_it() {
    let server = Script::start(vec![stream(EVENTS, &[&piece("Hel")], End::Silence)]).await;
    let mut observe = |progress: foundation::Progress| match progress.step.as_deref() {
        Some("write") => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let (openai, summary, ask) = (openai(&server.url), ItemSummary::default(), text());
    let made = openai.generate(&ask, &summary, &mut observe).await;
    assert!(matches!(made, Err(GenerationError::Stopped)), "{made:?}");
}
