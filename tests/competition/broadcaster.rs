//! A broadcaster that publishes guides over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use tokio::net::TcpListener;

/// What is at an address.
#[derive(Clone)]
pub enum Page {
    /// A file with an entity tag.
    Tagged(Vec<u8>, &'static str),
    /// A file with the time of its last change.
    Dated(Vec<u8>, &'static str),
    /// A file without either.
    Plain(Vec<u8>),
    /// A redirect to another path.
    Moved(&'static str),
    /// Nothing but this status.
    Status(u16),
    /// A file that never ends.
    Endless,
    /// A file that begins and then nothing more comes.
    Silent,
}

/// The server.
#[derive(Clone)]
pub struct Broadcaster {
    pub url: String,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    answers: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Broadcaster {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broadcaster = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            pages: Arc::default(),
            answers: Arc::default(),
        };
        let shared = broadcaster.clone();
        let answer = move |uri: Uri, headers: HeaderMap| {
            let response = shared.answer(uri.path(), &headers);
            let status = response.status().as_u16();
            let answered = (uri.path().to_owned(), status);
            shared.answers.lock().unwrap().push(answered);
            async move { response }
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        broadcaster
    }

    /// Puts a page at a path.
    pub fn publish(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// The paths that were asked for with the status of each answer, and forgets them.
    pub fn answers(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.answers.lock().unwrap())
    }

    fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let page = self.pages.lock().unwrap().get(path).cloned();
        let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
        let response = Response::builder();
        let not_modified = || {
            let status = Response::builder().status(StatusCode::NOT_MODIFIED);
            status.body(Body::empty()).unwrap()
        };
        match page {
            None => response.status(404).body(Body::empty()),
            Some(Page::Tagged(_, tag)) if is(IF_NONE_MATCH, tag) => Ok(not_modified()),
            Some(Page::Tagged(bytes, tag)) => response.header(ETAG, tag).body(bytes.into()),
            Some(Page::Dated(_, date)) if is(IF_MODIFIED_SINCE, date) => Ok(not_modified()),
            Some(Page::Dated(bytes, date)) => {
                response.header(LAST_MODIFIED, date).body(bytes.into())
            }
            Some(Page::Plain(bytes)) => response.body(bytes.into()),
            Some(Page::Moved(to)) => response
                .status(302)
                .header(LOCATION, to)
                .body(Body::empty()),
            Some(Page::Status(status)) => response.status(status).body(Body::empty()),
            Some(Page::Endless) => {
                let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096]));
                response.body(Body::from_stream(futures::stream::repeat_with(piece)))
            }
            Some(Page::Silent) => {
                use futures::StreamExt;
                let piece = Ok::<_, std::io::Error>(Bytes::from_static(b"<tv>"));
                let pieces = futures::stream::iter([piece]).chain(futures::stream::pending());
                response.body(Body::from_stream(pieces))
            }
        }
        .unwrap()
    }
}
