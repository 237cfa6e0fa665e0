//! Whose uploads are whose, and how long they stay.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::uploads::UploadWriter;
use serde_json::json;

use crate::world::{World, sign_in, viewer};

const DELETE: &str = "mutation ($id: ID!) { deleteUpload(input: { id: $id }) { deletedId errors { __typename ... on UserError { code } } } }";

#[tokio::test]
async fn admins_see_all_uploads_and_others_their_own() {
    let world = World::start().await;
    let (eve, bob) = (
        sign_in(&world.app, "eve", Role::Admin).await,
        sign_in(&world.app, "bob", Role::User).await,
    );
    let first = world.upload("first.csv", b"1").await;
    world.app.ctx.clock.advance(TimeDelta::seconds(1));
    let second = world.upload("second.csv", b"2").await;
    let names = |listed: serde_json::Value| {
        let nodes = listed["nodes"].as_array().unwrap().clone();
        let names = nodes
            .iter()
            .map(|node| node["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let eve = viewer(&world.app, &eve).await;
    let seen = names(world.listed(&eve).await);
    assert_eq!(seen, ["second.csv", "first.csv"], "the newest first");
    let bob = viewer(&world.app, &bob).await;
    let app = world.app.app(domain::auth::Scope::ALL);
    for stranger in [&bob, &app] {
        let seen = world.listed(stranger).await;
        assert_eq!(
            (&seen["totalCount"], &seen["nodes"]),
            (&json!(0), &json!([]))
        );
        let refused = world
            .app
            .ask_as(stranger, DELETE, json!({ "id": first }))
            .await;
        assert_eq!(refused["deleteUpload"]["errors"][0]["code"], "NOT_FOUND");
    }
    let nobody = world
        .app
        .code_as(&Viewer::Nobody, "{ uploads { totalCount } }", json!({}))
        .await;
    assert_eq!(nobody, "UNAUTHENTICATED");
    let nobody = world
        .app
        .code_as(&Viewer::Nobody, DELETE, json!({ "id": first }));
    assert_eq!(nobody.await, "UNAUTHENTICATED");

    // No admin any more, she still has what she uploaded.
    let users = &world.app.services.users;
    let set = users.set_role(&Viewer::Command, world.ada.user.id, Role::User);
    set.await.unwrap();
    let ada = viewer(&world.app, &world.ada).await;
    assert_eq!(names(world.listed(&ada).await).len(), 2);
    let gone = world.app.ask_as(&ada, DELETE, json!({ "id": first })).await;
    assert_eq!(gone["deleteUpload"]["deletedId"], json!(first));
    assert_eq!(world.stored(), [second]);
    let again = world.app.ask_as(&ada, DELETE, json!({ "id": first })).await;
    assert_eq!(again["deleteUpload"]["errors"][0]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn lists_of_uploads_come_in_pages() {
    let world = World::start().await;
    for number in 0..3 {
        world.upload(&format!("{number}.csv"), b"x").await;
        world.app.ctx.clock.advance(TimeDelta::seconds(1));
    }
    let page = "query ($after: String) { uploads(first: 2, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }";
    let admin = world.admin().await;
    let first = world.app.ask_as(&admin, page, json!({})).await;
    let names = json!([{ "name": "2.csv" }, { "name": "1.csv" }]);
    assert_eq!(first["uploads"]["nodes"], names);
    assert_eq!(first["uploads"]["pageInfo"]["hasNextPage"], true);
    let after = &first["uploads"]["pageInfo"]["endCursor"];
    let rest = world
        .app
        .ask_as(&admin, page, json!({ "after": after }))
        .await;
    assert_eq!(rest["uploads"]["nodes"], json!([{ "name": "0.csv" }]));
    assert_eq!(rest["uploads"]["pageInfo"]["hasNextPage"], false);
}

/// A file of the shell's: no access token is good for days.
async fn young_file(mut writer: UploadWriter) -> String {
    writer.write(b"young"[..].into()).await.unwrap();
    writer.finish("young.csv").await.unwrap().id.to_string()
}

#[tokio::test]
async fn old_uploads_are_removed_and_what_a_killed_server_left_of_one() {
    let world = World::with(|settings| settings.retention.uploads_days = 7).await;
    let old = world.upload("old.csv", b"old").await;
    let folder = world.app.files.path().join("objects");
    let folder = folder
        .join(world.app.ctx.db.schema().as_str())
        .join("uploads");
    // As the store calls what is not whole, and a file that was whole and got no row.
    let never = world.upload("never.csv", b"never").await;
    let row = "DELETE FROM uploads WHERE name = 'never.csv'";
    let row = sqlx::query(row).execute(world.app.ctx.db.pool());
    assert_eq!(row.await.unwrap().rows_affected(), 1);
    std::fs::copy(folder.join(&old), folder.join(format!("{never}#1"))).unwrap();
    std::fs::write(folder.join("a file of somebody else"), "x").unwrap();
    world.app.ctx.clock.advance(TimeDelta::days(7));
    let service = &world.app.services.uploads;
    let young = service.begin(&Viewer::Command).await.unwrap();
    let young = young_file(young).await;
    world.app.ctx.clock.advance(TimeDelta::seconds(1));
    let upkeep = &world.app.services.upkeep;
    let removed = upkeep.remove_old(&Viewer::Command).await.unwrap();
    assert_eq!(removed.uploads, 1);
    assert_eq!(world.stored(), ["a file of somebody else", young.as_str()]);
    let listed = world.listed(&Viewer::Command).await;
    assert_eq!(listed["nodes"][0]["name"], "young.csv");
    assert_eq!(listed["totalCount"], 1);
    let again = upkeep.remove_old(&Viewer::Command).await.unwrap();
    assert_eq!(again.uploads, 0);
}

#[tokio::test]
async fn an_export_names_what_somebody_uploaded() {
    let world = World::start().await;
    world.upload("movies.csv", b"abc").await;
    let (users, ada) = (&world.app.services.users, world.ada.user.id);
    let export = users.export(&Viewer::Command, ada).await.unwrap();
    assert_eq!(export["uploads"][0]["name"], "movies.csv");
}

#[tokio::test]
async fn folders_of_imports_whose_process_was_killed_are_removed_when_they_are_old() {
    let world = World::start().await;
    let app = &world.app;
    let schema = app.ctx.db.schema();
    let folder = world.data.path().join("imports");
    let long_ago = std::time::SystemTime::from(app.ctx.clock.now() - TimeDelta::days(2));
    let lay = |schema: &str, job: &str, old: bool| {
        let name = format!("{schema}-{job}-abc123");
        std::fs::create_dir_all(folder.join(&name).join("files")).unwrap();
        if old {
            let folder = std::fs::File::open(folder.join(&name)).unwrap();
            folder.set_modified(long_ago).unwrap();
        }
        name
    };
    let job = || foundation::Id::<foundation::id::Job>::new(&app.ctx.clock, &app.ctx.rng);
    let running = job();
    sqlx::query("INSERT INTO generation_jobs (id, kind, parameters, asked_by, unique_key, attempts, state, worker_id, lease_until) VALUES ($1, 'IMPORT', '{}', 'x', 'x', 4, 'RUNNING', gen_random_uuid(), now() + interval '1 day')")
        .bind(running.uuid()).execute(app.ctx.db.pool()).await.unwrap();
    lay(schema.as_str(), &job().to_string(), true);
    let mut kept = vec![
        lay(schema.as_str(), &running.to_string(), true),
        lay(schema.as_str(), &job().to_string(), false),
        lay("another", &job().to_string(), true),
        lay(schema.as_str(), "whatever", true),
    ];
    kept.sort();
    let removed = app.services.upkeep.remove_old(&Viewer::Command).await;
    assert_eq!(removed.unwrap().import_folders, 1);
    assert_eq!(world.laid_out(), kept);
}
