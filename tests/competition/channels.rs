//! Creating, changing and deleting channels, and who may.

use marquee::domain::auth::Role;

use super::*;

const CREATE: &str = "mutation ($input: CreateChannelInput!) { createChannel(input: $input) {
    channel { id key name timeZone own guideIds } errors { __typename ... on UserError { message path } } } }";
const UPDATE: &str = "mutation ($input: UpdateChannelInput!) { updateChannel(input: $input) {
    channel { id key name timeZone own guideIds } errors { __typename ... on UserError { message path } } } }";
const DELETE: &str = "mutation ($input: DeleteChannelInput!) { deleteChannel(input: $input) {
    deletedId errors { __typename } } }";

async fn create(app: &TestApp, input: Value) -> Value {
    let made = app.ask_as(&Viewer::Command, CREATE, json!({ "input": input }));
    made.await["createChannel"].take()
}

#[tokio::test]
async fn a_channel_is_created_changed_and_deleted_with_its_airings() {
    let app = TestApp::start().await;
    let input = json!({
        "key": "film-one", "name": " Film One ", "timeZone": "Europe/Berlin", "own": true,
        "guideIds": ["one.de", " one.de ", "Film 1 @ DE"],
    });
    let made = create(&app, input).await["channel"].take();
    assert_eq!(made["name"], "Film One");
    assert_eq!(made["guideIds"], json!(["one.de", "Film 1 @ DE"]));
    assert_eq!(
        (&made["own"], &made["timeZone"]),
        (&json!(true), &json!("Europe/Berlin"))
    );

    let change = json!({ "input": { "id": made["id"], "name": "Film Two", "own": false } });
    let changed = app.ask_as(&Viewer::Command, UPDATE, change).await;
    let changed = &changed["updateChannel"]["channel"];
    assert_eq!(
        (&changed["name"], &changed["own"]),
        (&json!("Film Two"), &json!(false))
    );
    assert_eq!(
        changed["guideIds"], made["guideIds"],
        "what is omitted remains"
    );

    let (counts, _) =
        import_guide(&app, &guide(&[programme("one.de", 1, (20, 22), "A", FILM)])).await;
    assert_eq!(counts.added, 1);
    assert_eq!(schedule(&app, Some(&["film-one"])).await.len(), 1);
    let which = json!({ "input": { "id": made["id"] } });
    let gone = app.ask_as(&Viewer::Command, DELETE, which.clone()).await;
    assert_eq!(gone["deleteChannel"]["deletedId"], made["id"]);
    let again = app.ask_as(&Viewer::Command, DELETE, which).await;
    assert_eq!(
        again["deleteChannel"]["errors"][0]["__typename"],
        "NotFound"
    );
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM airings")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn keys_and_ids_in_guides_belong_to_one_channel() {
    let app = TestApp::start().await;
    let input = |key: &str, id: &str| json!({ "key": key, "name": key, "timeZone": "UTC", "guideIds": [id] });
    create(&app, input("one", "a")).await;
    let same_key = create(&app, input("one", "b")).await;
    assert_eq!(same_key["errors"][0]["__typename"], "Conflict");
    let same_id = create(&app, input("two", "a")).await;
    assert_eq!(same_id["errors"][0]["__typename"], "Conflict");
    let message = same_id["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`one`"), "{message}");
    let two = create(&app, input("two", "b")).await["channel"]["id"].take();
    let change = json!({ "input": { "id": two, "guideIds": ["a"] } });
    let changed = app.ask_as(&Viewer::Command, UPDATE, change).await;
    assert_eq!(
        changed["updateChannel"]["errors"][0]["__typename"],
        "Conflict"
    );
    let change = json!({ "input": { "id": two, "key": "one" } });
    let changed = app.ask_as(&Viewer::Command, UPDATE, change).await;
    assert_eq!(
        changed["updateChannel"]["errors"][0]["__typename"],
        "Conflict"
    );
    // Its own ids are no conflict.
    let change = json!({ "input": { "id": two, "guideIds": ["b", "c"] } });
    let changed = app.ask_as(&Viewer::Command, UPDATE, change).await;
    assert_eq!(changed["updateChannel"]["errors"], json!([]));
}

#[tokio::test]
async fn a_channel_that_cannot_be_stored_is_refused_with_the_field() {
    let app = TestApp::start().await;
    for (field, value) in [
        ("key", json!("Film One")),
        ("name", json!(" ")),
        ("timeZone", json!("Europe/Atlantis")),
        ("guideIds", json!([""])),
    ] {
        let mut input = json!({ "key": "one", "name": "One", "timeZone": "UTC" });
        input[field] = value;
        let refused = create(&app, input).await;
        let error = &refused["errors"][0];
        assert_eq!(error["__typename"], "InvalidInput", "{refused:#}");
        assert_eq!(error["path"], json!([field]));
    }
    let null = json!({ "input": { "id": channel(&app, "one", "UTC", false, &[]).await.id, "name": null } });
    let refused = app.ask_as(&Viewer::Command, UPDATE, null).await;
    assert_eq!(
        refused["updateChannel"]["errors"][0]["path"],
        json!(["name"])
    );
}

#[tokio::test]
async fn channels_are_listed_by_key_in_pages() {
    let app = TestApp::start().await;
    for (key, own) in [("b", true), ("a", false), ("c", true), ("d", false)] {
        channel(&app, key, "UTC", own, &[]).await;
    }
    let document = "query ($own: Boolean, $first: Int, $after: String) {
        channels(own: $own, first: $first, after: $after) {
            totalCount nodes { key } pageInfo { endCursor hasNextPage } } }";
    let ask = async |variables: Value| {
        let mut answer = app.ask_as(&Viewer::Command, document, variables).await;
        answer["channels"].take()
    };
    let keys = |page: &Value| -> Vec<String> {
        let nodes = page["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = ask(json!({ "first": 3 })).await;
    assert_eq!(keys(&first), ["a", "b", "c"]);
    assert_eq!(first["totalCount"], 4);
    let after = &first["pageInfo"]["endCursor"];
    let second = ask(json!({ "first": 3, "after": after })).await;
    assert_eq!(keys(&second), ["d"]);
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    let own = ask(json!({ "own": true })).await;
    assert_eq!(
        (keys(&own), &own["totalCount"]),
        (vec!["b".into(), "c".into()], &json!(2))
    );
    let rivals = ask(json!({ "own": false })).await;
    assert_eq!(keys(&rivals), ["a", "d"]);
}

#[tokio::test]
async fn curators_read_channels_and_schedules_admins_change_them_and_others_do_neither() {
    let app = TestApp::start().await;
    let one = channel(&app, "one", "UTC", false, &["a"]).await;
    import_guide(&app, &guide(&[programme("a", 1, (20, 22), "A", FILM)])).await;
    let airing = schedule(&app, None).await[0]["id"].clone();
    let reads = [
        "{ channel(key: \"one\") { name } }",
        "{ channels { nodes { name } } }",
        "{ channels { totalCount } }",
        "{ competitionSchedule(from: \"2026-03-01T00:00:00Z\", to: \"2026-03-02T00:00:00Z\") { nodes { title } } }",
    ];
    let id = one.id;
    let writes = [
        "mutation { createChannel(input: { key: \"x\", name: \"x\", timeZone: \"UTC\" }) { errors { __typename } } }"
            .to_owned(),
        format!(
            "mutation {{ updateChannel(input: {{ id: \"{id}\", name: \"x\" }}) {{ errors {{ __typename }} }} }}"
        ),
        format!("mutation {{ deleteChannel(input: {{ id: \"{id}\" }}) {{ errors {{ __typename }} }} }}"),
        "mutation { syncCompetition(input: {}) { errors { __typename } } }".to_owned(),
        "mutation { importCompetition(input: { uploadIds: [] }) { errors { __typename } } }".to_owned(),
    ];
    let curator = app.viewer(Role::Curator).await;
    let user = app.viewer(Role::User).await;
    let node = format!(
        "query {{ nodes(ids: [\"{}\", {airing}]) {{ __typename }} }}",
        one.id
    );
    for document in reads {
        app.ask_as(&curator, document, json!({})).await;
        assert_eq!(app.code_as(&user, document, json!({})).await, "FORBIDDEN");
        assert_eq!(
            app.code_as(&Viewer::Nobody, document, json!({})).await,
            "UNAUTHENTICATED"
        );
        assert_eq!(
            app.code_as(&app.app(&[]), document, json!({})).await,
            "FORBIDDEN"
        );
    }
    for document in &writes {
        assert_eq!(
            app.code_as(&curator, document, json!({})).await,
            "FORBIDDEN"
        );
        assert_eq!(
            app.code_as(&Viewer::Nobody, document, json!({})).await,
            "UNAUTHENTICATED"
        );
    }
    let seen = app.ask_as(&curator, &node, json!({})).await;
    assert_eq!(seen["nodes"][0]["__typename"], "Channel");
    assert_eq!(seen["nodes"][1]["__typename"], "Airing");
    let seen = app.ask_as(&user, &node, json!({})).await;
    assert_eq!(seen["nodes"], json!([null, null]));
    assert_eq!(schedule(&app, None).await.len(), 1);
}
