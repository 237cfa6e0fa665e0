//! What requests cost, and what happens to who has asked for too much.

use std::sync::Arc;

use chrono::TimeDelta;
use marquee::domain::auth::{Client, Role, SignIns, Viewer};
use marquee::platform::config::Settings;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::redis_server as redis;
use crate::server::{PASSWORD, Server, bearer};
use crate::support::{TestApp, settings};
use crate::{code, send};

/// One that costs 1 + 10 · 2 values.
const FILMS: &str = "{ contents(first: 10) { nodes { title } } }";

/// Budgets of 100, of which 10 come back a second.
fn small(settings: &mut Settings) {
    let limits = &mut settings.limits;
    limits.max_cost = 60;
    (limits.user_burst, limits.user_per_second) = (100, 10);
    (limits.key_burst, limits.key_per_second) = (100, 10);
    (limits.address_burst, limits.address_per_second) = (100, 10);
    settings.cache.answers = false;
}

/// The status, the headers and the body of an answer.
async fn post(server: &Server, token: Option<&str>, body: &Value) -> (u16, HeaderMap, Value) {
    let mut request = reqwest::Client::new().post(server.url()).json(body);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.json().await.unwrap())
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_answer_says_what_it_cost_and_what_is_left() {
    let server = Server::with(small).await;
    let (status, headers, body) = post(&server, None, &json!({ "query": FILMS })).await;
    assert_eq!(status, 200);
    assert_eq!(
        body["extensions"]["cost"],
        json!({ "requested": 21, "maximum": 60 })
    );
    assert_eq!(number(&headers, "ratelimit-limit"), 100);
    assert_eq!(number(&headers, "ratelimit-remaining"), 79);
    assert_eq!(number(&headers, "ratelimit-reset"), 3);
}

#[tokio::test]
async fn who_has_no_budget_left_waits_and_others_do_not() {
    let server = Server::with(small).await;
    let ada = server.admin().await;
    let ask = json!({ "query": FILMS });
    for _ in 0..4 {
        assert_eq!(post(&server, None, &ask).await.0, 200);
    }
    let (status, headers, body) = post(&server, None, &ask).await;
    assert_eq!((status, code(&body)), (429, "RATE_LIMITED"));
    // 16 are left, 21 are needed, 10 come a second.
    assert_eq!(number(&headers, "retry-after"), 1);
    assert_eq!(number(&headers, "ratelimit-remaining"), 16);
    let says = body["errors"][0]["message"].as_str().unwrap();
    assert!(says.contains("try again in 1 seconds"), "{says}");
    // Who is signed in has a budget of their own, from whatever address.
    assert_eq!(post(&server, Some(&bearer(&ada)), &ask).await.0, 200);
    server.app.ctx.clock.advance(TimeDelta::seconds(1));
    assert_eq!(post(&server, None, &ask).await.0, 200);
}

#[tokio::test]
async fn a_batch_costs_what_its_requests_cost_together() {
    let server = Server::with(small).await;
    let one = json!({ "query": FILMS });
    let (status, headers, _) = post(&server, None, &json!([one, one])).await;
    assert_eq!(status, 200);
    assert_eq!(headers.get("retry-after"), None);
    let (status, _, body) = post(&server, None, &json!([one, one, one])).await;
    assert_eq!((status, code(&body)), (400, "OPERATION_TOO_COMPLEX"));
    let left = post(&server, None, &one).await.1;
    assert_eq!(number(&left, "ratelimit-remaining"), 100 - 3 * 21);
}

#[tokio::test]
async fn what_costs_too_much_is_refused_before_it_runs() {
    let server = Server::start().await;
    let inner = "nodes { filmography(first: 100) { nodes { content { title } } } }";
    let aliases: Vec<String> = (0..20)
        .map(|n| format!("a{n}: people(first: 100) {{ {inner} }}"))
        .collect();
    let before = server.app.ctx.db.statements();
    let query = format!("{{ {} }}", aliases.join(" "));
    let refused = send(&server, None, &query, Value::Null).await;
    assert_eq!(code(&refused), "OPERATION_TOO_COMPLEX", "{refused}");
    assert_eq!(refused["data"], Value::Null);
    assert_eq!(server.app.ctx.db.statements(), before);
}

#[tokio::test]
async fn a_kept_answer_costs_next_to_nothing() {
    let server = Server::with(|settings| {
        small(settings);
        settings.cache.answers = true;
    })
    .await;
    let ask = json!({ "query": FILMS });
    for round in 1..20 {
        let (status, headers, body) = post(&server, None, &ask).await;
        assert_eq!(status, 200, "{round}: {body}");
        assert_eq!(body["extensions"]["cost"]["requested"], 21);
        assert_eq!(number(&headers, "ratelimit-limit"), 100);
    }
}

#[tokio::test]
async fn accounts_and_passwords_have_stricter_budgets() {
    let server = Server::with(|settings| {
        let limits = &mut settings.limits;
        (limits.account_burst, limits.account_per_minute) = (2, 60);
        (limits.sign_in_burst, limits.sign_in_per_minute) = (6, 60);
    })
    .await;
    let guest = json!({ "query": "mutation { startAnonymousSession { tokens { accessToken } } }" });
    for _ in 0..2 {
        assert_eq!(post(&server, None, &guest).await.0, 200);
    }
    let (status, headers, body) = post(&server, None, &guest).await;
    assert_eq!((status, code(&body)), (429, "RATE_LIMITED"));
    assert_eq!(number(&headers, "retry-after"), 1);
    // Queries are not concerned, and logins have a budget of their own, which the token endpoint shares.
    assert_eq!(post(&server, None, &json!({ "query": FILMS })).await.0, 200);
    server.sign_in("bob", Role::User).await;
    let login = |password: &str| {
        let input = json!({ "email": "bob@example.org", "password": password });
        let query = "mutation($i: LoginInput!) { login(input: $i) { tokens { accessToken } } }";
        json!({ "query": query, "variables": { "i": input } })
    };
    for _ in 0..3 {
        let (status, _, body) = post(&server, None, &login(PASSWORD)).await;
        assert_eq!(status, 200, "{body}");
    }
    let form = format!("grant_type=password&username=bob@example.org&password={PASSWORD}");
    let token = || {
        let url = format!("http://{}/oauth/token", server.address);
        let request = reqwest::Client::new().post(url);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form.replace(' ', "+")).send()
    };
    assert_eq!(token().await.unwrap().status(), 200);
    let refused = token().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(post(&server, None, &login(PASSWORD)).await.0, 429);
}

#[tokio::test]
async fn an_address_counts_with_its_network_and_the_shell_does_not_count() {
    let app = TestApp::with({
        let mut settings = settings();
        small(&mut settings);
        settings
    })
    .await;
    // The bucket of an address is that of its network, whatever asks for it.
    let client = |text: &str| Client {
        address: Some(text.parse().unwrap()),
    };
    let auth = &app.services.auth;
    let nobody = Viewer::Nobody;
    let near = auth.charge(&nobody, client("2001:db8::1"), 60).await;
    assert!(near.unwrap().taken.granted);
    let beside = auth.charge(&nobody, client("2001:db8::ffff"), 60).await;
    assert!(!beside.unwrap().taken.granted);
    let far = auth.charge(&nobody, client("2001:db8:1::1"), 60).await;
    assert!(far.unwrap().taken.granted);
    assert_eq!(auth.charge(&nobody, Client::default(), 60).await, None);
    assert_eq!(auth.charge(&Viewer::Command, client("::1"), 60).await, None);
    let nothing = SignIns::default();
    assert_eq!(auth.charge_sign_ins(client("::1"), nothing).await, None);
}

#[tokio::test]
async fn servers_with_one_redis_count_together() {
    let mut with_redis = redis::settings(&redis::url(), &redis::prefix());
    small(&mut with_redis);
    with_redis.auth = settings().auth;
    let prefix = with_redis.redis.prefix.clone();
    let one = TestApp::with(with_redis).await;
    let other = Arc::new(one.twin().await);
    for app in [&one, &*other] {
        let began = std::time::Instant::now();
        while app.ctx.cache.redis_connected() != Some(true) {
            assert!(began.elapsed().as_secs() < 60, "Redis is not connected");
            tokio::task::yield_now().await;
        }
    }
    let app = one.app(&[]);
    let nowhere = Client::default();
    let at_one = one.services.auth.charge(&app, nowhere, 60).await.unwrap();
    assert!(at_one.taken.granted);
    let at_other = other.services.auth.charge(&app, nowhere, 60).await.unwrap();
    assert!(!at_other.taken.granted, "{at_other:?}");
    // What is kept there ends by itself.
    let keys = redis::keys(&prefix).await;
    let bucket = keys.iter().find(|key| key.contains(":b:")).unwrap();
    let mut connection = redis::connection().await;
    let mut command = ::redis::cmd("PTTL");
    let left: i64 = command
        .arg(bucket)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((1..=7_000).contains(&left), "{left}");
}
