//! Pattern search on a lattice of integers: steps double while they succeed, and halve when
//! neither direction does.
//!
//! After Hooke and Jeeves, "Direct search solution of numerical and statistical problems" (JACM
//! 1961), with one step size for each axis. Positions are integers, so that no position is tried
//! twice, and each axis is bounded, so that two positions never mean the same settings.

use rustc_hash::FxHashMap;

/// The range of one setting, in steps of the lattice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Axis {
    /// The smallest position.
    pub least: i32,
    /// The largest position; equal to `least` if the setting is not searched.
    pub most: i32,
    /// Where the search begins, within the range.
    pub start: i32,
    /// How far the first step goes, at least 1.
    pub step: i32,
}

impl Axis {
    pub(super) const fn new(least: i32, most: i32, start: i32, step: i32) -> Self {
        Self {
            least,
            most,
            start,
            step,
        }
    }

    /// An axis that is not searched.
    pub(super) const fn fixed(at: i32) -> Self {
        Self::new(at, at, at, 1)
    }
}

/// A position: one integer for each axis.
pub(super) type Position = Vec<i32>;

/// A search in progress, one trial at a time.
#[derive(Clone, Debug)]
pub(super) struct Search {
    axes: Vec<Axis>,
    known: FxHashMap<Position, f64>,
    best: Option<(Position, f64)>,
    /// How far the next step along each axis goes; 0 once the smallest step has failed both ways.
    steps: Vec<i32>,
    /// The direction that is tried first along each axis: that of the last success.
    directions: Vec<i32>,
    axis: usize,
}

impl Search {
    pub(super) fn new(axes: Vec<Axis>) -> Self {
        let searched = |axis: &Axis| if axis.least < axis.most { axis.step } else { 0 };
        Self {
            steps: axes.iter().map(searched).collect(),
            directions: vec![1; axes.len()],
            known: FxHashMap::default(),
            best: None,
            axis: 0,
            axes,
        }
    }

    /// The position to try next, which has not been tried before; nothing once no step of 1
    /// along any axis leads to a better place.
    pub(super) fn next(&mut self) -> Option<Position> {
        let Some((best, _)) = &self.best else {
            return Some(self.axes.iter().map(|axis| axis.start).collect());
        };
        // At most every axis is halved down to nothing before one of them has an untried step.
        loop {
            if self.steps.iter().all(|step| *step == 0) {
                return None;
            }
            let (at, axis) = (self.axis, self.axes[self.axis]);
            let step = self.steps[at];
            if step > 0 {
                for direction in [self.directions[at], -self.directions[at]] {
                    let to = (best[at] + direction * step).clamp(axis.least, axis.most);
                    if let Some(position) = self.untried(best, at, to) {
                        return Some(position);
                    }
                }
                self.steps[at] = step / 2;
            }
            self.axis = (at + 1) % self.axes.len();
        }
    }

    /// The position `to` along an axis, unless it or a nearer one on the way was tried: that was
    /// no better, and further away is not likely to be.
    fn untried(&self, best: &Position, axis: usize, to: i32) -> Option<Position> {
        let mut position = best.clone();
        while position[axis] != to {
            position[axis] += (to - position[axis]).signum();
            if self.known.contains_key(&position) {
                return None;
            }
        }
        (position != *best).then_some(position)
    }

    /// Takes the quality of a position that [`Search::next`] gave.
    pub(super) fn record(&mut self, position: Position, quality: f64) {
        self.known.insert(position.clone(), quality);
        let Some((best, best_quality)) = &self.best else {
            self.best = Some((position, quality));
            return;
        };
        // Of equals the first stays.
        if quality <= *best_quality {
            return;
        }
        let at = self.axis;
        let moved = position[at] - best[at];
        self.directions[at] = if moved < 0 { -1 } else { 1 };
        self.steps[at] = moved.abs().saturating_mul(2).max(1);
        // What failed from the old place may succeed from the new one.
        for (other, (step, axis)) in self.steps.iter_mut().zip(&self.axes).enumerate() {
            if other != at && *step == 0 && axis.least < axis.most {
                *step = 1;
            }
        }
        self.best = Some((position, quality));
    }

    /// The best position so far with its quality; nothing before the first trial.
    pub(super) fn best(&self) -> Option<(&Position, f64)> {
        let (position, quality) = self.best.as_ref()?;
        Some((position, *quality))
    }

    /// How many positions were tried.
    pub(super) fn tried(&self) -> usize {
        self.known.len()
    }
}
