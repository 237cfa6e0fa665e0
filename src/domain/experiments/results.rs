//! What came of an experiment: how many users of each variant converted, and how sure that is.

use std::collections::BTreeMap;

pub use ranking::experiment::IntervalEstimate;
use ranking::experiment::{Proportion, difference, p_value, sample_ratio_p_value, users_needed};

use super::model::Experiment;
use crate::foundation::text_enum;

/// The probability with which all comparisons of an experiment together may find a difference that is not there.
const SIGNIFICANCE: f64 = 0.05;
/// Below this probability, the numbers of users are not what the weights of the variants ask for.
const MISMATCH: f64 = 0.001;

text_enum! {
    /// What the results say of a variant in comparison with the control.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Verdict {
        /// More users convert than with the control.
        Better = "BETTER",
        /// Fewer users convert than with the control.
        Worse = "WORSE",
        /// The difference may be random.
        Undecided = "UNDECIDED",
    }
}

/// What was counted of an experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// By the places of the variants, of those that were shown to anybody.
    pub(super) variants: BTreeMap<usize, VariantCounts>,
    /// Users who have lists of several variants.
    pub(super) excluded_users: u64,
}

/// What was counted of a variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariantCounts {
    /// Users who were shown a list of the variant.
    pub users: u64,
    /// Lists that were shown.
    pub lists: u64,
    /// Of these, the lists with a positive interaction.
    pub lists_with_positive: u64,
    /// Positive interactions with items of these lists.
    pub positive_interactions: u64,
    /// Users with at least one of them.
    pub converted_users: u64,
}

/// The results of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentResults {
    /// Users who were shown lists of several variants, since their accounts were merged. They count for none.
    pub excluded_users: u64,
    /// The probability of numbers of users at least as far from the weights of the variants; `None` while there
    /// are too few users to tell.
    pub sample_ratio_p_value: Option<f64>,
    /// The results by variant, in the order of the variants.
    pub variants: Vec<VariantResults>,
}

/// The results of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantResults {
    /// What was counted.
    pub counts: VariantCounts,
    /// The share of users who converted, with its interval; `None` without users.
    pub conversion_rate: Option<IntervalEstimate>,
    /// How it compares with the control; `None` for the control.
    pub comparison: Option<Comparison>,
}

/// A variant in comparison with the control.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// By how much the conversion rate is above that of the control, with its interval; `None` without users.
    pub difference: Option<IntervalEstimate>,
    /// The probability of such a difference by chance; `None` where there are too few users to tell.
    pub p_value: Option<f64>,
    /// What that says.
    pub verdict: Verdict,
    /// The same as a sentence.
    pub summary: String,
}

impl VariantCounts {
    fn converted(self) -> Proportion {
        Proportion::new(self.converted_users, self.users)
    }
}

impl ExperimentResults {
    pub(super) fn of(experiment: &Experiment, counts: Option<&Counts>) -> Self {
        let of = |index: usize| -> VariantCounts {
            let counted = counts.and_then(|counts| counts.variants.get(&index));
            counted.copied().unwrap_or_default()
        };
        let control = of(0).converted();
        let comparisons = experiment.variants.len().saturating_sub(1).max(1);
        let variants = (0..experiment.variants.len()).map(|index| VariantResults {
            counts: of(index),
            conversion_rate: of(index).converted().interval(),
            comparison: (index > 0)
                .then(|| Comparison::of(control, of(index).converted(), comparisons)),
        });
        let variants: Vec<VariantResults> = variants.collect();
        let users = variants.iter().map(|variant| variant.counts.users);
        let users: Vec<u64> = users.collect();
        Self {
            excluded_users: counts.map_or(0, |counts| counts.excluded_users),
            sample_ratio_p_value: sample_ratio_p_value(&users, &experiment.weights()),
            variants,
        }
    }

    /// Whether the numbers of users are so far from the weights of the variants that something is wrong with how
    /// lists are shown or counted, and the results are not to be trusted.
    pub fn sample_ratio_mismatch(&self) -> bool {
        self.sample_ratio_p_value.is_some_and(|p| p < MISMATCH)
    }
}

impl Comparison {
    /// The significance is divided by the number of comparisons (Bonferroni).
    fn of(control: Proportion, variant: Proportion, comparisons: usize) -> Self {
        let threshold = SIGNIFICANCE / comparisons as f64;
        let difference = difference(control, variant);
        let p_value = p_value(control, variant);
        let significant = p_value.is_some_and(|p| p < threshold);
        let verdict = match difference {
            Some(difference) if significant && difference.value > 0.0 => Verdict::Better,
            Some(difference) if significant && difference.value < 0.0 => Verdict::Worse,
            _ => Verdict::Undecided,
        };
        let rates = control.value().zip(variant.value());
        let summary = match (rates, difference) {
            (Some((before, after)), Some(difference)) => {
                let seen = format!(
                    "{:.1} % of the users converted, and {:.1} % with the control ({:+.1} percentage points, 95 % \
                     interval {:+.1} to {:+.1}).",
                    100.0 * after,
                    100.0 * before,
                    100.0 * difference.value,
                    100.0 * difference.low,
                    100.0 * difference.high,
                );
                match (verdict, users_needed(before, after, threshold)) {
                    (Verdict::Better, _) => format!("Better than the control: {seen}"),
                    (Verdict::Worse, _) => format!("Worse than the control: {seen}"),
                    (Verdict::Undecided, Some(users)) => format!(
                        "Not decided yet: {seen} A true difference of this size needs about {users} users a variant."
                    ),
                    (Verdict::Undecided, None) => format!("Not decided yet: {seen}"),
                }
            }
            _ => "Not decided yet: no users were shown lists of the variant and of the control."
                .to_owned(),
        };
        Self {
            difference,
            p_value,
            verdict,
            summary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(control: (u64, u64), variant: (u64, u64), comparisons: usize) -> Comparison {
        let of = |(converted, users)| Proportion::new(converted, users);
        Comparison::of(of(control), of(variant), comparisons)
    }

    #[test]
    fn a_clear_difference_is_said_and_an_unclear_one_says_what_it_needs() {
        let better = compared((500, 5000), (650, 5000), 1);
        assert_eq!(better.verdict, Verdict::Better);
        assert_eq!(
            better.summary,
            "Better than the control: 13.0 % of the users converted, and 10.0 % with the control (+3.0 percentage \
             points, 95 % interval +1.8 to +4.3)."
        );
        assert_eq!(
            compared((650, 5000), (500, 5000), 1).verdict,
            Verdict::Worse
        );
        let unclear = compared((100, 1000), (120, 1000), 1);
        assert_eq!(unclear.verdict, Verdict::Undecided);
        let needs = "A true difference of this size needs about 3841 users a variant.";
        assert!(unclear.summary.ends_with(needs), "{}", unclear.summary);
        let same = compared((100, 1000), (100, 1000), 1);
        assert_eq!(
            (same.verdict, same.p_value),
            (Verdict::Undecided, Some(1.0))
        );
        let nobody = compared((0, 0), (0, 0), 1);
        assert_eq!(
            (nobody.verdict, nobody.difference),
            (Verdict::Undecided, None)
        );
    }

    #[test]
    fn of_many_comparisons_each_has_to_be_clearer() {
        // p = 0.033
        let (control, variant) = ((120, 1000), (153, 1000));
        assert_eq!(compared(control, variant, 1).verdict, Verdict::Better);
        assert_eq!(compared(control, variant, 2).verdict, Verdict::Undecided);
    }
}
