//! Nearest neighbours among many vectors.
//!
//! An [`Index`] holds vectors of one length under keys and finds those nearest to a query. A few
//! thousand it compares one by one; above that it keeps a graph, a hierarchical navigable small
//! world (Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using
//! hierarchical navigable small world graphs", 2018), and finds nearly all of the true neighbours
//! while it looks at one vector in a hundred.
//!
//! Reading takes `&self` and writing `&mut self`, each write well below a millisecond: behind an
//! `RwLock` an index serves while it follows a changing catalogue. A build is no write: make a
//! new index beside the old one and swap them.

mod builder;
mod graph;
mod query;
#[cfg(test)]
mod tests;
mod traversal;
mod vectors;

use std::ops::ControlFlow;

use super::kernel::Kernel;
use builder::{GROUP, GraphBuilder};
use graph::{Graph, mix};
use traversal::Pool;
use vectors::{State, Vectors, numbers};

/// Links a node has on the levels above the base level, and half of those on the base level (`M`).
const DEGREE: usize = 16;

/// Up to this many vectors everything is compared: exact, and in less than 50 µs.
pub const SCANNED: usize = 3_000;

/// Nodes that one write links while the graph is not complete.
const CATCH_UP: usize = 4;

/// Nodes that one write looks at while removed ones are being swept out of the graph.
const SWEEP: usize = 256;

/// What nearness means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Metric {
    /// The cosine of the angle, -1 to 1. Vectors are stored with norm 1.
    Cosine,
    /// The inner product, any number: the score of factor models.
    InnerProduct,
}

/// Why an index was not made, changed or asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NeighbourError {
    /// Vectors without numbers.
    #[error("vectors must have at least one number")]
    NoLength,
    /// A vector of another length than those of the index.
    #[error("the vector has {got} numbers where the index has {expected}")]
    Length {
        /// The length of the vectors of the index.
        expected: usize,
        /// The length of the one that came.
        got: usize,
    },
    /// A number that is none, or is infinite.
    #[error("the vector holds something that is not a finite number")]
    NotFinite,
    /// Only zeros, where a direction is needed.
    #[error("the vector is all zeros, so it has no direction; leave it out of a cosine index")]
    Zero,
    /// An inner product could leave the range of numbers.
    #[error("the vector is longer than 1e18; scale the vectors down")]
    TooLarge,
    /// More vectors than the graph can number.
    #[error("an index holds no more than two thousand million vectors")]
    Full,
    /// The observer asked to stop.
    #[error("building was stopped after {0} vectors")]
    Stopped(usize),
}

/// Vectors that can be searched by nearness. See the [module](self).
#[derive(Debug)]
pub struct Index {
    kernel: Kernel,
    vectors: Vectors,
    graph: Graph,
    pool: Pool,
    /// Nodes that were removed since the last sweep began.
    gone: Vec<u32>,
    sweep: Option<Sweep>,
}

/// Taking removed nodes out of the graph, a little with every write: links to them are replaced
/// node after node, and then their rows are free (Singh et al. 2021, FreshDiskANN, §5.2).
#[derive(Debug)]
struct Sweep {
    condemned: Vec<u32>,
    next: u32,
}

impl Index {
    /// An index without vectors. `seed` decides the levels of the graph.
    ///
    /// # Errors
    /// [`NeighbourError::NoLength`].
    pub fn new(length: usize, metric: Metric, seed: u64) -> Result<Self, NeighbourError> {
        Ok(Self {
            kernel: Kernel::detect(),
            vectors: Vectors::new(length, metric)?,
            graph: Graph::new(seed),
            pool: Pool::default(),
            gone: Vec::new(),
            sweep: None,
        })
    }

    /// An index of these `(key, vector)` pairs, all vectors of this length; of equal keys the
    /// last one stays. Works on all threads of the current rayon pool. Equal items in equal order
    /// and an equal seed give an equal index on one kind of processor, whatever the number of
    /// threads.
    ///
    /// `observe` hears from time to time how many vectors are in place, and how many there are,
    /// and may end the work.
    ///
    /// # Errors
    /// The first vector that cannot be taken, or [`NeighbourError::Stopped`].
    pub fn build<'v>(
        length: usize,
        metric: Metric,
        items: impl IntoIterator<Item = (u32, &'v [f32])>,
        seed: u64,
        observe: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Self, NeighbourError> {
        let mut index = Self::new(length, metric, seed)?;
        let items = items.into_iter();
        index.vectors.reserve(items.size_hint().0);
        let mut prepared = Vec::new();
        for (key, vector) in items {
            let norm = index.vectors.prepare(vector, &mut prepared)?;
            match index.vectors.node_of(key) {
                Some(node) => index.vectors.write(node, &prepared, norm),
                None => {
                    index.check_room()?;
                    index.vectors.insert(key, &prepared, norm);
                }
            }
        }
        let count = index.vectors.rows();
        if count > SCANNED {
            index.graph.reserve(count);
            index.graph.extend_to(count);
            // In the order of a catalogue, like follows like; a graph grows better at random.
            let mut order: Vec<u32> = (0..count as u32).collect();
            order.sort_by_cached_key(|node| mix(seed ^ mix(!u64::from(*node))));
            for (at, group) in order.chunks(GROUP).enumerate() {
                let done = at * GROUP;
                if observe(done, count).is_break() {
                    return Err(NeighbourError::Stopped(done));
                }
                index.link(group);
            }
        }
        // Whether this was the end is no longer a question.
        let _ = observe(count, count);
        Ok(index)
    }

    /// Adds a vector, or puts it in the place of the one this key has.
    ///
    /// # Errors
    /// [`NeighbourError`] if the vector cannot be taken; the index is as before.
    pub fn upsert(&mut self, key: u32, vector: &[f32]) -> Result<(), NeighbourError> {
        let mut prepared = Vec::new();
        let norm = self.vectors.prepare(vector, &mut prepared)?;
        if let Some(node) = self.vectors.node_of(key) {
            if self.vectors.row(node) == numbers(&prepared) {
                return Ok(());
            }
            self.remove(key);
        }
        self.check_room()?;
        let node = self.vectors.insert(key, &prepared, norm);
        if (node as usize) < self.graph.len() {
            self.link(&[node]);
        }
        self.keep_up();
        Ok(())
    }

    /// Takes a vector out. False if the key is unknown.
    pub fn remove(&mut self, key: u32) -> bool {
        let Some(node) = self.vectors.forget(key) else {
            return false;
        };
        if self.vectors.live() == 0 {
            self.clear();
        } else if (node as usize) < self.graph.len() {
            self.gone.push(node);
            self.keep_up();
        } else {
            self.vectors.release(node);
        }
        true
    }

    /// The vector of a key as it is stored: with norm 1 under [`Metric::Cosine`].
    pub fn vector(&self, key: u32) -> Option<&[f32]> {
        let node = self.vectors.node_of(key)?;
        Some(&self.vectors.row(node)[..self.vectors.length])
    }

    /// How many vectors can be found.
    pub fn len(&self) -> usize {
        self.vectors.live()
    }

    /// Whether there is nothing to be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers a vector has.
    pub fn length(&self) -> usize {
        self.vectors.length
    }

    /// What nearness means here.
    pub fn metric(&self) -> Metric {
        self.vectors.metric
    }

    /// The memory taken by vectors and links, in bytes.
    pub fn bytes(&self) -> usize {
        self.vectors.bytes() + self.graph.bytes()
    }

    fn check_room(&self) -> Result<(), NeighbourError> {
        // One bit of a node's number is taken, see `search`.
        if self.vectors.rows() >= 1 << 31 {
            return Err(NeighbourError::Full);
        }
        Ok(())
    }

    fn link(&mut self, group: &[u32]) {
        let (builder, graph) = self.builder();
        builder.link(graph, group);
    }

    fn builder(&mut self) -> (GraphBuilder<'_>, &mut Graph) {
        let builder = GraphBuilder {
            kernel: self.kernel,
            vectors: &self.vectors,
            pool: &self.pool,
        };
        (builder, &mut self.graph)
    }

    /// The share of each write in what is left to do: links nodes that the graph lacks, and sweeps
    /// removed ones out of it.
    fn keep_up(&mut self) {
        let (rows, linked) = (self.vectors.rows(), self.graph.len());
        if linked < rows && (linked > 0 || self.len() > SCANNED) {
            let upto = rows.min(linked + CATCH_UP);
            self.graph.extend_to(upto);
            let group: Vec<u32> = (linked as u32..upto as u32)
                .filter(|node| self.vectors.is_live(*node))
                .collect();
            self.link(&group);
        }
        if self.sweep.is_none() && self.gone.len() > (self.len() / 16).max(32) {
            let condemned = std::mem::take(&mut self.gone);
            condemned
                .iter()
                .for_each(|node| self.vectors.condemn(*node));
            self.sweep = Some(Sweep { condemned, next: 0 });
        }
        if let Some(sweep) = self.sweep.take() {
            self.sweep = self.swept(sweep);
        }
    }

    fn swept(&mut self, mut sweep: Sweep) -> Option<Sweep> {
        let linked = self.graph.len() as u32;
        let upto = linked.min(sweep.next + SWEEP as u32);
        let (builder, graph) = self.builder();
        for node in sweep.next..upto {
            if matches!(builder.vectors.state(node), State::Live | State::Gone) {
                builder.repair(graph, node);
            }
        }
        sweep.next = upto;
        if upto < linked {
            return Some(sweep);
        }
        for &node in &sweep.condemned {
            for level in 0..=self.graph.level(node) {
                self.graph.set_links(node, level, &[]);
            }
            self.vectors.release(node);
        }
        let entry = self.graph.entry.map(|(node, _)| node);
        if entry.is_some_and(|node| self.vectors.state(node) == State::Free) {
            self.graph.entry = (0..linked)
                .filter(|node| self.vectors.is_live(*node))
                .map(|node| (node, self.graph.level(node)))
                .max_by_key(|(node, level)| (*level, std::cmp::Reverse(*node)));
        }
        None
    }

    /// Back to an empty index.
    fn clear(&mut self) {
        self.vectors.clear();
        self.graph.clear();
        self.gone.clear();
        self.sweep = None;
    }
}
