//! The results of experiments.

use async_graphql::SimpleObject;

use crate::domain::experiments as domain;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::int;

graphql_enum!(domain::Verdict as ExperimentVerdict);

/// An estimate with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct IntervalEstimate {
    /// Estimated value, which lies within the interval.
    value: f64,
    /// Lower end of the interval.
    low: f64,
    /// Upper end of the interval.
    high: f64,
}

/// Figures of an experiment as a whole.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ExperimentResults {
    /// Number of users who are not counted, because they were shown lists of several variants: their
    /// accounts were merged.
    excluded_users: i32,
    /// Probability of numbers of users by variant that differ from the weights at least as much (chi-square
    /// test); null while there are too few users.
    sample_ratio_p_value: Option<f64>,
    /// Whether that probability is below 0.001: the numbers of users are not what the weights ask for,
    /// something is wrong with how lists are shown or counted, and the results are not to be trusted.
    sample_ratio_mismatch: bool,
}

impl From<&domain::ExperimentResults> for ExperimentResults {
    fn from(results: &domain::ExperimentResults) -> Self {
        Self {
            excluded_users: int(results.excluded_users),
            sample_ratio_p_value: results.sample_ratio_p_value,
            sample_ratio_mismatch: results.sample_ratio_mismatch(),
        }
    }
}

/// What users did with the lists of a variant. An interaction is positive if its kind has a positive weight
/// in `interactionWeights` and, for ratings, if it has more than 2.5 stars.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExperimentVariantResults {
    /// Number of users who were shown a list of the variant, each counted once.
    users: i32,
    /// Number of lists of the variant that were shown.
    lists: i32,
    /// Number of these lists with at least one positive interaction that has an attribution token of the
    /// list.
    lists_with_positive_interaction: i32,
    /// Number of these positive interactions.
    positive_interactions: i32,
    /// Number of users with at least one of these interactions.
    converted_users: i32,
    /// Share of the users who converted, in [0, 1], with the Wilson interval; null without users.
    conversion_rate: Option<IntervalEstimate>,
    /// Comparison with the control; null for the control.
    comparison: Option<ExperimentComparison>,
}

/// Comparison of a variant with the control.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExperimentComparison {
    /// Conversion rate minus that of the control, in [-1, 1], with Newcombe's interval (method 10); null
    /// while one of the two has no users.
    difference: Option<IntervalEstimate>,
    /// Probability of a difference at least as large if both had the same true rate (two-sided test of two
    /// proportions); null while fewer than 5 conversions are expected in one of the two.
    p_value: Option<f64>,
    /// What the results say. A difference counts if the probability is below 0.05, divided by the number of
    /// variants that are compared with the control.
    verdict: ExperimentVerdict,
    /// The same as a sentence in English; if undecided, with the number of users that would be needed.
    summary: String,
}

impl From<&domain::VariantResults> for ExperimentVariantResults {
    fn from(results: &domain::VariantResults) -> Self {
        let counts = results.counts;
        Self {
            users: int(counts.users),
            lists: int(counts.lists),
            lists_with_positive_interaction: int(counts.lists_with_positive),
            positive_interactions: int(counts.positive_interactions),
            converted_users: int(counts.converted_users),
            conversion_rate: results.conversion_rate.map(Into::into),
            comparison: results.comparison.as_ref().map(Into::into),
        }
    }
}

impl From<&domain::Comparison> for ExperimentComparison {
    fn from(comparison: &domain::Comparison) -> Self {
        Self {
            difference: comparison.difference.map(Into::into),
            p_value: comparison.p_value,
            verdict: comparison.verdict.into(),
            summary: comparison.summary.clone(),
        }
    }
}

impl From<domain::IntervalEstimate> for IntervalEstimate {
    fn from(estimate: domain::IntervalEstimate) -> Self {
        let domain::IntervalEstimate { value, low, high } = estimate;
        Self { value, low, high }
    }
}
