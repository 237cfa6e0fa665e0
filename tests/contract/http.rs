//! What is around an answer: addresses, origins, compression, paths.

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HOST, ORIGIN, VARY};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::server::Server;

fn post(server: &Server, query: &str) -> RequestBuilder {
    let http = reqwest::Client::new();
    http.post(server.url()).json(&json!({ "query": query }))
}

async fn data(request: RequestBuilder) -> Value {
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"].clone()
}

impl Server {
    /// A film whose poster this server keeps, and a person with a photo of another.
    async fn with_poster(&self) {
        let create = "mutation {
            createContent(input: { kind: MOVIE, title: \"Ran\", posterUrl: \"/files/app/ran.png\" }) {
                content { id } }
            createPerson(input: { name: \"Tatsuya Nakadai\", photoUrl: \"https://a.example/n.png\" }) {
                person { id } } }";
        self.app.ask(create).await;
    }
}

const POSTERS: &str = "{ contents { nodes { posterUrl } } people { nodes { photoUrl } } }";

#[tokio::test]
async fn addresses_of_this_server_are_whole_as_the_request_called_it() {
    let server = Server::start().await;
    server.with_poster().await;
    for _ in 0..2 {
        // Twice: the second time from the cache of answers.
        for host in [server.address.to_string(), "films.example".to_owned()] {
            let data = data(post(&server, POSTERS).header(HOST, &host)).await;
            let poster = &data["contents"]["nodes"][0]["posterUrl"];
            assert_eq!(*poster, format!("http://{host}/files/app/ran.png"));
            let photo = &data["people"]["nodes"][0]["photoUrl"];
            assert_eq!(*photo, "https://a.example/n.png");
        }
    }
}

#[tokio::test]
async fn addresses_begin_with_the_public_url_of_the_settings() {
    let server = Server::with(|settings| {
        settings.objects.public_url = "https://films.example".to_owned();
    });
    let server = server.await;
    server.with_poster().await;
    let data = data(post(&server, POSTERS)).await;
    let poster = &data["contents"]["nodes"][0]["posterUrl"];
    assert_eq!(*poster, "https://films.example/files/app/ran.png");
}

#[tokio::test]
async fn pages_on_this_machine_may_call_where_the_settings_let_them() {
    for (localhost, allowed) in [(true, true), (false, false)] {
        let server = Server::with(|settings| settings.http.cors_localhost = localhost).await;
        for origin in [
            "http://localhost:5173",
            "http://127.0.0.1:3000",
            "http://[::1]:8080",
        ] {
            let answer = post(&server, "{ __typename }")
                .header(ORIGIN, origin)
                .send()
                .await
                .unwrap();
            let header = answer.headers().get("access-control-allow-origin");
            assert_eq!(
                header.is_some_and(|value| value == origin),
                allowed,
                "{origin}"
            );
        }
        let other = post(&server, "{ __typename }").header(ORIGIN, "https://evil.example");
        let answer = other.send().await.unwrap();
        assert_eq!(answer.headers().get("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn an_unknown_schema_in_a_path_is_told_the_known_ones() {
    let server = Server::start().await;
    let known = server.app.ctx.db.schema().to_string();
    let http = reqwest::Client::new();
    for path in [
        "/graphql/nope",
        "/graphql/No%20Name",
        "/files/nope/x.png",
        "/oauth/nope/token",
    ] {
        let url = format!("http://{}{path}", server.address);
        for request in [
            http.get(&url),
            http.post(&url).json(&json!({ "query": "{ __typename }" })),
        ] {
            let answer = request.send().await.unwrap();
            let status = answer.status();
            if status == StatusCode::METHOD_NOT_ALLOWED {
                continue;
            }
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            let body: Value = answer.json().await.unwrap();
            let error = &body["errors"][0];
            assert_eq!(error["extensions"]["code"], "NOT_FOUND", "{path}: {body}");
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("this server has {known}")),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_accept_it_and_small_ones_and_streams_are_not() {
    let server = Server::start().await;
    for number in 0..40 {
        server
            .app
            .film(&format!("A film with a number: {number}"))
            .await;
    }
    let large = "{ contents(first: 40) { nodes { id title createdAt updatedAt } } }";
    let plain = post(&server, large).send().await.unwrap();
    assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
    let plain = plain.bytes().await.unwrap();
    // Twice: the second time from the cache of answers.
    for _ in 0..2 {
        let packed = post(&server, large)
            .header(ACCEPT_ENCODING, "gzip, br")
            .send()
            .await
            .unwrap();
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        let vary: Vec<_> = packed.headers().get_all(VARY).iter().collect();
        assert!(
            vary.iter()
                .any(|value| value.to_str().unwrap().contains("accept-encoding")),
            "{vary:?}"
        );
        let packed = packed.bytes().await.unwrap();
        assert!(
            packed.len() * 3 < plain.len(),
            "{} of {}",
            packed.len(),
            plain.len()
        );
        let mut unpacked = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&packed[..]);
        std::io::Read::read_to_end(&mut reader, &mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
    }
    let small = post(&server, "{ __typename }").header(ACCEPT_ENCODING, "gzip");
    assert_eq!(
        small.send().await.unwrap().headers().get(CONTENT_ENCODING),
        None
    );
    let admin = server.admin().await;
    let stream = post(&server, "subscription { metrics { uptimeSeconds } }")
        .header(ACCEPT, "text/event-stream")
        .header(ACCEPT_ENCODING, "gzip")
        .header("authorization", crate::server::bearer(&admin));
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(stream.headers().get(CONTENT_ENCODING), None);
}
