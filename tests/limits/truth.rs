//! What the server says when the database cannot do its work.

use std::sync::Arc;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::{SchemaContext, Services};
use marquee::foundation::Error;
use marquee::platform::db::Db;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::support::{TestApp, settings};

/// A Postgres function that fails with this SQLSTATE.
async fn failing(app: &TestApp, state: &str) -> Error {
    let statement =
        format!("DO $$ BEGIN RAISE SQLSTATE '{state}' USING MESSAGE = 'on purpose'; END $$");
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    app.ctx
        .db
        .pool()
        .execute(statement)
        .await
        .unwrap_err()
        .into()
}

#[tokio::test]
async fn a_database_that_cannot_work_is_unavailable_and_not_our_fault() {
    let app = TestApp::start().await;
    for state in [
        "53100", "53200", "53300", "57P01", "57P02", "57P03", "25006", "57014", "40001",
    ] {
        let error = failing(&app, state).await;
        assert_eq!(error.code(), "UNAVAILABLE", "{state}: {error}");
        assert!(!error.to_string().contains("on purpose"), "{error}");
    }
    assert_eq!(failing(&app, "42601").await.code(), "INTERNAL_SERVER_ERROR");
}

/// The same schema with a database that takes nothing.
async fn read_only(app: &TestApp) -> TestApp {
    let mut settings = settings();
    let join = if app.url.contains('?') { '&' } else { '?' };
    let url = format!(
        "{}{join}options=-c%20default_transaction_read_only%3Don",
        app.url
    );
    settings.database.rw_url = url.into();
    settings.database.ro_url = app.url.clone().into();
    let twin = app.twin().await;
    let db = Db::connect(&settings.database, &app.url, app.ctx.db.schema()).await;
    let ctx = SchemaContext {
        db: db.unwrap(),
        settings: Arc::new(settings),
        ..twin.ctx.clone()
    };
    let services = Arc::new(Services::new(&ctx));
    TestApp {
        services,
        ctx,
        ..twin
    }
}

const LIST: &str = "{ recommendations(first: 2) { id stored totalCount \
     items { rank content { title } } pageInfo { hasNextPage } } }";

#[tokio::test]
async fn a_list_is_served_though_it_cannot_be_stored_and_says_so() {
    let app = TestApp::start().await;
    for title in ["Ran", "Ikiru", "Kagemusha"] {
        app.film(title).await;
    }
    let viewer = app.viewer(Role::User).await;
    let stored = app.ask_as(&viewer, LIST, Value::Null).await;
    assert_eq!(stored["recommendations"]["stored"], true);
    assert_eq!(stored["recommendations"]["pageInfo"]["hasNextPage"], true);
    let full = read_only(&app).await;
    let other = app.viewer(Role::User).await;
    let served = full.ask_as(&other, LIST, Value::Null).await;
    let list = &served["recommendations"];
    assert_eq!(list["stored"], false);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["totalCount"], 3);
    assert_eq!(list["pageInfo"]["hasNextPage"], false);
    let again = "query($id: ID!) { recommendationList(id: $id) { id } }";
    let again = app
        .ask_as(&Viewer::Command, again, json!({ "id": list["id"] }))
        .await;
    assert_eq!(again["recommendationList"], Value::Null);
    // What must be stored is refused, as what it is.
    let rename = "mutation { updateProfile(input: { displayName: \"Ada\" }) { user { id } } }";
    assert_eq!(
        full.code_as(&other, rename, Value::Null).await,
        "UNAVAILABLE"
    );
}
