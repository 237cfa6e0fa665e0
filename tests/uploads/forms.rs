//! What a form becomes.

use std::os::unix::fs::PermissionsExt;

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;

use crate::world::{World, form, pieces};

/// The digest of "abc", as FIPS 180-2 has it.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn a_file_is_kept_and_told_with_its_size_and_digest() {
    let world = World::start().await;
    let answer = world
        .send_form(form(&[("file", Some("films/abc.txt"), b"abc")]))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = json!({
        "id": answer.json["id"], "name": "abc.txt", "bytes": 3, "sha256": ABC,
        "createdAt": "2026-03-01T12:00:00Z",
    });
    assert_eq!(answer.json, told);
    assert_eq!(world.stored(), [answer.id()]);
    let listed = world.listed(&world.admin().await).await;
    let node = json!({
        "id": answer.id(), "name": "abc.txt", "bytes": 3.0, "sha256": ABC,
        "createdAt": listed["nodes"][0]["createdAt"],
        "owner": { "id": world.ada.user.id.to_string() },
    });
    assert_eq!(listed["nodes"], json!([node]));
    assert_eq!(listed["totalCount"], 1);
}

#[tokio::test]
async fn a_field_may_call_the_file_otherwise_wherever_it_stands() {
    let world = World::start().await;
    let name = ("name", None, &b"ratings.csv"[..]);
    let file = ("file", Some("-"), &b"abc"[..]);
    for parts in [[name, file], [file, name]] {
        let answer = world.send_form(form(&parts)).await;
        assert_eq!(answer.json["name"], "ratings.csv", "{answer:?}");
    }
}

#[tokio::test]
async fn a_large_file_arrives_as_it_is_in_whatever_pieces_it_comes() {
    let world = World::start().await;
    let mut bytes: Vec<u8> = (0..5_000_003_u32).map(|n| (n % 251) as u8).collect();
    // What looks like the end of a part is none.
    bytes.extend_from_slice(b"\r\n--a-line-that-is-in-\r\n");
    let whole = form(&[("file", Some("large.bin"), &bytes)]);
    let cut = whole
        .chunks(7919)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)));
    let answer = world.send_form(pieces(cut.collect())).await;
    let folder = world.app.files.path().join("objects");
    let folder = folder.join(world.app.ctx.db.schema().as_str());
    let folder = folder.join("uploads");
    let stored = std::fs::read(folder.join(answer.id())).unwrap();
    assert!(stored == bytes);
    assert_eq!(answer.json["bytes"], bytes.len());
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "it is nobody else's on this machine");
}

#[tokio::test]
async fn a_file_of_just_the_limit_is_taken() {
    let world = World::with(|settings| settings.imports.max_upload_bytes = 1000).await;
    let answer = world
        .send_form(form(&[("file", Some("a.csv"), &[b'a'; 1000])]))
        .await;
    assert_eq!(answer.json["bytes"], 1000, "{answer:?}");
}
