//! What people took, in the order of time.

use super::super::input;
use super::super::matrix::{Entry, Interactions};
use super::SequentialSettings;

/// A pair of items further apart than so many positions counts nothing.
const WINDOW: f32 = 256.0;

/// After so many half-lives nothing is left that counts: less than one in sixteen thousand.
const HALF_LIVES: f32 = 14.0;

/// One entry of a history. Positions are doubled, since entries of one moment share a mean one.
#[derive(Clone, Copy, Debug)]
struct Step {
    item: u32,
    weight: f32,
    /// Twice its position from the first of the history.
    twice: u32,
}

/// The histories of all users.
pub(super) struct Histories {
    /// Where each history starts in `steps`; one more at the end.
    starts: Vec<usize>,
    /// One history after another, each in the order of time.
    steps: Vec<Step>,
    /// The places in `steps` of each item.
    indices: Vec<Vec<usize>>,
}

/// How much pairs of a history count, by twice the distance of their positions.
pub(super) struct Decays {
    /// What both being sources of one step counts, for the nearest step.
    sources: Vec<f32>,
    /// What being source and target of one step counts, added up over the steps between.
    targets: Vec<f32>,
    /// `1 − r^n` for `n` steps, by twice `n`, over `1 − r`: how much all steps count beside the
    /// nearest one, if one step further on counts `r` of it.
    steps: Vec<f32>,
    /// α, the share of pairs that are taken together, whatever their order.
    together: f32,
}

impl Decays {
    pub(super) fn of(settings: &SequentialSettings) -> Self {
        let (past, next) = (settings.source_half_life, settings.target_half_life);
        let window = (HALF_LIVES * past.max(next) + 1.0).min(WINDOW);
        let twice = 0..(2.0 * window).ceil() as usize;
        let (a, b) = (
            (-1.0 / f64::from(past)).exp2(),
            (-1.0 / f64::from(next)).exp2(),
        );
        let ratio = a * a;
        let half = |twice: usize| twice as f64 / 2.0;
        let sum = |twice: usize| {
            let distance = half(twice);
            // Σ_k a^k b^(m−1−k) over the steps from the source to just before the target.
            if (a - b).abs() < 1e-9 {
                distance * a.powf(distance - 1.0)
            } else {
                (a.powf(distance) - b.powf(distance)) / (a - b)
            }
        };
        Self {
            sources: twice.clone().map(|at| a.powf(half(at)) as f32).collect(),
            targets: twice.clone().map(|at| sum(at) as f32).collect(),
            steps: twice
                .map(|at| ((1.0 - ratio.powf(half(at))) / (1.0 - ratio)) as f32)
                .collect(),
            together: settings.together,
        }
    }

    /// How many positions a pair may be apart, both ways together.
    pub(super) fn window(&self) -> usize {
        self.sources.len()
    }

    fn steps(&self, twice: u32) -> f32 {
        let last = self.steps.len().saturating_sub(1);
        self.steps[(twice as usize).min(last)]
    }
}

impl Histories {
    /// The entries with times of each row. Of one moment the smaller item comes first, which
    /// changes nothing but the order of sums.
    pub(super) fn of(table: &Interactions) -> Self {
        let mut histories = Self {
            starts: vec![0],
            steps: Vec::with_capacity(table.len()),
            indices: vec![Vec::new(); table.columns()],
        };
        for user in 0..table.rows() {
            let mut entries: Vec<Entry> = table.entries(user).collect();
            entries.retain(|entry| entry.time.is_some());
            entries.sort_by_key(|entry| (entry.time, entry.item));
            let positions = input::positions(&entries).unwrap_or_default();
            let last = entries.len().saturating_sub(1) as f32;
            for (entry, position) in entries.iter().zip(positions) {
                histories.indices[entry.item as usize].push(histories.steps.len());
                histories.steps.push(Step {
                    item: entry.item,
                    weight: entry.weight,
                    twice: (2.0 * (last - position)) as u32,
                });
            }
            histories.starts.push(histories.steps.len());
        }
        histories
    }

    /// In how many histories an item is.
    pub(super) fn steps_of(&self, item: usize) -> usize {
        self.indices[item].len()
    }

    fn of_index(&self, index: usize) -> &[Step] {
        let after = self.starts.partition_point(|start| *start <= index);
        &self.steps[self.starts[after - 1]..self.starts[after]]
    }

    /// Adds a row of `(1 − α) SᵀS + α XᵀX` from column `first` on.
    pub(super) fn add_sources(&self, item: usize, first: usize, decays: &Decays, sums: &mut [f32]) {
        for index in &self.indices[item] {
            let history = self.of_index(*index);
            let own = self.steps[*index];
            let end = history.last().map_or(0, |last| last.twice);
            for other in within(history, own, decays.window()) {
                let Some(sum) = (other.item as usize).checked_sub(first) else {
                    continue;
                };
                let distance = own.twice.abs_diff(other.twice) as usize;
                let steps = decays.steps(end - own.twice.max(other.twice));
                let weight = (1.0 - decays.together) * own.weight * other.weight;
                sums[sum] += weight * decays.sources[distance] * steps;
            }
            add_together(history, own, first, decays.together, sums);
        }
    }

    /// Adds a row of `(1 − α) SᵀT + α XᵀX`.
    pub(super) fn add_targets(&self, item: usize, decays: &Decays, sums: &mut [f32]) {
        for index in &self.indices[item] {
            let history = self.of_index(*index);
            let own = self.steps[*index];
            for later in within(history, own, decays.window()) {
                if later.twice > own.twice {
                    let distance = (later.twice - own.twice) as usize;
                    let weight = (1.0 - decays.together) * own.weight * later.weight;
                    sums[later.item as usize] += weight * decays.targets[distance];
                }
            }
            add_together(history, own, 0, decays.together, sums);
        }
    }
}

/// The steps of a history that are nearer to one than so many half positions.
fn within(history: &[Step], own: Step, window: usize) -> impl Iterator<Item = &Step> {
    let near = move |step: &Step| (own.twice.abs_diff(step.twice) as usize) < window;
    let from = history.partition_point(|step| step.twice < own.twice && !near(step));
    history[from..].iter().take_while(move |step| near(step))
}

fn add_together(history: &[Step], own: Step, first: usize, together: f32, sums: &mut [f32]) {
    if together == 0.0 {
        return;
    }
    for other in history {
        if let Some(sum) = (other.item as usize).checked_sub(first) {
            sums[sum] += together * own.weight * other.weight;
        }
    }
}
