//! Which variant of an experiment a user gets: a function of both, the same in every process and for ever.

use sha2::{Digest, Sha256};

use crate::foundation::{Id, id};

/// The place of the variant that `user` gets, of variants with these weights; 0, the control, where no weight is
/// positive.
///
/// The first 64 bits of SHA-256 of both ids, as a number from 0 to the sum of the weights: experiments divide
/// the users independently of each other, and a sum of at most 10,000 makes the bias of the remainder 10⁻¹⁵.
pub fn assign(
    experiment: Id<id::Experiment>,
    user: Id<id::User>,
    weights: impl IntoIterator<Item = u32> + Clone,
) -> usize {
    let total: u64 = weights.clone().into_iter().map(u64::from).sum();
    let digest = Sha256::new()
        .chain_update(experiment.uuid().as_bytes())
        .chain_update(user.uuid().as_bytes())
        .finalize();
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    let Some(mut rest) = u64::from_be_bytes(head).checked_rem(total) else {
        return 0;
    };
    for (index, weight) in weights.into_iter().map(u64::from).enumerate() {
        if rest < weight {
            return index;
        }
        rest -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const USERS: u128 = 100_000;

    fn experiment(number: u128) -> Id<id::Experiment> {
        Uuid::from_u128(number).into()
    }

    /// How many of the users get each variant of the first experiment and each of the second.
    fn both(first: (u128, &[u32]), second: (u128, &[u32])) -> Vec<Vec<f64>> {
        let mut counts = vec![vec![0.0; second.1.len()]; first.1.len()];
        for user in 0..USERS {
            let of = |(number, weights): (u128, &[u32])| {
                let user = Uuid::from_u128(user << 64 | user).into();
                assign(experiment(number), user, weights.iter().copied())
            };
            counts[of(first)][of(second)] += 1.0;
        }
        counts
    }

    /// Computed by another program: `int.from_bytes(sha256(experiment + user).digest()[:8]) % 4` of Python.
    #[test]
    fn the_variant_of_a_user_never_changes() {
        let weights = [1, 3];
        let found: Vec<usize> = (1..=12)
            .map(|user| assign(experiment(7), Uuid::from_u128(user).into(), weights))
            .collect();
        assert_eq!(found, [1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1]);
        assert_eq!(assign(experiment(7), Uuid::nil().into(), []), 0);
        assert_eq!(assign(experiment(7), Uuid::nil().into(), [0, 0]), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn shares_are_as_the_weights_say(
            number in any::<u128>(),
            weights in prop::collection::vec(1..=1000_u32, 2..=10),
        ) {
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let counts = both((number, &weights), (number, &[1]));
            for (count, weight) in counts.iter().zip(&weights) {
                let share = count[0] / USERS as f64;
                let meant = f64::from(*weight) / total;
                prop_assert!((share - meant).abs() < 0.01, "{share} instead of {meant}");
            }
        }
    }

    /// The chi-square test of independence: with 2 degrees of freedom 13.8 is exceeded once in a thousand, and the
    /// ids are the same in each run.
    #[test]
    fn experiments_divide_the_users_independently_of_each_other() {
        let (first, second) = ([1, 1], [1, 2, 1]);
        let counts = both((1, &first), (2, &second));
        let mut statistic = 0.0;
        for (row, counts_of_row) in counts.iter().enumerate() {
            for (column, count) in counts_of_row.iter().enumerate() {
                let in_row: f64 = counts[row].iter().sum();
                let in_column: f64 = counts.iter().map(|row| row[column]).sum();
                let expected = in_row * in_column / USERS as f64;
                statistic += (count - expected).powi(2) / expected;
            }
        }
        assert!(statistic < 13.8, "{statistic}");
        // The same experiment twice is anything but independent.
        let same = both((1, &first), (1, &first));
        assert_eq!((same[0][1], same[1][0]), (0.0, 0.0));
    }
}
