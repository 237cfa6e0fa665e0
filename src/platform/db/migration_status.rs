//! How far a schema is migrated. Looks, and changes nothing.

use std::collections::BTreeSet;

use sqlx::{ConnectOptions, Connection};

use super::migrate;
use crate::platform::config::SchemaName;

/// How far a schema is migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationStatus {
    /// It has no tables yet.
    Empty,
    /// It has all that this program knows.
    Current,
    /// So many migrations are missing.
    Behind(usize),
    /// It has this migration, which this program does not know: another version made it.
    Newer(i64),
}

/// How far `schema` is migrated in the database at `url`.
///
/// # Errors
/// When the database does not answer or refuses.
pub async fn read(url: &str, schema: &SchemaName) -> anyhow::Result<MigrationStatus> {
    let mut connection = super::options(url)?.connect().await?;
    let table = format!("{}._sqlx_migrations", schema.quoted());
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&table)
        .fetch_one(&mut connection)
        .await?;
    if !there {
        return Ok(MigrationStatus::Empty);
    }
    let applied = format!("SELECT version FROM {table} WHERE success");
    let applied: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(applied))
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(compare(
        &migrate::versions()?,
        &applied.into_iter().collect(),
    ))
}

fn compare(known: &BTreeSet<i64>, applied: &BTreeSet<i64>) -> MigrationStatus {
    if let Some(newer) = applied.difference(known).max() {
        return MigrationStatus::Newer(*newer);
    }
    match known.difference(applied).count() {
        0 => MigrationStatus::Current,
        missing => MigrationStatus::Behind(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_unknown_is_told() {
        let set = |versions: &[i64]| versions.iter().copied().collect::<BTreeSet<_>>();
        let known = set(&[1, 2, 3]);
        assert_eq!(compare(&known, &set(&[1, 2, 3])), MigrationStatus::Current);
        assert_eq!(compare(&known, &set(&[1])), MigrationStatus::Behind(2));
        assert_eq!(
            compare(&known, &set(&[1, 2, 3, 9])),
            MigrationStatus::Newer(9)
        );
    }
}
