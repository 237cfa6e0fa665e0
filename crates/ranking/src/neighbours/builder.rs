//! Putting nodes into the graph, in groups: everybody of a group looks at the graph as it was
//! before the group, and at the group itself. So all threads work at once, nobody waits for a
//! lock, and the graph does not depend on how many threads there were.

use rayon::prelude::*;

use super::super::kernel::Kernel;
use super::graph::Graph;
use super::traversal::{Pool, Scratch, Traversal};
use super::vectors::Vectors;
use super::{CATCH_UP, DEGREE};

/// How many candidates a new node chooses its neighbours from (`efConstruction`).
pub(super) const BUILD_BREADTH: usize = 128;

/// How many nodes are put in at once. Each is compared with all before it in its group, which
/// costs little next to its walk.
pub(super) const GROUP: usize = 512;

/// A node as seen from another: how near, and which.
type ScoredNode = (f32, u32);

/// A link that a new node asks an older one for.
#[derive(Clone, Copy, Debug)]
struct LinkRequest {
    level: usize,
    of: u32,
    by: u32,
    score: f32,
}

/// What putting nodes into the graph needs to read.
pub(super) struct GraphBuilder<'a> {
    pub kernel: Kernel,
    pub vectors: &'a Vectors,
    pub pool: &'a Pool,
}

impl GraphBuilder<'_> {
    /// Links live nodes, which have a place in the graph but no links yet.
    pub fn link(&self, graph: &mut Graph, group: &[u32]) {
        // A write waits for nobody: all threads may be busy with a training for long.
        let alone = group.len() <= CATCH_UP;
        let plan = |(at, &node): (usize, &u32)| {
            self.pool
                .with(|scratch| self.plan(graph, node, &group[..at], scratch))
        };
        let plans: Vec<Vec<Vec<ScoredNode>>> = if alone {
            group.iter().enumerate().map(plan).collect()
        } else {
            group.par_iter().enumerate().map(plan).collect()
        };
        let mut requests = Vec::new();
        for (&node, plan) in group.iter().zip(&plans) {
            for (level, near) in plan.iter().enumerate() {
                let links: Vec<u32> = near.iter().map(|near| near.1).collect();
                graph.set_links(node, level, &links);
                requests.extend(near.iter().map(|&(score, of)| LinkRequest {
                    level,
                    of,
                    by: node,
                    score,
                }));
            }
            let level = graph.level(node);
            if graph.entry.is_none_or(|(_, top)| level > top) {
                graph.entry = Some((node, level));
            }
        }
        // The sort is stable: a node hears those who ask in the order of the group.
        requests.sort_by_key(|requests| (requests.of, requests.level));
        let same = |a: &LinkRequest, b: &LinkRequest| (a.of, a.level) == (b.of, b.level);
        let answer = |requests: &[LinkRequest]| self.relink(graph, requests);
        let answers: Vec<Vec<u32>> = if alone {
            requests.chunk_by(same).map(answer).collect()
        } else {
            requests.par_chunk_by(same).map(answer).collect()
        };
        for (requests, links) in requests.chunk_by(same).zip(&answers) {
            graph.set_links(requests[0].of, requests[0].level, links);
        }
    }

    /// The neighbours a node wants on each of its levels (algorithm 1).
    fn plan(
        &self,
        graph: &Graph,
        node: u32,
        mates: &[u32],
        scratch: &mut Scratch,
    ) -> Vec<Vec<ScoredNode>> {
        let own = graph.level(node);
        let mut plan = vec![Vec::new(); own + 1];
        let walk = Traversal {
            kernel: self.kernel,
            vectors: self.vectors,
            graph,
            lift: self.vectors.lift(node),
        };
        scratch.query.clear();
        scratch.query.extend_from_slice(self.vectors.lines(node));
        let mates = self.near(node, mates);
        let top = graph.entry.map_or(0, |(_, top)| top);
        let traverse = walk.descend(own.min(top), scratch);
        for level in (0..=own).rev() {
            let mut near: Vec<ScoredNode> = Vec::with_capacity(BUILD_BREADTH + mates.len());
            if traverse && level <= top {
                walk.search(level, BUILD_BREADTH, scratch);
                let live = |near: &ScoredNode| near.1 != node && self.vectors.is_live(near.1);
                near.extend(scratch.results.iter().filter(live));
                if near.len() < DEGREE {
                    // Where nearly everybody around was removed, look at everybody.
                    near = self.all_linked(graph, node, level);
                }
            }
            near.extend(mates.iter().filter(|mate| graph.level(mate.1) >= level));
            sort(&mut near);
            near.truncate(BUILD_BREADTH);
            plan[level] = self.choose(&near, DEGREE);
        }
        plan
    }

    /// All live nodes that were linked on a level, those near `node` first.
    fn all_linked(&self, graph: &Graph, node: u32, level: usize) -> Vec<ScoredNode> {
        let others: Vec<u32> = (0..graph.len() as u32)
            .filter(|&other| other != node && self.vectors.is_live(other))
            .filter(|&other| graph.level(other) >= level && !graph.links(other, 0).is_empty())
            .collect();
        let mut near = self.near(node, &others);
        sort(&mut near);
        near.truncate(BUILD_BREADTH);
        near
    }

    /// The links of a node that is asked for more.
    fn relink(&self, graph: &Graph, requests: &[LinkRequest]) -> Vec<u32> {
        let LinkRequest { of, level, .. } = requests[0];
        let links = graph.links(of, level);
        let new = requests
            .iter()
            .map(|requests| requests.by)
            .filter(|by| !links.contains(by));
        if links.len() + requests.len() <= Graph::degree(level) {
            return links.iter().copied().chain(new).collect();
        }
        let mut near = self.near(of, links);
        near.extend(
            requests
                .iter()
                .filter(|requests| !links.contains(&requests.by))
                .map(|requests| (requests.score, requests.by)),
        );
        sort(&mut near);
        let chosen = self.choose(&near, Graph::degree(level));
        chosen.into_iter().map(|near| near.1).collect()
    }

    /// Takes the links to condemned nodes away from a node; the neighbours of those stand in.
    pub fn repair(&self, graph: &mut Graph, node: u32) {
        for level in 0..=graph.level(node) {
            let links = graph.links(node, level);
            if !links.iter().any(|link| self.vectors.is_condemned(*link)) {
                continue;
            }
            let beyond = links
                .iter()
                .filter(|link| self.vectors.is_condemned(**link))
                .flat_map(|link| graph.links(*link, level));
            let mut others: Vec<u32> = links
                .iter()
                .chain(beyond)
                .copied()
                .filter(|other| *other != node && self.vectors.is_live(*other))
                .collect();
            others.sort_unstable();
            others.dedup();
            let mut near = self.near(node, &others);
            sort(&mut near);
            let chosen = self.choose(&near, Graph::degree(level));
            let links: Vec<u32> = chosen.into_iter().map(|near| near.1).collect();
            graph.set_links(node, level, &links);
        }
    }

    /// How near others are to a node, in their order.
    fn near(&self, node: u32, others: &[u32]) -> Vec<ScoredNode> {
        let mut scores = vec![0.0; others.len()];
        let row = self.vectors.row(node);
        self.kernel
            .picked_products(self.vectors.table(), others, row, &mut scores);
        let lift = self.vectors.lift(node);
        let lifted =
            |(score, &other): (f32, &u32)| (score + lift * self.vectors.lift(other), other);
        scores.into_iter().zip(others).map(lifted).collect()
    }

    /// Of candidates, best first, up to `most` that are nearer to the node than to anybody chosen
    /// before them (algorithm 4, without extending and without keeping the pruned).
    fn choose(&self, candidates: &[ScoredNode], most: usize) -> Vec<ScoredNode> {
        const AT_ONCE: usize = 8;
        let mut chosen: Vec<ScoredNode> = Vec::with_capacity(most);
        let mut nodes: Vec<u32> = Vec::with_capacity(most);
        for &(score, node) in candidates {
            if chosen.len() == most {
                break;
            }
            let (row, lift) = (self.vectors.row(node), self.vectors.lift(node));
            let hidden = nodes.chunks(AT_ONCE).any(|nodes| {
                let mut products = [0.0; AT_ONCE];
                self.kernel
                    .picked_products(self.vectors.table(), nodes, row, &mut products);
                nodes
                    .iter()
                    .zip(products)
                    .any(|(other, product)| product + lift * self.vectors.lift(*other) > score)
            });
            if !hidden {
                chosen.push((score, node));
                nodes.push(node);
            }
        }
        chosen
    }
}

/// Nearest first, and of equals the smaller node.
fn sort(near: &mut [ScoredNode]) {
    near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
}
