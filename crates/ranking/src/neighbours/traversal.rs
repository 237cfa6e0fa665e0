//! Walking the graph, and what a walk needs to remember.

use parking_lot::Mutex;

use super::super::kernel::Kernel;
use super::graph::Graph;
use super::vectors::{Line, Vectors, numbers};

/// Marks a find whose links were followed.
const FOLLOWED: u32 = 1 << 31;

/// What a walk remembers; kept between walks, so that a walk allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The vector that is looked for, padded.
    pub query: Vec<Line>,
    pub results: ResultQueue,
    visited: Visited,
    /// Nodes to be compared with the query, and how near they are.
    batch: Vec<u32>,
    scores: Vec<f32>,
    /// Neighbours that fail the filter and are looked through.
    failing: Vec<u32>,
}

/// Memories that wait for a walk.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Scratch>>);

impl Pool {
    /// Lends a memory to `work`.
    pub fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let lent = self.0.lock().pop();
        let mut scratch = lent.unwrap_or_default();
        let result = work(&mut scratch);
        self.0.lock().push(scratch);
        result
    }
}

/// Which nodes were seen on this walk: a bit each, so that it stays in the nearest cache, and
/// the words that have to be cleared afterwards.
#[derive(Debug, Default)]
struct Visited {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Visited {
    fn start(&mut self, nodes: usize) {
        for word in self.touched.drain(..) {
            self.words[word as usize] = 0;
        }
        if self.words.len() * 64 < nodes {
            self.words.resize(nodes.div_ceil(64), 0);
        }
    }

    /// Whether this is the first time.
    fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (node / 64, 1 << (node % 64));
        let seen = &mut self.words[word as usize];
        if *seen & bit != 0 {
            return false;
        }
        if *seen == 0 {
            self.touched.push(word);
        }
        *seen |= bit;
        true
    }
}

/// The nearest nodes found so far, best first, no more than a set number of them.
#[derive(Debug, Default)]
pub(super) struct ResultQueue {
    found: Vec<(f32, u32)>,
    breadth: usize,
    /// Everything before this place was followed.
    next: usize,
}

impl ResultQueue {
    fn start(&mut self, breadth: usize) {
        self.found.clear();
        self.breadth = breadth;
        self.next = 0;
    }

    fn insert(&mut self, score: f32, node: u32) {
        if self.found.len() == self.breadth {
            if self.found.last().is_none_or(|worst| score <= worst.0) {
                return;
            }
            self.found.pop();
        }
        let position = self.found.partition_point(|found| found.0 >= score);
        self.found.insert(position, (score, node));
        self.next = self.next.min(position);
    }

    /// The best node that was not followed yet.
    fn follow(&mut self) -> Option<u32> {
        while let Some(find) = self.found.get_mut(self.next) {
            self.next += 1;
            if find.1 & FOLLOWED == 0 {
                find.1 |= FOLLOWED;
                return Some(find.1 & !FOLLOWED);
            }
        }
        None
    }

    /// Starts over from what was found, with another breadth.
    fn restart(&mut self, breadth: usize) {
        self.breadth = breadth;
        self.found.truncate(breadth);
        self.found.iter_mut().for_each(|find| find.1 &= !FOLLOWED);
        self.next = 0;
    }

    /// What was found, as (score, node), best first.
    pub fn iter(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.found.iter().map(|find| (find.0, find.1 & !FOLLOWED))
    }
}

/// Everything a walk reads.
#[derive(Clone, Copy)]
pub(super) struct Traversal<'a> {
    pub kernel: Kernel,
    pub vectors: &'a Vectors,
    pub graph: &'a Graph,
    /// The lift of the query: 0 but where the graph is built.
    pub lift: f32,
}

impl Traversal<'_> {
    /// Goes down from the entry to `level`, on every level above to the nearest node
    /// (algorithm 5, lines 4 to 6). False if there is no graph.
    pub fn descend(&self, level: usize, scratch: &mut Scratch) -> bool {
        let Some((entry, top)) = self.graph.entry else {
            return false;
        };
        scratch.visited.start(self.graph.len());
        scratch.results.start(1);
        scratch.batch.clear();
        scratch.batch.push(entry);
        self.compare(scratch);
        for level in (level + 1..=top).rev() {
            scratch.results.restart(1);
            self.spread(level, scratch);
        }
        true
    }

    /// Finds the nearest `breadth` nodes of a level, starting from what was found above
    /// (algorithm 2).
    pub fn search(&self, level: usize, breadth: usize, scratch: &mut Scratch) {
        self.begin(breadth, scratch);
        self.spread(level, scratch);
    }

    fn begin(&self, breadth: usize, scratch: &mut Scratch) {
        scratch.results.restart(breadth.max(1));
        scratch.visited.start(self.graph.len());
        for find in &scratch.results.found {
            scratch.visited.insert(find.1);
        }
    }

    fn spread(&self, level: usize, scratch: &mut Scratch) {
        while let Some(node) = scratch.results.follow() {
            scratch.batch.clear();
            for &link in self.graph.links(node, level) {
                if scratch.visited.insert(link) {
                    self.take(link, scratch);
                }
            }
            self.compare(scratch);
        }
    }

    /// Finds the nearest nodes of the base level that pass, never comparing any other: where a
    /// neighbour fails, its neighbours stand in for it (Patel et al. 2024, ACORN, §5). The
    /// search starts around the nearest nodes of all, whether they pass or not.
    ///
    /// False, and nothing found, if none of those passes: then what passes lies elsewhere, where
    /// such a walk easily misses it.
    pub fn search_passing(
        &self,
        breadth: usize,
        passes: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> bool {
        const SEEDS: usize = 24;
        self.search(0, SEEDS, scratch);
        let mut seeds = [0; SEEDS];
        let mut count = 0;
        for (seed, find) in seeds.iter_mut().zip(scratch.results.iter()) {
            *seed = find.1;
            count += 1;
        }
        scratch.visited.start(self.graph.len());
        scratch.results.start(breadth.max(1));
        scratch.batch.clear();
        for &seed in &seeds[..count] {
            if scratch.visited.insert(seed) && passes(seed) {
                self.take(seed, scratch);
            }
        }
        if scratch.batch.is_empty() {
            return false;
        }
        self.compare(scratch);
        for &seed in seeds[..count].iter().filter(|seed| !passes(**seed)) {
            self.expand(seed, &passes, scratch);
        }
        while let Some(node) = scratch.results.follow() {
            self.expand(node, &passes, scratch);
        }
        true
    }

    fn expand(&self, node: u32, passes: &impl Fn(u32) -> bool, scratch: &mut Scratch) {
        scratch.batch.clear();
        scratch.failing.clear();
        for &link in self.graph.links(node, 0) {
            if scratch.visited.insert(link) {
                if passes(link) {
                    self.take(link, scratch);
                } else {
                    scratch.failing.push(link);
                }
            }
        }
        let most = Graph::degree(0);
        for at in 0..scratch.failing.len() {
            if scratch.batch.len() >= most {
                break;
            }
            for &link in self.graph.links(scratch.failing[at], 0) {
                // Those that fail stay unseen, for they may stand in for others later.
                if passes(link) && scratch.visited.insert(link) {
                    self.take(link, scratch);
                }
            }
        }
        self.compare(scratch);
    }

    fn take(&self, node: u32, scratch: &mut Scratch) {
        Kernel::fetch(self.vectors.row(node));
        scratch.batch.push(node);
    }

    /// Compares the batch with the query and keeps the nearest.
    fn compare(&self, scratch: &mut Scratch) {
        let Scratch {
            query,
            results,
            batch,
            scores,
            ..
        } = scratch;
        if scores.len() < batch.len() {
            scores.resize(batch.len(), 0.0);
        }
        self.kernel
            .picked_products(self.vectors.table(), batch, numbers(query), scores);
        for (&node, &score) in batch.iter().zip(scores.iter()) {
            let lifted = if self.lift == 0.0 {
                score
            } else {
                score + self.lift * self.vectors.lift(node)
            };
            results.insert(lifted, node);
        }
    }
}
