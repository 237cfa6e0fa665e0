//! Where neighbours are looked for: one trait, two forms of it.
//!
//! Both hold vectors of length 1 of one space, and answer by the cosine.

use futures::future::BoxFuture;

use super::model::{Near, Vectors};
use crate::foundation::{Id, Result, id};

mod memory;

pub(super) use memory::{Memory, best};

/// Which items may be answered.
pub type Keep<'k> = dyn Fn(Id<id::Content>) -> bool + Send + Sync + 'k;

/// The vectors of one space, and what is near in it. In the process, or in the database.
pub trait VectorStore: Send + Sync {
    /// The `count` items nearest to `query` for which `keep` holds, the nearest first; equal ones
    /// by id. Fewer where there are fewer. `query` has the dimensions of the space.
    ///
    /// Where the store answers from an index, some 1 in 100 of the true nearest may be missing,
    /// and where `keep` holds for very few items, the answer may be short.
    fn nearest<'a>(
        &'a self,
        query: &'a [f32],
        count: usize,
        keep: &'a Keep<'a>,
    ) -> BoxFuture<'a, Result<Vec<Near>>>;

    /// The vectors of these items, as far as they have one.
    fn vectors<'a>(&'a self, ids: &'a [Id<id::Content>]) -> BoxFuture<'a, Result<Vectors>>;

    /// Takes notice of rows that have just been written to the database.
    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]);

    /// Takes notice of rows that have just been removed from the database.
    fn remove(&self, items: &[Id<id::Content>]);
}
