//! Servers that answer as they are told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use tokio::net::TcpListener;

/// Serves a router on a port of this machine and answers its address.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What a server does with one request.
pub enum Reply {
    Now(Response),
    /// It holds the request and says nothing.
    Never,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

/// A server that answers each request with the next reply; after the last one with 404.
#[derive(Clone)]
pub struct Script {
    pub url: String,
    state: Arc<Mutex<(VecDeque<Reply>, Vec<ReceivedRequest>)>>,
}

impl Script {
    pub async fn start(replies: Vec<Reply>) -> Self {
        let state = Arc::new(Mutex::new((VecDeque::from(replies), Vec::new())));
        let shared = Arc::clone(&state);
        let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let shared = Arc::clone(&shared);
            async move {
                let authorization = headers.get("authorization");
                let received = ReceivedRequest {
                    path: uri.to_string(),
                    authorization: authorization.map(|text| text.to_str().unwrap().to_owned()),
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                };
                let reply = {
                    let mut state = shared.lock().unwrap();
                    state.1.push(received);
                    state.0.pop_front()
                };
                match reply {
                    Some(Reply::Now(response)) => response,
                    Some(Reply::Never) => std::future::pending().await,
                    None => axum::http::StatusCode::NOT_FOUND.into_response(),
                }
            }
        };
        let url = serve(Router::new().fallback(answer)).await;
        Self { url, state }
    }

    pub fn then(&self, reply: Reply) {
        self.state.lock().unwrap().0.push_back(reply);
    }

    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.state.lock().unwrap().1.clone()
    }
}

/// An answer of this status, type and body.
pub fn answer(status: u16, kind: &str, body: impl Into<Body>) -> Reply {
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind);
    Reply::Now(response.body(body.into()).unwrap())
}

/// JSON.
pub fn json(status: u16, body: &Value) -> Reply {
    answer(status, "application/json", body.to_string())
}

/// The same with a `Retry-After`.
pub fn busy(status: u16, retry_after: &str) -> Reply {
    let response = Response::builder()
        .status(status)
        .header("retry-after", retry_after);
    Reply::Now(response.body(Body::empty()).unwrap())
}

/// How a body ends.
#[derive(Clone, Copy)]
pub enum End {
    /// As it should.
    Well,
    /// The connection is cut.
    Cut,
    /// Nothing more comes, and the connection stays.
    Silence,
}

/// A streamed answer of these pieces.
pub fn stream(kind: &str, pieces: &[&str], end: End) -> Reply {
    let pieces: Vec<std::io::Result<Bytes>> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from((*piece).to_owned())))
        .collect();
    let pieces = stream::iter(pieces);
    let body = match end {
        End::Well => Body::from_stream(pieces),
        End::Cut => {
            let cut = std::io::Error::other("cut");
            Body::from_stream(pieces.chain(stream::iter([Err(cut)])))
        }
        End::Silence => Body::from_stream(pieces.chain(stream::pending())),
    };
    answer(200, kind, body)
}
