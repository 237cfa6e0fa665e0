//! Reading the catalogue for the catalogue.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::Store;
use crate::engine::catalogue::ItemRow;
use crate::foundation::Result;
use crate::platform::db::stored;

/// One row at least, for the watermark; the rest is empty where nothing changed.
const CHANGES: &str = "
    SELECT mark.watermark, c.id, c.kind, c.visibility, c.deleted_at, c.title, c.genres, c.tags,
           c.category_path, people.ids AS people, c.year, c.duration_minutes, c.language,
           c.rating_average, c.rating_count, c.popularity, c.brand, c.merchant, c.price,
           c.currency, c.stock, c.color, c.rights_from, c.rights_until, c.broadcasts_left,
           CASE WHEN jsonb_typeof(c.metadata -> 'revenue') = 'number' THEN
                CASE WHEN (c.metadata -> 'revenue')::numeric BETWEEN 0 AND 1e15
                     THEN (c.metadata -> 'revenue')::float8 END
           END AS revenue, c.creator_id,
           c.created_at, c.updated_at, c.changed_in::text AS changed_in
      FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS watermark) AS mark
      LEFT JOIN content_items c
        ON c.changed_in >= $1::text::xid8 AND ($1 <> '0' OR c.deleted_at IS NULL)
      LEFT JOIN LATERAL (
           SELECT array_agg(DISTINCT person_id) AS ids FROM credits WHERE content_id = c.id
         ) AS people ON true";

/// What a statement ends with that took longer than it may.
const CUT_OFF: &str = "57014";

impl Store {
    /// Hands what was written by the transaction `since` or later to `each`, 0 for all there is, and
    /// says since when to ask the next time.
    pub(in crate::domain::content) async fn changes(
        &self,
        since: u64,
        mut each: impl FnMut(ItemRow) + Send,
    ) -> Result<u64> {
        // From where writes go: a replica would follow later.
        let pool = self.db.pool();
        if since != 0 {
            let some = read(&mut *pool.acquire().await?, since, &mut each).await;
            match some {
                Err(sqlx::Error::Database(told)) if told.code().as_deref() == Some(CUT_OFF) => {}
                some => return some?,
            }
        }
        // All of a large catalogue, or of a large import, takes longer than a statement may.
        let mut connection = pool.acquire().await?.detach();
        sqlx::query("SET statement_timeout = 0")
            .execute(&mut connection)
            .await?;
        let all = read(&mut connection, since, &mut each).await;
        connection.close().await?;
        all?
    }

    /// Whether the pools of the schema are closed for good.
    pub(in crate::domain::content) fn closed(&self) -> bool {
        self.db.pool().is_closed()
    }
}

/// The outer error is that of the connection, the inner one that of a row that makes no sense.
async fn read(
    connection: &mut PgConnection,
    since: u64,
    each: &mut (impl FnMut(ItemRow) + Send),
) -> sqlx::Result<Result<u64>> {
    let mut rows = sqlx::query(CHANGES)
        .bind(since.to_string())
        .fetch(connection);
    let mut watermark = since;
    while let Some(row) = rows.try_next().await? {
        match item(&row) {
            Ok((at, item)) => {
                watermark = at;
                item.into_iter().for_each(&mut *each);
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(watermark))
}

/// The watermark, and the item of a row that has one.
fn item(row: &PgRow) -> Result<(u64, Option<ItemRow>)> {
    let watermark = number(row.try_get("watermark")?)?;
    let id = row.try_get::<Option<Uuid>, _>("id")?;
    let item = id.map(|id| item_row(row, id)).transpose()?;
    Ok((watermark, item))
}

fn number(text: &str) -> Result<u64> {
    let number = text.parse();
    number.map_err(|_| stored("content_items")(format!("the transaction `{text}`")))
}

fn item_row(row: &PgRow, id: Uuid) -> Result<ItemRow> {
    let kind: &str = row.try_get("kind")?;
    let visibility: &str = row.try_get("visibility")?;
    Ok(ItemRow {
        id,
        kind: kind.parse().map_err(stored("content_items"))?,
        visibility: visibility.parse().map_err(stored("content_items"))?,
        deleted: row
            .try_get::<Option<DateTime<Utc>>, _>("deleted_at")?
            .is_some(),
        title: row.try_get("title")?,
        genres: row.try_get("genres")?,
        tags: row.try_get("tags")?,
        category_path: row.try_get("category_path")?,
        people: row
            .try_get::<Option<Vec<Uuid>>, _>("people")?
            .unwrap_or_default(),
        year: row.try_get("year")?,
        duration_minutes: row.try_get("duration_minutes")?,
        language: row.try_get("language")?,
        rating_average: row.try_get("rating_average")?,
        rating_count: row.try_get("rating_count")?,
        popularity: row.try_get("popularity")?,
        brand: row.try_get("brand")?,
        merchant: row.try_get("merchant")?,
        price: row.try_get("price")?,
        currency: row.try_get("currency")?,
        stock: row.try_get("stock")?,
        color: row.try_get("color")?,
        rights_from: row.try_get("rights_from")?,
        rights_until: row.try_get("rights_until")?,
        broadcasts_left: row.try_get("broadcasts_left")?,
        revenue: row.try_get("revenue")?,
        creator: row.try_get("creator_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        changed_in: number(row.try_get("changed_in")?)?,
    })
}
