//! Neighbours from the database, by pgvector's HNSW index.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Store;
use crate::domain::embeddings::model::Neighbour;
use crate::domain::embeddings::vectors::{
    ChangeMarks, ItemFilter, VectorStore, VectorVisitor, best,
};
use crate::foundation::{Id, Result, id};
use crate::platform::db::Db;

/// Further than this the index is not followed for items that may be answered.
const FURTHEST: usize = 40_000;
/// Nor where fewer than one in so many may be of at least so many that it led to.
const NARROW: usize = 20;
const ENOUGH: usize = 1_000;
/// Up to so many items that may be answered are compared one by one.
const COMPARED: usize = 40_000;
/// The items that may be answered, found out at most once a request; `None` if they are too many.
type EligibleItems = OnceCell<Option<Vec<Uuid>>>;

/// The vectors of one space in the database.
pub(in crate::domain::embeddings) struct PgvectorStore {
    db: Db,
    model: Uuid,
    dimensions: usize,
    marks: Mutex<ChangeMarks>,
    version: AtomicU64,
}

#[derive(FromQueryResult)]
struct Row {
    content_id: Uuid,
    cosine: f32,
}

impl PgvectorStore {
    pub(in crate::domain::embeddings) fn new(
        db: Db,
        model: Id<id::Model>,
        dimensions: usize,
    ) -> Self {
        Self {
            db,
            model: model.uuid(),
            dimensions,
            marks: Mutex::default(),
            version: AtomicU64::new(0),
        }
    }

    fn changed(&self, changed: bool) {
        self.version
            .fetch_add(u64::from(changed), Ordering::Release);
    }

    /// The `count` nearest for which `keep` holds.
    async fn nearest_to(
        &self,
        query: &[f32],
        count: usize,
        keep: &ItemFilter<'_>,
        eligible: &EligibleItems,
    ) -> Result<Vec<Neighbour>> {
        let points = query.iter().any(|number| *number != 0.0);
        if count == 0 || query.len() != self.dimensions || !points {
            return Ok(Vec::new());
        }
        let mut wide = count + 16;
        loop {
            let rows = self.first(query, wide).await?;
            let met = rows.len();
            // A scan may also end at what it may remember, but not as early as that.
            let all = met < wide.min(ENOUGH);
            let mut found: Vec<Neighbour> = rows
                .into_iter()
                .map(|row| Neighbour {
                    content: row.content_id.into(),
                    cosine: row.cosine,
                })
                .filter(|near| keep(near.content))
                .collect();
            if all || found.len() >= count {
                best(&mut found, count);
                return Ok(found);
            }
            // Where it ended before it had met as many as asked for, it leads no further.
            let last = wide >= FURTHEST || met < wide;
            let narrow = met >= ENOUGH && found.len() * NARROW < met;
            if last || narrow {
                let eligible = eligible.get_or_try_init(|| self.eligible(keep)).await?;
                if let Some(eligible) = eligible {
                    return self.exact_nearest(query, count, eligible).await;
                }
            }
            if last {
                best(&mut found, count);
                return Ok(found);
            }
            // Each time four times as far: all in all a third more than the last alone.
            wide = (4 * wide).min(FURTHEST);
        }
    }

    /// The items for which `keep` holds, if they are few enough to be compared.
    async fn eligible(&self, keep: &ItemFilter<'_>) -> Result<Option<Vec<Uuid>>> {
        let ids = sqlx::query_scalar::<_, Uuid>(
            "SELECT content_id FROM content_embeddings WHERE model_version_id = $1",
        )
        .bind(self.model);
        let mut ids = ids.fetch(self.db.pool());
        let mut eligible = Vec::new();
        while let Some(id) = ids.try_next().await? {
            if keep(id.into()) {
                if eligible.len() == COMPARED {
                    return Ok(None);
                }
                eligible.push(id);
            }
        }
        Ok(Some(eligible))
    }

    /// The `count` nearest of these items.
    async fn exact_nearest(
        &self,
        query: &[f32],
        count: usize,
        items: &[Uuid],
    ) -> Result<Vec<Neighbour>> {
        let rows: Vec<(Uuid, f32)> = sqlx::query_as(
            "WITH compared AS MATERIALIZED (
                 SELECT content_id, (1 - (embedding <=> $2::real[]::vector))::real AS cosine
                   FROM content_embeddings
                  WHERE model_version_id = $1 AND content_id = ANY($3))
             SELECT content_id, cosine FROM compared ORDER BY cosine DESC, content_id LIMIT $4",
        )
        .bind(self.model)
        .bind(query)
        .bind(items)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(self.db.pool())
        .await?;
        let near = |(id, cosine): (Uuid, f32)| Neighbour {
            content: id.into(),
            cosine,
        };
        Ok(rows.into_iter().map(near).collect())
    }

    /// The `count` nearest of all.
    async fn first(&self, query: &[f32], count: usize) -> Result<Vec<Row>> {
        // Model and width stand in the text: only so does the planner see that the index of this
        // space answers.
        let distance = format!(
            "embedding::vector({0}) <=> $1::real[]::vector({0})",
            self.dimensions
        );
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!(
                "SELECT content_id, (1 - ({distance}))::real AS cosine FROM content_embeddings
                  WHERE model_version_id = '{}' ORDER BY {distance} LIMIT $2",
                self.model
            ),
            [
                query.to_vec().into(),
                i64::try_from(count).unwrap_or(i64::MAX).into(),
            ],
        );
        // The wider the search, the fewer of the true nearest are missed.
        let breadth = (2 * count).clamp(200, 1000);
        let settings = format!(
            "SET LOCAL hnsw.iterative_scan = strict_order;
             SET LOCAL hnsw.max_scan_tuples = {FURTHEST};
             SET LOCAL hnsw.scan_mem_multiplier = 8;
             SET LOCAL hnsw.ef_search = {breadth}"
        );
        self.db
            .transaction(move |tx| {
                async move {
                    tx.execute_unprepared(&settings).await?;
                    Ok(Row::find_by_statement(statement).all(tx).await?)
                }
                .boxed()
            })
            .await
    }
}

impl VectorStore for PgvectorStore {
    fn nearest<'a>(
        &'a self,
        queries: &'a [&'a [f32]],
        count: usize,
        keep: &'a ItemFilter<'a>,
    ) -> BoxFuture<'a, Result<Vec<Vec<Neighbour>>>> {
        Box::pin(async move {
            let (eligible, mut answers) = (EligibleItems::new(), Vec::with_capacity(queries.len()));
            for query in queries {
                let near = self.nearest_to(query, count, keep, &eligible).await?;
                answers.push(near);
            }
            Ok(answers)
        })
    }

    fn visit<'a>(
        &'a self,
        ids: &'a [Id<id::Content>],
        to: &'a mut VectorVisitor<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let store = Store::new(self.db.clone());
            let vectors = store.vectors(self.model.into(), self.dimensions, ids);
            for (id, vector) in vectors.await?.iter() {
                to(id, vector);
            }
            Ok(())
        })
    }

    // The rows themselves are what is searched.
    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]) {
        self.changed(!rows.is_empty());
    }

    fn remove(&self, items: &[Id<id::Content>]) {
        self.changed(!items.is_empty());
    }

    fn observe_changes(&self, marks: ChangeMarks) {
        let mut last = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nothing was changed since, the marks tell of nothing new.
        let changed = marks.1 > 0 && *last != marks;
        *last = marks;
        self.changed(changed);
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}
