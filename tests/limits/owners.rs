//! What belongs to whom: items that users keep for themselves, accounts of admins, turns in the queue.

use marquee::domain::auth::{Role, Scope, Viewer};
use serde_json::json;

use crate::support::{TestApp, settings};

#[tokio::test]
async fn an_app_that_writes_the_catalogue_reads_nobodys_private_items() {
    let app = TestApp::start().await;
    let ana = app.viewer(Role::User).await;
    let hers = app.private_film(&ana, "Hers").await;
    let writer = app.app(&[Scope::CatalogueWrite]);
    let kept = app.private_film(&writer, "Kept").await;
    let document = "query($hers: ID!, $kept: ID!) { hers: content(id: $hers) { title } \
         kept: content(id: $kept) { title } contents { nodes { title } } }";
    let ids = json!({ "hers": hers, "kept": kept });
    let seen = app.ask_as(&writer, document, ids).await;
    assert_eq!(
        seen,
        json!({
            "hers": null,
            "kept": { "title": "Kept" },
            "contents": { "nodes": [{ "title": "Kept" }] },
        })
    );
    let update = "mutation($id: ID!) { updateContent(input: { id: $id, title: \"Stolen\" }) { errors { __typename } } }";
    let refused = app.ask_as(&writer, update, json!({ "id": hers })).await;
    assert_eq!(
        refused["updateContent"]["errors"],
        json!([{ "__typename": "NotFound" }])
    );
}

#[tokio::test]
async fn an_api_key_erases_users_and_no_admin() {
    let app = TestApp::start().await;
    let key = app.app(&[Scope::UsersWrite]);
    let erase = "mutation($id: ID) { eraseUser(input: { userId: $id }) { job { id } errors { __typename } } }";
    for (role, code) in [
        (Role::User, ""),
        (Role::Curator, "FORBIDDEN"),
        (Role::Admin, "FORBIDDEN"),
    ] {
        let user = app.viewer(role).await.user().unwrap();
        let answer = app.run_as(&key, erase, json!({ "id": user })).await;
        let found = answer["errors"][0]["extensions"]["code"].as_str();
        assert_eq!(found.unwrap_or_default(), code, "{role:?}: {answer}");
    }
    let admin = app.viewer(Role::Admin).await;
    let other = app.viewer(Role::Admin).await.user().unwrap();
    app.ask_as(&admin, erase, json!({ "id": other })).await;
}

#[tokio::test]
async fn addresses_of_pictures_are_those_of_the_web() {
    let app = TestApp::start().await;
    let create = "mutation($i: CreateContentInput!) { createContent(input: $i) { errors { ... on UserError { path } } } }";
    let person = "mutation($i: CreatePersonInput!) { createPerson(input: $i) { errors { ... on UserError { path } } } }";
    for (address, good) in [
        ("https://a.example/ran.png", true),
        ("/files/app/ran.png", true),
        ("javascript:alert(1)", false),
        ("data:text/html,x", false),
        ("//a.example/ran.png", false),
    ] {
        let item = json!({ "i": { "kind": "MOVIE", "title": "Ran", "posterUrl": address } });
        let made = app.ask_as(&Viewer::Command, create, item).await;
        let somebody = json!({ "i": { "name": format!("Of {address}"), "photoUrl": address } });
        let known = app.ask_as(&Viewer::Command, person, somebody).await;
        for (errors, path) in [
            (&made["createContent"]["errors"], "posterUrl"),
            (&known["createPerson"]["errors"], "photoUrl"),
        ] {
            let wanted = if good {
                json!([])
            } else {
                json!([{ "path": [path] }])
            };
            assert_eq!(*errors, wanted, "{address}");
        }
    }
}

const TEXT: &str = "mutation($seed: Int!) { createGenerationJob(input: { parameters: { text: \
     { prompt: \"A film about rain\", maxTokens: $seed } } }) { job { id } errors { __typename } } }";

#[tokio::test]
async fn an_anonymous_session_has_few_jobs_waiting() {
    let mut few = settings();
    few.jobs.max_waiting_anonymous = 2;
    few.jobs.max_waiting_per_user = 3;
    let app = TestApp::with(few).await;
    let guest = app.services.auth.start_anonymous_session(&Viewer::Nobody);
    let token = guest.await.unwrap().tokens.access;
    let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
    let guest = app.services.auth.authenticate(&token).await.unwrap();
    let user = app.viewer(Role::User).await;
    for (viewer, most) in [(guest, 2), (user, 3)] {
        for number in 0..=most {
            let seed = json!({ "seed": 50 + number });
            let made = app.ask_as(&viewer, TEXT, seed).await;
            let errors = &made["createGenerationJob"]["errors"];
            let wanted = match number == most {
                true => json!([{ "__typename": "Conflict" }]),
                false => json!([]),
            };
            assert_eq!(*errors, wanted, "{number} of {most}: {made}");
        }
    }
}

#[tokio::test]
async fn a_user_does_not_say_how_popular_or_whose_an_item_is_that_others_see() {
    let app = TestApp::start().await;
    let ana = app.viewer(Role::User).await;
    let create = "mutation($i: CreateContentInput!) { createContent(input: $i) \
         { content { id } errors { ... on UserError { path } } } }";
    let claims = json!({
        "kind": "MOVIE", "title": "Ran", "popularity": 1e9, "ratingAverage": 10, "ratingCount": 1000,
        "credits": [{ "name": "Akira Kurosawa", "role": "DIRECTOR" }],
    });
    let public = app.ask_as(&ana, create, json!({ "i": claims })).await;
    let paths = json!([
        { "path": ["popularity"] }, { "path": ["ratingAverage"] }, { "path": ["ratingCount"] }, { "path": ["credits"] },
    ]);
    assert_eq!(public["createContent"]["errors"], paths);
    // For herself she may note what she likes, and it stays with her.
    let mut private = claims.clone();
    private["visibility"] = json!("PRIVATE");
    let private = app.ask_as(&ana, create, json!({ "i": private })).await;
    let id = &private["createContent"]["content"]["id"];
    let update = "mutation($i: UpdateContentInput!) { updateContent(input: $i) \
         { errors { ... on UserError { path } } } }";
    let publish = json!({ "i": { "id": id, "visibility": "PUBLIC" } });
    let published = app.ask_as(&ana, update, publish).await;
    assert_eq!(published["updateContent"]["errors"], paths);
    // What she says of her own is hers to say, and others may be told more by those who look after the catalogue.
    let plain = json!({ "i": { "kind": "MOVIE", "title": "My film" } });
    let plain = app.ask_as(&ana, create, plain).await;
    let id = &plain["createContent"]["content"]["id"];
    let popular = json!({ "i": { "id": id, "popularity": 3.5 } });
    let refused = app.ask_as(&ana, update, popular.clone()).await;
    let path = json!([{ "path": ["popularity"] }]);
    assert_eq!(refused["updateContent"]["errors"], path);
    let done = app.ask_as(&Viewer::Command, update, popular.clone()).await;
    assert_eq!(done["updateContent"]["errors"], json!([]));
    let kept = app
        .ask_as(&ana, update, json!({ "i": { "id": id, "year": 1985 } }))
        .await;
    assert_eq!(kept["updateContent"]["errors"], json!([]));
}
