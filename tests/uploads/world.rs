//! What the tests of uploads share: a server, people, forms, and what lies in its folders.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use marquee::domain::auth::{Role, SignedIn, Viewer};
use marquee::http::connections::Connections;
use marquee::platform::config::Settings;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::support::TestApp;

/// What parts of forms are told apart by.
const BOUNDARY: &str = "a-line-that-is-in-no-file";
/// The type of a form.
pub const FORM: &str = "multipart/form-data; boundary=a-line-that-is-in-no-file";

/// Waits for what must come.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    timeout(patience, what).await.expect("it comes in time")
}

/// A part of a form: its field, the name of its file, its bytes.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// A form, as curl writes it.
pub fn form(parts: &[Part]) -> Vec<u8> {
    let mut form = Vec::new();
    for (field, file, bytes) in parts {
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"{file}\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

/// A body that comes in these pieces, without being announced.
pub fn pieces(pieces: Vec<io::Result<Bytes>>) -> Body {
    Body::from_stream(futures::stream::iter(pieces))
}

/// What a request came to.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Answer {
    /// The code and the message of the error.
    pub fn error(&self) -> (&str, &str) {
        let error = &self.json["errors"][0];
        let code = error["extensions"]["code"].as_str();
        (
            code.expect("an error with a code"),
            error["message"].as_str().unwrap(),
        )
    }

    /// The id of the upload.
    pub fn id(&self) -> String {
        assert_eq!(self.status, StatusCode::CREATED, "{self:?}");
        self.json["id"].as_str().unwrap().to_owned()
    }
}

/// A server with an admin.
pub struct World {
    pub app: TestApp,
    pub data: TempDir,
    pub ada: SignedIn,
    router: Router,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = crate::support::settings();
        settings.data_dir = data.path().to_owned();
        change(&mut settings);
        let app = TestApp::with(settings).await;
        let connections = Connections::new(100);
        let schemas = Arc::clone(&app.schemas);
        let router = marquee::http::router(schemas, &app.ctx.settings, &connections).unwrap();
        let ada = sign_in(&app, "ada", Role::Admin).await;
        Self {
            app,
            data,
            ada,
            router,
        }
    }

    /// The admin, as services see her.
    pub async fn admin(&self) -> Viewer {
        viewer(&self.app, &self.ada).await
    }

    pub fn token(&self) -> String {
        self.ada.tokens.access.expose_secret().to_owned()
    }

    /// The path for uploads into the schema of the test.
    pub fn path(&self) -> String {
        format!("/uploads/{}", self.app.ctx.db.schema())
    }

    /// Sends a request with these headers.
    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let response = soon(self.router.clone().oneshot(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    /// Sends a body as the admin's form.
    pub async fn send_form(&self, body: impl Into<Body>) -> Answer {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
        self.send(&self.path(), &headers, body.into()).await
    }

    /// Uploads a file as the admin, and answers its id.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let form = form(&[("file", Some(name), bytes)]);
        self.send_form(form).await.id()
    }

    /// The files in the store's folder of uploads, whole or not.
    pub fn stored(&self) -> Vec<String> {
        let schema = self.app.ctx.db.schema().as_str();
        names(
            self.app
                .files
                .path()
                .join("objects")
                .join(schema)
                .join("uploads"),
        )
    }

    /// The staged uploads of imports.
    pub fn laid_out(&self) -> Vec<String> {
        names(self.data.path().join("imports"))
    }

    /// The uploads that somebody sees, as `uploads` lists them.
    pub async fn listed(&self, viewer: &Viewer) -> Value {
        let document =
            "{ uploads { totalCount nodes { id name bytes sha256 createdAt owner { id } } } }";
        let mut answer = self.app.ask_as(viewer, document, json!({})).await;
        answer["uploads"].take()
    }

    /// That nothing came of an upload.
    pub async fn is_empty(&self) {
        assert_eq!(self.stored(), Vec::<String>::new());
        let listed = self.listed(&Viewer::Command).await;
        assert_eq!(listed["totalCount"], 0);
    }
}

/// Somebody with this role, signed in.
pub async fn sign_in(app: &TestApp, name: &str, role: Role) -> SignedIn {
    let email = format!("{name}@example.org").parse().unwrap();
    let password = "a film a day keeps".into();
    let made = app
        .services
        .auth
        .register(&Viewer::Nobody, name.to_owned(), email, &password)
        .await
        .unwrap();
    if role != Role::User {
        let users = &app.services.users;
        let set = users.set_role(&Viewer::Command, made.user.id, role).await;
        set.unwrap();
    }
    made
}

/// Who somebody is, as services see them.
pub async fn viewer(app: &TestApp, who: &SignedIn) -> Viewer {
    let token = who.tokens.access.expose_secret();
    app.services.auth.admit(token).await.unwrap().viewer
}

fn names(folder: PathBuf) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
