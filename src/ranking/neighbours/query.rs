//! Answering a query: by comparing everything, or by a walk through the graph.

use super::super::top;
use super::search::{Scratch, Walk};
use super::vectors::numbers;
use super::{Index, Metric, NeighbourError, SCANNED};

/// What a walk costs for each candidate it keeps, in vectors compared by a scan.
const STEP_COST: f64 = 150.0;

/// How a query is answered.
#[derive(Debug)]
pub(super) enum Plan {
    /// By comparing everything that passes.
    Scan,
    /// By comparing everything, and asking only of what is near whether it passes.
    ScanAll,
    /// By a walk of this breadth, in which what fails is dropped at the end.
    Walk(usize),
    /// By a walk of this breadth from one that passes to the next.
    WalkPassing(usize),
}

impl Index {
    /// The `k` vectors nearest to `query` whose keys pass the filter, as `(key, score)`, best
    /// first, ties by the smaller key. Fewer only if fewer pass.
    ///
    /// `breadth` is how many candidates the walk through the graph keeps, at least `k`: more find
    /// more of the true neighbours and take longer. The filter may be asked about any key, more
    /// than once, and must be quick.
    ///
    /// # Errors
    /// [`NeighbourError`] if the query is not a vector of this index.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        breadth: usize,
        filter: impl Fn(u32) -> bool,
    ) -> Result<Vec<(u32, f32)>, NeighbourError> {
        self.pool.with(|scratch| {
            self.vectors.prepare(query, &mut scratch.query)?;
            let k = k.min(self.len());
            let breadth = breadth.clamp(k, self.len().max(k));
            let plan = self.plan(breadth, &filter);
            Ok(self.answer(&plan, k, filter, scratch))
        })
    }

    pub(super) fn answer(
        &self,
        plan: &Plan,
        k: usize,
        filter: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Vec<(u32, f32)> {
        let walk = self.walk();
        match *plan {
            Plan::Scan => return self.scan(k, filter, scratch),
            Plan::ScanAll => return self.scan_all(k, filter, scratch),
            Plan::Walk(breadth) => {
                walk.descend(0, scratch);
                walk.search(0, breadth, scratch);
            }
            Plan::WalkPassing(breadth) => {
                let passes = |node| self.vectors.is_live(node) && filter(self.vectors.key(node));
                walk.descend(0, scratch);
                if !walk.search_passing(breadth, passes, scratch) {
                    return self.scan(k, filter, scratch);
                }
            }
        }
        self.found(k, filter, scratch)
    }

    fn plan(&self, breadth: usize, filter: &impl Fn(u32) -> bool) -> Plan {
        const SAMPLE: usize = 64;
        let (live, rows) = (self.len(), self.vectors.rows());
        if live <= SCANNED || self.graph.len() < rows {
            return Plan::Scan;
        }
        let passing = (0..SAMPLE)
            .map(|at| (at * rows / SAMPLE + rows / (2 * SAMPLE)) as u32)
            .filter(|node| self.vectors.is_live(*node) && filter(self.vectors.key(*node)))
            .count();
        let dead = rows as f64 / live as f64;
        let share = (passing as f64 / SAMPLE as f64 * dead).min(1.0);
        // To compare one vector in passing costs 1, to ask whether it passes .1.
        let scan = live as f64 * (share + 0.1);
        if passing < 2 || scan < breadth as f64 * STEP_COST {
            if share < 0.5 {
                Plan::Scan
            } else {
                Plan::ScanAll
            }
        } else if share < 0.4 {
            Plan::WalkPassing(breadth)
        } else {
            Plan::Walk((breadth as f64 * dead / share).ceil() as usize)
        }
    }

    fn walk(&self) -> Walk<'_> {
        Walk {
            kernel: self.kernel,
            vectors: &self.vectors,
            graph: &self.graph,
            lift: 0.0,
        }
    }

    /// What a walk has found; a walk that starved is made good by a scan.
    fn found(
        &self,
        k: usize,
        filter: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Vec<(u32, f32)> {
        let found = scratch
            .finds
            .iter()
            .filter(|find| self.vectors.is_live(find.1))
            .map(|(score, node)| (self.vectors.key(node), self.bounded(score)))
            .filter(|find| filter(find.0));
        let best = top::best_of(found, k);
        if best.len() < k {
            return self.scan(k, filter, scratch);
        }
        best
    }

    /// Compares the query with everything that passes.
    fn scan(&self, k: usize, filter: impl Fn(u32) -> bool, scratch: &Scratch) -> Vec<(u32, f32)> {
        let passes = |node| filter(self.vectors.key(node));
        top::best_of(self.compared(passes, scratch), k)
    }

    /// Compares the query with everything, and drops what does not pass.
    fn scan_all(
        &self,
        k: usize,
        filter: impl Fn(u32) -> bool,
        scratch: &Scratch,
    ) -> Vec<(u32, f32)> {
        top::best_passing(self.compared(|_| true, scratch), k, filter)
    }

    /// The keys and scores of all nodes that pass.
    fn compared(
        &self,
        passes: impl Fn(u32) -> bool,
        scratch: &Scratch,
    ) -> impl Iterator<Item = (u32, f32)> {
        const BLOCK: usize = 64;
        let query = numbers(&scratch.query);
        let mut passing = (0..self.vectors.rows() as u32)
            .filter(move |node| self.vectors.is_live(*node) && passes(*node));
        let blocks = std::iter::from_fn(move || {
            let (mut nodes, mut scores, mut count) = ([0; BLOCK], [0.0; BLOCK], 0);
            for (place, node) in nodes.iter_mut().zip(passing.by_ref()) {
                *place = node;
                count += 1;
            }
            self.kernel
                .picked_products(self.vectors.table(), &nodes[..count], query, &mut scores);
            (count > 0).then(|| nodes.into_iter().zip(scores).take(count))
        });
        blocks
            .flatten()
            .map(|(node, score)| (self.vectors.key(node), self.bounded(score)))
    }

    /// Rounding may carry a cosine past 1.
    fn bounded(&self, score: f32) -> f32 {
        match self.metric() {
            Metric::Cosine => score.clamp(-1.0, 1.0),
            Metric::InnerProduct => score,
        }
    }
}
