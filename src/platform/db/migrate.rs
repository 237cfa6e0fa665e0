//! Bringing a database to the present: extension, roles, schemas, migrations, partitions.
//!
//! All of it holds an advisory lock of the database, so that servers starting together do it once.

use std::collections::BTreeSet;

use anyhow::Context;
use chrono::{DateTime, Utc};
use rust_embed::RustEmbed;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, SqlSafeStr};

use super::{ADMIN_ROLE, READ_ONLY_ROLE, READ_WRITE_ROLE};
use super::{partition_indexes, restored};
use crate::platform::config::SchemaName;

/// The files of `migrations/`, as they were when the program was built.
///
/// The macro of `sqlx` would do, but it compiles `sqlx` and most of what it stands on a second
/// time, for the compiler.
#[derive(RustEmbed)]
#[folder = "../../migrations/"]
#[include = "*.sql"]
struct Migrations;

/// Tables whose ids are `UUIDv7` and that have one partition a month.
const PARTITIONED: [&str; 3] = [
    "interactions",
    "recommendation_lists",
    "recommendation_items",
];
/// How many months ahead partitions are made; a server makes them at each start and once a day.
const MONTHS_AHEAD: i32 = 6;
/// The advisory locks of Marquee: this, and the hash of what is locked.
pub(super) const LOCK_SPACE: i32 = 0x4d41_5251;

/// Migrates every one of `schemas` in the database at `url`.
///
/// # Errors
/// When the database does not answer, lacks pgvector, or refuses a statement. What was done for
/// earlier schemas and migrations stays; a migration itself is done whole or not at all, and so are all
/// migrations of a schema that was empty.
pub async fn run(url: &str, schemas: &[SchemaName], now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut connection = super::options(url)?
        .connect()
        .await
        .context("the database does not answer")?;
    lock(&mut connection, "database").await?;
    extension(&mut connection).await?;
    let roles = roles(&mut connection).await?;
    unlock(&mut connection, "database").await?;
    for schema in schemas {
        lock(&mut connection, schema.as_str()).await?;
        migrate(&mut connection, schema, roles, now)
            .await
            .with_context(|| format!("migrating the schema `{schema}`"))?;
        unlock(&mut connection, schema.as_str()).await?;
    }
    connection.close().await?;
    Ok(())
}

/// The numbers of the migrations that this program knows.
///
/// # Errors
/// Never: they are part of the program, and a test reads them.
pub(super) fn versions() -> anyhow::Result<BTreeSet<i64>> {
    let migrations = migrations()?.into_iter();
    Ok(migrations.map(|migration| migration.version).collect())
}

/// Makes the partitions of the coming months in `schema`.
///
/// # Errors
/// When the database does not answer or refuses.
pub async fn ensure_partitions(
    url: &str,
    schema: &SchemaName,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut connection = super::options(url)?.connect().await?;
    lock(&mut connection, schema.as_str()).await?;
    enter(&mut connection, schema).await?;
    partitions(&mut connection, now).await?;
    connection.close().await?;
    Ok(())
}

async fn lock(connection: &mut PgConnection, what: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_lock($1, hashtext($2))")
        .bind(LOCK_SPACE)
        .bind(what)
        .execute(connection)
        .await?;
    Ok(())
}

async fn unlock(connection: &mut PgConnection, what: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_unlock($1, hashtext($2))")
        .bind(LOCK_SPACE)
        .bind(what)
        .execute(connection)
        .await?;
    Ok(())
}

async fn extension(connection: &mut PgConnection) -> anyhow::Result<()> {
    connection
        .execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        .await
        .context(
            "the database has no pgvector: install the extension `vector` (0.8 or later), \
             or leave `database.url` empty and let Marquee run its own Postgres",
        )?;
    Ok(())
}

/// Makes the three roles where that is allowed, and says whether they are there to act as.
async fn roles(connection: &mut PgConnection) -> anyhow::Result<bool> {
    for role in [ADMIN_ROLE, READ_WRITE_ROLE, READ_ONLY_ROLE] {
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(role)
                .fetch_one(&mut *connection)
                .await?;
        let mut made = Ok(());
        if !there {
            made = execute(connection, format!("CREATE ROLE {role} NOLOGIN")).await;
        }
        if made.is_ok() {
            made = execute(connection, format!("GRANT {role} TO CURRENT_USER")).await;
        }
        let may: Option<bool> = sqlx::query_scalar(
            "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1",
        )
        .bind(role)
        .fetch_optional(&mut *connection)
        .await?;
        if may != Some(true) {
            let why = made.err().map(|error| error.to_string());
            tracing::warn!(
                role,
                why,
                "This login may not make or use the roles; everything runs as the login itself"
            );
            return Ok(false);
        }
    }
    let database: String = sqlx::query_scalar("SELECT quote_ident(current_database())")
        .fetch_one(&mut *connection)
        .await?;
    let grant = format!("GRANT CREATE, TEMPORARY ON DATABASE {database} TO {ADMIN_ROLE}");
    let staging = format!("GRANT TEMPORARY ON DATABASE {database} TO {READ_WRITE_ROLE}");
    Ok(execute(connection, grant).await.is_ok() && execute(connection, staging).await.is_ok())
}

/// Runs a statement whose identifiers are this module's own or already quoted.
pub(super) async fn execute(connection: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)))
        .await?;
    Ok(())
}

/// The migrations in the order of their versions.
///
/// # Errors
/// When a file's name is not `<version>_<description>.sql`, or its text is not UTF-8.
fn migrations() -> anyhow::Result<Vec<Migration>> {
    let mut migrations = Vec::new();
    for file in Migrations::iter() {
        let (version, description) = file
            .strip_suffix(".sql")
            .and_then(|name| name.split_once('_'))
            .with_context(|| format!("`{file}` is not `<version>_<description>.sql`"))?;
        let version: i64 = version
            .parse()
            .with_context(|| format!("`{file}` does not begin with a number"))?;
        let content = Migrations::get(&file)
            .with_context(|| format!("`{file}` is not part of the program"))?
            .data
            .into_owned();
        let sql = String::from_utf8(content).with_context(|| format!("reading `{file}`"))?;
        let outside_transaction = sql.starts_with("-- no-transaction");
        migrations.push(Migration::new(
            version,
            // As `sqlx` itself writes it into its table.
            description.replace('_', " ").into(),
            MigrationType::Simple,
            sqlx::AssertSqlSafe(sql).into_sql_str(),
            outside_transaction,
        ));
    }
    migrations.sort();
    Ok(migrations)
}

async fn enter(connection: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<()> {
    let schema = schema.quoted();
    execute(connection, format!("SET search_path TO {schema}, public")).await
}

async fn migrate(
    connection: &mut PgConnection,
    schema: &SchemaName,
    roles: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let create = format!("CREATE SCHEMA IF NOT EXISTS {}", schema.quoted());
    execute(connection, create).await?;
    enter(connection, schema).await?;
    // One transaction for a schema that nobody uses yet: each of some forty would wait for the disk. Where there are
    // tables, each migration has its own, so that none holds the locks of another while the old program runs.
    let migrations = migrations()?;
    if is_empty(connection).await? && migrations.iter().all(|migration| !migration.no_tx) {
        let mut transaction = connection.begin().await?;
        fill(&mut transaction, schema, migrations, roles, now).await?;
        transaction.commit().await?;
        return Ok(());
    }
    fill(connection, schema, migrations, roles, now).await?;
    partition_indexes::build(connection).await?;
    restored::adopt(connection).await?;
    Ok(())
}

/// Whether the schema that was entered has no tables.
async fn is_empty(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace)",
    )
    .fetch_one(connection)
    .await
}

/// Runs the migrations that are missing in the schema that was entered, and makes its partitions.
async fn fill(
    connection: &mut PgConnection,
    schema: &SchemaName,
    migrations: Vec<Migration>,
    roles: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    // The lock of this module is per schema; that of `sqlx` would make all schemas wait in line.
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.set_locking(false);
    migrator.run_direct(None, connection, false).await?;
    if roles {
        grant(connection, schema).await?;
    }
    partitions(connection, now).await?;
    Ok(())
}

async fn grant(connection: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<()> {
    let (schema, rw) = (schema.quoted(), "SELECT, INSERT, UPDATE, DELETE");
    for statement in [
        format!("GRANT ALL ON SCHEMA {schema} TO {ADMIN_ROLE}"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {READ_WRITE_ROLE}, {READ_ONLY_ROLE}"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {ADMIN_ROLE}"),
        format!("GRANT {rw} ON ALL TABLES IN SCHEMA {schema} TO {READ_WRITE_ROLE}"),
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {READ_ONLY_ROLE}"),
        format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT ALL ON TABLES TO {ADMIN_ROLE}"),
        format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {rw} ON TABLES TO {READ_WRITE_ROLE}"
        ),
        format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {READ_ONLY_ROLE}"
        ),
    ] {
        execute(connection, statement).await?;
    }
    Ok(())
}

async fn partitions(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    for table in PARTITIONED {
        sqlx::query("SELECT ensure_month_partitions($1, $2, $3)")
            .bind(table)
            .bind(now.date_naive())
            .bind(MONTHS_AHEAD)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_migration_numbered_without_gaps() {
        let embedded = migrations().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(embedded.len(), files);
        for (number, migration) in (1..).zip(&embedded) {
            assert_eq!(migration.version, number, "{}", migration.description);
        }
    }

    /// What `sqlx` compares a database with: another text, name or checksum of the first file would
    /// make every database that is there refuse to migrate.
    #[test]
    fn a_migration_is_what_databases_remember_of_it() {
        let embedded = migrations().unwrap();
        let text = include_str!("../../../migrations/0001_people_and_access.sql");
        assert_eq!(embedded[0].sql.as_str(), text);
        assert_eq!(embedded[0].description, "people and access");
        assert_eq!(embedded[0].migration_type, MigrationType::Simple);
        let checksum = <sha2::Sha384 as sha2::Digest>::digest(text);
        assert_eq!(embedded[0].checksum[..], checksum[..]);
        assert!(!embedded[0].no_tx);
    }
}
