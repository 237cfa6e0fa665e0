//! Answers that are kept whole: given again as they are, and never to the wrong one or too late.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use chrono::TimeDelta;
use marquee::domain::auth::Viewer;
use marquee::domain::auth::model::NewApiKey;
use marquee::domain::auth::{Role, Scope};
use marquee::domain::experiments::{NewExperiment, Overrides};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::models::ModelKind;
use marquee::foundation::{Id, id};
use marquee::platform::cache::CacheKind;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::TestApp;
use tower::ServiceExt;

const LIST: &str = "{ recommendations(first: 5) { id items { content { id title } } } }";
const FILMS: &str = "{ contents(first: 50) { nodes { id title } totalCount } }";

/// The whole server over HTTP, and somebody with a token.
struct Server {
    app: TestApp,
    router: Router,
}

/// A signed-in user.
struct TestUser {
    id: Id<id::User>,
    token: String,
}

struct Answer {
    json: Value,
    headers: axum::http::HeaderMap,
}

impl Server {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let schemas = Arc::clone(&app.schemas);
        let router = marquee::http::router(
            schemas,
            &app.ctx.settings,
            &marquee::http::connections::Connections::new(100),
        )
        .unwrap();
        Self { app, router }
    }

    async fn user(&self, name: &str) -> TestUser {
        let auth = &self.app.services.auth;
        let email = format!("{name}@example.org").parse().unwrap();
        let password = "a film a day keeps".into();
        let made = auth.register(&Viewer::Nobody, name.to_owned(), email, &password);
        let made = made.await.unwrap();
        TestUser {
            id: made.user.id,
            token: made.tokens.access.expose_secret().to_owned(),
        }
    }

    /// The key of an app that may do this.
    async fn key(&self, scopes: &[Scope]) -> String {
        let new = NewApiKey {
            name: "an app".to_owned(),
            scopes: scopes.to_vec(),
            expires_at: None,
        };
        let auth = &self.app.services.auth;
        let made = auth.create_api_key(&Viewer::Command, new).await;
        made.unwrap().1.expose_secret().to_owned()
    }

    async fn ask(&self, token: Option<&str>, body: Value) -> Answer {
        let mut request =
            Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            json: serde_json::from_slice(&bytes).unwrap(),
            headers: parts.headers,
        }
    }

    async fn data(&self, token: Option<&str>, document: &str) -> Value {
        let answer = self.ask(token, json!({ "query": document })).await.json;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].clone()
    }

    /// The id of the list that a user gets now: the same as long as the answer is kept.
    async fn list(&self, user: &TestUser) -> String {
        let data = self.data(Some(&user.token), LIST).await;
        data["recommendations"]["id"].as_str().unwrap().to_owned()
    }

    /// How many answers were found, and how many made and kept.
    async fn counted(&self) -> (u64, u64) {
        let all = self
            .app
            .services
            .caching
            .statistics(&Viewer::Command)
            .await
            .unwrap();
        let lists = all
            .into_iter()
            .find(|one| one.kind == CacheKind::Answers)
            .unwrap();
        (lists.process_hits, lists.misses)
    }

    async fn mutate(&self, user: &TestUser, name: &str, input: Value) -> Value {
        let kind = name[..1].to_uppercase() + &name[1..];
        let document = format!(
            "mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ errors {{ __typename }} }} }}"
        );
        let body = json!({ "query": document, "variables": { "input": input } });
        let answer = self.ask(Some(&user.token), body).await.json;
        assert_eq!(answer["data"][name]["errors"], json!([]), "{answer:#}");
        answer
    }
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer_with_headers_of_its_own() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let body = json!({ "query": LIST });
    let first = server.ask(Some(&ana.token), body.clone()).await;
    let second = server.ask(Some(&ana.token), body).await;
    assert_eq!(first.json, second.json);
    assert_eq!(server.counted().await, (1, 1));
    assert_ne!(
        first.headers["x-request-id"],
        second.headers["x-request-id"]
    );
    for name in [header::CONTENT_TYPE, header::CACHE_CONTROL, header::VARY] {
        assert_eq!(first.headers[&name], second.headers[&name]);
    }
    assert_eq!(second.headers[header::CACHE_CONTROL], "no-store");
    // The list was drawn and written once.
    let lists: i64 = sqlx::query_scalar("SELECT count(*) FROM recommendation_lists")
        .fetch_one(server.app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(lists, 1);
}

#[tokio::test]
async fn caches_on_the_way_may_share_what_everybody_gets() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let get = async |query: &str, headers: &[(header::HeaderName, &str)]| {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut request = Request::get(format!("/graphql?query={query}"));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = server.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts, to_bytes(body, usize::MAX).await.unwrap())
    };
    let (parts, body) = get(FILMS, &[]).await;
    assert_eq!(
        parts.headers[header::CACHE_CONTROL],
        "public, max-age=0, must-revalidate"
    );
    let tag = parts.headers[header::ETAG].to_str().unwrap().to_owned();
    let known = [(header::IF_NONE_MATCH, tag.as_str())];
    let (parts, nothing) = get(FILMS, &known).await;
    assert_eq!((parts.status.as_u16(), nothing.len()), (304, 0));
    server.app.film("Ran").await;
    let (parts, other) = get(FILMS, &known).await;
    assert_eq!(parts.status, 200);
    assert_ne!(other, body);
    // Nothing of a viewer's, and nothing that changes by itself.
    let bearer = format!("Bearer {}", ana.token);
    for (query, headers) in [
        (FILMS, vec![(header::AUTHORIZATION, bearer.as_str())]),
        ("{ viewer { __typename } }", Vec::new()),
    ] {
        let (parts, _) = get(query, &headers).await;
        assert_eq!(parts.headers[header::CACHE_CONTROL], "no-store", "{query}");
        assert!(!parts.headers.contains_key(header::ETAG));
    }
}

#[tokio::test]
async fn an_experiment_shows_in_the_next_answer_from_its_start_to_its_end() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let before = server.list(&ana).await;
    let variant = |name: &str| (name.to_owned(), 1, Overrides::default());
    let new = NewExperiment {
        name: "The same twice".to_owned(),
        contexts: Vec::new(),
        variants: vec![variant("control"), variant("other")],
    };
    let experiments = &server.app.services.experiments;
    let made = experiments.create(&Viewer::Command, new).await.unwrap();
    assert_eq!(server.list(&ana).await, before);
    let started = experiments.start(&Viewer::Command, made.id).await;
    started.unwrap();
    let during = server.list(&ana).await;
    assert_ne!(during, before);
    assert_eq!(server.list(&ana).await, during);
    let stopped = experiments.stop(&Viewer::Command, made.id).await;
    stopped.unwrap();
    assert_ne!(server.list(&ana).await, during);
}

#[tokio::test]
async fn what_the_viewer_does_shows_in_the_next_answer() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let before = server.list(&ana).await;
    assert_eq!(server.list(&ana).await, before);
    let like = json!({ "contentId": heat.to_string(), "kind": "LIKE" });
    server.mutate(&ana, "recordInteraction", like).await;
    let after = server.list(&ana).await;
    assert_ne!(after, before);
    // Taking it back, and a change of one's own tastes, are deeds as well.
    let history = "{ interactions { nodes { id } } }";
    let done = server.data(Some(&ana.token), history).await;
    let id = &done["interactions"]["nodes"][0]["id"];
    server
        .mutate(&ana, "deleteInteraction", json!({ "id": id }))
        .await;
    let again = server.list(&ana).await;
    assert_ne!(again, after);
    let tastes = json!({ "preferences": { "favouriteGenres": ["Western"] } });
    server.mutate(&ana, "updateProfile", tastes).await;
    assert_ne!(server.list(&ana).await, again);
}

#[tokio::test]
async fn what_others_do_leaves_the_viewers_answer_where_it_is() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let (ana, ben) = (server.user("ana").await, server.user("ben").await);
    let before = server.list(&ana).await;
    let like = json!({ "contentId": heat.to_string(), "kind": "LIKE" });
    server.mutate(&ben, "recordInteraction", like).await;
    assert_eq!(server.list(&ana).await, before);
}

#[tokio::test]
async fn a_change_of_the_catalogue_shows_in_the_next_answer() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let titles = async || {
        let data = server.data(None, FILMS).await;
        let nodes = data["contents"]["nodes"].as_array().unwrap().clone();
        let mut titles: Vec<String> = nodes
            .iter()
            .map(|node| node["title"].as_str().unwrap().to_owned())
            .collect();
        titles.sort();
        titles
    };
    assert_eq!(titles().await, ["Heat"]);
    server.app.film("Ronin").await;
    assert_eq!(titles().await, ["Heat", "Ronin"]);
    let content = &server.app.services.content;
    let renamed = content.update(&Viewer::Command, heat, None, |fields| {
        fields.title = "Heat (1995)".to_owned();
    });
    renamed.await.unwrap();
    assert_eq!(titles().await, ["Heat (1995)", "Ronin"]);
    content.delete(&Viewer::Command, heat).await.unwrap();
    assert_eq!(titles().await, ["Ronin"]);
}

#[tokio::test]
async fn a_model_and_a_table_of_weights_take_effect_at_once() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let before = server.list(&ana).await;
    let models = &server.app.services.models;
    let model = models.begin(ModelKind::Collaborative, "test", json!({}));
    let model = model.await.unwrap();
    models.finish(model.id, json!({})).await.unwrap();
    models.activate(model.id).await.unwrap();
    let after = server.list(&ana).await;
    assert_ne!(after, before);
    let interactions = &server.app.services.interactions;
    let weights = interactions.update_weights(&Viewer::Command, None, Vec::new());
    weights.await.unwrap();
    assert_ne!(server.list(&ana).await, after);
}

#[tokio::test]
async fn two_users_share_nothing_and_neither_does_nobody() {
    let server = Server::start().await;
    let (ana, ben) = (server.user("ana").await, server.user("ben").await);
    let viewer = server
        .app
        .services
        .auth
        .authenticate(&ana.token)
        .await
        .unwrap();
    server.app.private_film(&viewer, "Ana's own").await;
    let of = async |token: Option<&str>| {
        let data = server.data(token, FILMS).await;
        data["contents"]["totalCount"].as_i64().unwrap()
    };
    for _ in 0..2 {
        assert_eq!(of(Some(&ana.token)).await, 1);
        assert_eq!(of(Some(&ben.token)).await, 0);
        assert_eq!(of(None).await, 0);
    }
    assert_eq!(server.counted().await, (3, 3));
    // Nor do two apps with other scopes.
    let writer = server.key(&[Scope::CatalogueWrite]).await;
    let reader = server.key(&[Scope::UsersRead]).await;
    of(Some(&writer)).await;
    of(Some(&reader)).await;
    assert_eq!(server.counted().await, (3, 5));
}

#[tokio::test]
async fn another_role_is_another_viewer() {
    let server = Server::start().await;
    let (ana, ben) = (server.user("ana").await, server.user("ben").await);
    let viewer = server
        .app
        .services
        .auth
        .authenticate(&ben.token)
        .await
        .unwrap();
    server.app.private_film(&viewer, "Ben's own").await;
    let seen =
        async || server.data(Some(&ana.token), FILMS).await["contents"]["totalCount"].clone();
    assert_eq!(seen().await, 0);
    let users = &server.app.services.users;
    users
        .set_role(&Viewer::Command, ana.id, Role::Admin)
        .await
        .unwrap();
    assert_eq!(seen().await, 1);
}

#[tokio::test]
async fn errors_mutations_and_what_concerns_others_are_not_kept() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let id = heat.to_string();
    let questions = [
        "{ recommendations(first: -1) { id } }".to_owned(),
        "{ contents(after: \"nonsense\") { nodes { id } } }".to_owned(),
        "{ contents { nodes { nonsense } } }".to_owned(),
        "{ viewer { __typename } }".to_owned(),
        format!("{{ content(id: \"{id}\") {{ title interactionCount }} }}"),
        "{ recommendations(userId: \"nobody\") { id } }".to_owned(),
        "mutation { logoutEverywhere { errors { __typename } } }".to_owned(),
    ];
    for question in &questions {
        for _ in 0..2 {
            server
                .ask(Some(&ana.token), json!({ "query": question }))
                .await;
        }
    }
    // Nobody has a list, and is told so each time.
    for _ in 0..2 {
        let answer = server.ask(None, json!({ "query": LIST })).await.json;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }
    assert_eq!(server.counted().await, (0, 0));
}

#[tokio::test]
async fn an_answer_about_a_user_is_kept_until_that_user_does_something() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let (ana, ben) = (server.user("ana").await, server.user("ben").await);
    let key = server.key(&[Scope::RecommendationsRead]).await;
    let list = async |user: &TestUser| {
        let document = "query ($user: ID) { recommendations(userId: $user) { id } }";
        let body = json!({ "query": document, "variables": { "user": user.id } });
        let answer = server.ask(Some(&key), body).await.json;
        let id = &answer["data"]["recommendations"]["id"];
        id.as_str().unwrap().to_owned()
    };
    let (of_ana, of_ben) = (list(&ana).await, list(&ben).await);
    assert_ne!(of_ana, of_ben);
    assert_eq!(
        (list(&ana).await, list(&ben).await),
        (of_ana.clone(), of_ben.clone())
    );
    assert_eq!(server.counted().await, (2, 2));
    let like = json!({ "contentId": heat, "kind": "LIKE" });
    server.mutate(&ana, "recordInteraction", like).await;
    assert_ne!(list(&ana).await, of_ana);
    assert_eq!(list(&ben).await, of_ben);
    // Whoever may not ask is told so, and finds nothing that was kept for others.
    let body = format!("{{ recommendations(userId: \"{}\") {{ id }} }}", ana.id);
    let answer = server.ask(Some(&ben.token), json!({ "query": body })).await;
    assert_eq!(answer.json["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn counts_of_others_are_always_fresh() {
    let server = Server::start().await;
    let heat = server.app.film("Heat").await;
    let ben = server.user("ben").await;
    let count = format!("{{ content(id: \"{heat}\") {{ interactionCount }} }}");
    assert_eq!(
        server.data(None, &count).await["content"]["interactionCount"],
        0
    );
    let viewer = server
        .app
        .services
        .auth
        .authenticate(&ben.token)
        .await
        .unwrap();
    let like = NewInteraction::new(heat, InteractionKind::Like);
    server
        .app
        .services
        .interactions
        .record(&viewer, like)
        .await
        .unwrap();
    assert_eq!(
        server.data(None, &count).await["content"]["interactionCount"],
        1
    );
}

#[tokio::test]
async fn variables_operations_and_documents_tell_questions_apart() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    server.app.film("Ronin").await;
    let both = "query One($n: Int) { contents(first: $n) { nodes { id } } } query Two { contents(first: 2) { nodes { id } } }";
    let many = async |body: Value| {
        let answer = server.ask(None, body).await.json;
        answer["data"]["contents"]["nodes"]
            .as_array()
            .unwrap()
            .len()
    };
    for _ in 0..2 {
        let one =
            |n: i32| json!({ "query": both, "operationName": "One", "variables": { "n": n } });
        assert_eq!(many(one(1)).await, 1);
        assert_eq!(many(one(2)).await, 2);
        assert_eq!(
            many(json!({ "query": both, "operationName": "Two" })).await,
            2
        );
    }
    assert_eq!(server.counted().await, (3, 3));
}

#[tokio::test]
async fn an_answer_lives_two_minutes_and_not_at_all_where_settings_say_so() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let before = server.list(&ana).await;
    server.app.ctx.clock.advance(TimeDelta::seconds(119));
    assert_eq!(server.list(&ana).await, before);
    server.app.ctx.clock.advance(TimeDelta::seconds(1));
    assert_ne!(server.list(&ana).await, before);

    let mut settings = support::settings();
    settings.cache.answers = false;
    let app = TestApp::with(settings).await;
    let schemas = Arc::clone(&app.schemas);
    let router = marquee::http::router(
        schemas,
        &app.ctx.settings,
        &marquee::http::connections::Connections::new(100),
    )
    .unwrap();
    let server = Server { app, router };
    let ana = server.user("ana").await;
    server.list(&ana).await;
    server.list(&ana).await;
    assert_eq!(server.counted().await, (0, 0));
}

#[tokio::test]
async fn admins_read_the_figures_and_clear_what_is_kept() {
    let server = Server::start().await;
    server.app.film("Heat").await;
    let ana = server.user("ana").await;
    let before = server.list(&ana).await;
    server.list(&ana).await;
    let figures = "{ cacheStatistics { kind processHits misses hitRate entries bytes meanComputingMilliseconds maxComputingMilliseconds } }";
    let all = server.app.ask(figures).await;
    let kinds = all["cacheStatistics"].as_array().unwrap();
    let answers = |kind: &&Value| kind["kind"] == "ANSWERS";
    let lists = kinds.iter().find(answers).unwrap();
    assert_eq!(
        (
            &lists["kind"],
            &lists["processHits"],
            &lists["misses"],
            &lists["entries"]
        ),
        (&json!("ANSWERS"), &json!(1), &json!(1), &json!(1))
    );
    assert_eq!(lists["hitRate"], 0.5);
    let clear = "mutation { clearCache(input: { kind: LISTS }) { cleared errors { __typename } } }";
    let stranger = server.app.viewer(Role::Curator).await;
    for document in [figures, clear] {
        assert_eq!(
            server.app.code_as(&stranger, document, json!({})).await,
            "FORBIDDEN"
        );
        let nobody = server.app.code_as(&Viewer::Nobody, document, json!({}));
        assert_eq!(nobody.await, "UNAUTHENTICATED");
    }
    assert_eq!(server.list(&ana).await, before);
    assert_eq!(server.app.ask(clear).await["clearCache"]["cleared"], true);
    assert_ne!(server.list(&ana).await, before);
}
