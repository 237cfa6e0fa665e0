//! Which kind of thing a list is of where nobody said: films and shoes are not mixed.

use rustc_hash::FxHashMap;

use crate::domain::content::ContentKind;

/// The kind that weighs most in all; of equal ones the first by its name. `None` for nothing.
pub(super) fn heaviest_kind(
    weighed: impl Iterator<Item = (ContentKind, f32)>,
) -> Option<ContentKind> {
    let mut masses: FxHashMap<ContentKind, f32> = FxHashMap::default();
    for (kind, weight) in weighed {
        *masses.entry(kind).or_default() += weight;
    }
    let most = masses.into_iter().max_by(|a, b| {
        let heavier = a.1.total_cmp(&b.1);
        heavier.then_with(|| b.0.as_str().cmp(a.0.as_str()))
    });
    most.map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weighs_most_decides_and_among_equals_the_name() {
        use ContentKind::{Movie, Product};
        let films = [(Movie, 0.3), (Product, 0.5), (Movie, 0.3)];
        assert_eq!(heaviest_kind(films.into_iter()), Some(Movie));
        let equal = [(Product, 0.5), (Movie, 0.5)];
        assert_eq!(heaviest_kind(equal.into_iter()), Some(Movie));
        assert_eq!(heaviest_kind(std::iter::empty()), None);
    }
}
