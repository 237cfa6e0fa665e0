//! The ComfyUI generator against a server that keeps a queue and tells of its work on a WebSocket.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use marquee::domain::generation::{
    ComfyUi, GenerationError, Generator, GeneratorInput, ImageInput, ItemSummary, TextInput,
};
use marquee::platform::config::{self, Settings};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::fakes::serve;
use crate::{PATIENCE, calls, png, run, stand};

const ID: &str = "the-question";

/// What the server does with a question.
#[derive(Clone)]
struct Plan {
    /// What it tells on the socket once it is asked.
    news: Vec<Value>,
    /// Whether there is a socket at all.
    socket: bool,
    /// Whether the socket stays open behind the news.
    stays: bool,
    /// At the how manieth look the history has the answer; never for 0.
    ready_at: usize,
    /// What the history then has.
    answer: Value,
    /// Whether the queue has the question meanwhile.
    queued: bool,
    picture: Vec<u8>,
    refusal: Option<Value>,
}

impl Plan {
    /// A picture after three steps, told of as ComfyUI does.
    fn good() -> Self {
        let own = |kind: &str, mut data: Value| {
            data["prompt_id"] = ID.into();
            json!({ "type": kind, "data": data })
        };
        let news = vec![
            json!({ "type": "status", "data": { "status": { "exec_info": { "queue_remaining": 1 } } } }),
            own("execution_start", json!({ "timestamp": 1 })),
            own("execution_cached", json!({ "nodes": [] })),
            own("executing", json!({ "node": "3" })),
            own("progress", json!({ "value": 1, "max": 3, "node": "3" })),
            own("progress", json!({ "value": 3, "max": 3, "node": "3" })),
            json!({ "type": "executing", "data": { "node": null, "prompt_id": "another" } }),
            own("executed", json!({ "node": "9", "output": {} })),
            own("executing", json!({ "node": null })),
        ];
        let images = json!([
            { "filename": "seen.png", "subfolder": "", "type": "temp" },
            { "filename": "fox & co.png", "subfolder": "a b", "type": "output" },
        ]);
        Self {
            news,
            socket: true,
            stays: true,
            ready_at: 1,
            answer: json!({
                "outputs": { "9": { "images": images } },
                "status": { "status_str": "success", "completed": true, "messages": [] },
            }),
            queued: true,
            picture: png(8, 8),
            refusal: None,
        }
    }

    /// The same, its news up to the first of this kind.
    fn until(kind: &str) -> Self {
        let mut plan = Self::good();
        let end = plan.news.iter().position(|news| news["type"] == kind);
        plan.news.truncate(end.unwrap() + 1);
        plan
    }
}

#[derive(Clone)]
struct Server {
    plan: Plan,
    /// Every call, as `METHOD /path body`.
    calls: Arc<watch::Sender<Vec<String>>>,
    received: Arc<watch::Sender<Option<Value>>>,
    looks: Arc<Mutex<usize>>,
}

impl Server {
    async fn start(plan: Plan) -> (Self, ComfyUi) {
        Self::with(plan, |_| {}).await
    }

    async fn with(plan: Plan, change: impl FnOnce(&mut config::ComfyUi)) -> (Self, ComfyUi) {
        let server = Self {
            plan,
            calls: Arc::new(watch::Sender::new(Vec::new())),
            received: Arc::new(watch::Sender::new(None)),
            looks: Arc::default(),
        };
        let router = Router::new()
            .route("/ws", any(socket))
            .route("/prompt", post(prompt))
            .route("/history/{id}", get(history))
            .route("/queue", get(queue).post(delete))
            .route("/interrupt", post(interrupt))
            .route("/view", get(view))
            .with_state(server.clone());
        let mut settings = Settings::defaults().generation.comfyui;
        settings.url = serve(router).await;
        settings.calls = calls();
        settings.poll_ms = 1;
        change(&mut settings);
        let (clock, rng) = stand();
        (server, ComfyUi::new(&settings, clock, rng))
    }

    fn note(&self, call: impl Into<String>) {
        self.calls.send_modify(|calls| calls.push(call.into()));
    }

    /// Waits until a call has come.
    async fn called(&self, call: &str) {
        let mut calls = self.calls.subscribe();
        let called = calls.wait_for(|calls| calls.iter().any(|known| known == call));
        let called = tokio::time::timeout(PATIENCE, called).await;
        assert!(called.is_ok(), "no {call} among {:?}", self.calls.borrow());
    }

    fn has_called(&self, call: &str) -> bool {
        self.calls
            .borrow()
            .iter()
            .any(|known| known.starts_with(call))
    }
}

async fn socket(State(server): State<Server>, upgrade: WebSocketUpgrade) -> Response {
    if !server.plan.socket {
        return StatusCode::NOT_FOUND.into_response();
    }
    upgrade.on_upgrade(|socket| tell(server, socket))
}

async fn tell(server: Server, mut socket: WebSocket) {
    let mut received = server.received.subscribe();
    received.wait_for(Option::is_some).await.unwrap();
    // A preview, as they come between the news.
    let preview = Message::Binary(vec![0, 0, 0, 1].into());
    let _ = socket.send(preview).await;
    for news in &server.plan.news {
        let _ = socket.send(Message::Text(news.to_string().into())).await;
    }
    while server.plan.stays && matches!(socket.recv().await, Some(Ok(_))) {}
}

async fn prompt(State(server): State<Server>, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = &server.plan.refusal {
        return (StatusCode::BAD_REQUEST, Json(refusal.clone())).into_response();
    }
    server.note("POST /prompt");
    server.received.send_replace(Some(body));
    Json(json!({ "prompt_id": ID, "number": 4, "node_errors": {} })).into_response()
}

async fn history(State(server): State<Server>, Path(id): Path<String>) -> Json<Value> {
    assert_eq!(id, ID);
    let mut looks = server.looks.lock().unwrap();
    *looks += 1;
    server.note("GET /history");
    let ready = server.plan.ready_at > 0 && *looks >= server.plan.ready_at;
    Json(if ready {
        json!({ ID: server.plan.answer })
    } else {
        json!({})
    })
}

async fn queue(State(server): State<Server>) -> Json<Value> {
    let running = if server.plan.queued {
        json!([[4, ID, {}, {}, []]])
    } else {
        json!([])
    };
    Json(json!({ "queue_running": running, "queue_pending": [] }))
}

async fn delete(State(server): State<Server>, Json(body): Json<Value>) {
    server.note(format!("POST /queue {body}"));
}

async fn interrupt(State(server): State<Server>, Json(body): Json<Value>) {
    server.note(format!("POST /interrupt {body}"));
}

async fn view(State(server): State<Server>, uri: Uri) -> Response {
    server.note(format!("GET {uri}"));
    server.plan.picture.clone().into_response()
}

fn fox() -> GeneratorInput {
    GeneratorInput::Image(ImageInput {
        negative: Some("blur".to_owned()),
        seed: Some(11),
        steps: Some(3),
        ..ImageInput::new("a fox")
    })
}

#[tokio::test]
async fn the_workflow_is_asked_and_its_news_are_the_progress() {
    let (server, comfyui) = Server::start(Plan::good()).await;
    let (made, told) = run(&comfyui, &fox()).await;
    let made = made.unwrap();
    assert_eq!(
        (made.len(), &made[0].bytes[..], made[0].seed),
        (1, &png(8, 8)[..], Some(11))
    );
    let messages: Vec<&str> = told
        .iter()
        .filter_map(|progress| progress.message.as_deref())
        .collect();
    for message in [
        "1 in the queue",
        "KSampler is at work",
        "Step 1 of 3",
        "Step 3 of 3",
    ] {
        assert!(messages.contains(&message), "{message} among {messages:?}");
    }
    // The picture that was kept, not the one that was looked at on the way.
    server
        .called("GET /view?filename=fox+%26+co.png&subfolder=a+b&type=output")
        .await;
    assert!(
        !server.has_called("POST /queue"),
        "it was answered, and taken back"
    );
    let received = server.received.borrow().clone().unwrap();
    assert_eq!(received["client_id"].as_str().unwrap().len(), 32);
    assert_eq!(received["prompt"]["6"]["inputs"]["text"], "a fox");
    assert_eq!(received["prompt"]["3"]["inputs"]["seed"], 11);
    assert_eq!(received["prompt"]["3"]["inputs"]["steps"], 3);
}

#[tokio::test]
async fn without_a_socket_it_is_asked_until_the_picture_is_there() {
    let plan = Plan {
        socket: false,
        ready_at: 4,
        ..Plan::good()
    };
    let (server, comfyui) = Server::start(plan).await;
    let (made, _) = run(&comfyui, &fox()).await;
    assert_eq!(made.unwrap().len(), 1);
    assert!(*server.looks.lock().unwrap() >= 4);
}

#[tokio::test]
async fn a_socket_that_is_cut_in_the_middle_is_done_without() {
    let plan = Plan {
        stays: false,
        ready_at: 3,
        ..Plan::until("progress")
    };
    let (server, comfyui) = Server::start(plan).await;
    let (made, told) = run(&comfyui, &fox()).await;
    assert_eq!(made.unwrap().len(), 1);
    assert!(
        told.iter()
            .any(|progress| progress.message.as_deref() == Some("Step 1 of 3"))
    );
    assert!(!server.has_called("POST /queue"));
    assert_eq!(
        server
            .calls
            .borrow()
            .iter()
            .filter(|call| *call == "POST /prompt")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_asked_beside() {
    let plan = Plan {
        ready_at: 2,
        ..Plan::until("progress")
    };
    let (_server, comfyui) = Server::with(plan, |settings| {
        settings.calls.pause_timeout_ms = 30;
    })
    .await;
    let (made, _) = run(&comfyui, &fox()).await;
    assert_eq!(made.unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_that_the_server_has_lost_is_asked_again_and_then_given_up() {
    let plan = Plan {
        socket: false,
        ready_at: 0,
        queued: false,
        ..Plan::good()
    };
    let (server, comfyui) = Server::start(plan).await;
    let (made, _) = run(&comfyui, &fox()).await;
    match made {
        Err(GenerationError::Retry { message, .. }) => {
            assert!(
                message.contains("no longer knows the question"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        server
            .calls
            .borrow()
            .iter()
            .filter(|call| *call == "POST /prompt")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_node_that_fails_is_told_and_only_a_lack_of_memory_may_pass() {
    for (exception, again) in [("ValueError", false), ("torch.OutOfMemoryError", true)] {
        let data = json!({
            "prompt_id": ID, "node_id": "3", "node_type": "KSampler",
            "exception_type": exception, "exception_message": "It did not fit\n",
        });
        let mut told = Plan::until("executing");
        told.news
            .push(json!({ "type": "execution_error", "data": data }));
        let mut looked_up = Plan::good();
        looked_up.socket = false;
        looked_up.answer = json!({
            "outputs": {},
            "status": { "status_str": "error", "completed": false, "messages": [
                ["execution_start", { "prompt_id": ID }], ["execution_error", data],
            ] },
        });
        for plan in [told, looked_up] {
            let (_server, comfyui) = Server::start(plan).await;
            let (made, _) = run(&comfyui, &fox()).await;
            let (message, may) = match made {
                Err(GenerationError::Retry { message, .. }) => (message, true),
                Err(GenerationError::Refused { message }) => (message, false),
                other => panic!("{other:?}"),
            };
            assert_eq!(
                message,
                "the ComfyUI server failed at KSampler: It did not fit"
            );
            assert_eq!(may, again);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_made_is_refused() {
    let refused = json!({
        "error": { "type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation" },
        "node_errors": { "4": {} },
    });
    let mut stopped = Plan::until("executing");
    let data = json!({ "prompt_id": ID, "node_id": "3" });
    stopped
        .news
        .push(json!({ "type": "execution_interrupted", "data": data }));
    let mut bare = Plan::good();
    bare.answer["outputs"] = json!({});
    let cases = [
        (
            Plan {
                refusal: Some(refused),
                ..Plan::good()
            },
            fox(),
            "answered 400: Prompt outputs failed",
        ),
        (stopped, fox(), "told by somebody else to stop"),
        (bare, fox(), "made 0 of 1 pictures"),
        (
            Plan::good(),
            GeneratorInput::Text(TextInput::new("hello")),
            "pictures alone",
        ),
    ];
    for (plan, ask, words) in cases {
        let (_server, comfyui) = Server::start(plan).await;
        let (made, _) = run(&comfyui, &ask).await;
        match made {
            Err(GenerationError::Refused { message }) => {
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_picture_that_is_none_is_not_kept() {
    let plan = Plan {
        picture: b"<html>no</html>".to_vec(),
        ..Plan::good()
    };
    let (_server, comfyui) = Server::start(plan).await;
    let (made, _) = run(&comfyui, &fox()).await;
    match made {
        Err(GenerationError::Retry { message, .. }) => {
            assert!(message.contains("no picture"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_generation_that_is_stopped_takes_its_question_back() {
    let plan = Plan {
        ready_at: 0,
        ..Plan::until("progress")
    };
    let (server, comfyui) = Server::start(plan).await;
    let mut observe = |progress: foundation::Progress| match progress.step.as_deref() {
        Some("sample") => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let (ask, summary) = (fox(), ItemSummary::default());
    let made = comfyui.generate(&ask, &summary, &mut observe).await;
    assert!(matches!(made, Err(GenerationError::Stopped)), "{made:?}");
    server
        .called(&format!("POST /queue {}", json!({ "delete": [ID] })))
        .await;
    server
        .called(&format!("POST /interrupt {}", json!({ "prompt_id": ID })))
        .await;
}

#[tokio::test]
async fn a_generation_that_is_dropped_takes_its_question_back_and_stops_nobody_elses() {
    let plan = Plan {
        ready_at: 0,
        queued: false,
        ..Plan::until("progress")
    };
    let (server, comfyui) = Server::start(plan).await;
    let begun = tokio_util::sync::CancellationToken::new();
    let mut observe = |progress: foundation::Progress| {
        if progress.is_at("sample") {
            begun.cancel();
        }
        ControlFlow::Continue(())
    };
    let (ask, summary) = (fox(), ItemSummary::default());
    tokio::select! {
        made = comfyui.generate(&ask, &summary, &mut observe) => panic!("{made:?}"),
        () = begun.cancelled() => {}
    }
    server
        .called(&format!("POST /queue {}", json!({ "delete": [ID] })))
        .await;
    // It is not what the server works on now.
    assert!(!server.has_called("POST /interrupt"));
}
