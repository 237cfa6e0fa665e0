//! A server with a small schema, and a client that can also misbehave.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_graphql::{Error, ErrorExtensions, Object, Request, Schema, SimpleObject, Subscription};
use axum::{
    Router,
    http::{HeaderValue, header::AUTHORIZATION},
    routing::any,
};
use futures::Stream;
use marquee::{
    graphql::guard::{Contract, DocumentCache, Limits},
    http::graphql::persisted::PersistedDocuments,
    http::{
        graphql::{Endpoint, ExecutionContext, Settings, identified::Identified, respond::Refusal},
        middleware::surround,
        origins::AllowedOrigins,
    },
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::sleep,
};

/// How many slow mutations have come to their end.
#[derive(Clone, Default)]
pub struct Finished(pub Arc<AtomicU32>);

fn fails() -> i32 {
    panic!("on purpose")
}

pub struct Query;

#[derive(SimpleObject)]
struct Film {
    title: String,
}

#[Object]
impl Query {
    async fn hello(&self) -> &'static str {
        "hello"
    }

    async fn viewer(&self, ctx: &async_graphql::Context<'_>) -> String {
        ctx.data_unchecked::<Viewer>().0.clone()
    }

    async fn me(&self) -> &Self {
        self
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn number(&self, value: i32) -> i32 {
        value
    }

    async fn lists(&self, values: Option<Vec<Vec<i32>>>) -> usize {
        values.map_or(0, |values| values.len())
    }

    async fn film(&self) -> Option<Result<Film, Error>> {
        Some(Err(
            Error::new("no such film").extend_with(|_, e| e.set("code", "NOT_FOUND"))
        ))
    }

    async fn leak(&self) -> Option<Result<Film, Error>> {
        let inner = std::io::Error::other("password=hunter2");
        Some(Err(inner.into()))
    }

    async fn required(&self) -> Result<Film, Error> {
        yield_now().await;
        Err(Error::new("no such film").extend_with(|_, e| e.set("code", "NOT_FOUND")))
    }

    async fn panic(&self) -> i32 {
        yield_now().await;
        fails()
    }

    #[graphql(cache_control(max_age = 60))]
    async fn cached(&self) -> i32 {
        1
    }

    async fn slow(&self, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn login(&self, password: String) -> bool {
        password == "right"
    }

    async fn slow_write(&self, ctx: &async_graphql::Context<'_>, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ctx.data_unchecked::<Finished>()
            .0
            .fetch_add(1, Ordering::SeqCst);
        ms
    }

    async fn panic(&self) -> i32 {
        yield_now().await;
        fails()
    }
}

pub struct Subscription;

#[Subscription]
impl Subscription {
    async fn ticks(&self) -> impl Stream<Item = i32> {
        futures::stream::iter([1, 2])
    }
}

/// Who asks: the token itself.
#[derive(Clone)]
pub struct Viewer(pub String);

pub struct Server {
    pub address: SocketAddr,
    pub finished: Finished,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::with_persisted(settings, PersistedDocuments::default()).await
    }

    /// Where trusted documents are required, Ana may have others executed.
    pub async fn with_persisted(mut settings: Settings, persisted: PersistedDocuments) -> Self {
        let finished = Finished::default();
        let schema = Schema::build(Query, Mutation, Subscription)
            .data(finished.clone())
            .finish();
        let origins = AllowedOrigins::parse(&["https://app.example.com"]).expect("an origin");
        settings.origins = origins.clone();
        let limits = Limits {
            auth_mutations: &["login"],
            ..Limits::default()
        };
        let contract = Contract::new(&schema.sdl(), true).expect("a schema");
        let endpoint = Endpoint::new(
            settings,
            DocumentCache::new(contract, limits, 1024 * 1024),
            Arc::new(|parts| {
                let token = parts.headers.get(AUTHORIZATION).cloned();
                Box::pin(async move {
                    let guest = Viewer("guest".to_owned());
                    Ok(match token.as_ref().map(HeaderValue::as_bytes) {
                        None => Identified::Accepted(guest),
                        Some(b"Bearer good") => Identified::Accepted(Viewer("ana".to_owned())),
                        Some(_) => Identified::Refused {
                            anonymous: guest,
                            refusal: Box::new(Refusal::unauthenticated("this token is not valid")),
                        },
                    })
                })
            }),
            Arc::new(
                move |request: Request, execution: ExecutionContext<Viewer>| {
                    let schema = schema.clone();
                    Box::pin(async move { schema.execute(request.data(execution.viewer)).await })
                },
            ),
        );
        let may_execute_untrusted = Arc::new(|viewer: &Viewer| viewer.0 == "ana");
        let endpoint = endpoint.with_persisted(persisted, may_execute_untrusted);
        let router = Router::new()
            .route(
                "/graphql",
                any(move |request| endpoint.clone().handle(request)),
            )
            .route("/page", any(|| async { axum::response::Html("<p>hi</p>") }))
            .route("/panic", any(|| async { fails().to_string() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            axum::serve(listener, surround(router, &origins))
                .await
                .expect("serving");
        });
        Self { address, finished }
    }

    /// Sends bytes as they are and reads one answer.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut socket = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        // A server may answer and close before it has read everything.
        let _ = socket.write_all(request).await;
        let mut bytes = Vec::new();
        while !Answer::is_complete(&bytes) {
            let read = socket.read_buf(&mut bytes).await.expect("an answer");
            assert!(read > 0, "cut off: {}", String::from_utf8_lossy(&bytes));
        }
        Answer::parse(&bytes)
    }

    pub async fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
            request.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        let mut request = (request + "\r\n").into_bytes();
        request.extend_from_slice(body);
        self.raw(&request).await
    }

    pub async fn post_bytes(&self, body: &[u8]) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/graphql-response+json"),
        ];
        self.send("POST /graphql", &headers, body).await
    }

    pub async fn post(&self, body: &Value) -> Answer {
        self.post_bytes(body.to_string().as_bytes()).await
    }

    pub async fn query(&self, source: &str) -> Answer {
        self.post(&serde_json::json!({ "query": source })).await
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    fn head_end(bytes: &[u8]) -> Option<usize> {
        bytes.windows(4).position(|four| four == b"\r\n\r\n")
    }

    fn is_complete(bytes: &[u8]) -> bool {
        Self::head_end(bytes).is_some_and(|end| {
            let answer = Self::parse(bytes);
            let length = answer
                .header("content-length")
                .map_or(0, |length| length.parse::<usize>().expect("a length"));
            bytes.len() >= end + 4 + length
        })
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = Self::head_end(bytes).expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head in ASCII");
        Self {
            status: head[9..12].parse().expect("a status"),
            head: head.to_ascii_lowercase(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then_some(value)
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        let json = self.json();
        let code = json["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no code in {json}"))
            .to_owned()
    }
}
