//! Traces: what stored lists were made of, why an item is not in one, and lists made again.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::ops::ControlFlow;

use chrono::TimeDelta;
use clap::Parser;
use marquee::app::commands::{export, trace as trace_command};
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::ContentFilter;
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::recommendations::traces::{Changes, ExclusionReason};
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::domain::recommendations::{Boost, Context, Pin, RecommendationRequest, Source};
use marquee::foundation::filter::TextList;
use marquee::foundation::page::Window;
use marquee::foundation::{Id, Rng, id};
use serde_json::{Value, json};
use support::TestApp;
use support::worlds::TwoTastes;

type Content = Id<id::Content>;

const TRACE: &str = "query ($id: ID!, $first: Int, $after: String) { trace(id: $id) {
    list(first: 3) { id context blendWeights { source weight } items { rank score content { title } } }
    user { displayName } catalogueVersion settingsDigest learnedWeights
    request { query filter diversity minScore fallback exclude { title }
        boosts { filter factor } pins { rank content { title } } content { title } }
    signals { source part weight candidates eligibleCandidates }
    candidates(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
        nodes { rank score reason sources content { id title } scores { source raw calibrated } } } } }";

async fn train(app: &TestApp) {
    let go_on = |_| ControlFlow::Continue(());
    let recommendations = &app.services.recommendations;
    // Also where the lists would be worse: a test may have sold everything out.
    let options = TrainingOptions {
        force: true,
        ..TrainingOptions::default()
    };
    let trained = recommendations.train(&Viewer::Command, options, go_on);
    trained.await.unwrap();
}

/// Two tastes of forty users and sixty films, trained on.
async fn two_tastes() -> (TestApp, TwoTastes) {
    let app = TestApp::start().await;
    let tastes = TwoTastes::fill(&app, 40, 60).await;
    train(&app).await;
    (app, tastes)
}

fn viewer(app: &TestApp, user: Id<id::User>) -> Viewer {
    let session = Id::new(&app.ctx.clock, &app.ctx.rng);
    Viewer::User {
        id: user,
        role: Role::User,
        session,
    }
}

/// The list of a request, of which so many items were served.
async fn list(
    app: &TestApp,
    user: Id<id::User>,
    request: &RecommendationRequest,
    served: usize,
) -> Id<id::List> {
    let window = Window::first(served);
    let service = &app.services.recommendations;
    let page = service
        .recommend(&Viewer::Command, user, request, &window)
        .await
        .unwrap();
    page.list.id
}

fn nodes(trace: &Value) -> &Vec<Value> {
    trace["candidates"]["nodes"].as_array().unwrap()
}

#[tokio::test]
async fn a_trace_tells_the_request_the_candidates_and_why_others_are_not_in_the_list() {
    let (app, tastes) = two_tastes().await;
    let user = tastes.users[0];
    let westerns = ContentFilter {
        genres: TextList {
            has: Some("Western".to_owned()),
            ..TextList::default()
        },
        ..ContentFilter::default()
    };
    let request = RecommendationRequest {
        boost: vec![Boost {
            filter: westerns,
            factor: 2.0,
        }],
        exclude: vec![tastes.items[0]],
        pin: vec![Pin {
            content: tastes.items[7],
            rank: 2,
        }],
        min_score: 0.25,
        ..RecommendationRequest::default()
    };
    let id = list(&app, user, &request, 5).await;
    let variables = json!({ "id": id.to_string(), "first": 100 });
    let trace = &app.ask_as(&viewer(&app, user), TRACE, variables).await["trace"];

    assert_eq!(trace["list"]["id"], id.to_string());
    assert_eq!(trace["user"]["displayName"], "User 0");
    let asked = &trace["request"];
    assert_eq!(asked["minScore"], 0.25);
    assert_eq!(asked["exclude"], json!([{ "title": "Item 0" }]));
    assert_eq!(
        asked["pins"],
        json!([{ "rank": 2, "content": { "title": "Item 7" } }])
    );
    let boost = json!({ "filter": { "genres": { "has": "Western" } }, "factor": 2.0 });
    assert_eq!(asked["boosts"], json!([boost]));
    assert_eq!(asked["fallback"], json!(["POPULAR", "NEW", "ANY"]));
    assert_eq!(trace["settingsDigest"].as_str().unwrap().len(), 16);
    let signals = trace["signals"].as_array().unwrap();
    assert!(!signals.is_empty());
    for signal in signals {
        assert!(signal["eligibleCandidates"].as_i64() <= signal["candidates"].as_i64());
    }

    let all = nodes(trace);
    assert_eq!(trace["candidates"]["totalCount"], all.len());
    let listed: Vec<&Value> = all.iter().filter(|it| !it["rank"].is_null()).collect();
    let ranks: Vec<i64> = listed
        .iter()
        .map(|it| it["rank"].as_i64().unwrap())
        .collect();
    assert_eq!(ranks, (1..=listed.len() as i64).collect::<Vec<_>>());
    assert_eq!(listed[1]["content"]["title"], "Item 7");
    assert_eq!(listed[1]["sources"], json!(["PINNED"]));
    let reason = |title: &str| {
        let mut all = all.iter();
        let found = all.find(|it| it["content"]["title"] == title);
        found.map(|it| it["reason"].clone())
    };
    // What the user likes already is a candidate of the model, and is not in the list.
    let liked = (0..60).filter(|item| TwoTastes::likes(0, *item) && *item != 0 && *item != 7);
    let reasons: Vec<Value> = liked
        .filter_map(|item| reason(&format!("Item {item}")))
        .collect();
    assert!(reasons.iter().all(|reason| reason == "SEEN"), "{reasons:?}");
    for candidate in all {
        for score in candidate["scores"].as_array().unwrap() {
            let ineligible = score["calibrated"].is_null();
            let reason = candidate["reason"].as_str();
            let eligible = [None, Some("BELOW_MINIMUM"), Some("BEYOND_LENGTH")];
            if !ineligible {
                assert!(eligible.contains(&reason), "{candidate:#}");
            }
        }
    }

    // The same in pages.
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "id": id.to_string(), "first": 7, "after": after });
        let page = app.ask_as(&Viewer::Command, TRACE, variables).await;
        let page = &page["trace"];
        paged.extend(nodes(page).clone());
        if page["candidates"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["candidates"]["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(&paged, all);
}

#[tokio::test]
async fn an_unknown_a_foreign_and_an_erased_trace_are_not_found() {
    let (app, tastes) = two_tastes().await;
    let feed = RecommendationRequest::default();
    let id = list(&app, tastes.users[0], &feed, 5).await;
    let unknown: Id<id::List> = Id::new(&app.ctx.clock, &app.ctx.rng);
    let documents = [
        "query ($id: ID!, $item: ID!) { trace(id: $id) { learnedWeights } whyNot(listId: $id, contentId: $item) { stage } }",
        "query ($id: ID!, $item: ID!) { replay(id: $id, changes: { exclude: [$item] }) { identical } }",
    ];
    let item = tastes.items[0].to_string();
    let of = |list: Id<id::List>| json!({ "id": list.to_string(), "item": item });
    let (own, other) = (viewer(&app, tastes.users[0]), viewer(&app, tastes.users[1]));
    let admin = app.viewer(Role::Admin).await;
    let reader = app.app(&[Scope::RecommendationsRead]);
    for document in documents {
        for who in [&own, &admin, &reader] {
            app.ask_as(who, document, of(id)).await;
            assert_eq!(app.code_as(who, document, of(unknown)).await, "NOT_FOUND");
        }
        for who in [&other, &Viewer::Nobody, &app.app(&[Scope::CatalogueWrite])] {
            assert_eq!(app.code_as(who, document, of(id)).await, "NOT_FOUND");
        }
    }
    let users = &app.services.users;
    users.erase(&admin, tastes.users[0]).await.unwrap();
    assert_eq!(app.code_as(&admin, documents[0], of(id)).await, "NOT_FOUND");
}

#[tokio::test]
async fn traces_are_listed_by_user_context_model_item_and_time() {
    let (app, tastes) = two_tastes().await;
    let feed = RecommendationRequest::default();
    let similar = RecommendationRequest {
        context: Context::Similar,
        seed: Some(tastes.items[4]),
        ..RecommendationRequest::default()
    };
    let (ada, bob) = (tastes.users[0], tastes.users[1]);
    let first = list(&app, ada, &feed, 5).await;
    app.ctx.clock.advance(TimeDelta::hours(1));
    let second = list(&app, ada, &similar, 5).await;
    app.ctx.clock.advance(TimeDelta::hours(1));
    let third = list(&app, bob, &feed, 5).await;

    let document = "query ($filter: TraceFilter, $first: Int, $after: String) {
        traces(filter: $filter, first: $first, after: $after) {
            totalCount pageInfo { endCursor hasNextPage } nodes { list(first: 1) { id items { content { id } } model { id } } } } }";
    let ask = async |who: &Viewer, variables: Value| {
        app.ask_as(who, document, variables).await["traces"].take()
    };
    let ids = |traces: &Value| -> Vec<String> {
        let nodes = traces["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["list"]["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let told = |ids: &[Id<id::List>]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let admin = app.viewer(Role::Admin).await;
    let all = ask(&admin, json!({})).await;
    assert_eq!(ids(&all), told(&[third, second, first]));
    assert_eq!(all["totalCount"], 3);
    let own = ask(&viewer(&app, ada), json!({})).await;
    assert_eq!(ids(&own), told(&[second, first]));
    assert_eq!(own["totalCount"], 2);
    let cases = [
        (json!({ "userId": bob.to_string() }), vec![third]),
        (json!({ "context": "SIMILAR" }), vec![second]),
        (
            json!({ "from": "2026-03-01T13:00:00Z" }),
            vec![third, second],
        ),
        (json!({ "until": "2026-03-01T13:00:00Z" }), vec![first]),
        (
            json!({ "from": "2026-03-01T13:00:00Z", "until": "2026-03-01T14:00:00Z" }),
            vec![second],
        ),
        (json!({ "from": "9999-12-31T00:00:00Z" }), vec![]),
    ];
    for (filter, wanted) in cases {
        let found = ask(&admin, json!({ "filter": filter })).await;
        assert_eq!(ids(&found), told(&wanted), "{filter}");
    }
    let shown = &all["nodes"][0]["list"]["items"][0]["content"]["id"];
    let found = ask(&admin, json!({ "filter": { "contentId": shown } })).await;
    assert!(ids(&found).contains(&third.to_string()));
    let model = &all["nodes"][0]["list"]["model"]["id"];
    let found = ask(&admin, json!({ "filter": { "modelId": model } })).await;
    assert!(ids(&found).contains(&third.to_string()) && ids(&found).contains(&first.to_string()));
    // Page by page.
    let page = ask(&admin, json!({ "first": 2 })).await;
    let after = &page["pageInfo"]["endCursor"];
    let rest = ask(&admin, json!({ "first": 2, "after": after })).await;
    assert_eq!(ids(&rest), told(&[first]));
    // Somebody else's, and an app that names nobody.
    let foreign = json!({ "filter": { "userId": bob.to_string() } });
    assert_eq!(
        app.code_as(&viewer(&app, ada), document, foreign.clone())
            .await,
        "FORBIDDEN"
    );
    let reader = app.app(&[Scope::RecommendationsRead]);
    assert_eq!(ids(&ask(&reader, foreign).await), told(&[third]));
    assert_eq!(app.code_as(&reader, document, json!({})).await, "FORBIDDEN");
    assert_eq!(
        app.code_as(&Viewer::Nobody, document, json!({})).await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn why_not_names_the_stage_and_with_its_cause_removed_the_item_comes_in() {
    let (app, tastes) = two_tastes().await;
    let (user, service) = (tastes.users[0], &app.services.recommendations);
    let who = viewer(&app, user);
    let feed = RecommendationRequest::default();
    let why_not = async |request: &RecommendationRequest, item: Content| {
        let id = list(&app, user, request, 3).await;
        service.why_not(&who, id, item).await.unwrap()
    };
    let first = list(&app, user, &feed, 3).await;
    let shown = service.trace(&who, first).await.unwrap();
    let item = |rank: usize| shown.list.items[rank - 1].content;

    // In the list: served, and not served with the gap.
    let best = why_not(&feed, item(1)).await;
    assert_eq!((best.rank, best.served), (Some(1), true));
    let fifth = why_not(&feed, item(5)).await;
    assert_eq!(
        (fifth.rank, fifth.served, fifth.last_served_rank),
        (Some(5), false, Some(3))
    );
    let (third, score) = (shown.list.items[2].score, shown.list.items[4].score);
    assert_eq!(fifth.gap(), Some(third - score));

    // Excluded by the request.
    let without = RecommendationRequest {
        exclude: vec![item(1)],
        ..feed.clone()
    };
    assert_eq!(
        why_not(&without, item(1)).await.reason,
        Some(ExclusionReason::Excluded)
    );
    // Below the minimum: with a minimum below its score it is in.
    let strict = RecommendationRequest {
        min_score: 0.9,
        fallback: Vec::new(),
        ..feed.clone()
    };
    let low = item(10);
    let below = why_not(&strict, low).await;
    assert_eq!(below.reason, Some(ExclusionReason::BelowMinimum));
    let score = below.score.unwrap();
    assert!(score < 0.9 && below.rank_by_score.is_some());
    let lenient = RecommendationRequest {
        min_score: score,
        ..strict.clone()
    };
    assert!(why_not(&lenient, low).await.rank.is_some());
    // Disliked, and the dislike taken back.
    let disliked = NewInteraction::new(item(2), InteractionKind::Dislike);
    let recorded = app
        .services
        .interactions
        .record(&who, disliked)
        .await
        .unwrap();
    app.ctx.clock.advance(TimeDelta::minutes(5));
    assert_eq!(
        why_not(&feed, item(2)).await.reason,
        Some(ExclusionReason::Seen)
    );
    let delete = "mutation ($input: DeleteInteractionInput!) { deleteInteraction(input: $input) { errors { __typename } } }";
    let input = json!({ "input": { "id": recorded.interaction.id.to_string() } });
    app.ask_as(&who, delete, input).await;
    assert!(why_not(&feed, item(2)).await.rank.is_some());
    // What no source offers.
    let alien = app.film("Alien").await;
    let none = why_not(
        &RecommendationRequest {
            fallback: Vec::new(),
            ..feed.clone()
        },
        alien,
    )
    .await;
    assert_eq!((none.reason, none.score, none.rank), (None, None, None));

    let document = "query ($list: ID!, $item: ID!) { whyNot(listId: $list, contentId: $item) {
        stage reason rank served score rankByScore lastServedRank lastServedScore gap } }";
    let id = list(&app, user, &strict, 3).await;
    let variables = json!({ "list": id.to_string(), "item": low.to_string() });
    let told = app.ask_as(&who, document, variables).await;
    let told = &told["whyNot"];
    assert_eq!(
        (&told["stage"], &told["reason"]),
        (&json!("MINIMUM_SCORE"), &json!("BELOW_MINIMUM"))
    );
    assert!(told["gap"].as_f64().unwrap() > 0.0, "{told:#}");
}

/// A request of any context, with controls at random.
fn any_request(rng: &Rng, items: &[Content]) -> RecommendationRequest {
    let pick = |most: usize| (rng.fraction() * most as f64) as usize;
    let item = || items[pick(items.len())];
    let genres = ["Drama", "Western", "Comedy", "Crime"];
    let of_genre = || ContentFilter {
        genres: TextList {
            has: Some(genres[pick(4)].to_owned()),
            ..TextList::default()
        },
        ..ContentFilter::default()
    };
    let context = Context::ALL[pick(Context::ALL.len())];
    let words = [
        "a detective in the city",
        "war",
        "love and death",
        "samurai",
    ];
    let fallbacks = [Source::Popular, Source::New, Source::Any];
    let some = |most: usize| 0..pick(most + 1);
    RecommendationRequest {
        context,
        seed: (context == Context::Similar).then(item),
        query: (context == Context::Search).then(|| words[pick(4)].to_owned()),
        filter: match context == Context::Category || pick(4) == 0 {
            true => of_genre(),
            false => ContentFilter::default(),
        },
        boost: some(2)
            .map(|_| Boost {
                filter: of_genre(),
                factor: 3.0 * rng.fraction() as f32,
            })
            .collect(),
        exclude: some(3).map(|_| item()).collect(),
        pin: some(2)
            .zip([2, 30])
            .map(|(_, rank)| Pin {
                content: item(),
                rank,
            })
            .collect(),
        diversity: [0.0, 0.0, 0.3, 0.8][pick(4)],
        min_score: [0.0, 0.0, 0.3][pick(3)],
        fallback: fallbacks[..pick(4)].to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_all_contexts_are_the_same_when_they_are_replayed_whatever_happened_since() {
    let app = TestApp::start().await;
    let services = &app.services;
    services.demo.load(&Viewer::Command).await.unwrap();
    train(&app).await;
    let go_on = |_| ControlFlow::Continue(());
    services
        .embeddings
        .train(&Viewer::Command, go_on)
        .await
        .unwrap();
    let pool = app.ctx.db.pool();
    let items: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM content_items ORDER BY id")
        .fetch_all(pool)
        .await
        .unwrap();
    let items: Vec<Content> = items.into_iter().map(Into::into).collect();
    let users: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM users ORDER BY id LIMIT 12")
        .fetch_all(pool)
        .await
        .unwrap();
    let rng = Rng::seeded(20);
    let mut lists = Vec::new();
    for number in 0..120 {
        let user = users[number % users.len()].into();
        let request = any_request(&rng, &items);
        lists.push(list(&app, user, &request, 20).await);
    }
    let contexts: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT context) FROM recommendation_lists")
            .fetch_one(pool)
            .await
            .unwrap();
    assert_eq!(contexts, 4);
    // Everything that the lists were made of changes.
    for user in &users {
        for item in &items[..20] {
            let new = NewInteraction::new(*item, InteractionKind::Dislike);
            let who = viewer(&app, (*user).into());
            services.interactions.record(&who, new).await.unwrap();
        }
    }
    sqlx::query("UPDATE content_items SET genres = '{Western}', popularity = 0, stock = 0")
        .execute(pool)
        .await
        .unwrap();
    services.content.written().await;
    app.ctx.clock.advance(TimeDelta::hours(1));
    train(&app).await;
    services
        .embeddings
        .train(&Viewer::Command, |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    let service = &services.recommendations;
    let mut not_empty = 0;
    for list in lists {
        let replayed = service
            .replay(&Viewer::Command, list, &Changes::default())
            .await
            .unwrap();
        let controls = &replayed.trace.list.controls;
        assert!(replayed.identical, "{controls}: {:?}", replayed.entries);
        assert_eq!(replayed.blend, replayed.trace.list.blend, "{controls}");
        not_empty += usize::from(!replayed.entries.is_empty());
    }
    assert!(not_empty > 60, "only {not_empty} lists have items");
}

#[tokio::test]
async fn a_replay_with_other_inputs_tells_what_changes_and_stores_nothing() {
    let (app, tastes) = two_tastes().await;
    let id = list(&app, tastes.users[0], &RecommendationRequest::default(), 5).await;
    let count = async || -> i64 {
        let lists = sqlx::query_scalar("SELECT count(*) FROM recommendation_lists");
        lists.fetch_one(app.ctx.db.pool()).await.unwrap()
    };
    let before = count().await;
    let document = "query ($id: ID!, $changes: ReplayChangesInput) { replay(id: $id, changes: $changes) {
        identical totalCount enteredCount leftCount movedCount blendWeights { source weight }
        items(first: 100) { rank score storedRank storedScore sources content { id } }
        left { rank storedRank content { id } } trace { list(first: 100) { items { content { id } } } } } }";
    let who = viewer(&app, tastes.users[0]);
    let replay = async |changes: Value| {
        let variables = json!({ "id": id.to_string(), "changes": changes });
        app.ask_as(&who, document, variables).await["replay"].take()
    };
    let same = replay(Value::Null).await;
    assert_eq!(
        (&same["identical"], &same["leftCount"]),
        (&json!(true), &json!(0))
    );
    for item in same["items"].as_array().unwrap() {
        assert_eq!(
            (&item["rank"], &item["score"]),
            (&item["storedRank"], &item["storedScore"])
        );
    }
    // Without its first item the others move up.
    let first = &same["items"][0]["content"]["id"];
    let without = replay(json!({ "exclude": [first] })).await;
    assert_eq!(&without["left"][0]["content"]["id"], first);
    assert_eq!(without["items"][0]["content"], same["items"][1]["content"]);
    assert_eq!(without["items"][0]["storedRank"], 2);
    assert!(without["movedCount"].as_i64().unwrap() > 0);
    // Without the model there are only fallbacks left.
    let bare = replay(json!({ "withoutSources": ["COLLABORATIVE"] })).await;
    assert_eq!(bare["blendWeights"], json!([]));
    for item in bare["items"].as_array().unwrap() {
        assert_ne!(item["sources"], json!(["COLLABORATIVE"]));
    }
    let strict = replay(json!({ "minScore": 0.95, "diversity": 0.5 })).await;
    assert!(strict["totalCount"].as_i64() < same["totalCount"].as_i64());
    for wrong in [
        json!({ "diversity": 2 }),
        json!({ "minScore": -1 }),
        json!({ "weights": [{ "source": "SESSION", "weight": 2 }] }),
        json!({ "weights": [{ "source": "SESSION", "weight": 1 }, { "source": "SESSION", "weight": 0 }] }),
    ] {
        let variables = json!({ "id": id.to_string(), "changes": wrong });
        assert_eq!(
            app.code_as(&who, document, variables).await,
            "BAD_USER_INPUT"
        );
    }
    assert_eq!(count().await, before);
}

#[derive(Parser)]
enum Command {
    Trace(trace_command::TraceArgs),
    Export(export::ExportArgs),
}

async fn run(app: &TestApp, line: &[&str]) -> anyhow::Result<()> {
    let line = std::iter::once("marquee").chain(line.iter().copied());
    match Command::try_parse_from(line)? {
        Command::Trace(args) => trace_command::run(args, &app.services).await,
        Command::Export(args) => export::run(args, &app.services).await,
    }
}

#[tokio::test]
async fn traces_are_exported_a_line_each_and_an_export_goes_on_where_it_ended() {
    let (app, tastes) = two_tastes().await;
    let mut lists = Vec::new();
    for user in &tastes.users {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        for min_score in [0.0, 0.25, 0.5] {
            let request = RecommendationRequest {
                min_score,
                ..RecommendationRequest::default()
            };
            lists.push(list(&app, *user, &request, 2).await.to_string());
        }
    }
    lists.sort();
    lists.reverse();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.jsonl");
    let out = path.to_str().unwrap();
    let read = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let ids = |traces: &[Value]| -> Vec<String> {
        traces
            .iter()
            .map(|trace| trace["id"].as_str().unwrap().to_owned())
            .collect()
    };
    run(&app, &["export", "traces", "--out", out])
        .await
        .unwrap();
    let all = read();
    assert_eq!(ids(&all), lists, "more than a page of them");
    let one = &all[0];
    assert_eq!(one["context"], "FEED");
    assert!(one["catalogueVersion"].is_u64());
    let candidates = one["candidates"].as_array().unwrap();
    assert!(candidates.iter().any(|it| it["reason"] == "SEEN"));
    assert_eq!(candidates[0]["rank"], 1);
    assert!(candidates[0]["signals"][0]["raw"].is_number());

    run(
        &app,
        &["export", "traces", "--out", out, "--after", &lists[49]],
    )
    .await
    .unwrap();
    assert_eq!(ids(&read()), lists[50..]);
    let user = tastes.users[3].to_string();
    run(&app, &["export", "traces", "--out", out, "--user", &user])
        .await
        .unwrap();
    assert_eq!(read().len(), 3);
    run(
        &app,
        &[
            "export",
            "traces",
            "--out",
            out,
            "--until",
            "2020-01-01T00:00:00Z",
        ],
    )
    .await
    .unwrap();
    assert!(read().is_empty());

    run(&app, &["trace", &lists[0]]).await.unwrap();
    let unknown: Id<id::List> = Id::new(&app.ctx.clock, &app.ctx.rng);
    let missing = run(&app, &["trace", &unknown.to_string()])
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "there is no such list");
}
