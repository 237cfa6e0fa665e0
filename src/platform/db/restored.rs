//! Rows that were restored from another database cluster, whose transactions this one has not come to.
//!
//! Readers go by the transaction that wrote a row. A dump keeps its number, and where that is larger than any of
//! this cluster, the row would count as news again and again, until the numbers meet.

use sqlx::PgConnection;

use super::migrate::execute;

/// The statements for one schema; each looks at the end of an index, that of a model for vectors.
const ADOPT: [&str; 4] = [
    // They were told in the other cluster, and whoever followed it begins anew.
    "DELETE FROM events WHERE written_in >= pg_snapshot_xmax(pg_current_snapshot())",
    "UPDATE interactions SET recorded_in = NULL \
      WHERE recorded_in IS NOT NULL AND recorded_in >= pg_snapshot_xmax(pg_current_snapshot())",
    "UPDATE content_embeddings SET changed_in = '0' \
      WHERE changed_in >= pg_snapshot_xmax(pg_current_snapshot()) \
        AND model_version_id IN (SELECT id FROM model_versions)",
    // Its triggers write the present transaction, and tell of the statement even if it changes nothing.
    "DO $$ BEGIN \
       IF EXISTS (SELECT FROM content_items \
                   WHERE changed_in >= pg_snapshot_xmax(pg_current_snapshot())) THEN \
         UPDATE content_items SET changed_in = '0' \
          WHERE changed_in >= pg_snapshot_xmax(pg_current_snapshot()); \
       END IF; END $$",
];

/// Makes what was restored from another cluster a part of this one, in the schema that was entered.
pub(super) async fn adopt(connection: &mut PgConnection) -> sqlx::Result<()> {
    for statement in ADOPT {
        execute(connection, statement.to_owned()).await?;
    }
    Ok(())
}
