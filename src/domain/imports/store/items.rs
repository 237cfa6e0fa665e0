//! Merging content items with their names in other catalogues.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::columns::{self, Field};
use super::super::model::{ImportedItem, RowCounts, Table};
use super::{Ids, Session, Stage, TMDB, analyze};
use crate::foundation::{Result, id};
use crate::platform::db::copy::Rows;

/// What an import may change of an item that is there already. None overwrites what an editor may
/// have written, but a catalogue of products, whose fields its mapping file lists.
#[derive(Clone, Debug)]
pub(in super::super) enum Policy {
    /// Fills what is empty, unites genres.
    Movielens,
    /// Fills what is empty, unites genres and tags, renews votes and popularity.
    Tmdb,
    /// Replaces these fields and the kind, and the visibility where that is said.
    Products {
        /// The fields.
        fields: Vec<Field>,
        /// Whether the mapping says who may see the items.
        visibility: bool,
    },
}

/// How one column of an item that is there changes.
#[derive(Clone, Copy)]
enum Rule {
    Fill,
    Replace,
    Unite,
}

impl Policy {
    fn rules(&self) -> Vec<(&'static str, Rule)> {
        match self {
            Self::Movielens => vec![("year", Rule::Fill), ("genres", Rule::Unite)],
            Self::Tmdb => vec![
                ("original_title", Rule::Fill),
                ("description", Rule::Fill),
                ("year", Rule::Fill),
                ("duration_minutes", Rule::Fill),
                ("language", Rule::Fill),
                ("genres", Rule::Unite),
                ("tags", Rule::Unite),
                ("rating_average", Rule::Replace),
                ("rating_count", Rule::Replace),
                ("popularity", Rule::Replace),
            ],
            Self::Products { fields, visibility } => {
                let fields = fields.iter().map(|field| field.name());
                let visibility = visibility.then_some("visibility");
                let columns = fields.chain(["kind"]).chain(visibility);
                columns.map(|column| (column, Rule::Replace)).collect()
            }
        }
    }

    /// The columns that may change, their new values, and how open metadata is merged.
    fn update(&self) -> String {
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for (column, rule) in self.rules() {
            columns.push(column);
            values.push(match (rule, column) {
                (Rule::Replace, _) => format!("s.{column}"),
                (Rule::Fill, "description") => {
                    "CASE WHEN c.description = '' THEN s.description ELSE c.description END"
                        .to_owned()
                }
                (Rule::Fill, _) => format!("COALESCE(c.{column}, s.{column})"),
                (Rule::Unite, _) => format!(
                    "(c.{column} || ARRAY(SELECT u.x FROM unnest(s.{column}) \
                     WITH ORDINALITY AS u(x, n) WHERE lower(u.x) <> \
                     ALL (SELECT lower(h) FROM unnest(c.{column}) AS h) ORDER BY u.n))[1:200]"
                ),
            });
        }
        columns.push("metadata");
        values.push(match self {
            Self::Movielens => "s.metadata || c.metadata".to_owned(),
            Self::Tmdb | Self::Products { .. } => "c.metadata || s.metadata".to_owned(),
        });
        let old: Vec<String> = columns.iter().map(|column| format!("c.{column}")).collect();
        let (old, values) = (old.join(", "), values.join(", "));
        format!(
            "UPDATE content_items c SET ({columns}, updated_at) = ROW({values}, $1) \
             FROM staged_items s JOIN targets t USING (new_id) \
             WHERE c.id = t.content_id AND NOT t.fresh AND c.deleted_at IS NULL \
             AND ROW({old}) IS DISTINCT FROM ROW({values})",
            columns = columns.join(", ")
        )
    }
}

/// Content items to be merged.
pub(in super::super) struct ItemStage {
    source: String,
    table: Table,
    policy: Policy,
    ids: Ids,
    items: Rows,
    names: Rows,
    links: u64,
}

impl ItemStage {
    pub(in super::super) fn new(source: &str, table: Table, policy: Policy, ids: Ids) -> Self {
        Self {
            source: source.to_owned(),
            table,
            policy,
            ids,
            items: Rows::new(),
            names: Rows::new(),
            links: 0,
        }
    }
}

impl Stage for ItemStage {
    type Row = ImportedItem;

    fn push(&mut self, item: ImportedItem) {
        let id = self.ids.next::<id::Content>();
        let also = item.names.iter().find(|(source, _)| *source == TMDB);
        self.items
            .plain(id)
            .text(&item.key)
            .maybe_text(also.map(|(_, name)| name.as_str()));
        columns::copy(&item.fields, &mut self.items);
        self.items.end();
        self.names.plain(id).text(&self.source).text(&item.key);
        self.names.end();
        for (source, name) in &item.names {
            self.names.plain(id).text(source).text(name);
            self.names.end();
            self.links += 1;
        }
    }

    fn take_warnings(row: &mut ImportedItem) -> (u64, Vec<(String, String)>) {
        (row.line, std::mem::take(&mut row.warnings))
    }

    fn bytes(&self) -> usize {
        self.items.bytes() + self.names.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let now = session.now;
        session
            .bulk
            .transaction(move |connection| merge(self, connection, now).boxed())
            .boxed()
    }
}

async fn merge(
    stage: ItemStage,
    connection: &mut PgConnection,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<(Table, RowCounts)>> {
    stage.items.copy_into(connection, "staged_items").await?;
    stage.names.copy_into(connection, "staged_names").await?;
    analyze(connection, "ANALYZE staged_items, staged_names").await?;
    let known = targets(connection, &stage.source).await?;
    let columns = columns::names();
    let insert = format!(
        "INSERT INTO content_items (id, created_at, updated_at, {columns}) \
         SELECT new_id, $1, $1, {columns} FROM staged_items JOIN targets USING (new_id) \
         WHERE fresh ORDER BY new_id"
    );
    let added = sqlx::query(AssertSqlSafe(insert))
        .bind(now)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let updated = sqlx::query(AssertSqlSafe(stage.policy.update()))
        .bind(now)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let items = RowCounts {
        added,
        updated,
        unchanged: known.saturating_sub(updated),
        ..RowCounts::default()
    };
    let (added, updated): (i64, i64) = sqlx::query_as(
        "WITH named AS ( \
             INSERT INTO content_external_ids AS e (content_id, source, external_id) \
             SELECT t.content_id, n.source, n.external_id \
             FROM staged_names n JOIN targets t USING (new_id) \
             ON CONFLICT (content_id, source) DO UPDATE SET external_id = excluded.external_id \
             WHERE e.external_id <> excluded.external_id \
             RETURNING source, xmax = 0 AS added \
         ) SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) \
           FROM named WHERE source <> $1",
    )
    .bind(&stage.source)
    .fetch_one(&mut *connection)
    .await?;
    let mut counts = vec![(stage.table, items)];
    if stage.links > 0 {
        let (added, updated) = (added.unsigned_abs(), updated.unsigned_abs());
        let links = RowCounts {
            added,
            updated,
            unchanged: stage.links.saturating_sub(added + updated),
            ..RowCounts::default()
        };
        counts.push((Table::Links, links));
    }
    Ok(counts)
}

/// Finds which items are there already, and answers how many.
async fn targets(connection: &mut PgConnection, source: &str) -> sqlx::Result<u64> {
    // Two items may share a name: both are meant.
    let by_name = sqlx::query(
        "INSERT INTO targets (new_id, content_id, fresh) \
         SELECT DISTINCT ON (e.content_id) s.new_id, e.content_id, false \
         FROM staged_items s \
         JOIN content_external_ids e ON e.source = $1 AND e.external_id = s.key \
         ORDER BY e.content_id, s.new_id",
    )
    .bind(source)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    // A film that TMDB brought first, by its link; each only for one film of this source.
    let by_link = sqlx::query(
        "INSERT INTO targets (new_id, content_id, fresh) \
         SELECT DISTINCT ON (s.new_id) s.new_id, e.content_id, false \
         FROM (SELECT DISTINCT ON (also) new_id, also FROM staged_items \
               WHERE also IS NOT NULL AND new_id NOT IN (SELECT new_id FROM targets) \
               ORDER BY also, new_id) s \
         JOIN content_external_ids e ON e.source = 'tmdb' AND e.external_id = s.also \
         WHERE NOT EXISTS (SELECT FROM content_external_ids own \
                           WHERE own.content_id = e.content_id AND own.source = $1) \
         ORDER BY s.new_id, e.content_id",
    )
    .bind(source)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    sqlx::query(
        "INSERT INTO targets (new_id, content_id, fresh) \
         SELECT new_id, new_id, true FROM staged_items s \
         WHERE NOT EXISTS (SELECT FROM targets t WHERE t.new_id = s.new_id)",
    )
    .execute(&mut *connection)
    .await?;
    analyze(connection, "ANALYZE targets").await?;
    Ok(by_name + by_link)
}
