//! Lists of what goes with what: for each item the items it speaks for, and how loudly.

use rayon::prelude::*;

use super::top;

/// For each source item its targets in ascending order, with the weight each gets when somebody
/// has taken the source. It takes 8 bytes an entry and 8 an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    starts: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
}

impl Neighbours {
    /// Collects lists. For a target, `sources_of` writes the weight of each
    /// source over the vector that it is given, an item that has no weight being left out. A
    /// target keeps its `keep` sources of the most influence, which is the size of the weight
    /// times that of the source: a weight that is hardly ever added may go. Equal ones go to the
    /// smaller index. The targets are gone through in parallel; `scratch` makes what one thread
    /// works with.
    pub(super) fn collect<S>(
        keep: usize,
        targets: std::ops::Range<usize>,
        sizes: &[f32],
        scratch: impl Fn() -> S + Sync,
        sources_of: impl Fn(usize, &mut S, &mut Vec<(u32, f32)>) + Sync,
    ) -> Vec<Vec<(u32, f32)>> {
        targets
            .into_par_iter()
            .map_init(
                || (scratch(), Vec::new()),
                |(scratch, found), target| {
                    found.clear();
                    sources_of(target, scratch, found);
                    largest(found, keep, sizes)
                },
            )
            .collect()
    }

    /// Turns lists of sources per target into lists of targets per source, of which each keeps
    /// the `most` of the largest size: a source that everybody takes must not cost a request
    /// more than all others.
    pub(super) fn from_targets(lists: &[Vec<(u32, f32)>], most: usize) -> Self {
        let mut by_source: Vec<Vec<(u32, f32)>> = vec![Vec::new(); lists.len()];
        for (target, sources) in (0_u32..).zip(lists) {
            for &(source, weight) in sources {
                by_source[source as usize].push((target, weight));
            }
        }
        by_source.par_iter_mut().for_each(|list| {
            if list.len() > most {
                *list = largest(list, most, &[]);
            }
            list.sort_unstable_by_key(|(target, _)| *target);
        });
        Self::from_rows(by_source.iter().map(Vec::as_slice))
    }

    /// From the list of each source, ascending by target.
    pub(super) fn from_rows<'a>(rows: impl Iterator<Item = &'a [(u32, f32)]>) -> Self {
        let mut all = Self {
            starts: vec![0],
            ..Self::default()
        };
        for row in rows {
            all.targets.extend(row.iter().map(|(target, _)| *target));
            all.weights.extend(row.iter().map(|(_, weight)| *weight));
            all.starts.push(all.targets.len());
        }
        all
    }

    /// From the length of each list and all lists one after another; nothing if a list is not in
    /// ascending order or leads to an item that there is not.
    pub(super) fn from_lists(
        lengths: &[u32],
        targets: Vec<u32>,
        weights: Vec<f32>,
    ) -> Option<Self> {
        let mut starts = vec![0];
        let mut end = 0;
        for length in lengths {
            let start = end;
            end += *length as usize;
            let list = targets.get(start..end)?;
            let known = list
                .last()
                .is_none_or(|last| (*last as usize) < lengths.len());
            if !known || !list.is_sorted_by(|a, b| a < b) {
                return None;
            }
            starts.push(end);
        }
        (end == targets.len() && end == weights.len()).then_some(Self {
            starts,
            targets,
            weights,
        })
    }

    /// The number of items.
    pub fn items(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The targets of an item in ascending order and their weights; nothing for an unknown item.
    pub fn row(&self, item: u32) -> (&[u32], &[f32]) {
        let item = item as usize;
        if item >= self.items() {
            return (&[], &[]);
        }
        let range = self.starts[item]..self.starts[item + 1];
        (&self.targets[range.clone()], &self.weights[range])
    }

    /// The weight that `source` gives `target`, 0 if they are no neighbours.
    pub fn weight(&self, source: u32, target: u32) -> f32 {
        let (targets, weights) = self.row(source);
        targets.binary_search(&target).map_or(0.0, |at| weights[at])
    }

    /// Adds up the lists of these `(item, strength)` entries: `scores[target] += strength · weight`.
    pub fn add_scores(&self, entries: &[(u32, f32)], scores: &mut [f32]) {
        for &(item, strength) in entries {
            let (targets, weights) = self.row(item);
            for (target, weight) in targets.iter().zip(weights) {
                scores[*target as usize] += strength * weight;
            }
        }
    }

    /// The `keep` targets of an item with the largest weights, best first.
    pub fn best(&self, item: u32, keep: usize) -> Vec<(u32, f32)> {
        let (targets, weights) = self.row(item);
        top::best_of(targets.iter().copied().zip(weights.iter().copied()), keep)
    }
}

/// The `keep` entries of the most influence, in their order; a size that is not there counts 1.
fn largest(found: &[(u32, f32)], keep: usize, sizes: &[f32]) -> Vec<(u32, f32)> {
    let influence = |&(item, weight): &(u32, f32)| {
        (
            item,
            weight.abs() * sizes.get(item as usize).unwrap_or(&1.0),
        )
    };
    let mut kept: Vec<u32> = top::best_of(found.iter().map(influence), keep)
        .into_iter()
        .map(|(item, _)| item)
        .collect();
    kept.sort_unstable();
    let stays = |entry: &&(u32, f32)| kept.binary_search(&entry.0).is_ok();
    found.iter().filter(stays).copied().collect()
}
