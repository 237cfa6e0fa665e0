//! How similar the items at the head of a list are, in the precision that lists are made with and stored in.

/// The cosine similarity of each pair of some items, in 255 steps from 0 to 1. Diversity reads it in
/// this precision, so that what is stored with a list is all that is needed to make the list again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Similarities {
    /// The items, by their slots in the catalogue.
    pub slots: Vec<u32>,
    /// For each item, in their order, its similarity to each of the items before it: `n·(n − 1)/2`
    /// bytes for `n` items.
    pub values: Vec<u8>,
}

/// The byte of similarity 1.
const ONE: f32 = 255.0;

impl Similarities {
    /// The similarities of the items in these slots. Below 0, and what is not a number, counts as 0,
    /// as for diversity; `similarity` is asked once for each pair.
    pub fn new(slots: Vec<u32>, similarity: &dyn Fn(u32, u32) -> f32) -> Self {
        let pairs = slots.len() * slots.len().saturating_sub(1) / 2;
        let mut values = Vec::with_capacity(pairs);
        for (at, slot) in slots.iter().enumerate() {
            let byte = |before: &u32| {
                // A cast moves what is outside to the nearer end, and makes 0 of what is no number.
                (similarity(*slot, *before) * ONE).round() as u8
            };
            values.extend(slots[..at].iter().map(byte));
        }
        Self { slots, values }
    }

    /// The similarity of two different items by their places, from 0 to 1; 0 for a place that there
    /// is not.
    pub fn between(&self, a: usize, b: usize) -> f32 {
        let (before, after) = (a.min(b), a.max(b));
        let index = after * after.saturating_sub(1) / 2 + before;
        let value = self.values.get(index);
        value.map_or(0.0, |value| f32::from(*value) / ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarities_are_kept_for_each_pair_and_do_not_change_when_they_are_kept_again() {
        let cosine = |a: u32, b: u32| match (a.min(b), a.max(b)) {
            (3, 5) => 0.3333,
            (3, 9) => -0.5,
            (5, 9) => f32::NAN,
            (3, 7) => 1.0,
            _ => 0.75,
        };
        let kept = Similarities::new(vec![5, 3, 9, 7], &cosine);
        assert_eq!(kept.values.len(), 6);
        assert!((kept.between(0, 1) - 0.3333).abs() < 0.5 / ONE);
        assert_eq!((kept.between(1, 2), kept.between(2, 0)), (0.0, 0.0));
        assert_eq!((kept.between(3, 1), kept.between(1, 3)), (1.0, 1.0));
        let place = |slot: u32| kept.slots.iter().position(|known| *known == slot).unwrap();
        let again = |a: u32, b: u32| kept.between(place(a), place(b));
        assert_eq!(Similarities::new(kept.slots.clone(), &again), kept);
    }
}
