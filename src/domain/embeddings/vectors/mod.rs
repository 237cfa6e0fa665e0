//! Where neighbours are looked for: one trait, two forms of it.
//!
//! Both hold vectors of length 1 of one space, and answer by the cosine.

use futures::future::BoxFuture;

use super::model::Neighbour;
use crate::foundation::{Id, Result, id};

mod memory;

pub(super) use memory::{InMemoryStore, best};

/// A filter of items.
pub type ItemFilter<'k> = dyn Fn(Id<id::Content>) -> bool + Send + Sync + 'k;

/// A visitor of the vectors of items.
pub type VectorVisitor<'s> = dyn FnMut(Id<id::Content>, &[f32]) + Send + 's;

/// Marks of changed rows of a model: the first transaction that was queried, the number of rows changed since,
/// and the last transaction that changed one.
pub type ChangeMarks = (u64, i64, u64);

/// A store of the vectors of one model with nearest-neighbour search, in memory or in the database.
pub trait VectorStore: Send + Sync {
    /// For each query the `count` nearest items that pass `keep`, nearest first, ties by id. Fewer if there are
    /// fewer, and none for a query of other dimensions or of length 0.
    ///
    /// With an approximate index, about 1 in 100 of the true nearest may be missing.
    fn nearest<'a>(
        &'a self,
        queries: &'a [&'a [f32]],
        count: usize,
        keep: &'a ItemFilter<'a>,
    ) -> BoxFuture<'a, Result<Vec<Vec<Neighbour>>>>;

    /// Visits the vectors of these items, as far as they have one, in no order.
    fn visit<'a>(
        &'a self,
        ids: &'a [Id<id::Content>],
        to: &'a mut VectorVisitor<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Applies rows that were just written to the database.
    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]);

    /// Applies the removal of rows from the database.
    fn remove(&self, items: &[Id<id::Content>]);

    /// Compares the marks of the database with the last ones: a difference means that rows were changed. For
    /// stores that hold no rows themselves.
    fn observe_changes(&self, _: ChangeMarks) {}

    /// Increases with every change that the store has applied.
    fn version(&self) -> u64;
}
