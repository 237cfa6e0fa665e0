//! GraphiQL as an admin uses it, without a network beyond the server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use marquee::domain::auth::Viewer;
use marquee::domain::demo::LOGINS;
use marquee::domain::schemas::Schemas;
use marquee::http::connections::Connections;
use marquee::http::graphiql::Page;
use marquee::platform::config::GraphiqlAccess;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::{self, TestApp};
use crate::{SCRIPT, browser, converse};

/// Serves these schemas with a page that lets `access` in; answers its origin.
async fn serve(schemas: &Arc<Schemas>, demo: &TestApp, access: GraphiqlAccess) -> String {
    let mut settings = demo.ctx.settings.as_ref().clone();
    settings.http.graphiql = access;
    let page = Page::of(&settings, Some(demo.ctx.db.schema())).unwrap();
    let connections = Connections::new(settings.push.max_sockets);
    let schemas = Arc::clone(schemas);
    let router = marquee::http::router_with_page(schemas, &settings, &connections, page).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let listener = marquee::http::listening(listener, &settings.push);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_does_their_work_on_graphiql_past_the_end_of_a_token_and_without_a_network() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium; install it or set PUPPETEER_EXECUTABLE_PATH");
        return;
    };
    let packages = Path::new(SCRIPT).join("node_modules");
    assert!(packages.exists(), "run `npm ci` in {SCRIPT} first");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/graphiql/graphql-ws.min.js");
    assert!(scripts.exists(), "run `script/bootstrap` first");
    let mut settings = support::settings();
    // The least; the test waits for its end.
    settings.auth.access_token_minutes = 1;
    let (empty, full) = (TestApp::start().await, TestApp::with(settings).await);
    let demo = &full.services.demo;
    demo.load(&Viewer::Command).await.unwrap().unwrap();
    let name = |app: &TestApp| app.ctx.db.schema().clone();
    let all = [&empty, &full].map(|app| (name(app), Arc::clone(&app.services)));
    let schemas = Arc::new(Schemas::new(name(&empty), BTreeMap::from(all)));
    let mut script = Command::new("node");
    script
        .current_dir(SCRIPT)
        .arg("graphiql.mjs")
        .arg(&browser)
        .arg(serve(&schemas, &full, GraphiqlAccess::On).await)
        .arg(serve(&schemas, &full, GraphiqlAccess::Admins).await)
        .args([name(&empty).as_str(), name(&full).as_str()])
        .args([LOGINS[0].email, LOGINS[0].password]);
    let (ended, said) = converse(script, async |line| {
        (line == "please let the tokens expire").then(|| {
            full.ctx.clock.advance(TimeDelta::minutes(2));
            "done".to_owned()
        })
    })
    .await;
    assert!(ended.success(), "{}", said.join("\n"));
    println!("{}", said.join("\n"));
}
