//! Whether two things are taken together more often than by chance, and how surely.
//!
//! Counting alone finds what everybody takes anyway. Dunning ("Accurate methods for the statistics
//! of surprise and coincidence", Computational Linguistics 19, 1993) compares the counts with those
//! of two things that have nothing to do with each other, so that popularity falls out, and goes on
//! to hold where counts are small, unlike χ². For the smallest counts the decision is by Fisher's
//! exact test ("The Design of Experiments", 1935), since there the likelihood ratio promises too
//! much.

/// What the likelihood ratio of independent things exceeds once in a thousand times: the quantile
/// of χ² with one degree of freedom.
pub const SURPRISING: f64 = 10.827_566;

/// A pair less likely than this by chance alone is significant.
const CHANCE: f64 = 0.001;

/// How many users took one thing, another, both, neither.
///
/// The takers of the first and the others may be samples of their own, as long as neither was drawn
/// with an eye to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooccurrence {
    /// Took both.
    pub both: u32,
    /// Took the first alone.
    pub first: u32,
    /// Took the second alone.
    pub second: u32,
    /// Took neither.
    pub neither: u32,
}

impl Cooccurrence {
    /// From `takers` of the first thing, `both` of whom took the second, and from `others`, of whom
    /// `second` did; no count is larger than its whole.
    pub fn of(both: u32, first_total: u32, second: u32, others: u32) -> Self {
        Self {
            both,
            first: first_total.saturating_sub(both),
            second,
            neither: others.saturating_sub(second),
        }
    }

    fn counts(self) -> [f64; 4] {
        [self.both, self.first, self.second, self.neither].map(f64::from)
    }

    /// Dunning's `−2 ln λ`, at least 0: how much less likely the counts are if the two have nothing
    /// to do with each other, whether they attract or avoid each other.
    /// `2 Σ k ln(k n / (row · column))` over the four counts `k` of a table of `n` users.
    pub fn log_likelihood(self) -> f64 {
        let [both, first, second, neither] = self.counts();
        let all = both + first + second + neither;
        let part = |count: f64, row: f64, column: f64| {
            if count > 0.0 {
                count * (count * all / (row * column)).ln()
            } else {
                0.0
            }
        };
        let (first_total, others) = (both + first, second + neither);
        let (with, without) = (both + second, first + neither);
        let sum = part(both, first_total, with)
            + part(first, first_total, without)
            + part(second, others, with)
            + part(neither, others, without);
        (2.0 * sum).max(0.0)
    }

    /// How many times as often takers of the first take the second as users in all do, at least 0:
    /// 1 where the first says nothing of the second. 1 for empty counts.
    pub fn lift(self) -> f64 {
        let [both, first, second, neither] = self.counts();
        let (first_total, with) = (both + first, both + second);
        if first_total == 0.0 || with == 0.0 {
            return 1.0;
        }
        both * (first_total + second + neither) / (first_total * with)
    }

    /// The chance, in [0, 1], that so many or more took both if the two have nothing to do with
    /// each other: the upper tail of the hypergeometric distribution.
    pub fn chance(self) -> f64 {
        let [both, first, second, neither] = self.counts();
        let (first_total, with) = (both + first, both + second);
        let others = second + neither;
        let all = first_total + others;
        let mut log = choices(first_total, both) + choices(others, second) - choices(all, with);
        let (mut at, mut sum) = (both, 0.0);
        while at <= first_total.min(with) {
            let term = log.exp();
            sum += term;
            // From its peak on, which lies where the lift is 1, the rest is smaller and smaller.
            if term < sum * 1e-12 && at * all > first_total * with {
                break;
            }
            // In logarithms: the first terms may be smaller than any number.
            let more = (first_total - at) * (with - at);
            log += (more / ((at + 1.0) * (others - with + at + 1.0))).ln();
            at += 1.0;
        }
        sum.min(1.0)
    }

    /// Whether the two are taken together more often than apart, and not by chance: likelihood
    /// ratio and exact test both leave less than one in a thousand.
    pub fn is_significant(self) -> bool {
        self.lift() > 1.0 && self.log_likelihood() >= SURPRISING && self.chance() < CHANCE
    }

    /// The likelihood ratio on a scale of its own that does not depend on what else there is, in
    /// [0, 1): `L / (L + 10.83)`. One half is just significant, 0.9 is nine times the evidence.
    pub fn strength(self) -> f32 {
        let ratio = self.log_likelihood();
        (ratio / (ratio + SURPRISING)) as f32
    }
}

/// The logarithm of the number of ways to choose `few` of `many`.
fn choices(many: f64, few: f64) -> f64 {
    factorial(many) - factorial(few) - factorial(many - few)
}

/// `ln n!` of a whole number: multiplied out below 16, by Stirling's series from there on, whose
/// error is below 10⁻¹¹.
fn factorial(n: f64) -> f64 {
    if n < 16.0 {
        let mut product = 1.0;
        let mut factor = 2.0;
        while factor <= n {
            product *= factor;
            factor += 1.0;
        }
        return f64::ln(product);
    }
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, expected: f64) {
        let close = (found - expected).abs() <= 1e-8 * expected.abs().max(1e-30);
        assert!(close, "{found} is not {expected}");
    }

    fn table(both: u32, first: u32, second: u32, neither: u32) -> Cooccurrence {
        Cooccurrence {
            both,
            first,
            second,
            neither,
        }
    }

    /// By the differences of entropies, in fractions and 50 digits of Python's `decimal`; the first
    /// four are also the published values of Apache Mahout's `LogLikelihoodTest`.
    #[test]
    fn the_likelihood_ratio_is_that_of_an_independent_calculation() {
        for (of, expected) in [
            (table(1, 0, 0, 1), 2.772588722240e+00),
            (table(10, 0, 0, 10), 2.772588722240e+01),
            (table(5, 1_995, 0, 100_000), 3.933052165491e+01),
            (table(1_000, 1_995, 1_000, 100_000), 4.730736813061e+03),
            (table(12, 18, 40, 930), 3.494368279381e+01),
            (table(3, 0, 0, 7), 1.221728604110e+01),
            (table(700, 300, 2_000, 7_000), 9.087366154244e+02),
            (table(0, 10, 10, 100), 1.820694516646e+00),
        ] {
            near(of.log_likelihood(), expected);
        }
    }

    /// Exact fractions of binomial coefficients.
    #[test]
    fn the_chance_is_that_of_fishers_exact_test() {
        for (of, expected) in [
            (table(1, 0, 0, 1), 5.000000000000e-01),
            (table(3, 0, 0, 7), 8.333333333333e-03),
            (table(12, 18, 40, 930), 4.583546783108e-09),
            (table(30, 970, 30, 9_970), 3.106216663059e-16),
            (table(5, 5, 5, 1_000), 6.997570972409e-09),
            (table(0, 10, 10, 100), 1.000000000000e+00),
            (table(40, 60, 400, 600), 5.402895385840e-01),
        ] {
            near(of.chance(), expected);
        }
    }

    #[test]
    fn what_everybody_takes_is_no_companion() {
        // 900 of 1,000 takers took it, and so did 9,000 of 10,000 others.
        assert!(!Cooccurrence::of(900, 1_000, 9_000, 10_000).is_significant());
        // 30 of 1,000 took it, and 30 of 10,000 others: rare, and theirs.
        let companion = Cooccurrence::of(30, 1_000, 30, 10_000);
        assert!(companion.is_significant() && companion.lift() > 5.0);
        // The takers avoid it.
        assert!(!Cooccurrence::of(30, 1_000, 3_000, 10_000).is_significant());
    }

    #[test]
    fn a_handful_of_users_proves_nothing() {
        // Three of three among ten: the likelihood ratio alone would call it significant.
        let few = Cooccurrence::of(3, 3, 0, 7);
        assert!(few.log_likelihood() > SURPRISING);
        assert!(!few.is_significant());
        assert!(!Cooccurrence::of(0, 0, 0, 0).is_significant());
        // Far below what is to be expected, and yet a chance.
        assert!(Cooccurrence::of(0, 5_000, 50_000, 100_000).chance() > 0.999_999);
        assert!(
            !Cooccurrence::of(1, 1, 0, 1_000_000)
                .log_likelihood()
                .is_nan()
        );
    }

    #[test]
    fn a_half_is_just_significant() {
        let (weak, strong) = (
            Cooccurrence::of(12, 100, 30, 900),
            Cooccurrence::of(90, 100, 30, 900),
        );
        assert!(weak.is_significant() && (0.5..0.7).contains(&weak.strength()));
        assert!(strong.strength() > 0.95 && strong.strength() < 1.0);
    }

    proptest! {
        #[test]
        fn measures_stay_in_their_ranges_and_do_not_care_which_is_first(
            both in 0..400_u32, first in 0..400_u32, second in 0..400_u32, neither in 0..4_000_u32,
        ) {
            let (one, other) = (table(both, first, second, neither), table(both, second, first, neither));
            prop_assert!(one.log_likelihood() >= 0.0);
            prop_assert!((0.0..=1.0).contains(&one.chance()));
            prop_assert!((0.0..1.0).contains(&one.strength()));
            prop_assert!((one.log_likelihood() - other.log_likelihood()).abs() < 1e-6);
            prop_assert!((one.chance() - other.chance()).abs() < 1e-6);
            prop_assert!((one.lift() - other.lift()).abs() < 1e-9);
        }

        #[test]
        fn more_together_is_more_evidence(
            both in 0..200_u32, first_total in 200..300_u32, second in 0..300_u32, others in 300..3_000_u32,
        ) {
            let one = Cooccurrence::of(both, first_total, second, others);
            let more = Cooccurrence::of(both + 1, first_total.max(both + 1), second, others);
            prop_assert!(more.chance() <= one.chance() + 1e-9);
            if one.lift() > 1.0 {
                prop_assert!(more.log_likelihood() >= one.log_likelihood());
            }
        }
    }
}
