//! Requests made to hurt. Each is answered by an error, small and soon, and the server lives.

use std::time::Instant;

use serde_json::json;

use crate::support::{Answer, Server};

async fn defused(server: &Server, name: &str, body: &[u8]) -> Answer {
    let started = Instant::now();
    let answer = server.post_bytes(body).await;
    println!("{name}: {} in {:?}", answer.status, started.elapsed());
    assert!((400..500).contains(&answer.status), "{name}: {answer:?}");
    assert!(answer.body.len() <= 64 * 1024, "{name}");
    let json = answer.json();
    assert!(json["errors"][0]["message"].is_string(), "{name}: {json}");
    let errors = json["errors"].as_array().expect("a list of errors");
    assert!(errors.len() <= 10, "{name}");
    for error in errors {
        let message = error["message"].as_str().expect("a message");
        assert!(message.chars().count() <= 300, "{name}: {message}");
    }
    assert!(json.get("data").is_none(), "{name}: {json}");
    assert!(
        json["errors"][0]["extensions"]["requestId"].is_string(),
        "{name}"
    );
    assert_eq!(server.query("{ hello }").await.status, 200, "after {name}");
    answer
}

async fn all_refused<const N: usize>(code: &str, documents: [(&str, String); N]) {
    let server = Server::start().await;
    for (name, source) in documents {
        let body = json!({ "query": source }).to_string();
        let answer = defused(&server, name, body.as_bytes()).await;
        assert_eq!(answer.code(), code, "{name}: {}", answer.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_are_refused() {
    let (open, close) = ("[".repeat(5_000), "]".repeat(5_000));
    let link = |n| {
        format!(
            "fragment F{n} on Query {{ ...F{next} ...F{next} }} ",
            next = n + 1
        )
    };
    let links = (0..30).map(link).collect::<Vec<_>>().concat();
    let alias = |n| format!("a{n}: hello ");
    let aliases = |count| (0..count).map(alias).collect::<Vec<_>>().concat();
    all_refused(
        "OPERATION_TOO_COMPLEX",
        [
            (
                "lists in an argument",
                format!("{{ lists(values: {open}{close}) }}"),
            ),
            ("lists without an end", format!("{{ lists(values: {open}")),
            (
                "lists in a type",
                format!("query ($a: {open}Int{close}) {{ hello }}"),
            ),
            (
                "lists in a default",
                format!("query ($a: [Int] = {open}{close}) {{ hello }}"),
            ),
            (
                "objects in an argument",
                format!("{{ lists(values: {}", "{a:".repeat(5_000)),
            ),
            ("selection sets", "{me".repeat(5_000)),
            (
                "2^30 fragments",
                format!("{{ ...F0 }} {links} fragment F30 on Query {{ __typename }}"),
            ),
            ("10,000 aliases", format!("{{ {} }}", aliases(10_000))),
            ("400 aliases", format!("{{ {} }}", aliases(400))),
            (
                "31 equal aliases",
                format!("{{ {} }}", "a: hello ".repeat(31)),
            ),
            ("only NUL bytes", "\0".repeat(30_000)),
            (
                "a long document",
                format!("{{ hello }}{}", " ".repeat(40_000)),
            ),
            ("a long name", "a".repeat(30_000)),
            (
                "introspection in circles",
                format!(
                    "{{ __schema {{ types {} {{ name }} {} }} }}",
                    "{ fields { type ".repeat(6),
                    "} }".repeat(6)
                ),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_graphql_is_refused() {
    let open = "[".repeat(5_000);
    all_refused(
        "GRAPHQL_PARSE_FAILED",
        [
            ("nothing", String::new()),
            ("only a comment", "# nothing".to_owned()),
            ("a long comment", format!("#{}", "x".repeat(32_000))),
            ("a string without an end", "{ echo(text: \"abc }".to_owned()),
            (
                "a block without an end",
                format!("{{ echo(text: \"\"\" a\" {open}"),
            ),
            ("NUL bytes", "{ hel\0lo }".to_owned()),
            ("a surrogate", r#"{ echo(text: "\ud800") }"#.to_owned()),
            ("brackets that close nothing", "]})".repeat(600)),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_schema_is_refused() {
    all_refused(
        "GRAPHQL_VALIDATION_FAILED",
        [
            (
                "a fragment of itself",
                "{ ...A } fragment A on Query { ...A }".to_owned(),
            ),
            ("a missing fragment", "{ ...A }".to_owned()),
            ("a huge number", "{ number(value: 1e999999) }".to_owned()),
            (
                "many unknown fields",
                format!("{{ me {{ {} }} }}", "hellp ".repeat(900)),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_made_to_hurt_are_refused() {
    let server = Server::start().await;
    let deep = |n: usize| {
        format!(
            "{{\"query\":\"{{hello}}\",\"variables\":{{\"a\":{}",
            "[".repeat(n)
        )
    };
    let closed = |n: usize| format!("{}{}}}}}", deep(n), "]".repeat(n));
    for (name, body) in [
        ("JSON 5,000 deep", closed(5_000)),
        ("JSON 400,000 deep", deep(400_000)),
        (
            "unknown keys 5,000 deep",
            format!("{{\"x\":{}", "[".repeat(5_000)),
        ),
        (
            "a lone surrogate",
            r#"{"query":"{ echo(text: \"\ud800\") }"}"#.to_owned(),
        ),
        (
            "100,000 requests",
            format!("[{}{{}}]", "{},".repeat(100_000)),
        ),
    ] {
        let answer = defused(&server, name, body.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_USER_INPUT"),
            "{name}"
        );
    }
    defused(&server, "invalid UTF-8", b"{\"query\":\"{ hello }\xc3\"}").await;

    let uses = "lists(values: $v) ".repeat(240);
    let source = format!("query ($v: [[Int!]!]) {{ me {{ {uses} }} }}");
    let values = vec![json!([1]); 200_000];
    let body = json!({ "query": source, "variables": { "v": values } }).to_string();
    let answer = defused(&server, "a large variable used 240 times", body.as_bytes()).await;
    assert_eq!(answer.code(), "OPERATION_TOO_COMPLEX");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_20_mb_is_refused_before_it_is_read() {
    let server = Server::start().await;
    let body = vec![b' '; 20 * 1024 * 1024];
    let answer = defused(&server, "20 MB, announced", &body).await;
    assert_eq!(answer.status, 413);

    let mut chunked = Vec::new();
    for chunk in body.chunks(64 * 1024) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let started = Instant::now();
    let headers = [
        ("content-type", "application/json"),
        ("transfer-encoding", "chunked"),
    ];
    let answer = server.send("POST /graphql", &headers, &chunked).await;
    println!(
        "20 MB, in chunks: {} in {:?}",
        answer.status,
        started.elapsed()
    );
    assert_eq!(answer.status, 413);

    // A client that only announces the body, and waits, is told at once too.
    let head = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 20000000\r\n\r\n";
    let started = Instant::now();
    let answer = server.raw(head).await;
    println!(
        "20 MB, not sent: {} in {:?}",
        answer.status,
        started.elapsed()
    );
    assert_eq!(answer.status, 413);
}
