//! The database as the program finds it: migrations, roles, transactions.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use marquee::domain::auth::Role;
use marquee::domain::competition::{AiringKind, AiringSource};
use marquee::domain::content::model::CreditRole;
use marquee::domain::content::{ContentKind, Visibility};
use marquee::domain::experiments::ExperimentState;
use marquee::domain::interactions::InteractionKind;
use marquee::domain::jobs::JobState;
use marquee::domain::models::{ModelKind, ModelState};
use marquee::domain::recommendations::feedback::FeedbackKind;
use marquee::domain::recommendations::model::{Context, Source};
use marquee::domain::slates::SlateState;
use marquee::foundation::{Error, Rng};
use marquee::platform::config::SchemaName;
use marquee::platform::db::{Db, migrate};
use sqlx::{ConnectOptions, Connection, Row};

fn fresh_name() -> SchemaName {
    let seed = Rng::system().unwrap().seed();
    format!("test_{seed:016x}").parse().unwrap()
}

/// The databases to try: the usual one, and an older Postgres where one is at hand.
fn databases() -> Vec<String> {
    let mut urls = vec![support::database_url()];
    match std::env::var("MARQUEE_TEST_DATABASE_URL_16") {
        Ok(url) => urls.push(url),
        Err(_) => eprintln!("skipped: Postgres 16, since MARQUEE_TEST_DATABASE_URL_16 is not set"),
    }
    urls
}

#[tokio::test]
async fn servers_that_start_together_migrate_once() {
    for url in databases() {
        let name = fresh_name();
        let now = support::start_of_time();
        let starts = (0..4).map(|_| migrate::run(&url, std::slice::from_ref(&name), now));
        for outcome in futures::future::join_all(starts).await {
            outcome.unwrap();
        }
        let settings = support::settings();
        let db = Db::connect(&settings.database, &url, &name).await.unwrap();
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
                .fetch_all(db.pool())
                .await
                .unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let files = std::fs::read_dir(folder).unwrap().map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.split_once('_').unwrap().0.parse::<i64>().unwrap()
        });
        let files: BTreeSet<i64> = files.collect();
        assert_eq!(applied, files.into_iter().collect::<Vec<_>>());
    }
}

/// An empty schema is migrated in one transaction, and one that holds tables in one for each migration.
#[tokio::test]
async fn a_schema_that_holds_tables_already_becomes_like_an_empty_one() {
    for url in databases() {
        let (empty, used) = (fresh_name(), fresh_name());
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let other = format!("CREATE SCHEMA {used}; CREATE TABLE {used}.other (id integer)");
        let other = sqlx::raw_sql(sqlx::AssertSqlSafe(other));
        other.execute(&mut connection).await.unwrap();
        let now = support::start_of_time();
        migrate::run(&url, &[empty.clone(), used.clone()], now)
            .await
            .unwrap();
        let mut found = Vec::new();
        for name in [empty, used] {
            let relations: Vec<(String, String)> = sqlx::query_as(
                "SELECT relname::text, relkind::text FROM pg_class
                  WHERE relnamespace = $1::regnamespace AND relname <> 'other' ORDER BY relname",
            )
            .bind(name.as_str())
            .fetch_all(&mut connection)
            .await
            .unwrap();
            found.push(relations);
        }
        assert!(found[0].contains(&("content_items".to_owned(), "r".to_owned())));
        assert_eq!(found[0], found[1]);
        connection.close().await.unwrap();
    }
}

/// As if a version before had left them: the index of a table that holds much is built without a lock.
#[tokio::test]
async fn an_index_that_partitions_lack_is_built_and_serves() {
    for url in databases() {
        let (name, now) = (fresh_name(), support::start_of_time());
        let migrated = migrate::run(&url, std::slice::from_ref(&name), now);
        migrated.await.unwrap();
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let index = format!("{name}.interactions_recorded");
        let statements = format!(
            "DROP INDEX {index};
             CREATE INDEX interactions_recorded ON ONLY {name}.interactions (recorded_in, id)
              WHERE recorded_in IS NOT NULL;
             CREATE INDEX interactions_before_interactions_recorded ON {name}.interactions_before (id)"
        );
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
        statements.execute(&mut connection).await.unwrap();
        let valid = async |connection: &mut sqlx::PgConnection| -> bool {
            let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = $1::regclass";
            let valid = sqlx::query_scalar(valid).bind(&index);
            valid.fetch_one(connection).await.unwrap()
        };
        assert!(!valid(&mut connection).await);
        let again = migrate::run(&url, std::slice::from_ref(&name), now);
        again.await.unwrap();
        assert!(valid(&mut connection).await);
        connection.close().await.unwrap();
    }
}

/// A dump keeps the numbers of the transactions that wrote its rows.
#[tokio::test]
async fn what_was_restored_from_a_cluster_that_is_further_on_is_not_news_for_ever() {
    let app = support::TestApp::start().await;
    let (film, user) = (app.film("A film").await, app.viewer(Role::User).await);
    let user = uuid::Uuid::from(user.user().unwrap());
    let pool = app.ctx.db.pool();
    let id = |at| foundation::Id::<foundation::id::Interaction>::at(at, app.ctx.rng.bytes());
    let restored = "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at, recorded_in) \
                    VALUES ($1, $2, $3, 'VIEW', now(), $4::text::xid8)";
    for recorded_in in ["9000000000000000000", "3"] {
        let insert = sqlx::query(restored)
            .bind(id(app.ctx.clock.now()).uuid())
            .bind(user);
        let insert = insert.bind(film.uuid()).bind(recorded_in).execute(pool);
        insert.await.unwrap();
    }
    let written =
        "INSERT INTO events (topic, payload, written_in) VALUES ('t', '{}', '9000000000000000000')";
    sqlx::query(written).execute(pool).await.unwrap();
    let name = app.ctx.db.schema().clone();
    migrate::run(&app.url, &[name], app.ctx.clock.now())
        .await
        .unwrap();
    let left: Vec<Option<String>> =
        sqlx::query_scalar("SELECT recorded_in::text FROM interactions ORDER BY recorded_in")
            .fetch_all(pool)
            .await
            .unwrap();
    assert_eq!(left, [Some("3".to_owned()), None]);
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE topic = 't'")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(told, 0);
}

#[tokio::test]
async fn partitions_are_made_ahead_and_once() {
    for url in databases() {
        let name = fresh_name();
        let now = support::start_of_time();
        migrate::run(&url, std::slice::from_ref(&name), now)
            .await
            .unwrap();
        let later = now + chrono::TimeDelta::days(300);
        for at in [later, later, now] {
            migrate::ensure_partitions(&url, &name, at).await.unwrap();
        }
        let mut connection = url
            .parse::<sqlx::postgres::PgConnectOptions>()
            .unwrap()
            .connect()
            .await
            .unwrap();
        let parts: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace
              WHERE p.relname = 'interactions' AND n.nspname = $1 ORDER BY 1",
        )
        .bind(name.as_str())
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(parts.first().unwrap(), "interactions_2026_03");
        assert!(
            parts.contains(&"interactions_2027_06".to_owned()),
            "{parts:?}"
        );
        assert!(
            parts.contains(&"interactions_before".to_owned()),
            "{parts:?}"
        );
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn queries_cannot_write_and_mutations_cannot_change_tables() {
    let app = support::TestApp::start().await;
    use sea_orm::ConnectionTrait;
    let db = &app.ctx.db;
    let insert = "INSERT INTO users (id, display_name, created_at, updated_at) VALUES (gen_random_uuid(), 'x', now(), now())";
    db.read().execute_unprepared(insert).await.unwrap_err();
    // The role holds even where the read-only mode is left.
    let leave = format!("BEGIN; SET TRANSACTION READ WRITE; {insert}; COMMIT");
    let refused = db.read().execute_unprepared(&leave).await.unwrap_err();
    assert!(
        refused.to_string().contains("permission denied"),
        "{refused}"
    );
    db.write().execute_unprepared(insert).await.unwrap();
    let refused = db
        .write()
        .execute_unprepared("DROP TABLE users")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("owner"), "{refused}");
}

#[tokio::test]
async fn schemas_do_not_see_each_other() {
    let (one, other) = (
        support::TestApp::start().await,
        support::TestApp::start().await,
    );
    one.ask(
        "mutation { createContent(input: { kind: TEXT, title: \"Here\" }) { content { id } } }",
    )
    .await;
    let there = other.ask("{ contents { totalCount } }").await;
    assert_eq!(there["contents"]["totalCount"], 0);
}

#[tokio::test]
async fn a_dropped_request_leaves_no_transaction_open() {
    let app = support::TestApp::start().await;
    let db = app.ctx.db.clone();
    let (entered, wait) = tokio::sync::oneshot::channel();
    let (go_on, gate) = tokio::sync::oneshot::channel::<()>();
    let work = {
        let db = db.clone();
        async move {
            db.transaction(move |tx| {
                async move {
                    use sea_orm::ConnectionTrait;
                    tx.execute_unprepared("INSERT INTO users (id, display_name, created_at, updated_at) VALUES (gen_random_uuid(), 'dropped', now(), now())").await?;
                    entered.send(()).unwrap();
                    gate.await.unwrap();
                    Ok(())
                }
                .boxed()
            })
            .await
        }
    };
    let request = tokio::spawn(work);
    wait.await.unwrap();
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();

    // The work that had begun ends all the same, and its connection comes back clean.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let row = sqlx::query("SELECT (SELECT count(*) FROM users) AS users, statement_timestamp() = transaction_timestamp() AS outside")
            .fetch_one(db.pool())
            .await
            .unwrap();
        if row.get::<i64, _>("users") == 1 {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the transaction never ended"
        );
        tokio::task::yield_now().await;
    }
    let open: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND query LIKE '%dropped%'")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn a_connection_inside_a_transaction_is_not_handed_out() {
    let mut settings = support::settings();
    settings.database.rw_connections = 2;
    let app = support::TestApp::with(settings).await;
    let pool = app.ctx.db.pool();
    // What a cancelled `BEGIN` leaves behind: the pool knows of no transaction.
    for _ in 0..2 {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::raw_sql("BEGIN")
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    for _ in 0..4 {
        let mut connection = pool.acquire().await.unwrap();
        let inside: bool = sqlx::raw_sql("SELECT pg_catalog.now() <> statement_timestamp()")
            .fetch_one(&mut *connection)
            .await
            .unwrap()
            .get(0);
        assert!(!inside, "this connection is still inside a transaction");
    }
}

#[tokio::test]
async fn a_failed_transaction_changes_nothing() {
    let app = support::TestApp::start().await;
    let outcome: Result<(), Error> = app
        .ctx
        .db
        .transaction(|tx| {
            async move {
                use sea_orm::ConnectionTrait;
                tx.execute_unprepared("INSERT INTO users (id, display_name, created_at, updated_at) VALUES (gen_random_uuid(), 'half', now(), now())").await?;
                Err(Error::Unavailable("on purpose".to_owned()))
            }
            .boxed()
        })
        .await;
    assert_eq!(outcome.unwrap_err().code(), "UNAVAILABLE");
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    assert_eq!(users, 0);
}

#[tokio::test]
async fn a_wrong_address_is_a_sentence_without_its_password() {
    let now = support::start_of_time();
    for url in [
        "postgres://marquee:hunter2@127.0.0.1:1/none",
        "postgres://%zz:hunter2@",
    ] {
        let error = migrate::run(url, &[fresh_name()], now).await.unwrap_err();
        let text = format!("{error:#} {error:?}");
        assert!(text.contains("database"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn the_log_hears_what_failed_and_not_whose_data_it_was() {
    use sea_orm::ConnectionTrait;
    let app = support::TestApp::start().await;
    let broken = "INSERT INTO users (id, display_name, email, role, created_at, updated_at)
                  VALUES (gen_random_uuid(), 'Vera', 'vera@example.org', 'NOBODY', now(), now())";
    let by_orm = app.ctx.db.write().execute_unprepared(broken).await;
    let by_sqlx = sqlx::query(broken).execute(app.ctx.db.pool()).await;
    for error in [
        Error::from(by_orm.unwrap_err()),
        Error::from(by_sqlx.unwrap_err()),
    ] {
        let logged = format!("{error:?}");
        assert!(logged.contains("23514"), "{logged}");
        assert!(!logged.contains("vera@example.org"), "{logged}");
    }
}

#[tokio::test]
async fn a_statement_that_was_given_up_may_be_tried_again() {
    use sea_orm::ConnectionTrait;
    let app = support::TestApp::start().await;
    for code in ["57014", "40001", "40P01", "55P03"] {
        let given_up = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
        let outcome = app.ctx.db.write().execute_unprepared(&given_up).await;
        let error = Error::from(outcome.unwrap_err());
        assert_eq!(error.code(), "UNAVAILABLE", "{code}");
    }
}

/// Names by `table.column`.
type Names = BTreeMap<String, BTreeSet<String>>;

/// The columns that hold an enum, with the names of its values.
fn enums() -> Names {
    macro_rules! names {
        ($($column:literal: $type:ty),* $(,)?) => {
            [$((
                $column.to_owned(),
                <$type>::ALL.iter().map(|value| value.as_str().to_owned()).collect(),
            )),*]
            .into()
        };
    }
    names! {
        "users.role": Role,
        "content_items.kind": ContentKind,
        "content_items.visibility": Visibility,
        "credits.role": CreditRole,
        "interactions.kind": InteractionKind,
        "generation_jobs.state": JobState,
        "model_versions.kind": ModelKind,
        "model_versions.state": ModelState,
        "recommendation_lists.context": Context,
        "recommendation_items.source": Source,
        "feedback.kind": FeedbackKind,
        "airings.kind": AiringKind,
        "experiments.state": ExperimentState,
        "slates.state": SlateState,
        "airings.source": AiringSource,
    }
}

/// The names that a check admits, if all it says is that its column has one of them.
fn admitted(check: &str) -> Option<(&str, BTreeSet<String>)> {
    let check = check.strip_prefix("CHECK ((")?.strip_suffix("])))")?;
    let (column, names) = check.split_once(" = ANY (ARRAY[")?;
    let is_name = column.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let name = |literal: &str| {
        let name = literal.strip_prefix('\'')?.strip_suffix("'::text")?;
        Some(name.to_owned())
    };
    let names: Option<BTreeSet<String>> = names.split(", ").map(name).collect();
    is_name.then_some((column, names?))
}

/// The columns for which checks and enums differ.
fn differing(checks: &[(String, String)], enums: &Names) -> Vec<String> {
    let checked: Names = checks
        .iter()
        .filter_map(|(table, check)| {
            let (column, names) = admitted(check)?;
            Some((format!("{table}.{column}"), names))
        })
        .collect();
    let columns: BTreeSet<&String> = checked.keys().chain(enums.keys()).collect();
    columns
        .into_iter()
        .filter(|column| checked.get(*column) != enums.get(*column))
        .cloned()
        .collect()
}

#[tokio::test]
async fn the_database_admits_the_names_of_each_enum_and_no_others() {
    for url in databases() {
        let name = fresh_name();
        let now = support::start_of_time();
        migrate::run(&url, std::slice::from_ref(&name), now)
            .await
            .unwrap();
        let settings = support::settings();
        let db = Db::connect(&settings.database, &url, &name).await.unwrap();
        let checks: Vec<(String, String)> = sqlx::query_as(
            "SELECT r.relname::text, pg_get_constraintdef(c.oid)
               FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
              WHERE c.contype = 'c' AND NOT r.relispartition
                AND r.relnamespace = current_schema()::regnamespace",
        )
        .fetch_all(db.pool())
        .await
        .unwrap();
        assert_eq!(differing(&checks, &enums()), Vec::<String>::new());
    }
}

#[test]
fn a_check_that_differs_from_its_enum_is_caught() {
    let kinds = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'::text")).collect();
        let check = format!("CHECK ((kind = ANY (ARRAY[{}])))", names.join(", "));
        vec![("things".to_owned(), check)]
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let enums: Names = [("things.kind".to_owned(), names(&["A", "B"]))].into();
    let nothing = Vec::<String>::new();
    assert_eq!(differing(&kinds(&["B", "A"]), &enums), nothing);
    assert_eq!(differing(&kinds(&["A"]), &enums), ["things.kind"]);
    assert_eq!(differing(&kinds(&["A", "B", "C"]), &enums), ["things.kind"]);
    assert_eq!(differing(&[], &enums), ["things.kind"]);
    assert_eq!(
        differing(&kinds(&["A", "B"]), &Names::new()),
        ["things.kind"]
    );
    let both = "CHECK (((kind = ANY (ARRAY['A'::text])) = (done_at IS NOT NULL)))".to_owned();
    assert_eq!(
        differing(&[("things".to_owned(), both)], &Names::new()),
        nothing
    );
}
