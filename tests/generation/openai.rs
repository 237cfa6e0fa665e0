//! The generator that speaks OpenAI's interface, where all goes well.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use marquee::domain::generation::{GeneratorInput, ImageInput, OpenAi, TextInput};
use marquee::platform::config::{self, Settings};
use marquee::platform::objects::MediaType;
use serde_json::json;

use crate::fakes::{End, Reply, Script, answer, json, stream};
use crate::{calls, png, run, stand};

pub const KEY: &str = "sk-a-key-that-nobody-may-read";

pub fn settings(url: &str) -> config::OpenAi {
    let mut settings = Settings::defaults().generation.openai;
    settings.url = format!("{url}/v1/");
    settings.key = KEY.to_owned().into();
    settings.calls = calls();
    settings
}

pub fn openai(url: &str) -> OpenAi {
    with(&settings(url))
}

pub fn with(settings: &config::OpenAi) -> OpenAi {
    let (clock, rng) = stand();
    OpenAi::new(settings, clock, rng)
}

/// One piece of a streamed text.
pub fn piece(text: &str) -> String {
    let event = json!({ "model": "small", "choices": [{ "delta": { "content": text } }] });
    format!("data: {event}\n\n")
}

pub fn text() -> GeneratorInput {
    GeneratorInput::Text(TextInput {
        system: Some("You are brief.".to_owned()),
        max_tokens: 4,
        seed: Some(5),
        ..TextInput::new("Say hello")
    })
}

pub fn image(batch: i32) -> GeneratorInput {
    GeneratorInput::Image(ImageInput {
        negative: Some("text".to_owned()),
        batch,
        ..ImageInput::new("a fox")
    })
}

/// A text in three pieces, cut where no event ends.
pub fn hello() -> Reply {
    let all = piece("Hel") + &piece("lo, ") + &piece("you") + "data: [DONE]\n\n";
    let (one, rest) = all.split_at(70);
    let (two, three) = rest.split_at(100);
    stream(
        "text/event-stream; charset=utf-8",
        &[one, two, three],
        End::Well,
    )
}

#[tokio::test]
async fn a_text_is_streamed_and_progress_is_what_was_written() {
    let server = Script::start(vec![hello()]).await;
    let (made, told) = run(&openai(&server.url), &text()).await;
    let made = made.unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].text.as_deref(), Some("Hello, you"));
    assert_eq!(made[0].bytes, "Hello, you");
    assert_eq!(made[0].media_type, MediaType::Text);
    assert_eq!(
        (made[0].seed, &made[0].details["model"]),
        (Some(5), &json!("small"))
    );
    let messages: Vec<&str> = told
        .iter()
        .filter_map(|progress| progress.message.as_deref())
        .collect();
    assert!(messages.contains(&"10 characters written"), "{messages:?}");
    assert!(
        told.windows(2)
            .all(|two| two[0].fraction <= two[1].fraction)
    );

    let received = &server.received()[0];
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.authorization, Some(format!("Bearer {KEY}")));
    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [
            { "role": "system", "content": "You are brief." },
            { "role": "user", "content": "Say hello" },
        ],
        "max_tokens": 4, "temperature": 0.7, "seed": 5, "stream": true,
    });
    assert_eq!(received.body, body);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood_too() {
    let whole = json!({ "choices": [{ "message": { "content": "All at once" }, "finish_reason": "stop" }] });
    let server = Script::start(vec![json(200, &whole)]).await;
    let (made, _) = run(&openai(&server.url), &text()).await;
    assert_eq!(made.unwrap()[0].text.as_deref(), Some("All at once"));
}

#[tokio::test]
async fn a_stream_that_says_why_it_ends_needs_no_last_word() {
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    let all = piece("Half a") + end;
    let server = Script::start(vec![stream("text/event-stream", &[&all], End::Well)]).await;
    let (made, _) = run(&openai(&server.url), &text()).await;
    let made = made.unwrap();
    assert_eq!(made[0].text.as_deref(), Some("Half a"));
    assert_eq!(made[0].details["finishReason"], "length");
}

#[tokio::test]
async fn pictures_come_within_the_answer() {
    let first = BASE64_STANDARD.encode(png(8, 16));
    let second = BASE64_STANDARD.encode(png(16, 8));
    let body = json!({ "data": [{ "b64_json": first, "revised_prompt": "a red fox" }, { "b64_json": second }] });
    let server = Script::start(vec![json(200, &body)]).await;
    let (made, _) = run(&openai(&server.url), &image(2)).await;
    let made = made.unwrap();
    assert_eq!(made[0].bytes, png(8, 16));
    assert_eq!(made[1].bytes, png(16, 8));
    assert_eq!(made[0].media_type, MediaType::Png);
    assert_eq!(made[0].details["revisedPrompt"], "a red fox");
    assert_eq!(
        (&made[0].details["width"], &made[0].details["height"]),
        (&json!(8), &json!(16))
    );
    let body = json!({
        "model": "dall-e-3", "prompt": "a fox\n\nDo not show: text", "n": 2,
        "size": "512x768", "response_format": "b64_json",
    });
    assert_eq!(server.received()[0].path, "/v1/images/generations");
    assert_eq!(server.received()[0].body, body);
}

#[tokio::test]
async fn pictures_are_fetched_from_where_the_answer_says_and_the_key_stays_at_home() {
    let elsewhere = Script::start(vec![answer(200, "image/png", png(8, 8))]).await;
    let server = Script::start(Vec::new()).await;
    let urls = json!({ "data": [
        { "url": format!("{}/there.png", elsewhere.url) },
        { "url": format!("{}/here.png", server.url) },
    ] });
    server.then(json(200, &urls));
    server.then(answer(200, "image/png", png(16, 16)));
    let (made, _) = run(&openai(&server.url), &image(2)).await;
    let made = made.unwrap();
    assert_eq!(
        (&made[0].bytes[..], &made[1].bytes[..]),
        (&png(8, 8)[..], &png(16, 16)[..])
    );
    assert_eq!(elsewhere.received()[0].authorization, None);
    assert_eq!(server.received()[1].path, "/here.png");
    assert!(server.received()[1].authorization.is_some());
}
