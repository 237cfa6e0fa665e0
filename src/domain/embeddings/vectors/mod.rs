//! Where neighbours are looked for: one trait, two forms of it.
//!
//! Both hold vectors of length 1 of one space, and answer by the cosine.

use futures::future::BoxFuture;

use super::model::Near;
use crate::foundation::{Id, Result, id};

mod memory;

pub(super) use memory::{Memory, best};

/// Which items may be answered.
pub type Keep<'k> = dyn Fn(Id<id::Content>) -> bool + Send + Sync + 'k;

/// Who looks at the vectors of items.
pub type Show<'s> = dyn FnMut(Id<id::Content>, &[f32]) + Send + 's;

/// What tells that rows of a space were changed: the first transaction that was looked for, how many
/// rows were changed from it on, and the last transaction that changed one.
pub type Marks = (u64, i64, u64);

/// The vectors of one space, and what is near in it. In the process, or in the database.
pub trait VectorStore: Send + Sync {
    /// For each query the `count` items nearest to it for which `keep` holds, the nearest first;
    /// equal ones by id. Fewer where there are fewer, and none for a query that has not the
    /// dimensions of the space, or no direction.
    ///
    /// Where the store answers from an index, some 1 in 100 of the true nearest may be missing.
    fn nearest<'a>(
        &'a self,
        queries: &'a [&'a [f32]],
        count: usize,
        keep: &'a Keep<'a>,
    ) -> BoxFuture<'a, Result<Vec<Vec<Near>>>>;

    /// Shows the vectors of these items, as far as they have one, in no order.
    fn show<'a>(
        &'a self,
        ids: &'a [Id<id::Content>],
        to: &'a mut Show<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Takes notice of rows that have just been written to the database.
    fn upsert(&self, rows: &[(Id<id::Content>, Vec<f32>)]);

    /// Takes notice of rows that have just been removed from the database.
    fn remove(&self, items: &[Id<id::Content>]);

    /// Takes notice that the rows in the database have these marks now: others than the last time
    /// mean that something was written. For stores that hold no rows themselves.
    fn noticed(&self, _: Marks) {}

    /// Grows with every change that the store has taken notice of.
    fn version(&self) -> u64;
}
