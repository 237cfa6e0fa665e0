//! The vectors of an index: one table of aligned rows, and who is in which row.

use rustc_hash::FxHashMap;

use super::super::kernel::{LANES, Rows};
use super::{Metric, NeighbourError};

/// Inner products of vectors up to this norm stay far inside of `f32`.
const LARGEST_NORM: f64 = 1e18;

/// One cache line: a row that starts in the middle of one would be read a line too far.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Line([f32; LANES]);

/// The numbers of some lines.
pub(super) fn numbers(lines: &[Line]) -> &[f32] {
    // SAFETY: a `Line` is exactly `LANES` numbers, and `repr(C)` lays it out so.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LANES) }
}

fn numbers_mut(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: as in `numbers`; any bits are a number, so nothing can be broken by writing.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES) }
}

/// What a row holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// A vector that can be found.
    Live,
    /// A vector that was removed, still a signpost of the graph.
    Gone,
    /// Like `Gone`, and the sweep that is under way takes every link to it away.
    Condemned,
    /// Nothing: the next vector may have the row.
    Free,
}

/// Rows by number ("nodes"), and the keys they answer to.
#[derive(Clone, Debug)]
pub(super) struct Vectors {
    pub metric: Metric,
    pub length: usize,
    lines_a_row: usize,
    lines: Vec<Line>,
    keys: Vec<u32>,
    states: Vec<State>,
    norms: Vec<f32>,
    largest_norm: f32,
    free: Vec<u32>,
    nodes: FxHashMap<u32, u32>,
}

impl Vectors {
    pub fn new(length: usize, metric: Metric) -> Result<Self, NeighbourError> {
        if length == 0 {
            return Err(NeighbourError::NoLength);
        }
        Ok(Self {
            metric,
            length,
            lines_a_row: length.div_ceil(LANES),
            lines: Vec::new(),
            keys: Vec::new(),
            states: Vec::new(),
            norms: Vec::new(),
            largest_norm: 0.0,
            free: Vec::new(),
            nodes: FxHashMap::default(),
        })
    }

    /// How many rows there are, whatever they hold.
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// How many vectors can be found.
    pub fn live(&self) -> usize {
        self.nodes.len()
    }

    pub fn node_of(&self, key: u32) -> Option<u32> {
        self.nodes.get(&key).copied()
    }

    pub fn key(&self, node: u32) -> u32 {
        self.keys[node as usize]
    }

    pub fn state(&self, node: u32) -> State {
        self.states[node as usize]
    }

    pub fn is_live(&self, node: u32) -> bool {
        self.state(node) == State::Live
    }

    pub fn is_condemned(&self, node: u32) -> bool {
        self.state(node) == State::Condemned
    }

    pub fn lines(&self, node: u32) -> &[Line] {
        let from = node as usize * self.lines_a_row;
        &self.lines[from..from + self.lines_a_row]
    }

    pub fn row(&self, node: u32) -> &[f32] {
        numbers(self.lines(node))
    }

    pub fn table(&self) -> Rows<'_> {
        Rows {
            values: numbers(&self.lines),
            stride: self.lines_a_row * LANES,
        }
    }

    /// What lifts the vectors of an inner-product index to one norm: with `√(M² − |v|²)` as one
    /// more number each, the nearest by angle are the nearest by product (Bachrach et al. 2014,
    /// §3.2). The graph is built on the lifted vectors; a query's own lift is 0.
    pub fn lift(&self, node: u32) -> f32 {
        match self.metric {
            Metric::Cosine => 0.0,
            Metric::InnerProduct => {
                let (largest, norm) = (self.largest_norm, self.norms[node as usize]);
                ((largest - norm) * (largest + norm)).max(0.0).sqrt()
            }
        }
    }

    /// Puts a vector, made fit for the metric and padded, into `out`; returns its norm there.
    pub fn prepare(&self, vector: &[f32], out: &mut Vec<Line>) -> Result<f32, NeighbourError> {
        if vector.len() != self.length {
            return Err(NeighbourError::Length {
                expected: self.length,
                got: vector.len(),
            });
        }
        let square: f64 = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        if !square.is_finite() {
            return Err(NeighbourError::NotFinite);
        }
        let norm = square.sqrt();
        let scale = match self.metric {
            Metric::Cosine if norm == 0.0 => return Err(NeighbourError::Zero),
            Metric::Cosine => 1.0 / norm,
            Metric::InnerProduct if norm > LARGEST_NORM => return Err(NeighbourError::TooLarge),
            Metric::InnerProduct => 1.0,
        };
        out.clear();
        out.resize(self.lines_a_row, Line::default());
        for (out, v) in numbers_mut(out).iter_mut().zip(vector) {
            *out = (f64::from(*v) * scale) as f32;
        }
        Ok((norm * scale) as f32)
    }

    /// Gives a prepared vector a row. The key must not have one.
    pub fn insert(&mut self, key: u32, prepared: &[Line], norm: f32) -> u32 {
        let node = self.free.pop().unwrap_or_else(|| {
            let node = self.keys.len() as u32;
            self.keys.push(key);
            self.states.push(State::Live);
            self.norms.push(norm);
            self.lines
                .resize(self.lines.len() + self.lines_a_row, Line::default());
            node
        });
        self.keys[node as usize] = key;
        self.states[node as usize] = State::Live;
        self.write(node, prepared, norm);
        self.nodes.insert(key, node);
        node
    }

    /// Overwrites a row. Only for one that is not in the graph.
    pub fn write(&mut self, node: u32, prepared: &[Line], norm: f32) {
        let from = node as usize * self.lines_a_row;
        self.lines[from..from + self.lines_a_row].copy_from_slice(prepared);
        self.norms[node as usize] = norm;
        self.largest_norm = self.largest_norm.max(norm);
    }

    /// Makes a key unknown. Its row stays as it is.
    pub fn forget(&mut self, key: u32) -> Option<u32> {
        let node = self.nodes.remove(&key)?;
        self.states[node as usize] = State::Gone;
        Some(node)
    }

    pub fn condemn(&mut self, node: u32) {
        self.states[node as usize] = State::Condemned;
    }

    pub fn release(&mut self, node: u32) {
        self.states[node as usize] = State::Free;
        self.free.push(node);
    }

    pub fn clear(&mut self) {
        self.lines.clear();
        self.keys.clear();
        self.states.clear();
        self.norms.clear();
        self.free.clear();
        self.nodes.clear();
        self.largest_norm = 0.0;
    }

    pub fn reserve(&mut self, rows: usize) {
        self.lines.reserve(rows.saturating_mul(self.lines_a_row));
        self.keys.reserve(rows);
        self.states.reserve(rows);
        self.norms.reserve(rows);
        self.nodes.reserve(rows);
    }

    pub fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
            + (self.keys.capacity() + self.norms.capacity() + self.free.capacity()) * 4
            + self.states.capacity()
            // A hash table keeps a control byte beside each entry and a seventh of its places empty.
            + self.nodes.capacity() * 8 / 7 * 9
    }
}
