//! Vectors in the process, all of them looked at: exact, and fast up to some ten thousand.

use std::sync::{PoisonError, RwLock};

use futures::future::BoxFuture;
use rustc_hash::FxHashMap;

use super::{Keep, VectorStore};
use crate::domain::embeddings::model::Near;
use crate::foundation::{Id, Result, id};
use crate::ranking::kernel::{Kernel, Rows};

/// So many products are computed at a time.
const BLOCK: usize = 1024;

/// All vectors of a space, row after row.
pub(in crate::domain::embeddings) struct Memory {
    dimensions: usize,
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    ids: Vec<Id<id::Content>>,
    places: FxHashMap<Id<id::Content>, usize>,
    values: Vec<f32>,
}

impl Memory {
    /// No vectors yet, of so many dimensions, at least 1.
    pub(in crate::domain::embeddings) fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            table: RwLock::default(),
        }
    }

    fn scan(&self, query: &[f32], count: usize, keep: &Keep<'_>) -> Vec<Near> {
        if count == 0 || query.len() != self.dimensions {
            return Vec::new();
        }
        let kernel = Kernel::detect();
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Near> = Vec::new();
        let mut cosines = [0.0; BLOCK];
        let blocks = table.values.chunks(BLOCK * self.dimensions);
        for (ids, values) in table.ids.chunks(BLOCK).zip(blocks) {
            let cosines = &mut cosines[..ids.len()];
            cosines.fill(0.0);
            let rows = Rows {
                values,
                stride: self.dimensions,
            };
            kernel.add_products(rows, 0, query, cosines);
            let near = ids.iter().zip(&*cosines);
            found.extend(
                near.filter(|(id, _)| keep(**id))
                    .map(|(content, cosine)| Near {
                        content: *content,
                        cosine: *cosine,
                    }),
            );
            if found.len() >= 4 * count + BLOCK {
                best(&mut found, count);
            }
        }
        best(&mut found, count);
        found
    }
}

/// Leaves the `count` nearest, in order.
pub(in crate::domain::embeddings) fn best(found: &mut Vec<Near>, count: usize) {
    found.sort_unstable_by(|a, b| {
        b.cosine
            .total_cmp(&a.cosine)
            .then(a.content.cmp(&b.content))
    });
    found.truncate(count);
}

impl VectorStore for Memory {
    fn nearest<'a>(
        &'a self,
        query: &'a [f32],
        count: usize,
        keep: &'a Keep<'a>,
    ) -> BoxFuture<'a, Result<Vec<Near>>> {
        Box::pin(async move { Ok(self.scan(query, count, keep)) })
    }

    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        let width = self.dimensions;
        for (id, vector) in rows.iter().filter(|(_, vector)| vector.len() == width) {
            match table.places.get(id) {
                Some(place) => {
                    table.values[place * width..(place + 1) * width].copy_from_slice(vector);
                }
                None => {
                    table.places.insert(*id, table.ids.len());
                    table.ids.push(*id);
                    table.values.extend_from_slice(vector);
                }
            }
        }
    }

    fn remove(&self, items: &[Id<id::Content>]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        let width = self.dimensions;
        for id in items {
            let Some(place) = table.places.remove(id) else {
                continue;
            };
            // The last one takes the place that is free.
            table.ids.swap_remove(place);
            let last = table.ids.len();
            if place < last {
                table
                    .values
                    .copy_within(last * width..(last + 1) * width, place * width);
                table.places.insert(table.ids[place], place);
            }
            table.values.truncate(last * width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u128) -> Id<id::Content> {
        uuid::Uuid::from_u128(number).into()
    }

    fn ids(near: &[Near]) -> Vec<Id<id::Content>> {
        near.iter().map(|near| near.content).collect()
    }

    #[test]
    fn the_nearest_come_first_and_equal_ones_by_id() {
        let memory = Memory::new(2);
        memory.upsert(&[
            (content(3), vec![1.0, 0.0]),
            (content(1), vec![0.0, 1.0]),
            (content(2), vec![1.0, 0.0]),
        ]);
        let all = |_| true;
        assert_eq!(
            ids(&memory.scan(&[1.0, 0.0], 9, &all)),
            [2, 3, 1].map(content)
        );
        let odd = |id| id != content(2);
        assert_eq!(ids(&memory.scan(&[1.0, 0.0], 1, &odd)), [content(3)]);
        assert_eq!(memory.scan(&[1.0], 9, &all), []);
    }

    #[test]
    fn what_is_changed_and_removed_is_so_at_once() {
        let memory = Memory::new(2);
        memory.upsert(&[
            (content(1), vec![1.0, 0.0]),
            (content(2), vec![1.0, 0.0]),
            (content(3), vec![0.0, 1.0]),
        ]);
        memory.remove(&[content(1), content(9)]);
        memory.upsert(&[(content(2), vec![-1.0, 0.0])]);
        let near = memory.scan(&[1.0, 0.0], 9, &|_| true);
        assert_eq!(ids(&near), [3, 2].map(content));
        assert_eq!(near[1].cosine, -1.0);
    }
}
