//! Answering a query: by comparing everything, or by a walk through the graph.

use std::cell::Cell;

use super::super::top;
use super::traversal::{Scratch, Traversal};
use super::vectors::{Line, numbers};
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
    Traversal(usize),
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
        let mut found = self.nearest_each(&[query], k, breadth, filter)?;
        // One query in, one answer out.
        Ok(found.swap_remove(0))
    }

    /// The same for several queries, in their order. Where everything is compared, the vectors are
    /// read and the filter is asked once for all of them.
    ///
    /// # Errors
    /// [`NeighbourError`] if a query is not a vector of this index.
    pub fn nearest_each(
        &self,
        queries: &[&[f32]],
        k: usize,
        breadth: usize,
        filter: impl Fn(u32) -> bool,
    ) -> Result<Vec<Vec<(u32, f32)>>, NeighbourError> {
        let k = k.min(self.len());
        let plan = self.plan(breadth.clamp(k, self.len().max(k)), &filter);
        self.execute(&plan, queries, k, &filter)
    }

    pub(super) fn execute(
        &self,
        plan: &Plan,
        queries: &[&[f32]],
        k: usize,
        filter: &impl Fn(u32) -> bool,
    ) -> Result<Vec<Vec<(u32, f32)>>, NeighbourError> {
        let prepared = |query: &&[f32]| {
            let mut lines = Vec::new();
            self.vectors.prepare(query, &mut lines)?;
            Ok(lines)
        };
        if let Plan::Scan | Plan::ScanAll = plan {
            let queries: Vec<_> = queries.iter().map(prepared).collect::<Result<_, _>>()?;
            return Ok(match plan {
                Plan::Scan => self.scan(&queries, k, filter),
                _ => self.scan_all(&queries, k, filter),
            });
        }
        let traverse = queries.iter().map(|query| {
            self.pool.with(|scratch| {
                self.vectors.prepare(query, &mut scratch.query)?;
                Ok(self.traverse(plan, k, filter, scratch))
            })
        });
        traverse.collect()
    }

    /// What a walk for the query in `scratch` finds; one that starves is made good by a scan.
    fn traverse(
        &self,
        plan: &Plan,
        k: usize,
        filter: &impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Vec<(u32, f32)> {
        let walk = Traversal {
            kernel: self.kernel,
            vectors: &self.vectors,
            graph: &self.graph,
            lift: 0.0,
        };
        walk.descend(0, scratch);
        let fed = match *plan {
            Plan::Scan | Plan::ScanAll => false,
            Plan::Traversal(breadth) => {
                walk.search(0, breadth, scratch);
                true
            }
            Plan::WalkPassing(breadth) => {
                let passes = |node| self.vectors.is_live(node) && filter(self.vectors.key(node));
                walk.search_passing(breadth, passes, scratch)
            }
        };
        if fed {
            let found = scratch
                .results
                .iter()
                .filter(|find| self.vectors.is_live(find.1))
                .map(|(score, node)| (self.vectors.key(node), self.bounded(score)))
                .filter(|find| filter(find.0));
            let best = top::best_of(found, k);
            if best.len() == k {
                return best;
            }
        }
        let mut scanned = self.scan(std::slice::from_ref(&scratch.query), k, filter);
        // One query in, one answer out.
        scanned.swap_remove(0)
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
            Plan::Traversal((breadth as f64 * dead / share).ceil() as usize)
        }
    }

    /// Compares the queries with everything that passes.
    fn scan(
        &self,
        queries: &[Vec<Line>],
        k: usize,
        filter: &impl Fn(u32) -> bool,
    ) -> Vec<Vec<(u32, f32)>> {
        let passes = |node| filter(self.vectors.key(node));
        self.compare(queries, k, passes, |_| true)
    }

    /// Compares the queries with everything, and asks of what is near whether it passes; of each
    /// vector once, however many queries it is near to.
    fn scan_all(
        &self,
        queries: &[Vec<Line>],
        k: usize,
        filter: &impl Fn(u32) -> bool,
    ) -> Vec<Vec<(u32, f32)>> {
        let ask = |node| filter(self.vectors.key(node));
        if queries.len() == 1 {
            return self.compare(queries, k, |_| true, ask);
        }
        let answers = vec![Cell::new(None); self.vectors.rows()];
        let remember = |node: u32| {
            let answer = &answers[node as usize];
            answer.get().unwrap_or_else(|| {
                let passes = ask(node);
                answer.set(Some(passes));
                passes
            })
        };
        self.compare(queries, k, |_| true, remember)
    }

    /// The best for each query of the live nodes that pass both `before` and, once they are near
    /// enough, `after`.
    fn compare(
        &self,
        queries: &[Vec<Line>],
        k: usize,
        before: impl Fn(u32) -> bool,
        after: impl Fn(u32) -> bool,
    ) -> Vec<Vec<(u32, f32)>> {
        // So many rows stay in the nearest cache while all queries look at them.
        const BLOCK: usize = 64;
        let mut best: Vec<_> = queries.iter().map(|_| top::TopK::new(k)).collect();
        let mut passing = (0..self.vectors.rows() as u32)
            .filter(|node| self.vectors.is_live(*node) && before(*node));
        let (mut nodes, mut scores) = ([0; BLOCK], [0.0; BLOCK]);
        loop {
            let mut count = 0;
            for (index, node) in nodes.iter_mut().zip(passing.by_ref()) {
                *index = node;
                count += 1;
            }
            if count == 0 {
                break;
            }
            let nodes = &nodes[..count];
            for (query, best) in queries.iter().zip(&mut best) {
                let table = self.vectors.table();
                self.kernel
                    .picked_products(table, nodes, numbers(query), &mut scores);
                for (node, score) in nodes.iter().zip(scores) {
                    let candidate = (self.vectors.key(*node), self.bounded(score));
                    best.offer(candidate, |_| after(*node));
                }
            }
        }
        best.into_iter().map(top::TopK::finish).collect()
    }

    /// Rounding may carry a cosine past 1.
    fn bounded(&self, score: f32) -> f32 {
        match self.metric() {
            Metric::Cosine => score.clamp(-1.0, 1.0),
            Metric::InnerProduct => score,
        }
    }
}
