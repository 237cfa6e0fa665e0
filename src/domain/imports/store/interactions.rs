//! Merging interactions whose users and items are named by external ids.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use rustc_hash::FxHashMap;
use sqlx::PgConnection;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::super::message::brief;
use super::super::model::{ImportedInteraction, RowCounts, Table};
use super::super::users::shown;
use super::{Ids, Session, Stage, analyze};
use crate::foundation::{Id, Result, id};
use crate::platform::config::CreateUnknown;
use crate::platform::db::copy::Rows;

/// The staging tables of interactions; they live with the session and are emptied with each transaction.
pub(super) const STAGING: &str = "
    CREATE TEMPORARY TABLE user_references (
        n integer, new_id uuid, source text, external_id text, label text, known_id uuid
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE item_references (
        n integer, new_id uuid, source text, external_id text, label text, known_id uuid
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_interactions (
        id uuid, line bigint, user_n integer, item_n integer, kind text, value real, at bigint
    ) ON COMMIT DELETE ROWS";

/// The users or the items that the interactions of a chunk name, each once.
struct References {
    numbers: FxHashMap<(String, String), usize>,
    rows: Rows,
}

impl References {
    fn new() -> Self {
        Self {
            numbers: FxHashMap::default(),
            rows: Rows::new(),
        }
    }

    /// The number of a reference in this chunk. `new_id` is the id that is created for it where that is to be.
    fn number(
        &mut self,
        name: (String, String),
        new_id: impl FnOnce() -> Uuid,
        label: impl FnOnce(&str) -> String,
    ) -> usize {
        let next = self.numbers.len();
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let (source, value) = &name;
        self.rows
            .plain(next)
            .plain(new_id())
            .text(source)
            .text(value)
            .text(&label(value))
            .null();
        self.rows.end();
        self.numbers.insert(name, next);
        next
    }
}

/// Interactions of a file, to be merged.
pub(in super::super) struct InteractionStage {
    create: CreateUnknown,
    ids: Ids,
    users: References,
    items: References,
    rows: Rows,
}

impl InteractionStage {
    /// Stages interactions, whose unknown users and items `create` says whether to create.
    pub(in super::super) fn new(create: CreateUnknown, ids: Ids) -> Self {
        Self {
            create,
            ids,
            users: References::new(),
            items: References::new(),
            rows: Rows::new(),
        }
    }
}

impl Stage for InteractionStage {
    type Row = ImportedInteraction;

    fn push(&mut self, row: ImportedInteraction) {
        let id = interaction_id(&row);
        let ids = &self.ids;
        let user = self.users.number(
            row.user,
            || ids.next::<id::User>(),
            |value| shown(value).unwrap_or_else(|| "?".to_owned()),
        );
        let item = self
            .items
            .number(row.item, || ids.next::<id::Content>(), str::to_owned);
        self.rows
            .plain(id)
            .plain(row.line)
            .plain(user)
            .plain(item)
            .plain(row.kind.as_str())
            .maybe(row.stars)
            .plain(row.at.timestamp_micros());
        self.rows.end();
    }

    fn bytes(&self) -> usize {
        self.users.rows.bytes() + self.items.rows.bytes() + self.rows.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        async move {
            let now = session.now;
            let merged = session
                .bulk
                .transaction(move |connection| merge(self, connection, now).boxed());
            let (counts, refused) = merged.await?;
            session.refused = refused;
            Ok(counts)
        }
        .boxed()
    }
}

/// The same event has the same id in every run, which makes a second one harmless: it follows from the event's own id,
/// or from user, item and kind, and from the time.
fn interaction_id(row: &ImportedInteraction) -> Uuid {
    let mut hash = Xxh3::new();
    let mut add = |text: &str| {
        // With its length, so that two texts side by side are not two others.
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add("interaction");
    match &row.event {
        Some(event) => add(event),
        None => {
            for (source, value) in [&row.user, &row.item] {
                add(source);
                add(value);
            }
            add(row.kind.as_str());
        }
    }
    hash.update(&row.at.timestamp_micros().to_le_bytes());
    let mut rest = [0; 10];
    rest.copy_from_slice(&hash.digest128().to_le_bytes()[..10]);
    Id::<id::Interaction>::at(row.at, rest).uuid()
}

/// Which rows were refused: the line and the reason of each.
type Refused = Vec<(u64, String)>;

async fn merge(
    stage: InteractionStage,
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(Vec<(Table, RowCounts)>, Refused)> {
    let rows = stage.rows.len() as u64;
    stage
        .users
        .rows
        .copy_into(connection, "user_references")
        .await?;
    stage
        .items
        .rows
        .copy_into(connection, "item_references")
        .await?;
    stage
        .rows
        .copy_into(connection, "staged_interactions")
        .await?;
    analyze(
        connection,
        "ANALYZE user_references, item_references, staged_interactions",
    )
    .await?;
    know_users(connection).await?;
    know_items(connection).await?;
    let mut counts = Vec::new();
    if stage.create.users() {
        let added = create_users(connection, stage.create.items(), now).await?;
        counts.push((
            Table::Users,
            RowCounts {
                added,
                ..RowCounts::default()
            },
        ));
    }
    if stage.create.items() {
        let added = create_items(connection, now).await?;
        counts.push((
            Table::Products,
            RowCounts {
                added,
                ..RowCounts::default()
            },
        ));
    }
    // What foreign keys would do for each row, once for each user.
    sqlx::query(
        "SELECT count(*) FROM (SELECT FROM users u JOIN user_references r ON u.id = r.known_id \
         ORDER BY u.id FOR KEY SHARE OF u) AS held",
    )
    .execute(&mut *connection)
    .await?;
    let refused = unknown(connection).await?;
    let (added, updated) = insert(connection, rows - refused.len() as u64).await?;
    let interactions = RowCounts {
        added,
        updated,
        unchanged: rows.saturating_sub(added + updated + refused.len() as u64),
        ..RowCounts::default()
    };
    counts.push((Table::Interactions, interactions));
    Ok((counts, refused))
}

/// Finds the users that are there already; of one who was merged into another, the other.
async fn know_users(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE user_references r SET known_id = COALESCE(u.merged_into, u.id) FROM users u \
         WHERE r.known_id IS NULL AND u.source = r.source AND u.external_id = r.external_id",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Finds the items that are there already; of several of one name, the one that came first.
async fn know_items(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE item_references r SET known_id = found.id FROM ( \
             SELECT DISTINCT ON (named.n) named.n, c.id FROM item_references named \
             JOIN content_external_ids e ON e.source = named.source AND e.external_id = named.external_id \
             JOIN content_items c ON c.id = e.content_id AND c.deleted_at IS NULL \
             ORDER BY named.n, c.created_at, c.id) AS found \
         WHERE r.known_id IS NULL AND found.n = r.n",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Creates the users that interactions with known items name, or with any item where those are created too.
async fn create_users(
    connection: &mut PgConnection,
    of_any_item: bool,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let added = sqlx::query(
        "INSERT INTO users (id, display_name, source, external_id, created_at, updated_at) \
         SELECT r.new_id, r.label, r.source, r.external_id, $1, $1 FROM user_references r \
         WHERE r.known_id IS NULL AND EXISTS ( \
             SELECT FROM staged_interactions s JOIN item_references i ON i.n = s.item_n \
             WHERE s.user_n = r.n AND (i.known_id IS NOT NULL OR $2 AND NOT EXISTS ( \
                 SELECT FROM content_external_ids e \
                 WHERE e.source = i.source AND e.external_id = i.external_id))) \
         ORDER BY r.source, r.external_id \
         ON CONFLICT (source, external_id) WHERE source IS NOT NULL DO NOTHING",
    )
    .bind(now)
    .bind(of_any_item)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    know_users(connection).await?;
    Ok(added)
}

/// Creates the items that interactions of known users name, but for those that were deleted.
async fn create_items(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<u64> {
    // Whoever else creates items by external ids waits: two items may share one.
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtext('content_external_ids'), hashtext(current_schema()))",
    )
    .execute(&mut *connection)
    .await?;
    know_items(&mut *connection).await?;
    let added = sqlx::query(
        "INSERT INTO content_items (id, kind, title, created_at, updated_at) \
         SELECT r.new_id, 'PRODUCT', r.label, $1, $1 FROM item_references r \
         WHERE r.known_id IS NULL AND NOT EXISTS ( \
             SELECT FROM content_external_ids e \
             WHERE e.source = r.source AND e.external_id = r.external_id) \
         AND EXISTS (SELECT FROM staged_interactions s JOIN user_references u ON u.n = s.user_n \
                     WHERE s.item_n = r.n AND u.known_id IS NOT NULL) \
         ORDER BY r.n",
    )
    .bind(now)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    sqlx::query(
        "INSERT INTO content_external_ids (content_id, source, external_id) \
         SELECT r.new_id, r.source, r.external_id FROM item_references r \
         JOIN content_items c ON c.id = r.new_id",
    )
    .execute(&mut *connection)
    .await?;
    know_items(connection).await?;
    Ok(added)
}

/// The rows whose user or item is not known.
async fn unknown(connection: &mut PgConnection) -> Result<Refused> {
    let rows: Vec<(i64, bool, String, String)> = sqlx::query_as(
        "SELECT s.line, u.known_id IS NULL, \
                CASE WHEN u.known_id IS NULL THEN u.source ELSE i.source END, \
                CASE WHEN u.known_id IS NULL THEN u.external_id ELSE i.external_id END \
           FROM staged_interactions s \
           JOIN user_references u ON u.n = s.user_n \
           JOIN item_references i ON i.n = s.item_n \
          WHERE u.known_id IS NULL OR i.known_id IS NULL ORDER BY s.line",
    )
    .fetch_all(connection)
    .await?;
    let refused = rows.into_iter().map(|(line, of_user, source, value)| {
        let thing = if of_user { "user" } else { "item" };
        let reason = format!(
            "there is no {thing} `{}` of the source `{source}`",
            brief(&value)
        );
        (line.unsigned_abs(), reason)
    });
    Ok(refused.collect())
}

/// Inserts what is not there yet and renews ratings; answers how many rows each were. `known` is the number of rows
/// that have a user and an item.
async fn insert(connection: &mut PgConnection, known: u64) -> sqlx::Result<(u64, u64)> {
    // Of rows that are the same event, the last.
    sqlx::query(
        "DELETE FROM staged_interactions s USING ( \
             SELECT id, max(line) AS last FROM staged_interactions GROUP BY id HAVING count(*) > 1) AS repeated \
         WHERE s.id = repeated.id AND s.line < repeated.last",
    )
    .execute(&mut *connection)
    .await?;
    // By user, so that the index of users, which is the largest, grows at one place at a time.
    let added = sqlx::query(
        "INSERT INTO interactions \
             (id, user_id, content_id, kind, value, occurred_at, recorded_in) \
         SELECT s.id, u.known_id, i.known_id, s.kind, s.value, \
                'epoch'::timestamptz + s.at * interval '1 microsecond', NULL \
           FROM staged_interactions s \
           JOIN user_references u ON u.n = s.user_n AND u.known_id IS NOT NULL \
           JOIN item_references i ON i.n = s.item_n AND i.known_id IS NOT NULL \
          ORDER BY u.known_id, s.id \
         ON CONFLICT (id) DO NOTHING",
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if added == known {
        return Ok((added, 0));
    }
    let updated = sqlx::query(
        "UPDATE interactions AS old SET value = s.value \
           FROM staged_interactions s \
           JOIN user_references u ON u.n = s.user_n \
           JOIN item_references i ON i.n = s.item_n \
          WHERE old.id = s.id AND old.user_id = u.known_id AND old.content_id = i.known_id \
            AND old.kind = 'RATING' AND s.kind = 'RATING' AND old.value <> s.value",
    )
    .execute(connection)
    .await?
    .rows_affected();
    Ok((added, updated))
}
