//! Vectors in the process, under an index of our own.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures::future::BoxFuture;
use rustc_hash::FxHashMap;

use super::{ItemFilter, VectorStore, VectorVisitor};
use crate::domain::embeddings::model::Neighbour;
use crate::foundation::{Error, Id, Result, id};
use ranking::neighbours::{Index, Metric};

/// Decides the levels of the graph; any number would do.
const SEED: u64 = 1;
/// So many candidates the walk through the graph keeps beside those that are asked for.
const BREADTH: usize = 64;

/// All vectors of a space. Each item has a key of the index for as long as the process lives.
pub(in crate::domain::embeddings) struct InMemoryStore {
    table: RwLock<Table>,
    /// How often a vector was changed or removed.
    version: AtomicU64,
}

struct Table {
    index: Index,
    ids: Vec<Id<id::Content>>,
    keys: FxHashMap<Id<id::Content>, u32>,
}

impl InMemoryStore {
    /// An index of these vectors of so many dimensions, at least 1. It takes all cores for a while.
    ///
    /// # Errors
    /// When there are no dimensions. A vector that has none of its own, or others, is left out.
    pub(in crate::domain::embeddings) fn build(
        dimensions: usize,
        rows: Vec<(Id<id::Content>, Vec<f32>)>,
    ) -> Result<Self> {
        // By id, so that every process that reads the same rows builds the same index.
        let mut rows = rows;
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows.retain(|(_, vector)| usable(vector, dimensions));
        let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
        let vectors = (0..).zip(rows.iter().map(|(_, vector)| vector.as_slice()));
        let observe = &mut |_, _| ControlFlow::Continue(());
        let index = Index::build(dimensions, Metric::Cosine, vectors, SEED, observe)
            .map_err(|error| Error::Internal(error.into()))?;
        Ok(Self {
            table: RwLock::new(Table {
                keys: ids.iter().copied().zip(0..).collect(),
                ids,
                index,
            }),
            version: AtomicU64::new(0),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called while the table is still locked, so that nobody sees the old version with the new
    /// vector for long, and never the other way round.
    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn search(
        &self,
        queries: &[&[f32]],
        count: usize,
        keep: &ItemFilter<'_>,
    ) -> Vec<Vec<Neighbour>> {
        let table = self.read();
        let mut answers = vec![Vec::new(); queries.len()];
        let usable = |at: &usize| count > 0 && usable(queries[*at], table.index.length());
        let offsets: Vec<usize> = (0..queries.len()).filter(usable).collect();
        let queries: Vec<&[f32]> = offsets.iter().map(|at| queries[*at]).collect();
        let passes = |key: u32| table.ids.get(key as usize).is_some_and(|id| keep(*id));
        let found = table
            .index
            .nearest_each(&queries, count, count + BREADTH, passes);
        // What is no vector of this space was left out above.
        for (at, found) in offsets.into_iter().zip(found.unwrap_or_default()) {
            let near = found.into_iter().filter_map(|(key, cosine)| {
                let content = *table.ids.get(key as usize)?;
                Some(Neighbour { content, cosine })
            });
            answers[at].extend(near);
            best(&mut answers[at], count);
        }
        answers
    }
}

fn usable(vector: &[f32], dimensions: usize) -> bool {
    vector.len() == dimensions
        && vector.iter().all(|number| number.is_finite())
        && vector.iter().any(|number| *number != 0.0)
}

/// Leaves the `count` nearest, in order.
pub(in crate::domain::embeddings) fn best(found: &mut Vec<Neighbour>, count: usize) {
    found.sort_unstable_by(|a, b| {
        b.cosine
            .total_cmp(&a.cosine)
            .then(a.content.cmp(&b.content))
    });
    found.truncate(count);
}

impl VectorStore for InMemoryStore {
    fn nearest<'a>(
        &'a self,
        queries: &'a [&'a [f32]],
        count: usize,
        keep: &'a ItemFilter<'a>,
    ) -> BoxFuture<'a, Result<Vec<Vec<Neighbour>>>> {
        Box::pin(async move { Ok(self.search(queries, count, keep)) })
    }

    fn visit<'a>(
        &'a self,
        ids: &'a [Id<id::Content>],
        to: &'a mut VectorVisitor<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let table = self.read();
            for id in ids {
                let key = table.keys.get(id);
                if let Some(vector) = key.and_then(|key| table.index.vector(*key)) {
                    to(*id, vector);
                }
            }
            Ok(())
        })
    }

    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]) {
        for (id, vector) in rows {
            // One lock a row: readers wait no longer than one takes.
            let mut table = self.write();
            if !usable(vector, table.index.length()) {
                continue;
            }
            let key = match table.keys.get(id) {
                Some(key) => *key,
                None => {
                    let Ok(key) = u32::try_from(table.ids.len()) else {
                        return; // four thousand million vectors do not fit into any memory
                    };
                    table.ids.push(*id);
                    table.keys.insert(*id, key);
                    key
                }
            };
            // Changes are read more than once, so as to miss none.
            if table.index.vector(key) == Some(vector.as_slice()) {
                continue;
            }
            match table.index.upsert(key, vector) {
                Ok(()) => self.changed(),
                Err(error) => {
                    tracing::warn!(%error, "A vector could not be taken into the index");
                }
            }
        }
    }

    fn remove(&self, items: &[Id<id::Content>]) {
        for id in items {
            let mut table = self.write();
            if let Some(key) = table.keys.get(id).copied()
                && table.index.vector(key).is_some()
            {
                table.index.remove(key);
                self.changed();
            }
        }
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u128) -> Id<id::Content> {
        uuid::Uuid::from_u128(number).into()
    }

    fn ids(near: &[Neighbour]) -> Vec<Id<id::Content>> {
        near.iter().map(|near| near.content).collect()
    }

    #[test]
    fn the_nearest_come_first_and_equal_ones_by_id() {
        let memory = InMemoryStore::build(2, Vec::new()).unwrap();
        memory.upsert(&[
            (content(3), vec![1.0, 0.0]),
            (content(1), vec![0.0, 1.0]),
            (content(2), vec![1.0, 0.0]),
        ]);
        let all = |_| true;
        let queries: [&[f32]; 4] = [&[1.0, 0.0], &[1.0], &[0.0, 0.0], &[0.0, 1.0]];
        let near = memory.search(&queries, 9, &all);
        assert_eq!(ids(&near[0]), [2, 3, 1].map(content));
        assert_eq!((near[1].len(), near[2].len()), (0, 0));
        assert_eq!(ids(&near[3]), [1, 2, 3].map(content));
        let odd = |id| id != content(2);
        assert_eq!(ids(&memory.search(&queries[..1], 1, &odd)[0]), [content(3)]);
    }

    #[test]
    fn what_is_changed_and_removed_is_so_at_once() {
        let memory = InMemoryStore::build(2, Vec::new()).unwrap();
        memory.upsert(&[
            (content(1), vec![1.0, 0.0]),
            (content(2), vec![1.0, 0.0]),
            (content(3), vec![0.0, 1.0]),
        ]);
        memory.remove(&[content(1), content(9)]);
        memory.upsert(&[(content(2), vec![-1.0, 0.0])]);
        let near = memory.search(&[&[1.0, 0.0]], 9, &|_| true).remove(0);
        assert_eq!(ids(&near), [3, 2].map(content));
        assert_eq!(near[1].cosine, -1.0);
    }
}
