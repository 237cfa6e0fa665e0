//! Building an index of a table with partitions while others write to it.
//!
//! A migration that adds one to a large table says `CREATE INDEX … ON ONLY`, which makes it without its parts.
//! What is missing is built here, partition by partition, without a lock that holds up those who write.
//! What an earlier attempt left is made anew.

use sqlx::{PgConnection, Row};

use super::migrate::execute;

/// The partitions that lack their part of an index, with its definition behind the name of the table.
const MISSING: &str = "
    SELECT quote_ident(parent.relname) AS index, quote_ident(part.relname) AS partition,
           quote_ident(part.relname || '_' || parent.relname) AS name,
           pg_get_indexdef(index.indexrelid) AS definition
      FROM pg_index AS index
      JOIN pg_class AS parent ON parent.oid = index.indexrelid AND parent.relkind = 'I'
      JOIN pg_inherits AS of ON of.inhparent = index.indrelid
      JOIN pg_class AS part ON part.oid = of.inhrelid
     WHERE parent.relnamespace = current_schema()::regnamespace AND NOT index.indisvalid
       AND NOT EXISTS (SELECT FROM pg_inherits AS attached
                         JOIN pg_index AS child ON child.indexrelid = attached.inhrelid
                        WHERE attached.inhparent = index.indexrelid AND child.indrelid = part.oid)
     ORDER BY parent.relname, part.relname";

/// Builds what is missing in the schema that was entered. Not in a transaction. The index serves from the last
/// partition on.
pub(super) async fn build(connection: &mut PgConnection) -> anyhow::Result<()> {
    let missing = sqlx::query(MISSING).fetch_all(&mut *connection).await?;
    for row in missing {
        let column = |name: &str| row.try_get::<String, _>(name);
        let (index, partition, name) = (column("index")?, column("partition")?, column("name")?);
        let definition = column("definition")?;
        let Some((_, definition)) = definition.split_once(" USING ") else {
            anyhow::bail!("the index {index} has no definition: {definition}");
        };
        tracing::info!(
            index,
            partition,
            "Building an index; this takes a while where there is much"
        );
        for statement in [
            format!("DROP INDEX IF EXISTS {name}"),
            format!("CREATE INDEX CONCURRENTLY {name} ON {partition} USING {definition}"),
            format!("ALTER INDEX {index} ATTACH PARTITION {name}"),
        ] {
            execute(connection, statement).await?;
        }
    }
    Ok(())
}
