//! How much each entry of a user counts.

use super::matrix::{Entry, Interactions};

/// The strength of an entry at least and at most, whatever it weighs: what is learnt from squares
/// of strengths stays within the range of numbers.
const STRENGTHS: (f32, f32) = (1e-6, 1e6);

/// The exponent of a weight may be so large at most.
const MOST_CONFIDENCE: f32 = 4.0;

/// How a model reads the entries of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Input {
    /// See [`strength`].
    pub(crate) confidence: f32,
    /// After so many positions, counted from the latest entry, an entry counts half; 0 if the
    /// order does not matter.
    pub(crate) recency: f32,
    /// Whether entries say nothing where no time is known.
    pub(crate) ordered: bool,
}

impl Input {
    /// What counts alike whenever it was.
    pub(crate) fn of_any_time(confidence: f32) -> Self {
        Self {
            confidence,
            recency: 0.0,
            ordered: false,
        }
    }

    /// Each entry's item and strength, in the order of the entries.
    pub(crate) fn strengths(&self, entries: &[Entry]) -> Vec<(u32, f32)> {
        let positions = if self.recency > 0.0 || self.ordered {
            positions(entries)
        } else {
            None
        };
        let silent = self.ordered && positions.is_none();
        let decay = |at: usize| match &positions {
            Some(positions) if self.recency > 0.0 => (-positions[at] / self.recency).exp2(),
            _ if silent => 0.0,
            _ => 1.0,
        };
        entries
            .iter()
            .enumerate()
            .map(|(at, entry)| {
                let strength = strength(entry.weight, self.confidence);
                (entry.item, strength * decay(at))
            })
            .collect()
    }
}

/// How much an entry says: `weight^confidence`, kept within the range that models bear. At 0
/// every entry counts alike, at 1 each in proportion to its weight.
pub fn strength(weight: f32, confidence: f32) -> f32 {
    let (least, most) = STRENGTHS;
    if confidence == 0.0 {
        1.0
    } else {
        weight.powf(confidence).clamp(least, most)
    }
}

/// The same entries, each weighing its [`strength`].
pub(crate) fn strengths(table: &Interactions, confidence: f32) -> Interactions {
    table.with_weights(|weight| strength(weight, confidence))
}

/// What is wrong with a confidence, if anything is.
pub(crate) fn complaint(confidence: f32) -> Option<&'static str> {
    let right = (0.0..=MOST_CONFIDENCE).contains(&confidence);
    (!right).then_some("the confidence must be from 0 to 4")
}

/// How many later entries each entry has: 0 for the latest. Entries of one moment share their mean
/// position, and those of unknown time come before all others. Nothing if no time is known.
pub(crate) fn positions(entries: &[Entry]) -> Option<Vec<f32>> {
    if entries.iter().all(|entry| entry.time.is_none()) {
        return None;
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(entries[*at].time));
    let mut positions = vec![0.0; entries.len()];
    let mut later = 0;
    for same in order.chunk_by(|a, b| entries[*a].time == entries[*b].time) {
        let mean = later as f32 + (same.len() - 1) as f32 / 2.0;
        same.iter().for_each(|at| positions[*at] = mean);
        later += same.len();
    }
    Some(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(item: u32, time: impl Into<Option<i64>>) -> Entry {
        Entry {
            item,
            weight: 4.0,
            time: time.into(),
        }
    }

    #[test]
    fn an_exponent_decides_how_much_a_weight_says() {
        assert_eq!(strength(4.0, 0.0), 1.0);
        assert_eq!(strength(4.0, 0.5), 2.0);
        assert_eq!(strength(4.0, 1.0), 4.0);
        assert_eq!(strength(f32::MAX, 2.0), 1e6);
        assert_eq!(strength(f32::MIN_POSITIVE, 2.0), 1e-6);
    }

    #[test]
    fn entries_of_one_moment_share_a_position_and_unknown_times_come_first() {
        let entries = [at(0, 5), at(1, None), at(2, 9), at(3, 5), at(4, 7)];

        assert_eq!(positions(&entries).unwrap(), [2.5, 4.0, 0.0, 2.5, 1.0]);
        assert_eq!(positions(&[at(0, None)]), None);
    }

    #[test]
    fn recent_entries_count_more_and_order_alone_says_nothing_without_times() {
        let input = Input {
            confidence: 0.5,
            recency: 1.0,
            ordered: true,
        };

        let known = input.strengths(&[at(0, 1), at(1, 3), at(2, 2)]);
        assert_eq!(known, [(0, 0.5), (1, 2.0), (2, 1.0)]);
        let unknown = input.strengths(&[at(0, None), at(1, None)]);
        assert_eq!(unknown, [(0, 0.0), (1, 0.0)]);
        let anyway = Input {
            ordered: false,
            ..input
        };
        assert_eq!(anyway.strengths(&[at(7, None)]), [(7, 2.0)]);
    }
}
