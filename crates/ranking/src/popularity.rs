//! What everybody likes: the answer when nothing is known about a person.

use super::matrix::Interactions;

/// How many entries each item has, as a score.
pub fn counts(interactions: &Interactions) -> Vec<f32> {
    let mut counts = vec![0_u32; interactions.columns()];
    for (_, item, _) in interactions.triplets() {
        counts[item as usize] += 1;
    }
    counts.into_iter().map(|count| count as f32).collect()
}

/// One thing that happened to an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// The item.
    pub item: u32,
    /// How much it says, 1 for a plain view; not negative.
    pub weight: f32,
    /// How long ago, in days. What lies in the future counts as now.
    pub age_days: f32,
}

/// The sum of each item's events, an event counting half after every `half_life_days`:
/// `Σ weight · 2^(−age / half-life)`. Without a half-life, age does not matter.
///
/// Events of items that are not below `items`, and events with a weight or an age that is not a
/// number, a negative weight or an infinite one, are passed over. A half-life of zero or less,
/// or one that is not a number, is taken as none. The order of the events matters only for the
/// rounding of an `f64`.
pub fn decayed(
    items: usize,
    events: impl IntoIterator<Item = Event>,
    half_life_days: Option<f32>,
) -> Vec<f32> {
    let half_life = half_life_days.filter(|days| *days > 0.0);
    let mut sums = vec![0_f64; items];
    for event in events {
        let weight = f64::from(event.weight);
        let age = f64::from(event.age_days.max(0.0));
        if !(weight.is_finite() && weight >= 0.0) || event.age_days.is_nan() {
            continue;
        }
        if let Some(sum) = sums.get_mut(event.item as usize) {
            *sum += half_life.map_or(weight, |days| weight * (-age / f64::from(days)).exp2());
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::super::matrix::Repeats;
    use super::*;

    #[test]
    fn an_item_counts_once_per_user() {
        let triplets = [(0, 1, 1.0), (1, 1, 5.0), (1, 1, 2.0), (2, 0, 1.0)];
        let table = Interactions::from_triplets(3, 3, triplets, Repeats::Max).unwrap();

        assert_eq!(counts(&table), [1.0, 2.0, 0.0]);
    }

    #[test]
    fn an_event_counts_half_after_each_half_life() {
        let event = |item, age_days| Event {
            item,
            weight: 4.0,
            age_days,
        };
        let events = [event(0, 0.0), event(0, 7.0), event(1, 14.0), event(1, -3.0)];

        assert_eq!(decayed(2, events, Some(7.0)), [6.0, 5.0]);
        assert_eq!(decayed(2, events, None), [8.0, 8.0]);
    }

    #[test]
    fn events_that_say_nothing_are_passed_over() {
        let event = |item, weight, age_days| Event {
            item,
            weight,
            age_days,
        };
        let events = [
            event(9, 1.0, 0.0),
            event(0, f32::NAN, 0.0),
            event(0, -1.0, 0.0),
            event(0, f32::INFINITY, 0.0),
            event(0, 1.0, f32::NAN),
            event(0, 1.0, f32::INFINITY),
        ];

        assert_eq!(decayed(1, events, Some(1.0)), [0.0]);
    }
}
