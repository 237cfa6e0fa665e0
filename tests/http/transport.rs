//! What GraphQL over HTTP asks beyond the audits.

use std::{sync::atomic::Ordering, time::Duration};

use marquee::http::graphql::Settings;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::support::Server;

#[tokio::test]
async fn get_runs_the_named_query_and_no_mutation() {
    let server = Server::start().await;
    let both = "/graphql?query=query+A%7Bhello%7Dmutation+B%7Blogin(password:%22right%22)%7D";
    let answer = server
        .send(&format!("GET {both}&operationName=A"), &[], b"")
        .await;
    assert_eq!(answer.json(), json!({ "data": { "hello": "hello" } }));
    let answer = server
        .send(&format!("GET {both}&operationName=B"), &[], b"")
        .await;
    assert_eq!(answer.status, 405);
    let accept = [("accept", "application/graphql-response+json")];
    for line in [both.to_owned(), format!("{both}&operationName=C")] {
        let answer = server.send(&format!("GET {line}"), &accept, b"").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_USER_INPUT")
        );
    }
}

#[tokio::test]
async fn each_failure_has_its_code() {
    let server = Server::start().await;
    for (source, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ hallo }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ number(value: \"x\") }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ number(value: 99999999999) }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("query ($v: Int!) { number(value: $v) }", "BAD_USER_INPUT"),
        ("subscription { ticks }", "BAD_USER_INPUT"),
        (
            "{ me { me { me { me { me { me { me { me { me { me { me { me { me { me { me { hello } } } } } } } } } } } } } } } }",
            "OPERATION_TOO_COMPLEX",
        ),
    ] {
        let answer = server.query(source).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{source}: {}",
            answer.json()
        );
        assert!(answer.json().get("data").is_none());
    }
    let wrong =
        json!({ "query": "query ($v: Int!) { number(value: $v) }", "variables": { "v": "x" } });
    let answer = server.post(&wrong).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "BAD_USER_INPUT")
    );
}

#[tokio::test]
async fn an_execution_with_errors_is_a_200_with_data() {
    let server = Server::start().await;
    let answer = server.query("{ hello film { title } }").await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "NOT_FOUND"));
    assert_eq!(
        answer.json()["data"],
        json!({ "hello": "hello", "film": null })
    );
    // `data: null` because of a field is not the same as no `data`.
    let answer = server.query("{ required { title } }").await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "NOT_FOUND"));
    assert!(answer.json()["data"].is_null() && answer.json().get("data").is_some());
    let answer = server.query("{ leak { title } }").await;
    assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
}

#[tokio::test]
async fn suggestions_can_be_turned_off() {
    let loud = Server::start().await.query("{ hallo }").await.json();
    let settings = Settings {
        suggestions: false,
        ..Settings::default()
    };
    let quiet = Server::with(settings).await.query("{ hallo }").await.json();
    assert!(
        loud["errors"][0]["message"]
            .as_str()
            .is_some_and(|m| m.contains("Did you mean"))
    );
    assert_eq!(
        quiet["errors"][0]["message"],
        "Cannot query field \"hallo\" on type \"Query\"."
    );
}

#[tokio::test]
async fn a_panic_is_masked_and_the_connection_lives() {
    let server = Server::start().await;
    for source in ["{ panic }", "mutation { panic }"] {
        let answer = server.query(source).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (500, "INTERNAL_SERVER_ERROR")
        );
        assert_eq!(
            answer.json()["errors"][0]["message"],
            "something went wrong on our side"
        );
    }
    let answer = server
        .send("GET /panic", &[("x-request-id", "abc")], b"")
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (500, "INTERNAL_SERVER_ERROR")
    );
    assert_eq!(answer.header("x-request-id"), Some("abc"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_mutation_outlives_its_connection_and_its_time() {
    let settings = Settings {
        execution_time: Duration::from_millis(100),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let answer = server.query("mutation { slowWrite(ms: 200) }").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "UNAVAILABLE")
    );
    let answer = server.query("{ slow(ms: 60000) }").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "UNAVAILABLE")
    );

    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let body = json!({ "query": "mutation { slowWrite(ms: 50) }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    sleep(Duration::from_millis(20)).await;
    drop(socket);
    let all_done = async {
        while server.finished.0.load(Ordering::SeqCst) < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), all_done)
        .await
        .expect("both mutations finish");
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let settings = Settings {
        body_time: Duration::from_millis(50),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let head = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{";
    assert_eq!(server.raw(head).await.status, 408);
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let server = Server::start().await;
    let batch = json!([
        { "query": "{ slow(ms: 30) }" },
        { "query": "{ nope }" },
        { "query": "query ($t: String!) { echo(text: $t) }", "variables": { "t": "x" } },
    ]);
    let answer = server.post(&batch).await;
    let json = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(json[0], json!({ "data": { "slow": 30 } }));
    assert_eq!(
        json[1]["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(json[2], json!({ "data": { "echo": "x" } }));

    let login = json!({ "query": "mutation { login(password: \"a\") }" });
    assert_eq!(
        server.post(&json!([login])).await.json()[0]["data"]["login"],
        false
    );
    let answer = server.post(&json!([login, login])).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "OPERATION_TOO_COMPLEX")
    );
}
