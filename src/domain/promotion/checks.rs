//! What a version must come up to. Pure rules over figures.

use std::time::Duration;

use ranking::bandit::off_policy::{Estimate, LEAST_EFFECTIVE};

use crate::domain::slates::PolicyEvaluation;
use crate::foundation::text_enum;
use crate::platform::config;

text_enum! {
    /// What a version of a model is measured by before its promotion.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum PromotionMeasure {
        /// Whether the stored model can be read.
        Artifact = "ARTIFACT",
        /// How well it orders: NDCG, or for a classifier the area under the ROC curve, or R².
        Quality = "QUALITY",
        /// Share of the items that it recommends or offers at all.
        Coverage = "COVERAGE",
        /// Number of its slates that the log is worth.
        EffectiveSlates = "EFFECTIVE_SLATES",
        /// Upper end of the interval of the share of slates with a selection.
        SelectionShare = "SELECTION_SHARE",
        /// Median time that it takes to make a slate, in milliseconds.
        Latency = "LATENCY",
    }
}

/// One thing that a version was checked for.
#[derive(Clone, Debug, PartialEq)]
pub struct PromotionCheck {
    /// What was measured.
    pub measure: PromotionMeasure,
    /// What was found; `None` where nothing could be measured.
    pub value: Option<f64>,
    /// What was needed: a lower bound, for the latency an upper one. `None` where nothing can be compared.
    pub limit: Option<f64>,
    /// Whether that was met.
    pub passed: bool,
    /// The same as a sentence.
    pub message: String,
}

impl PromotionCheck {
    /// A check for at least `limit`; what cannot be compared is passed.
    fn at_least(
        measure: PromotionMeasure,
        value: Option<f64>,
        limit: Option<f64>,
        named: &str,
    ) -> Self {
        let passed = value.is_none_or(|value| limit.is_none_or(|limit| value >= limit));
        let message = match (value, limit) {
            (Some(value), Some(limit)) if passed => {
                format!("{named} is {value:.4}, and {limit:.4} is needed")
            }
            (Some(value), Some(limit)) => {
                format!("{named} is {value:.4}, but {limit:.4} is needed")
            }
            (Some(value), None) => {
                format!("{named} is {value:.4}, and there is nothing to compare it with")
            }
            (None, _) => format!("{named} was not measured"),
        };
        Self {
            measure,
            value,
            limit,
            passed,
            message,
        }
    }

    /// A check whether the stored model can be read.
    pub(super) fn artifact(problem: Option<String>) -> Self {
        Self {
            measure: PromotionMeasure::Artifact,
            value: None,
            limit: None,
            passed: problem.is_none(),
            message: problem.unwrap_or_else(|| "the stored model can be read".to_owned()),
        }
    }
}

/// Figures that are measured when a version is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct TrainedFigures {
    pub(super) quality: Option<f64>,
    pub(super) coverage: Option<f64>,
}

/// Compares figures of trainings.
pub(super) fn of_training(
    own: TrainedFigures,
    active: Option<TrainedFigures>,
    settings: &config::Promotion,
) -> Vec<PromotionCheck> {
    let active = active.unwrap_or_default();
    quality_checks(
        (own.quality, active.quality),
        (own.coverage, active.coverage),
        (
            "the quality in the training",
            "the coverage in the training",
        ),
        settings,
    )
}

/// Compares what a version of the bandit would have offered with what was served.
pub(super) fn of_policy(
    evaluation: &PolicyEvaluation,
    settings: &config::Promotion,
) -> Vec<PromotionCheck> {
    let (own, served) = (evaluation.quality, evaluation.served_quality);
    let mut checks = quality_checks(
        (own.ndcg, served.ndcg),
        (own.coverage, served.coverage),
        (
            "NDCG of the selected film among those offered",
            "the share of candidates that are offered",
        ),
        settings,
    );
    let mut effective = PromotionCheck::at_least(
        PromotionMeasure::EffectiveSlates,
        Some(evaluation.effective_slates),
        Some(LEAST_EFFECTIVE),
        "the number of its slates that the log is worth",
    );
    if let Err(problem) = &evaluation.estimates {
        effective.passed = false;
        effective.message.clone_from(problem);
    }
    checks.push(effective);
    // It is refused where it is worse beyond chance, by the estimate that holds best.
    let high = |estimate: Estimate| estimate.high;
    let estimate = evaluation.estimates.as_ref().ok();
    checks.push(PromotionCheck::at_least(
        PromotionMeasure::SelectionShare,
        estimate.map(|estimates| high(estimates.doubly_robust)),
        evaluation.served.map(|served| served.value),
        "the upper end of the interval of the share of slates with a selection",
    ));
    checks.push(latency(
        evaluation.latency.map(|latency| latency.median),
        settings,
    ));
    checks
}

fn latency(median: Option<Duration>, settings: &config::Promotion) -> PromotionCheck {
    let value = median.map(|median| 1e3 * median.as_secs_f64());
    let limit = f64::from(settings.max_latency_ms);
    let passed = value.is_none_or(|value| value <= limit);
    let message = match value {
        Some(value) => format!("a slate takes {value:.1} ms in the median; {limit} ms are allowed"),
        None => "no slate could be made, so its time was not measured".to_owned(),
    };
    PromotionCheck {
        measure: PromotionMeasure::Latency,
        value,
        limit: Some(limit),
        passed,
        message,
    }
}

fn quality_checks(
    quality: (Option<f64>, Option<f64>),
    coverage: (Option<f64>, Option<f64>),
    named: (&str, &str),
    settings: &config::Promotion,
) -> Vec<PromotionCheck> {
    let less = |share: f64| move |known: f64| known - share * known.abs();
    vec![
        PromotionCheck::at_least(
            PromotionMeasure::Quality,
            quality.0,
            quality.1.map(less(settings.max_quality_loss)),
            named.0,
        ),
        PromotionCheck::at_least(
            PromotionMeasure::Coverage,
            coverage.0,
            coverage.1.map(less(settings.max_coverage_loss)),
            named.1,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: config::Promotion = config::Promotion {
        days: 28,
        max_quality_loss: 0.05,
        max_coverage_loss: 0.5,
        max_latency_ms: 100,
    };

    fn failed(checks: &[PromotionCheck]) -> Vec<PromotionMeasure> {
        let failed = checks.iter().filter(|check| !check.passed);
        failed.map(|check| check.measure).collect()
    }

    #[test]
    fn a_training_may_lose_a_little_quality_and_half_of_the_coverage() {
        use PromotionMeasure::{Coverage, Quality};
        let figures = |quality, coverage| TrainedFigures {
            quality: Some(quality),
            coverage: Some(coverage),
        };
        let active = Some(figures(0.2, 0.4));
        for (own, expected) in [
            (figures(0.3, 0.5), vec![]),
            (figures(0.1901, 0.2001), vec![]),
            (figures(0.1899, 0.5), vec![Quality]),
            (figures(0.3, 0.1999), vec![Coverage]),
            (figures(0.1, 0.1), vec![Quality, Coverage]),
            (TrainedFigures::default(), vec![]),
        ] {
            assert_eq!(failed(&of_training(own, active, &SETTINGS)), expected);
        }
        // The first of its kind has nothing to come up to. R² may be below 0.
        assert_eq!(failed(&of_training(figures(0.0, 0.0), None, &SETTINGS)), []);
        let checks = of_training(figures(-0.11, 1.0), Some(figures(-0.1, 1.0)), &SETTINGS);
        assert_eq!(failed(&checks), [Quality]);
        assert_eq!(
            checks[0].message,
            "the quality in the training is -0.1100, but -0.1050 is needed"
        );
    }

    #[test]
    fn a_slate_may_take_as_long_as_the_setting_says() {
        let of = |ms| latency(Some(Duration::from_millis(ms)), &SETTINGS).passed;
        assert!(of(100) && !of(101));
        assert!(latency(None, &SETTINGS).passed);
    }
}
