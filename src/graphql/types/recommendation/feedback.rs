//! What became of the items of lists: telling it, and reading it in numbers.

use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, TimeDelta, Utc};

use super::item::RecommendationSource;
use super::list::RecommendationContext;
use crate::domain::recommendations::feedback::{self as domain, NewFeedback, Outcome};
use crate::domain::recommendations::statistics::{self, Group};
use crate::foundation::{Id, id};
use crate::graphql::number::{double, int, single};
use crate::graphql::payload::{UserError, payload, payload_errors, settle};
use crate::graphql::types::content::Content;
use crate::graphql::types::interaction::Interaction;
use crate::graphql::types::interaction::changes::RecordOutcome;
use crate::graphql::{ContextExt, Query};

/// What became of an item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::FeedbackKind")]
pub enum FeedbackKind {
    /// The user had it before their eyes.
    Served,
    /// They opened it. Recorded as a CLICK as well.
    Clicked,
    /// They sent it away. Recorded as a SKIP as well.
    Dismissed,
    /// They gave it stars. Recorded as a RATING as well.
    Rated,
}

/// What became of one item of a list.
#[derive(Clone, Debug, InputObject)]
pub struct RecommendationFeedbackInput {
    /// The `attributionToken` of the list item, as it came.
    attribution_token: String,
    /// What became of it.
    kind: FeedbackKind,
    /// The stars of RATED, 0.5 to 5; left out for every other kind.
    rating: Option<f64>,
    /// A name of your own for the interaction that it is, 1 to 200 characters. It may be left out:
    /// a kind is on record once for each list item anyway.
    idempotency_key: Option<String>,
}

impl From<RecommendationFeedbackInput> for NewFeedback {
    fn from(input: RecommendationFeedbackInput) -> Self {
        Self {
            attribution_token: input.attribution_token,
            kind: input.kind.into(),
            rating: input.rating.map(single),
            idempotency_key: input.idempotency_key,
        }
    }
}

/// What became of items of lists.
#[derive(Clone, Debug, InputObject)]
pub struct RecordRecommendationFeedbackInput {
    /// The rows, 1 to 100. Each is recorded or refused by itself.
    feedback: Vec<RecommendationFeedbackInput>,
}

/// What became of an item of a list, on record.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RecommendationFeedback {
    /// The id of the list.
    list_id: async_graphql::ID,
    /// The rank in that list, from 1.
    rank: i32,
    /// What became of it.
    kind: FeedbackKind,
    /// The stars of RATED, 0.5 to 5; null for every other kind.
    rating: Option<f64>,
    /// When it was said.
    at: DateTime<Utc>,
    #[graphql(skip)]
    item: Id<id::Content>,
    #[graphql(skip)]
    said_as: Option<Id<id::Interaction>>,
}

#[ComplexObject]
impl RecommendationFeedback {
    /// What was recommended; null for what is gone.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }

    /// The interaction that says the same of taste; null for SERVED, for what was taken back, and
    /// for those who may not read it.
    async fn interaction(&self, ctx: &Context<'_>) -> Result<Option<Interaction>> {
        let Some(interaction) = self.said_as else {
            return Ok(None);
        };
        let interaction = ctx.loaders().interactions.load_one(interaction).await?;
        Ok(interaction.map(Into::into))
    }
}

impl From<domain::Feedback> for RecommendationFeedback {
    fn from(feedback: domain::Feedback) -> Self {
        Self {
            list_id: feedback.item.list.into(),
            rank: feedback.item.rank,
            kind: feedback.kind.into(),
            rating: feedback.rating.map(double),
            at: feedback.at,
            item: feedback.content,
            said_as: feedback.interaction,
        }
    }
}

payload_errors! {
    /// Why `recordRecommendationFeedback` did not do anything.
    RecordRecommendationFeedbackError: InvalidInput
}

/// What became of one of many rows of feedback.
#[derive(SimpleObject)]
pub struct RecommendationFeedbackResult {
    /// What became of it.
    outcome: RecordOutcome,
    /// The feedback on record; null if it was refused.
    feedback: Option<RecommendationFeedback>,
    /// Why it was refused.
    errors: Vec<UserError>,
}

impl From<Outcome> for RecommendationFeedbackResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok((feedback, repeated)) => Self {
                outcome: if repeated {
                    RecordOutcome::Repeated
                } else {
                    RecordOutcome::Recorded
                },
                feedback: Some(feedback.into()),
                errors: Vec::new(),
            },
            Err(refusal) => Self {
                outcome: RecordOutcome::Refused,
                feedback: None,
                errors: vec![refusal.into()],
            },
        }
    }
}

payload! {
    /// What became of `recordRecommendationFeedback`.
    RecordRecommendationFeedbackPayload(
        /// Why nothing was done.
        RecordRecommendationFeedbackError
    ) {
        /// What became of each row, in the order given; empty if there are errors.
        results: Vec<RecommendationFeedbackResult>,
        /// How many are on record now and were not before.
        recorded: i32,
        /// How many were on record before.
        repeated: i32,
        /// How many were refused.
        refused: i32,
    }
}

/// Mutations of what became of list items.
#[derive(Clone, Copy, Default)]
pub struct FeedbackMutation;

/// Mutations of what became of list items.
#[Object]
impl FeedbackMutation {
    /// Tells what became of up to 100 list items: of the viewer's own lists, or of anybody's for
    /// admins and for apps with the scope INTERACTIONS_WRITE. What says something of taste is
    /// recorded as an interaction as well. Each kind is on record once for each list item, with the
    /// last stars, so that a repeat does no harm.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn record_recommendation_feedback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What became of them.")] input: RecordRecommendationFeedbackInput,
    ) -> Result<RecordRecommendationFeedbackPayload> {
        let new = input.feedback.into_iter().map(Into::into).collect();
        let service = &ctx.services().recommendations;
        let (outcomes, errors) = settle(service.record_feedback(ctx.viewer(), new).await)?;
        ctx.loaders().forget();
        let results: Vec<RecommendationFeedbackResult> = outcomes
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect();
        let count = |outcome| {
            let count = results.iter().filter(|result| result.outcome == outcome);
            int(count.count())
        };
        Ok(RecordRecommendationFeedbackPayload {
            recorded: count(RecordOutcome::Recorded),
            repeated: count(RecordOutcome::Repeated),
            refused: count(RecordOutcome::Refused),
            results,
            errors,
            query: Query::default(),
        })
    }
}

/// What became of served items. An item of a list counts once for each, whether it was told as
/// feedback or as an interaction with the item's `attributionToken`.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct FeedbackCounts {
    /// How many were served.
    served: i32,
    /// Of how many SERVED was told: the user had them before their eyes.
    displayed: i32,
    /// How many were opened.
    clicked: i32,
    /// How many were sent away.
    dismissed: i32,
    /// How many got stars.
    rated: i32,
    /// The share of the served items that were opened, in [0, 1]; null where none was served.
    click_through_rate: Option<f64>,
}

impl From<statistics::Counts> for FeedbackCounts {
    fn from(counts: statistics::Counts) -> Self {
        Self {
            served: int(counts.served),
            displayed: int(counts.displayed),
            clicked: int(counts.clicked),
            dismissed: int(counts.dismissed),
            rated: int(counts.rated),
            click_through_rate: counts.click_through(),
        }
    }
}

/// What became of the items of one rank.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct RankFeedback {
    /// The rank, 1 to 20.
    rank: i32,
    /// What became of them.
    counts: FeedbackCounts,
}

/// What became of the items of lists for one occasion.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ContextFeedback {
    /// The occasion.
    context: RecommendationContext,
    /// What became of them.
    counts: FeedbackCounts,
}

/// What became of the items for which one source said most.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SourceFeedback {
    /// The source.
    source: RecommendationSource,
    /// What became of them.
    counts: FeedbackCounts,
}

/// What became of the items of the lists that were drawn in a stretch of time.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationStatistics {
    /// From this moment on.
    from: DateTime<Utc>,
    /// Until just before this moment.
    until: DateTime<Utc>,
    /// In all.
    total: FeedbackCounts,
    /// By rank from 1 to 20, as far as items were served there.
    by_rank: Vec<RankFeedback>,
    /// By the occasion of the list.
    by_context: Vec<ContextFeedback>,
    /// By the source that said most for the item.
    by_source: Vec<SourceFeedback>,
}

/// Queries about what became of list items.
#[derive(Clone, Copy, Default)]
pub struct FeedbackQuery;

/// Queries about what became of list items.
#[Object]
impl FeedbackQuery {
    /// What became of the items of the lists that were drawn in a stretch of time: click-through by
    /// rank, context and source. For admins.
    #[graphql(complexity = "100 + child_complexity")]
    async fn recommendation_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From this moment on; 30 days before `until` where left out.")]
        from: Option<DateTime<Utc>>,
        #[graphql(
            desc = "Until just before this moment, at most 366 days after `from`; now where left out."
        )]
        until: Option<DateTime<Utc>>,
    ) -> Result<RecommendationStatistics> {
        let service = &ctx.services().recommendations;
        // What was drawn in this very millisecond counts, too.
        let until = until.unwrap_or_else(|| service.now() + TimeDelta::milliseconds(1));
        let month_before = until.checked_sub_signed(TimeDelta::days(30));
        let from = from.or(month_before).unwrap_or(until);
        let mut told = RecommendationStatistics {
            from,
            until,
            total: statistics::Counts::default().into(),
            by_rank: Vec::new(),
            by_context: Vec::new(),
            by_source: Vec::new(),
        };
        for (group, counts) in service.statistics(ctx.viewer(), from, until).await? {
            let counts = counts.into();
            match group {
                Group::All => told.total = counts,
                Group::Rank(rank) => told.by_rank.push(RankFeedback { rank, counts }),
                Group::Context(context) => told.by_context.push(ContextFeedback {
                    context: context.into(),
                    counts,
                }),
                Group::Source(source) => told.by_source.push(SourceFeedback {
                    source: source.into(),
                    counts,
                }),
            }
        }
        Ok(told)
    }
}
