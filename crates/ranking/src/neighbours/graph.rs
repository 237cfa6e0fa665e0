//! The links of the graph (Malkov & Yashunin 2018), side by side in memory: a reader of a node's
//! links touches one or two cache lines.

use super::DEGREE;

/// Ends a list of links that is not full.
pub(super) const NONE: u32 = u32::MAX;

/// Links on the base level: twice those above, as in §4.1 of the paper.
pub(super) const BASE_DEGREE: usize = 2 * DEGREE;

/// No node is on more levels than this; one in `DEGREE`^12 would be.
const TOP_LEVEL: usize = 12;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct BaseLinks([u32; BASE_DEGREE]);

/// Who is linked to whom, level by level; level 0 holds everybody.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    seed: u64,
    base: Vec<BaseLinks>,
    /// Where the links of the levels above begin in `upper`, or `NONE`.
    upper_at: Vec<u32>,
    upper: Vec<[u32; DEGREE]>,
    /// The node that searches start from, with its level.
    pub entry: Option<(u32, usize)>,
}

impl Graph {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            base: Vec::new(),
            upper_at: Vec::new(),
            upper: Vec::new(),
            entry: None,
        }
    }

    /// How many nodes have a place; those from here on are not in the graph yet.
    pub fn len(&self) -> usize {
        self.base.len()
    }

    /// Makes place for nodes up to `nodes`, without links.
    pub fn extend_to(&mut self, nodes: usize) {
        for node in self.len()..nodes {
            let level = self.level(node as u32);
            self.base.push(BaseLinks([NONE; BASE_DEGREE]));
            if level == 0 {
                self.upper_at.push(NONE);
            } else {
                self.upper_at.push(self.upper.len() as u32);
                self.upper.resize(self.upper.len() + level, [NONE; DEGREE]);
            }
        }
    }

    /// The highest level of a node, `⌊−ln U / ln DEGREE⌋` (§4, line 4 of algorithm 1), with a
    /// `U` that depends on the seed and the node's number alone. So a row that is used again
    /// keeps its level, and its place among the links.
    pub fn level(&self, node: u32) -> usize {
        let random = mix(self.seed ^ mix(u64::from(node)));
        let unit = ((random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        ((-unit.ln() / (DEGREE as f64).ln()) as usize).min(TOP_LEVEL)
    }

    /// The links of a node that is on this level.
    pub fn links(&self, node: u32, level: usize) -> &[u32] {
        let links = self.slots(node, level);
        let used = links.iter().position(|link| *link == NONE);
        &links[..used.unwrap_or(links.len())]
    }

    fn slots(&self, node: u32, level: usize) -> &[u32] {
        match level {
            0 => &self.base[node as usize].0,
            _ => &self.upper[self.upper_at[node as usize] as usize + level - 1],
        }
    }

    /// Replaces the links of a node; what is more than the level holds is left out.
    pub fn set_links(&mut self, node: u32, level: usize, links: &[u32]) {
        let slots: &mut [u32] = match level {
            0 => &mut self.base[node as usize].0,
            _ => &mut self.upper[self.upper_at[node as usize] as usize + level - 1],
        };
        let used = links.len().min(slots.len());
        slots[..used].copy_from_slice(&links[..used]);
        slots[used..].fill(NONE);
    }

    /// How many links a node may have on a level.
    pub fn degree(level: usize) -> usize {
        if level == 0 { BASE_DEGREE } else { DEGREE }
    }

    pub fn clear(&mut self) {
        self.base.clear();
        self.upper_at.clear();
        self.upper.clear();
        self.entry = None;
    }

    pub fn reserve(&mut self, nodes: usize) {
        self.base.reserve(nodes);
        self.upper_at.reserve(nodes);
    }

    pub fn bytes(&self) -> usize {
        self.base.capacity() * size_of::<BaseLinks>()
            + self.upper_at.capacity() * 4
            + self.upper.capacity() * DEGREE * 4
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on
/// every bit of the number.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
