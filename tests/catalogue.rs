//! The catalogue as its users meet it: content items and people.

#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic, its helpers included"
)]

mod support;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::ContentKind;
use marquee::domain::content::model::{CreditRole, Fields, NewCredit, PersonRef};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use serde_json::{Value, json};
use support::TestApp;

#[tokio::test]
async fn what_was_created_can_be_read_listed_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.viewer(Role::Admin).await;
    let made = app
        .ask_as(
            &admin,
            r#"mutation ($input: CreateContentInput!) {
                createContent(input: $input) { content { id title year directors { name } credits { role character person { name } } } errors { __typename } }
            }"#,
            json!({ "input": {
                "kind": "MOVIE", "title": "Ran", "year": 1985, "genres": ["Drama", "War"],
                "credits": [
                    { "name": "Akira Kurosawa", "role": "DIRECTOR" },
                    { "name": "Tatsuya Nakadai", "role": "CAST", "character": "Hidetora" },
                ],
            } }),
        )
        .await;
    let content = &made["createContent"]["content"];
    assert_eq!(content["directors"], json!([{ "name": "Akira Kurosawa" }]));
    assert_eq!(content["credits"][0]["character"], "Hidetora");

    let listed = app
        .ask("{ contents(filter: { genres: { has: \"War\" } }) { nodes { title } totalCount } }")
        .await;
    assert_eq!(
        listed["contents"],
        json!({ "nodes": [{ "title": "Ran" }], "totalCount": 1 })
    );

    let changed = app
        .ask_as(
            &admin,
            "mutation ($id: ID!) { updateContent(input: { id: $id, durationMinutes: 162, year: null }) {
                content { title year durationMinutes genres } errors { __typename } } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(
        changed["updateContent"]["content"],
        json!({ "title": "Ran", "year": null, "durationMinutes": 162, "genres": ["Drama", "War"] })
    );

    let gone = app
        .ask_as(
            &admin,
            "mutation ($id: ID!) { deleteContent(input: { id: $id }) { deletedId errors { __typename } } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(gone["deleteContent"]["deletedId"], content["id"]);
    let after = app
        .ask_as(
            &Viewer::Nobody,
            "query ($id: ID!) { content(id: $id) { id } contents { totalCount } }",
            json!({ "id": content["id"] }),
        )
        .await;
    assert_eq!(
        after,
        json!({ "content": null, "contents": { "totalCount": 0 } })
    );
}

#[tokio::test]
async fn a_page_of_fifty_costs_as_many_statements_as_one_of_five() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    for number in 0..50 {
        let mut fields = Fields::new(ContentKind::Movie, format!("Film {number}"));
        fields.genres = vec!["Drama".to_owned(), format!("Genre {number}")];
        let credit = |(index, role)| NewCredit {
            person: PersonRef::Name(format!("Person {}", (number * 3 + index) % 70)),
            role,
            character: None,
        };
        let roles = std::iter::repeat_n(CreditRole::Cast, 12);
        let roles = std::iter::once(CreditRole::Director).chain(roles);
        let credits = roles.enumerate().map(credit).collect();
        let content = &app.services.content;
        let made = content.create(&Viewer::Command, fields, credits).await;
        let new = NewInteraction::new(made.unwrap().id, InteractionKind::View);
        app.services.interactions.record(&user, new).await.unwrap();
    }
    let mut costs = Vec::new();
    for size in [5, 50] {
        let document = format!(
            "{{ contents(first: {size}) {{ nodes {{ title genres directors {{ name }} \
                 credits(roles: [CAST]) {{ character person {{ name }} }} userTags {{ tag }} \
                 externalIds {{ source }} ratings {{ count mean }} interactionCount }} }} }}"
        );
        let before = app.ctx.db.statements();
        let page = app.ask_as(&user, &document, json!({})).await;
        costs.push(app.ctx.db.statements() - before);
        let nodes = page["contents"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), size);
        assert_eq!(nodes[0]["credits"].as_array().unwrap().len(), 12);
    }
    assert_eq!(costs, [7, 7]);
}

#[tokio::test]
async fn what_is_private_is_hidden_from_others_in_every_way() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::User).await;
    let film = app.private_film(&owner, "Secret").await;
    let credit = NewCredit {
        person: PersonRef::Name("Ana".to_owned()),
        role: CreditRole::Director,
        character: None,
    };
    let content = &app.services.content;
    content
        .update(&owner, film, Some(vec![credit]), |fields| {
            fields.genres.push("Hidden".to_owned());
        })
        .await
        .unwrap();
    let new = NewInteraction::new(film, InteractionKind::Like);
    app.services.interactions.record(&owner, new).await.unwrap();

    let document = "query ($id: ID!) {
        content(id: $id) { title }
        contents { nodes { title } totalCount }
        byGenre: contents(filter: { genres: { has: \"Hidden\" } }) { totalCount }
        contentFacets { totalCount kinds { count } genres { value } }
        person(name: \"Ana\") {
            filmography { nodes { content { title } } totalCount }
            statistics { films firstYear genres { genre } collaborators { films } } } }";
    let seen = async |viewer: &Viewer| -> String {
        let answer = app.ask_as(viewer, document, json!({ "id": film })).await;
        answer.to_string()
    };
    let blank = app
        .ask_as(&Viewer::Nobody, document, json!({ "id": film }))
        .await;
    assert_eq!(
        blank,
        json!({
            "content": null,
            "contents": { "nodes": [], "totalCount": 0 },
            "byGenre": { "totalCount": 0 },
            "contentFacets": { "totalCount": 0, "kinds": [], "genres": [] },
            "person": {
                "filmography": { "nodes": [], "totalCount": 0 },
                "statistics": { "films": 0, "firstYear": null, "genres": [], "collaborators": [] },
            },
        })
    );
    for other in [
        app.viewer(Role::User).await,
        app.viewer(Role::Curator).await,
        app.app(&[Scope::InteractionsWrite, Scope::UsersRead]),
        app.app(&[Scope::CatalogueWrite]),
    ] {
        assert_eq!(seen(&other).await, blank.to_string());
        let reaction = NewInteraction::new(film, InteractionKind::View);
        assert!(
            app.services
                .interactions
                .record(&other, reaction)
                .await
                .is_err()
        );
    }
    for insider in [owner, app.viewer(Role::Admin).await] {
        assert!(seen(&insider).await.contains("Secret"));
    }
}

#[tokio::test]
async fn strangers_change_nothing() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::User).await;
    let stranger = app.viewer(Role::Curator).await;
    let fields = Fields::new(ContentKind::Text, "A poem");
    let open = app
        .services
        .content
        .create(&owner, fields, Vec::new())
        .await
        .unwrap()
        .id;
    let hidden = app.private_film(&owner, "Secret").await;
    let catalogue = app.film("Ran").await;
    let update = "mutation ($id: ID!) { updateContent(input: { id: $id, title: \"Stolen\" }) {
        content { title } errors { __typename } } }";
    let delete = "mutation ($id: ID!) { deleteContent(input: { id: $id }) { deletedId errors { __typename } } }";
    for (document, field) in [(update, "updateContent"), (delete, "deleteContent")] {
        for id in [open, catalogue] {
            let of = json!({ "id": id });
            assert_eq!(
                app.code_as(&stranger, document, of.clone()).await,
                "FORBIDDEN"
            );
            assert_eq!(
                app.code_as(&Viewer::Nobody, document, of).await,
                "UNAUTHENTICATED"
            );
        }
        // What they may not see is told like what is not there.
        let answer = app
            .ask_as(&stranger, document, json!({ "id": hidden }))
            .await;
        assert_eq!(
            answer[field]["errors"],
            json!([{ "__typename": "NotFound" }])
        );
        let wrong = json!({ "id": owner.user() });
        assert_eq!(app.code_as(&owner, document, wrong).await, "BAD_USER_INPUT");
    }
    let titles = app
        .ask("{ contents(orderBy: { field: TITLE }) { nodes { title } } }")
        .await;
    assert_eq!(
        titles["contents"]["nodes"],
        json!([{ "title": "A poem" }, { "title": "Ran" }, { "title": "Secret" }])
    );
}

#[tokio::test]
async fn what_is_left_out_stays_and_what_is_null_is_emptied() {
    let app = TestApp::start().await;
    let owner = app.viewer(Role::User).await;
    let film = app.private_film(&owner, "Ran").await;
    let document = "mutation ($id: ID!, $title: String, $year: Int, $genres: [String!], $brand: String) {
        updateContent(input: { id: $id, title: $title, year: $year, genres: $genres, brand: $brand }) {
            content { title year genres brand visibility } errors { __typename } } }";
    let change = async |variables: Value| -> Value {
        let mut variables = variables;
        variables["id"] = json!(film);
        let mut answer = app.ask_as(&owner, document, variables).await;
        assert_eq!(answer["updateContent"]["errors"], json!([]));
        answer["updateContent"]["content"].take()
    };
    let all = json!({ "title": "Ran", "year": 1985, "genres": ["War"], "brand": "Toho", "visibility": "PRIVATE" });
    let given = change(json!({ "year": 1985, "genres": ["War", "War"], "brand": "Toho" })).await;
    assert_eq!(given, all);
    assert_eq!(change(json!({})).await, all);
    let untitled = json!({ "id": film, "title": null });
    let answer = app.ask_as(&owner, document, untitled).await;
    assert_eq!(
        answer["updateContent"],
        json!({ "content": null, "errors": [{ "__typename": "InvalidInput" }] })
    );
    let mut emptied = all.clone();
    emptied["year"] = Value::Null;
    emptied["genres"] = json!([]);
    assert_eq!(
        change(json!({ "year": null, "genres": null })).await,
        emptied
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_lose_nothing() {
    let app = TestApp::start().await;
    let film = app.film("Ran").await;
    let changes = (0..24).map(|number| {
        let services = app.services.clone();
        tokio::spawn(async move {
            let change = move |fields: &mut Fields| fields.tags.push(format!("tag {number}"));
            services
                .content
                .update(&Viewer::Command, film, None, change)
                .await
        })
    });
    for changed in futures::future::join_all(changes).await {
        changed.unwrap().unwrap();
    }
    let found = app
        .services
        .content
        .find_many(&Viewer::Command, &[film])
        .await
        .unwrap();
    assert_eq!(found[&film].fields.tags.len(), 24);
}

#[tokio::test]
async fn what_is_deleted_is_hidden_at_once_from_everybody() {
    let app = TestApp::start().await;
    let film = app.film("Ran").await;
    let user = app.user("Kei").likes([film]).await;
    let content = &app.services.content;
    content.delete(&Viewer::Command, film).await.unwrap();
    let answer = app
        .ask_as(
            &user,
            "query ($id: ID!) { content(id: $id) { id } contents { totalCount }
                contentFacets { totalCount } interactions { nodes { kind content { id } } } }",
            json!({ "id": film }),
        )
        .await;
    assert_eq!(
        answer,
        json!({
            "content": null,
            "contents": { "totalCount": 0 },
            "contentFacets": { "totalCount": 0 },
            // What was done stays on record.
            "interactions": { "nodes": [{ "kind": "LIKE", "content": null }] },
        })
    );
    let new = NewInteraction::new(film, InteractionKind::View);
    let late = app.services.interactions.record(&user, new).await;
    assert_eq!(late.unwrap_err().code(), "NOT_FOUND");
    let again = content.delete(&Viewer::Command, film).await;
    assert_eq!(again.unwrap_err().code(), "NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_with_the_field_that_is_wrong() {
    let app = TestApp::start().await;
    let user = app.viewer(Role::User).await;
    let document = "mutation ($input: CreateContentInput!) { createContent(input: $input) {
        content { id } errors { __typename ... on UserError { path code } } } }";
    for (more, path) in [
        (json!({ "title": "" }), json!(["title"])),
        (json!({ "title": "\u{0}" }), json!(["title"])),
        (json!({ "description": "\u{0}" }), json!(["description"])),
        (json!({ "language": "\u{0}" }), json!(["language"])),
        (json!({ "merchant": "\u{0}" }), json!(["merchant"])),
        (json!({ "color": "\u{0}" }), json!(["color"])),
        (json!({ "posterUrl": "\u{0}" }), json!(["posterUrl"])),
        (json!({ "genres": ["\u{0}"] }), json!(["genres"])),
        (json!({ "tags": ["a", ""] }), json!(["tags"])),
        (
            json!({ "categoryPath": ["\u{0}"] }),
            json!(["categoryPath"]),
        ),
        (json!({ "metadata": { "a": ["\u{0}"] } }), json!([])),
        (json!({ "metadata": { "\u{0}": 1 } }), json!([])),
        (json!({ "metadata": [] }), json!(["metadata"])),
        (json!({ "year": 1799 }), json!(["year"])),
        (
            json!({ "price": "1.005", "currency": "EUR" }),
            json!(["price"]),
        ),
        (json!({ "price": "1.00" }), json!(["currency"])),
        (
            json!({ "rightsFrom": "2026-02-02", "rightsUntil": "2026-02-01" }),
            json!(["rightsUntil"]),
        ),
        (json!({ "rightsFrom": "-200000-01-01" }), json!([])),
        (
            json!({ "credits": [{ "role": "CAST", "name": "\u{0}" }] }),
            json!(["credits", "0", "name"]),
        ),
        (
            json!({ "credits": [{ "role": "CAST" }] }),
            json!(["credits", "0", "personId"]),
        ),
    ] {
        let mut input = json!({ "kind": "MOVIE", "title": "Ran" });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = app.ask_as(&user, document, json!({ "input": input })).await;
        let error = &answer["createContent"]["errors"][0];
        assert_eq!(error["path"], path, "{more} {answer}");
        assert_eq!(error["code"], "BAD_USER_INPUT");
    }
    let left = app
        .ask("{ contents { totalCount } people { totalCount } }")
        .await;
    assert_eq!(
        left,
        json!({ "contents": { "totalCount": 0 }, "people": { "totalCount": 0 } })
    );
}

#[tokio::test]
async fn the_way_on_from_a_change_sees_the_change() {
    let app = TestApp::start().await;
    let film = app.film("Ran").await;
    let user = app.viewer(Role::User).await;
    let id = json!({ "id": film.to_string(), "user": user.user().unwrap().to_string() });
    // The first of each pair loads what the second changes.
    let seen = app
        .ask_as(
            &Viewer::Command,
            "mutation ($id: ID!, $user: ID!) {
                a: updateContent(input: { id: $id, title: \"One\", credits: [{ name: \"Ana\", role: CAST }] }) { query { ...seen } }
                b: updateContent(input: { id: $id, title: \"Two\", credits: [] }) { query { ...seen } }
                c: recordInteraction(input: { contentId: $id, userId: $user, kind: RATING, value: 4 }) { query { ...seen } }
                d: recordInteractions(input: { interactions: [{ contentId: $id, userId: $user, kind: LIKE }] }) { query { ...seen } }
                e: deleteContent(input: { id: $id }) { query { ...seen } }
            }
            fragment seen on Query { content(id: $id) { title credits { person { name } } interactionCount ratings { mean } } }",
            id,
        )
        .await;
    let expected = |title: &str, people: &[&str], interactions: i32, mean: Option<f64>| {
        let credits = people
            .iter()
            .map(|name| json!({ "person": { "name": name } }));
        json!({ "content": {
            "title": title, "credits": credits.collect::<Vec<_>>(),
            "interactionCount": interactions, "ratings": { "mean": mean },
        } })
    };
    assert_eq!(seen["a"]["query"], expected("One", &["Ana"], 0, None));
    assert_eq!(seen["b"]["query"], expected("Two", &[], 0, None));
    assert_eq!(seen["c"]["query"], expected("Two", &[], 1, Some(4.0)));
    assert_eq!(seen["d"]["query"], expected("Two", &[], 2, Some(4.0)));
    assert_eq!(seen["e"]["query"], json!({ "content": null }));
}

#[tokio::test]
async fn the_way_on_from_a_deleted_interaction_no_longer_counts_it() {
    let app = TestApp::start().await;
    let film = app.film("Ran").await;
    let user = app.viewer(Role::User).await;
    let mut likes = Vec::new();
    for _ in 0..2 {
        let like = NewInteraction::new(film, InteractionKind::Like);
        let like = app.services.interactions.record(&user, like).await.unwrap();
        likes.push(like.interaction.id.to_string());
    }
    let seen = app
        .ask_as(
            &user,
            "mutation ($film: ID!, $a: ID!, $b: ID!) {
                a: deleteInteraction(input: { id: $a }) { query { ...seen } }
                b: deleteInteraction(input: { id: $b }) { query { ...seen } }
            }
            fragment seen on Query { content(id: $film) { interactionCount } }",
            json!({ "film": film.to_string(), "a": likes[0], "b": likes[1] }),
        )
        .await;
    assert_eq!(seen["a"]["query"]["content"]["interactionCount"], 1);
    assert_eq!(seen["b"]["query"]["content"]["interactionCount"], 0);
}
