//! What became of the items of lists: telling it, and reading it in numbers.

use async_graphql::{ComplexObject, Context, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;

use super::events::RecommendationsUpdate;
use super::item::RecommendationSource;
use super::list::{RecommendationContext, RecommendationList};
use crate::domain::recommendations::feedback::{self as domain, NewFeedback, Outcome};
use crate::domain::recommendations::statistics::{self, Group};
use crate::foundation::{Id, id};
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::{double, int, single};
use crate::graphql::payload::{UserError, payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::content::Content;
use crate::graphql::types::interaction::Interaction;
use crate::graphql::types::interaction::changes::RecordOutcome;
use crate::graphql::{ContextExt, Query};

graphql_enum!(domain::FeedbackKind as FeedbackKind);

/// Feedback on one item of a recommendation list.
#[derive(Clone, Debug, InputObject)]
pub struct RecommendationFeedbackInput {
    /// The `attributionToken` of the list item, unchanged.
    attribution_token: String,
    /// Kind of the feedback.
    kind: FeedbackKind,
    /// Rating in stars, 0.5–5. Required for RATED; not allowed otherwise.
    rating: Option<f64>,
    /// Idempotency key of the interaction to record, 1–200 characters, unique per user. Optional,
    /// because each kind of feedback is recorded once per list item. A key that was used for another
    /// interaction is a `Conflict`.
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

/// Feedback on items of recommendation lists.
#[derive(Clone, Debug, InputObject)]
pub struct RecordRecommendationFeedbackInput {
    /// The feedback to record, 1–100 rows. Rows are accepted or rejected independently of each
    /// other.
    feedback: Vec<RecommendationFeedbackInput>,
}

/// Recorded feedback on an item of a recommendation list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RecommendationFeedback {
    /// ID of the recommendation list.
    list_id: async_graphql::ID,
    /// Rank of the item in the list, starting at 1.
    rank: i32,
    /// Kind of the feedback.
    kind: FeedbackKind,
    /// Rating in stars, 0.5–5, for RATED; null for other kinds.
    rating: Option<f64>,
    /// Time when the feedback was recorded.
    at: DateTime,
    #[graphql(skip)]
    list: Id<id::List>,
    #[graphql(skip)]
    item: Id<id::Content>,
    #[graphql(skip)]
    said_as: Option<Id<id::Interaction>>,
}

#[ComplexObject]
impl RecommendationFeedback {
    /// The item that the feedback is about; null if it was deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }

    /// The recommendation list, with the items of its first page; null if the viewer may not read it.
    #[graphql(complexity = "20 * child_complexity")]
    async fn list(&self, ctx: &Context<'_>) -> Result<Option<RecommendationList>> {
        let list = ctx.loaders().lists.load_one(self.list).await?;
        Ok(list.map(Into::into))
    }

    /// The interaction that was recorded with the feedback. Null for SERVED, if the interaction was
    /// deleted, and if the viewer may not read it.
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
            list: feedback.item.list,
            rank: feedback.item.rank,
            kind: feedback.kind.into(),
            rating: feedback.rating.map(double),
            at: feedback.at.into(),
            item: feedback.content,
            said_as: feedback.interaction,
        }
    }
}

payload_errors! {
    /// Errors that `recordRecommendationFeedback` may return.
    RecordRecommendationFeedbackError: InvalidInput
}

/// Result of one row of feedback.
#[derive(SimpleObject)]
pub struct RecommendationFeedbackResult {
    /// Whether the feedback was recorded.
    outcome: RecordOutcome,
    /// The recorded feedback; null if the row was rejected.
    feedback: Option<RecommendationFeedback>,
    /// Why the row was rejected; empty if it was not.
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
                errors: UserError::all(refusal),
            },
        }
    }
}

payload! {
    /// Result of `recordRecommendationFeedback`.
    RecordRecommendationFeedbackPayload(
        /// Why no row was processed; empty if the rows were processed.
        RecordRecommendationFeedbackError
    ) {
        /// Result of each row, in the order of the input; empty if `errors` is not.
        results: Vec<RecommendationFeedbackResult>,
        /// Number of rows that were newly recorded.
        recorded: i32,
        /// Number of rows that had been recorded before.
        repeated: i32,
        /// Number of rows that were rejected.
        refused: i32,
        /// The users whose recommendations have changed by this feedback, each once, so that a client
        /// can drop the lists that it keeps of them. Empty if nothing that was newly recorded says
        /// something of a user's taste.
        recommendations_updates: Vec<RecommendationsUpdate>,
    }
}

/// Mutations of feedback on recommended items.
#[derive(Clone, Copy, Default)]
pub struct FeedbackMutation;

/// Mutations of feedback on recommended items.
#[Object]
impl FeedbackMutation {
    /// Records feedback on up to 100 items of recommendation lists. CLICKED, DISMISSED and RATED
    /// are also recorded as interactions. Each kind of feedback is recorded once per list item,
    /// with the last rating, so that requests can be repeated safely. Requires the session of the
    /// list's user, the role ADMIN or an API key with the scope INTERACTIONS_WRITE.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn record_recommendation_feedback(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The feedback to record.")] input: RecordRecommendationFeedbackInput,
    ) -> Result<Option<RecordRecommendationFeedbackPayload>> {
        let new = input.feedback.into_iter().map(Into::into).collect();
        let service = &ctx.services().recommendations;
        let (outcomes, errors) = settle(service.record_feedback(ctx.viewer(), new).await)?;
        ctx.loaders().forget();
        let outcomes = outcomes.unwrap_or_default();
        let taste = outcomes.iter().filter_map(|outcome| match outcome {
            Ok((feedback, false)) => feedback.interaction.map(|_| feedback.user),
            _ => None,
        });
        let recommendations_updates = RecommendationsUpdate::of_taste(taste);
        let results: Vec<RecommendationFeedbackResult> =
            outcomes.into_iter().map(Into::into).collect();
        let count = |outcome| {
            let count = results.iter().filter(|result| result.outcome == outcome);
            int(count.count())
        };
        Ok(Some(RecordRecommendationFeedbackPayload {
            recorded: count(RecordOutcome::Recorded),
            repeated: count(RecordOutcome::Repeated),
            refused: count(RecordOutcome::Refused),
            results,
            recommendations_updates,
            errors,
            query: Query::default(),
        }))
    }
}

/// Numbers of items by feedback. An item of a list counts at most once in each, whether the
/// feedback was recorded by `recordRecommendationFeedback` or as an interaction with an
/// `attributionToken`.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct FeedbackCounts {
    /// Number of items that were returned on a page of a list.
    served: i32,
    /// Number of items with the feedback SERVED: the user has seen them.
    displayed: i32,
    /// Number of items that were opened.
    clicked: i32,
    /// Number of items that were dismissed.
    dismissed: i32,
    /// Number of items that were rated.
    rated: i32,
    /// Number of opened items divided by the number of served items, in [0, 1]; null if no items
    /// were served.
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

/// Feedback on the items at one rank.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct RankFeedback {
    /// Rank in the list, 1–20.
    rank: i32,
    /// Numbers of items at this rank by feedback.
    counts: FeedbackCounts,
}

/// Feedback on the items of lists for one context.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ContextFeedback {
    /// Context of the lists.
    context: RecommendationContext,
    /// Numbers of items in this context by feedback.
    counts: FeedbackCounts,
}

/// Feedback on the items that were recommended mainly by one source.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SourceFeedback {
    /// The source that contributed most to the scores.
    source: RecommendationSource,
    /// Numbers of items from this source by feedback.
    counts: FeedbackCounts,
}

/// Feedback on the items of all lists that were computed in a time range.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationStatistics {
    /// Start of the time range (inclusive).
    from: DateTime,
    /// End of the time range (exclusive).
    until: DateTime,
    /// Feedback on all items.
    total: FeedbackCounts,
    /// Feedback by rank, 1–20; ranks without served items are omitted.
    by_rank: Vec<RankFeedback>,
    /// Feedback by the context of the list.
    by_context: Vec<ContextFeedback>,
    /// Feedback by the source that contributed most to the item's score.
    by_source: Vec<SourceFeedback>,
}

/// Queries of feedback on recommended items.
#[derive(Clone, Copy, Default)]
pub struct FeedbackQuery;

/// Queries of feedback on recommended items.
#[Object]
impl FeedbackQuery {
    /// Aggregates the feedback on items of all lists that were computed in a time range, with
    /// click-through rates by rank, context and source. Requires the role ADMIN.
    #[graphql(complexity = "100 + child_complexity")]
    async fn recommendation_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of the time range, inclusive (default: 30 days before `until`).")]
        from: Option<DateTime>,
        #[graphql(
            desc = "End of the time range, exclusive (default: now). At most 366 days after `from`."
        )]
        until: Option<DateTime>,
    ) -> Result<Option<RecommendationStatistics>> {
        let service = &ctx.services().recommendations;
        // What was drawn in this very millisecond counts, too.
        let now = || service.now() + TimeDelta::milliseconds(1);
        let until = until.map_or_else(now, |until| until.0);
        let month_before = until.checked_sub_signed(TimeDelta::days(30));
        let from = from.map(|from| from.0).or(month_before).unwrap_or(until);
        let mut told = RecommendationStatistics {
            from: from.into(),
            until: until.into(),
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
                Group::Context(context) => {
                    told.by_context.push(ContextFeedback {
                        context: context.into(),
                        counts,
                    });
                }
                Group::Source(source) => told.by_source.push(SourceFeedback {
                    source: source.into(),
                    counts,
                }),
            }
        }
        Ok(Some(told))
    }
}
