//! Unpicked films to hold picks against.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::index;

use super::{PastPick, UNPICKED_PER_PICK};

/// A pick with the unpicked films it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison<'a> {
    pub(super) pick: &'a PastPick,
    /// Each once.
    pub(super) unpicked: Vec<u32>,
    /// How many unpicked films there were to choose from.
    pub(super) available: usize,
}

/// Draws [`UNPICKED_PER_PICK`] films for each pick, from those of the catalogue that no pick had taken until
/// then, its own included: the candidates of that occasion, without knowledge of later ones (nested
/// case-control sampling; Thomas 1977). Where fewer are left, because films are shown again and again, from
/// all that were not picked at that time.
///
/// `picks` are in the order of their times, and their films in a catalogue of `films`.
pub(super) fn compare<'a>(films: usize, picks: &[&'a PastPick], seed: u64) -> Vec<Comparison<'a>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut left = Left::new(films);
    let mut comparisons = Vec::with_capacity(picks.len());
    for occasion in picks.chunk_by(|a, b| a.time == b.time) {
        let mut taken: Vec<u32> = occasion.iter().map(|pick| pick.film).collect();
        taken.sort_unstable();
        taken.dedup();
        taken.iter().for_each(|film| left.remove(*film));
        for pick in occasion {
            let (unpicked, available) = if left.films.len() >= UNPICKED_PER_PICK {
                let drawn = index::sample(&mut random, left.films.len(), UNPICKED_PER_PICK);
                let drawn = drawn.into_iter().map(|at| left.films[at]).collect();
                (drawn, left.films.len())
            } else {
                let enough = (UNPICKED_PER_PICK + taken.len()).min(films);
                let drawn = index::sample(&mut random, films, enough).into_iter();
                let drawn = drawn
                    .map(|film| film as u32)
                    .filter(|film| taken.binary_search(film).is_err())
                    .take(UNPICKED_PER_PICK)
                    .collect();
                (drawn, films - taken.len())
            };
            comparisons.push(Comparison {
                pick,
                unpicked,
                available,
            });
        }
    }
    comparisons
}

/// The films that no pick has taken yet, in an order that depends on the removals alone.
struct Left {
    films: Vec<u32>,
    /// Where each film stands in `films`.
    places: Vec<Option<u32>>,
}

impl Left {
    fn new(films: usize) -> Self {
        let all = (0_u32..).take(films);
        Self {
            films: all.clone().collect(),
            places: all.map(Some).collect(),
        }
    }

    fn remove(&mut self, film: u32) {
        let Some(place) = self.places[film as usize].take() else {
            return;
        };
        self.films.swap_remove(place as usize);
        if let Some(moved) = self.films.get(place as usize) {
            self.places[*moved as usize] = Some(place);
        }
    }
}
