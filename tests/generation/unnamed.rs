//! Files that nothing names any more.

use std::fs::File;
use std::time::SystemTime;

use bytes::Bytes;
use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::foundation::{Id, id};
use marquee::platform::objects::{MediaType, ObjectName};
use std::path::PathBuf;

use crate::service::{make, picture, poster_of};
use crate::support::TestApp;

/// Where a file of the schema lies.
fn index(app: &TestApp, name: &ObjectName) -> PathBuf {
    let folder = app.files.path().join("objects");
    let folder = folder.join(app.ctx.db.schema().as_str());
    folder.join("content").join(name.to_string())
}

/// Makes a file one that was written so long ago, by the clock of the test.
fn written(app: &TestApp, name: &ObjectName, ago: TimeDelta) {
    let then = SystemTime::from(app.ctx.clock.now() - ago);
    let file = File::options().write(true).open(index(app, name)).unwrap();
    file.set_modified(then).unwrap();
}

/// A file that no row has ever named.
async fn stray(app: &TestApp, bytes: &'static str) -> ObjectName {
    let (objects, schema) = (&app.ctx.objects, app.ctx.db.schema());
    let kept = objects.put(
        schema,
        Bytes::from_static(bytes.as_bytes()),
        MediaType::Text,
    );
    kept.await.unwrap()
}

/// Makes an item one that was deleted so long ago.
async fn deleted(app: &TestApp, item: Id<id::Content>, ago: TimeDelta) {
    let done = sqlx::query("UPDATE content_items SET deleted_at = $2 WHERE id = $1")
        .bind(item.uuid())
        .bind(app.ctx.clock.now() - ago)
        .execute(app.ctx.db.pool());
    assert_eq!(done.await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn files_older_than_a_day_that_nothing_names_are_removed_and_no_others() {
    let app = TestApp::start().await;
    let viewer = app.viewer(Role::Admin).await;
    let (long, short) = (TimeDelta::days(2), TimeDelta::hours(23));
    let (lost, young) = (stray(&app, "lost").await, stray(&app, "young").await);
    let kept = make(&app, &viewer, picture()).await.remove(0);
    let gone = make(&app, &viewer, picture()).await.remove(0);
    let going = make(&app, &viewer, picture()).await.remove(0);
    deleted(&app, gone.content, long).await;
    deleted(&app, going.content, short).await;
    let film = app.film("Ran").await;
    let first = make(&app, &viewer, poster_of(film)).await.remove(0);
    let second = make(&app, &viewer, poster_of(film)).await.remove(0);
    let all = [
        &lost,
        &kept.file,
        &gone.file,
        &going.file,
        &first.file,
        &second.file,
    ];
    for (number, file) in all.into_iter().enumerate() {
        assert!(!all[..number].contains(&file), "each has a file of its own");
        written(&app, file, long);
    }
    written(&app, &young, short);
    let file_removal = &app.services.upkeep;
    let removed = file_removal.remove_old(&Viewer::Command).await.unwrap();
    assert_eq!(removed.files, 3);
    for file in [&lost, &gone.file, &first.file] {
        assert!(!index(&app, file).exists(), "{file}");
    }
    for file in [&young, &kept.file, &going.file, &second.file] {
        assert!(index(&app, file).exists(), "{file}");
    }
    let again = file_removal.remove_old(&Viewer::Command).await.unwrap();
    assert_eq!(again.files, 0);
}

#[tokio::test]
async fn the_address_of_a_poster_or_a_photo_keeps_a_file() {
    let app = TestApp::start().await;
    let (poster, photo) = (stray(&app, "poster").await, stray(&app, "photo").await);
    let film = app.film("Ran").await;
    let generation = &app.services.generation;
    for (statement, id, file) in [
        (
            "UPDATE content_items SET poster_url = $1 WHERE id = $2",
            film.uuid(),
            &poster,
        ),
        (
            "INSERT INTO people (id, name, photo_url, created_at, updated_at) VALUES ($2, 'Akira', $1, now(), now())",
            film.uuid(),
            &photo,
        ),
    ] {
        let address = format!("https://files.example.org{}", generation.address(file));
        let done = sqlx::query(statement).bind(address).bind(id);
        done.execute(app.ctx.db.pool()).await.unwrap();
        written(&app, file, TimeDelta::days(2));
    }
    let removed = generation.remove_unnamed(&Viewer::Command).await.unwrap();
    assert_eq!(removed, 0);
    assert!(index(&app, &poster).exists() && index(&app, &photo).exists());
    let stranger = app.viewer(Role::User).await;
    assert!(generation.remove_unnamed(&stranger).await.is_err());
}
