//! Requests with a token that is not good: which are refused, and which do without it.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, SignedIn};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::server::{PASSWORD, Server, bearer};

/// Posts `body` with this `Authorization` header, and answers the status and the JSON.
async fn post(server: &Server, authorization: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new()
        .post(server.url())
        .header("authorization", authorization)
        .json(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// What clients send: the mutation that renews the session, with the token that has expired.
fn renewal(who: &SignedIn) -> Value {
    json!({
        "query": "mutation Renew($token: String!) { refreshToken(input: { refreshToken: $token }) { tokens { accessToken } query { viewer { __typename } } errors { __typename } } }",
        "variables": { "token": who.tokens.refresh.expose_secret() },
    })
}

const LOGIN: &str = "mutation { login(input: { email: \"ada@example.org\", password: \"a film a day keeps\" }) { user { displayName } query { viewer { __typename } } } }";
const VIEWER: &str = "{ viewer { __typename } }";

#[tokio::test]
async fn who_begins_or_renews_a_session_may_send_a_token_that_is_not_good() {
    assert!(LOGIN.contains(PASSWORD));
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    server.app.ctx.clock.advance(TimeDelta::minutes(15));
    let register = "mutation { register(input: { email: \"new@example.org\", password: \"a film a day keeps\", displayName: \"N\" }) { user { displayName } } }";
    let guest = "mutation { startAnonymousSession { user { displayName } } }";
    for authorization in [
        &bearer(&ada),
        "Bearer nonsense",
        "Bearer mk_no.key",
        "Basic x",
    ] {
        let (status, answer) = post(&server, authorization, &json!({ "query": VIEWER })).await;
        assert_eq!(status, 401, "{authorization}: {answer}");
        let (status, answer) = post(&server, authorization, &json!({ "query": LOGIN })).await;
        assert_eq!(status, 200, "{authorization}: {answer}");
        assert_eq!(answer["data"]["login"]["user"]["displayName"], "ada");
        let nobody = &answer["data"]["login"]["query"]["viewer"];
        assert_eq!(*nobody, Value::Null, "the request itself is nobody's");
    }
    let (status, answer) = post(&server, &bearer(&ada), &renewal(&ada)).await;
    assert_eq!(status, 200, "{answer}");
    let renewed = &answer["data"]["refreshToken"];
    assert_eq!(renewed["errors"], json!([]));
    let token = renewed["tokens"]["accessToken"].as_str().unwrap();
    let authorization = format!("Bearer {token}");
    let (_, answer) = post(&server, &authorization, &json!({ "query": VIEWER })).await;
    assert_eq!(answer["data"]["viewer"]["__typename"], "User");
    for mutation in [register, guest] {
        let (status, answer) = post(&server, &bearer(&ada), &json!({ "query": mutation })).await;
        assert_eq!((status, answer.get("errors")), (200, None), "{answer}");
    }
}

#[tokio::test]
async fn whatever_else_such_a_request_holds_makes_it_401_and_nothing_is_done() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    server.app.ctx.clock.advance(TimeDelta::minutes(15));
    let two = format!(
        "{} query Q {VIEWER}",
        LOGIN.replacen("mutation", "mutation M", 1)
    );
    for body in [
        json!({ "query": LOGIN.replacen('{', "{ logout { done } ", 1) }),
        json!({ "query": "mutation { logout { done } }" }),
        json!({ "query": two, "operationName": "Q" }),
        json!({ "query": "mutation { login(" }),
        json!({ "query": 7 }),
        json!([{ "query": LOGIN }, { "query": VIEWER }]),
    ] {
        let (status, answer) = post(&server, &bearer(&ada), &body).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!((status, code), (401, &json!("UNAUTHENTICATED")), "{body}");
    }
    let named = json!({ "query": two, "operationName": "M" });
    assert_eq!(post(&server, &bearer(&ada), &named).await.0, 200);
    let batch = json!([{ "query": LOGIN }]);
    assert_eq!(post(&server, &bearer(&ada), &batch).await.0, 200);
    let mut url = reqwest::Url::parse(&server.url()).unwrap();
    url.query_pairs_mut().append_pair("query", VIEWER);
    for accept in ["application/json", "text/event-stream"] {
        let get = reqwest::Client::new().get(url.as_str());
        let get = get.header("accept", accept);
        let get = get.header("authorization", bearer(&ada));
        assert_eq!(get.send().await.unwrap().status(), 401, "{accept}");
    }
}

#[tokio::test]
async fn an_empty_header_is_none() {
    let server = Server::start().await;
    for authorization in ["", " "] {
        let (status, answer) = post(&server, authorization, &json!({ "query": VIEWER })).await;
        assert_eq!((status, &answer["data"]["viewer"]), (200, &Value::Null));
    }
}

#[tokio::test]
async fn a_good_token_still_counts_for_these_mutations() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let (_, answer) = post(&server, &bearer(&ada), &json!({ "query": LOGIN })).await;
    let viewer = &answer["data"]["login"]["query"]["viewer"];
    assert_eq!(viewer["__typename"], "User");
}
