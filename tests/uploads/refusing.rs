//! What is refused, how that is said, and that nothing stays of it.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::http::connections::Connections;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::world::{FORM, World, form, pieces, sign_in, soon};

fn film() -> Vec<u8> {
    form(&[("file", Some("movies.csv"), b"movieId,title,genres\n")])
}

#[tokio::test]
async fn only_admins_upload() {
    let world = World::start().await;
    let bob = sign_in(&world.app, "bob", Role::User).await;
    let cleo = sign_in(&world.app, "cleo", Role::Curator).await;
    let key = NewApiKey {
        name: "shop".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires_at: None,
    };
    let auth = &world.app.services.auth;
    let (_, key) = auth.create_api_key(&Viewer::Command, key).await.unwrap();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    for (authorization, status, code) in [
        (None, 401, "UNAUTHENTICATED"),
        (bearer("wrong"), 401, "UNAUTHENTICATED"),
        (Some("Basic YTpi".to_owned()), 401, "UNAUTHENTICATED"),
        (bearer(bob.tokens.access.expose_secret()), 403, "FORBIDDEN"),
        (bearer(cleo.tokens.access.expose_secret()), 403, "FORBIDDEN"),
        (bearer(key.expose_secret()), 403, "FORBIDDEN"),
    ] {
        let mut headers = vec![("content-type", FORM)];
        if let Some(authorization) = &authorization {
            headers.push(("authorization", authorization));
        }
        let answer = world.send(&world.path(), &headers, film().into()).await;
        assert_eq!(answer.status, status, "{authorization:?} {answer:?}");
        assert_eq!(answer.error().0, code);
        let asks = answer.headers.get("www-authenticate");
        assert_eq!(asks.is_some(), status == 401);
        assert!(answer.json["errors"][0]["extensions"]["requestId"].is_string());
    }
    world.is_empty().await;
}

#[tokio::test]
async fn a_schema_that_is_not_served_is_not_found() {
    let world = World::start().await;
    let bearer = format!("Bearer {}", world.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    for path in ["/uploads/elsewhere", "/uploads/..", "/uploads/No%20Name"] {
        let answer = world.send(path, &headers, film().into()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let (code, message) = answer.error();
        assert_eq!(code, "NOT_FOUND");
        let served = format!("this server has {}", world.app.ctx.db.schema());
        assert!(message.contains(&served), "{message}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_told_how_to_be_one() {
    let world = World::start().await;
    let bearer = format!("Bearer {}", world.token());
    for (kind, coding) in [
        ("text/csv", "identity"),
        ("application/json", "identity"),
        ("multipart/form-data", "identity"),
        ("multipart/mixed; boundary=x", "identity"),
        (FORM, "gzip"),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", kind),
            ("content-encoding", coding),
        ];
        let answer = world.send(&world.path(), &headers, film().into()).await;
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        assert_eq!(answer.status, status, "{kind} {coding}");
        assert_eq!(answer.error().0, "BAD_USER_INPUT");
        if coding == "identity" {
            assert_eq!(answer.headers["accept-post"], "multipart/form-data");
            assert!(answer.error().1.contains("curl -F file=@"), "{answer:?}");
        }
    }
    world.is_empty().await;
}

#[tokio::test]
async fn a_form_that_is_not_good_says_what_is_wrong_with_it() {
    let world = World::start().await;
    let file = ("file", Some("movies.csv"), &b"abc"[..]);
    let long = "a".repeat(300);
    let wide = vec![b'a'; 5000];
    for (body, reason) in [
        (Vec::new(), "ended too early"),
        (form(&[]), "send one file"),
        (form(&[("name", None, b"movies.csv")]), "send one file"),
        (form(&[("file", None, b"abc")]), "send one file"),
        (form(&[("file", Some("movies.csv"), b"")]), "file is empty"),
        (form(&[file, file]), "one file at a time"),
        (form(&[file, ("colour", None, b"red")]), "`file` and `name`"),
        (form(&[file, ("name", None, &wide)]), "at most 4096 bytes"),
        (form(&[file, ("name", None, b"..")]), "no name of a file"),
        (
            form(&[("file", Some(&long), b"abc")]),
            "1 to 200 characters",
        ),
        (b"no form at all".to_vec(), "ended too early"),
    ] {
        let answer = world.send_form(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{reason}");
        let (code, message) = answer.error();
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains(reason), "{message} and not {reason}");
        world.is_empty().await;
    }
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_whether_it_was_announced_or_not() {
    let world = World::with(|settings| settings.imports.max_upload_bytes = 100_000).await;
    let file = |bytes: usize| form(&[("file", Some("a.csv"), &vec![b'a'; bytes])]);
    let in_pieces = |whole: Vec<u8>| {
        let cut = whole
            .chunks(1000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)));
        pieces(cut.collect())
    };
    let bearer = format!("Bearer {}", world.token());
    let announced = [
        ("authorization", bearer.as_str()),
        ("content-type", FORM),
        ("content-length", "9000000"),
    ];
    let silent = Body::from_stream(futures::stream::pending::<io::Result<Bytes>>());
    for answer in [
        // Nothing of it is waited for.
        world.send(&world.path(), &announced, silent).await,
        world.send_form(file(100_001)).await,
        world.send_form(in_pieces(file(100_001))).await,
        world.send_form(in_pieces(file(1_000_000))).await,
        // However small the file: what stands beside it is bounded too.
        world
            .send_form(in_pieces([vec![b' '; 1_000_000], file(1)].concat()))
            .await,
    ] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
        let (code, message) = answer.error();
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains("100000 bytes"), "{message}");
        assert!(message.contains("imports.max_upload_bytes"), "{message}");
        assert_eq!(answer.headers["connection"], "close");
        world.is_empty().await;
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let world = World::start().await;
    let whole = form(&[("file", Some("a.csv"), &vec![b'a'; 3_000_000])]);
    for end in [whole.len() / 2, whole.len() - 10, 60] {
        let answer = world.send_form(whole[..end].to_vec()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.error().1.contains("ended too early"), "{answer:?}");
        world.is_empty().await;
    }
    let begun = Bytes::copy_from_slice(&whole[..2_500_000]);
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    let answer = world.send_form(pieces(vec![Ok(begun), Err(broken)])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    world.is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_client_goes_away_leaves_nothing() {
    let world = World::start().await;
    let whole = form(&[("file", Some("a.csv"), &vec![b'a'; 3_000_000])]);
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(1);
    let receiver = tokio_stream(receiver);
    let request = Request::post(world.path())
        .header("authorization", format!("Bearer {}", world.token()))
        .header("content-type", FORM)
        .body(Body::from_stream(receiver))
        .unwrap();
    let connections = Connections::new(1);
    let schemas = Arc::clone(&world.app.schemas);
    let router = marquee::http::router(schemas, &world.app.ctx.settings, &connections).unwrap();
    let request = tokio::spawn(router.oneshot(request));
    for piece in whole[..2_500_000].chunks(100_000) {
        let sent = sender.send(Ok(Bytes::copy_from_slice(piece)));
        soon(sent).await.unwrap();
    }
    assert_eq!(world.stored().len(), 1, "it is under way");
    request.abort();
    assert!(request.await.is_err());
    // What was begun is removed on a thread of its own.
    soon(async {
        while !world.stored().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.is_empty().await;
}

#[tokio::test]
async fn a_client_that_falls_silent_is_given_up() {
    let world = World::with(|settings| settings.http.request_timeout_seconds = 1).await;
    let whole = form(&[("file", Some("a.csv"), &vec![b'a'; 100_000])]);
    let begun = Ok::<_, io::Error>(Bytes::copy_from_slice(&whole[..50_000]));
    let begun = futures::stream::iter([begun]).chain(futures::stream::pending());
    let answer = world.send_form(Body::from_stream(begun)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    world.is_empty().await;
}

fn tokio_stream<T>(receiver: mpsc::Receiver<T>) -> impl futures::Stream<Item = T> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        let next = receiver.recv().await?;
        Some((next, receiver))
    })
}
