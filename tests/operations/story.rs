//! What the parts of the story share: the server, and ways to run a file by its name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::demo::{LOGINS, Login};
use marquee::domain::jobs::Workers;
use serde_json::{Value, json};

use crate::Server;
use crate::client::Socket;

/// Where the files are.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend-examples/operations")
}

/// A server with the demo and a worker, and what was run on it.
pub struct Story {
    pub server: Server,
    workers: Workers,
    http: reqwest::Client,
    used: Mutex<BTreeSet<String>>,
    /// The access token of the demo's film lover.
    pub user: String,
    /// The access token of the demo's curator.
    pub curator: String,
    /// The access token of the demo's admin.
    pub admin: String,
}

impl Story {
    pub async fn begin() -> Self {
        let server = Server::start().await;
        let demo = &server.app.services.demo;
        demo.load(&Viewer::Command).await.unwrap().unwrap();
        let mut story = Self {
            workers: Workers::start([server.app.services.jobs.clone()], 2, "test/1"),
            server,
            http: reqwest::Client::new(),
            used: Mutex::default(),
            user: String::new(),
            curator: String::new(),
            admin: String::new(),
        };
        story.user = story.sign_in(LOGINS[0]).await;
        story.curator = story.sign_in(LOGINS[1]).await;
        story.admin = story.sign_in(LOGINS[2]).await;
        story
    }

    /// The access token of a login of the demo.
    async fn sign_in(&self, login: Login) -> String {
        let input = json!({ "input": { "email": login.email, "password": login.password } });
        let data = self.run(None, "login", input).await;
        assert_eq!(data["login"]["user"]["role"], login.role.as_str());
        text(&data["login"]["tokens"]["accessToken"])
    }

    /// The document of this name.
    fn document(&self, name: &str) -> String {
        self.used.lock().unwrap().insert(name.to_owned());
        let path = folder().join(format!("{name}.graphql"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs the operation of this name on behalf of whoever has the token, and answers its data.
    /// There must be no errors, neither around the data nor in a payload.
    pub async fn run(&self, token: Option<&str>, name: &str, variables: Value) -> Value {
        let data = self.send(token, name, variables).await;
        for part in data.as_object().unwrap().values() {
            let errors = part.get("errors").unwrap_or(&Value::Null);
            assert!(
                errors.as_array().is_none_or(Vec::is_empty),
                "{name} answered {errors:#}"
            );
        }
        // An export is a document of its own, which the contract does not describe.
        if name != "exportUser" {
            check_form(name, &data);
        }
        data
    }

    /// The data of an operation whose payload may say why it was refused.
    pub async fn refused(&self, token: &str, name: &str, variables: Value) -> Value {
        self.send(Some(token), name, variables).await
    }

    async fn send(&self, token: Option<&str>, name: &str, variables: Value) -> Value {
        let body = json!({ "query": self.document(name), "variables": variables });
        let mut request = self.http.post(self.server.url()).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{name} answered {answer:#}");
        answer["data"].take()
    }

    /// The same on behalf of the film lover.
    pub async fn user(&self, name: &str, variables: Value) -> Value {
        self.run(Some(&self.user), name, variables).await
    }

    /// The same on behalf of the admin.
    pub async fn admin(&self, name: &str, variables: Value) -> Value {
        self.run(Some(&self.admin), name, variables).await
    }

    /// Begins the subscription of this name on a socket of its own.
    pub async fn receive(&self, token: &str, name: &str, variables: Value) -> Received {
        let mut socket = self.server.connect().await;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        let payload = json!({ "query": self.document(name), "variables": variables });
        socket
            .say(json!({ "type": "subscribe", "id": "1", "payload": payload }))
            .await;
        Received(socket)
    }

    /// Follows a job to its end and answers its events.
    pub async fn follow(&self, token: &str, job: &Value) -> Vec<Value> {
        let mut received = self
            .receive(token, "jobProgress", json!({ "id": job }))
            .await;
        let mut events = Vec::new();
        while let Some(mut data) = received.next().await {
            events.push(data["jobProgress"].take());
        }
        events
    }

    /// Asks for a job by the operation of this name, and waits until it is completed.
    pub async fn complete(&self, token: &str, name: &str, variables: Value) -> Value {
        let data = self.run(Some(token), name, variables).await;
        let asked = data.as_object().unwrap().values().next().unwrap();
        let events = self.follow(token, &asked["job"]["id"]).await;
        let last = events.last().unwrap();
        assert_eq!(last["state"], "COMPLETED", "{name}: {last:#}");
        let typed = last["job"]["outcome"]["__typename"].is_string();
        assert!(typed, "{name} has no typed outcome: {last:#}");
        last["job"]["result"].clone()
    }

    /// Ends it: no file may have been left out.
    pub async fn end(self) {
        self.workers.drain(Duration::ZERO).await;
        let there: BTreeSet<String> = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| text(&json!(path.file_stem().unwrap().to_str())))
            .collect();
        let used = self.used.into_inner().unwrap();
        let left_out: Vec<_> = there.difference(&used).collect();
        assert!(left_out.is_empty(), "teach this test about {left_out:?}");
    }
}

/// A subscription that runs.
pub struct Received(Socket);

impl Received {
    /// The data of the next event; `None` when the server says that there will be no more.
    pub async fn next(&mut self) -> Option<Value> {
        let mut message = self.0.next().await;
        match message["type"].as_str() {
            Some("next") => {
                let payload = &mut message["payload"];
                assert_eq!(payload.get("errors"), None, "{payload:#}");
                Some(payload["data"].take())
            }
            Some("complete") => None,
            _ => panic!("{message:#}"),
        }
    }
}

/// A JSON string.
pub fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// A JSON list, which must have something in it.
pub fn some(list: &Value) -> &Vec<Value> {
    let all = list.as_array();
    let all = all.unwrap_or_else(|| panic!("{list} is no list"));
    assert!(!all.is_empty(), "there is nothing in the list");
    all
}

/// The id of the demo's item of this title.
pub async fn film(story: &Story, title: &str) -> Value {
    let filter = json!({ "title": { "eq": title }, "kind": { "eq": "MOVIE" } });
    let data = story
        .user("contents", json!({ "filter": filter, "first": 1 }))
        .await;
    some(&data["contents"]["nodes"])[0]["id"].clone()
}

/// Whatever is answered: a number is not the nearest single-precision number to another, and a time is UTC with
/// six digits of the second.
fn check_form(name: &str, value: &Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap();
            let single = number as f32;
            let noise = f64::from(single) == number && single.to_string() != number.to_string();
            // What is counted over 1,024 draws has few digits in binary, and so is a single as it is.
            let counted = (number * 1_024.0).fract() == 0.0;
            let noise = noise && !counted;
            assert!(!noise, "{name} answered {number}, which is {single}");
        }
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => {
            let (_, fraction) = text.split_once('.').unwrap_or_default();
            let good = fraction.len() == 7 && fraction.ends_with('Z');
            assert!(good, "{name} answered the time {text}");
        }
        Value::Array(members) => members.iter().for_each(|member| check_form(name, member)),
        Value::Object(members) => members.values().for_each(|member| check_form(name, member)),
        _ => {}
    }
}
