//! Judging versions of models before they serve, and promoting them: types, query and mutation.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::model::Model;
use crate::domain::promotion as domain;
use crate::domain::slates::evaluation::{Estimate, PolicyLatency, PolicyQuality};
use crate::domain::slates::{Period, PolicyEvaluation as Evaluation};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::{ContextExt, Query};

graphql_enum!(domain::PromotionMeasure as PromotionMeasure);

/// An estimate of the share of slates from which a film is selected.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct PolicyEstimate {
    /// Estimated share. It may be outside [0, 1] where the log says little.
    value: f64,
    /// Lower end of the 95 % confidence interval.
    low: f64,
    /// Upper end of the 95 % confidence interval.
    high: f64,
}

impl From<Estimate> for PolicyEstimate {
    fn from(estimate: Estimate) -> Self {
        let Estimate { value, low, high } = estimate;
        Self { value, low, high }
    }
}

/// What share of its slates a version of the bandit would have had a selection from.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct PolicyEstimates {
    /// Estimate by inverse propensity scoring.
    ips: PolicyEstimate,
    /// Estimate by inverse propensity scoring, normalised by the sum of the importance weights.
    snips: PolicyEstimate,
    /// Doubly robust estimate: a model of selections, corrected by importance weights. The most reliable of the three.
    doubly_robust: PolicyEstimate,
}

/// Order and variety of slates.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SlateQuality {
    /// Normalised discounted cumulative gain of the selected film in the order of the films that were offered, in
    /// [0, 1]: mean over the slates with a selection. Null if there are none.
    ndcg: Option<f64>,
    /// Share of the candidates that are offered at least once, in [0, 1]. Null without slates.
    coverage: Option<f64>,
}

impl From<PolicyQuality> for SlateQuality {
    fn from(quality: PolicyQuality) -> Self {
        let PolicyQuality { ndcg, coverage } = quality;
        Self { ndcg, coverage }
    }
}

/// Time that a version of the bandit takes to make a slate.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SlateLatency {
    /// Median, in milliseconds.
    median: f64,
    /// Longest, in milliseconds.
    slowest: f64,
    /// Number of slates that were timed.
    slates: i32,
}

impl From<PolicyLatency> for SlateLatency {
    fn from(latency: PolicyLatency) -> Self {
        Self {
            median: 1e3 * latency.median.as_secs_f64(),
            slowest: 1e3 * latency.slowest.as_secs_f64(),
            slates: int(latency.slates),
        }
    }
}

/// What a version of the bandit would have earned on slates that were decided, and what was earned.
#[derive(Clone, Debug, SimpleObject)]
pub struct PolicyEvaluation {
    /// The evaluated version.
    model: Model,
    /// Time from which on the slates were decided.
    from: DateTime,
    /// Time before which the slates were decided.
    to: DateTime,
    /// Number of slates that the version was evaluated on. The latest 2,000 of the period are read.
    slates: i32,
    /// Number of those slates from which a film was selected.
    selections: i32,
    /// Number of slates of the period that the version has learned from. They do not count unless `includeLearned`
    /// is true.
    learned_slates: i32,
    /// Number of slates of the period that do not count because they were made by another sampler or logged by
    /// another version of the program.
    incomparable_slates: i32,
    /// Share of the slates from which a film was selected, as they were served; null without slates.
    served: Option<PolicyEstimate>,
    /// Order and variety of the slates as they were served.
    served_quality: SlateQuality,
    /// Order and variety of the slates as the version would have made them.
    quality: SlateQuality,
    /// Estimates for the version; null if the slates say too little about it.
    estimates: Option<PolicyEstimates>,
    /// Why there are no estimates, in English; null if there are.
    problem: Option<String>,
    /// Effective sample size: the number of slates of the version that the log is worth. At least 50 are needed.
    effective_slates: f64,
    /// Time that the version takes to make a slate now; null if no slate of the period could be made again.
    latency: Option<SlateLatency>,
}

impl From<Evaluation> for PolicyEvaluation {
    fn from(evaluation: Evaluation) -> Self {
        let (estimates, problem) = match evaluation.estimates {
            Ok(estimates) => (Some(estimates), None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            model: evaluation.model.into(),
            from: DateTime(evaluation.period.from),
            to: DateTime(evaluation.period.until),
            slates: int(evaluation.slates),
            selections: int(evaluation.selections),
            learned_slates: int(evaluation.learned),
            incomparable_slates: int(evaluation.incomparable),
            served: evaluation.served.map(Into::into),
            served_quality: evaluation.served_quality.into(),
            quality: evaluation.quality.into(),
            estimates: estimates.map(|estimates| PolicyEstimates {
                ips: estimates.ips.into(),
                snips: estimates.snips.into(),
                doubly_robust: estimates.doubly_robust.into(),
            }),
            problem,
            effective_slates: evaluation.effective_slates,
            latency: evaluation.latency.map(Into::into),
        }
    }
}

/// A check of a version before its promotion.
#[derive(Clone, Debug, SimpleObject)]
pub struct PromotionCheck {
    /// What was measured.
    measure: PromotionMeasure,
    /// Measured value; null if it could not be measured.
    value: Option<f64>,
    /// Limit of the value: an upper limit for LATENCY, a lower limit for all others. Null if there is nothing to
    /// compare the value with.
    limit: Option<f64>,
    /// Whether the check was passed.
    passed: bool,
    /// The result in English.
    message: String,
}

impl From<domain::PromotionCheck> for PromotionCheck {
    fn from(check: domain::PromotionCheck) -> Self {
        Self {
            measure: check.measure.into(),
            value: check.value,
            limit: check.limit,
            passed: check.passed,
            message: check.message,
        }
    }
}

/// The model version to promote.
#[derive(Clone, Debug, InputObject)]
pub struct PromoteModelInput {
    /// ID of the model version.
    version: Id<id::Model>,
    /// Time from which on slates were decided that a version of the bandit is evaluated on (default: as many days
    /// ago as the setting `promotion.days` says, 28).
    from: Option<DateTime>,
    /// Time before which those slates were decided (default: now).
    to: Option<DateTime>,
    /// Whether to activate the version even if it does not pass all checks. A version whose stored model cannot be
    /// read is never activated.
    #[graphql(default = false)]
    force: bool,
}

payload_errors! {
    /// Errors that `promoteModel` may return.
    PromoteModelError: InvalidInput, NotFound, Conflict
}

payload! {
    /// Result of `promoteModel`.
    PromoteModelPayload(
        /// Why the version was not promoted, with one sentence for each check that it did not pass; empty if it was.
        PromoteModelError
    ) {
        /// The version; null if there are errors other than checks that were not passed.
        model: Option<Model>,
        /// Whether the version is active now.
        promoted: bool,
        /// What the version was checked for.
        checks: Vec<PromotionCheck>,
        /// How a version of the bandit was evaluated on slates; null for other kinds.
        evaluation: Option<PolicyEvaluation>,
    }
}

/// The period between these times; what is missing is that of the settings.
fn period(ctx: &Context<'_>, from: Option<DateTime>, to: Option<DateTime>) -> Period {
    let usual = ctx.services().promotion.default_period();
    let until = to.map_or(usual.until, |to| to.0);
    Period {
        from: from.map_or(until - (usual.until - usual.from), |from| from.0),
        until,
    }
}

/// Queries that evaluate versions.
#[derive(Clone, Copy, Default)]
pub struct PromotionQuery;

/// Queries that evaluate versions.
#[Object]
impl PromotionQuery {
    /// Evaluates a version of the bandit off policy: on slates that were decided, without serving it. Requires the
    /// role ADMIN.
    #[graphql(complexity = "100 + child_complexity")]
    async fn evaluate_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the version of the bandit.")] version: Id<id::Model>,
        #[graphql(
            desc = "Time from which on the slates were decided (default: as many days before `to` as the setting `promotion.days` says, 28)."
        )]
        from: Option<DateTime>,
        #[graphql(desc = "Time before which the slates were decided (default: now).")] to: Option<
            DateTime,
        >,
        #[graphql(
            default = false,
            desc = "Whether slates count that the version has learned from. The estimates are too high then."
        )]
        include_learned: bool,
    ) -> Result<Option<PolicyEvaluation>> {
        let period = period(ctx, from, to);
        let slates = &ctx.services().slates;
        let evaluation = slates
            .evaluate_policy(ctx.viewer(), version, period, include_learned)
            .await?;
        Ok(Some(evaluation.into()))
    }
}

/// Mutations that promote versions.
#[derive(Clone, Copy, Default)]
pub struct PromotionMutation;

/// Mutations that promote versions.
#[Object]
impl PromotionMutation {
    /// Activates a model version if it comes up to the active one: a version of the bandit as the slates of the
    /// period say, others as their trainings measured. `rollBackModel` takes it back. Requires the role ADMIN.
    async fn promote_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model version to promote.")] input: PromoteModelInput,
    ) -> Result<Option<PromoteModelPayload>> {
        let period = period(ctx, input.from, input.to);
        let promotion = &ctx.services().promotion;
        let done = promotion
            .promote(ctx.viewer(), input.version, Some(period), input.force)
            .await;
        let (done, mut errors) = settle(done)?;
        ctx.loaders().forget();
        if let Some(refused) = done.as_ref().filter(|done| !done.promoted) {
            let message = format!(
                "the version was not promoted: {}; promote it with `force` all the same",
                refused.reasons().join("; ")
            );
            let refused = Refusal::Conflict { message };
            errors.extend(PromoteModelError::try_from(refused));
        }
        let mut payload = PromoteModelPayload {
            model: None,
            promoted: false,
            checks: Vec::new(),
            evaluation: None,
            errors,
            query: Query::default(),
        };
        if let Some(done) = done {
            payload.promoted = done.promoted;
            payload.model = Some(done.model.into());
            payload.checks = done.checks.into_iter().map(Into::into).collect();
            payload.evaluation = done.evaluation.map(Into::into);
        }
        Ok(Some(payload))
    }
}
