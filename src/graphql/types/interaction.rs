//! Interactions: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::FutureExt;

use super::content::Content;
use crate::domain::interactions::model::{
    self as domain, Counting, InteractionFilter as Filter, NewInteraction, Recorded,
};
use crate::foundation::page::{Cursor, Paging, Window};
use crate::foundation::{Id, id};
use crate::graphql::connection::Connection;
use crate::graphql::error::{UserError, payload_errors, settle};
use crate::graphql::filter::{ContentIdFilter, DateTimeFilter, enum_filter, or_none};
use crate::graphql::number::double;
use crate::graphql::{Query, Reach};

/// What a user did to a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::InteractionKind")]
pub enum InteractionKind {
    /// Saw it, on a page of its own or in passing.
    View,
    /// Opened it from a list.
    Click,
    /// Put it into the cart.
    AddToCart,
    /// Bought it.
    Purchase,
    /// Said that they like it.
    Like,
    /// Sent it to somebody.
    Share,
    /// Gave it stars, 0.5 to 5.
    Rating,
    /// Passed over it.
    Skip,
    /// Said that they do not like it.
    Dislike,
    /// Took it out of the cart again.
    RemoveFromCart,
    /// Sent it back.
    Return,
}

enum_filter! {
    /// Conditions on the kind of an interaction.
    InteractionKindFilter(InteractionKind)
}

/// Something a user did to a content item.
#[derive(Clone, Debug)]
pub struct Interaction(pub Arc<domain::Interaction>);

impl From<domain::Interaction> for Interaction {
    fn from(interaction: domain::Interaction) -> Self {
        Self(Arc::new(interaction))
    }
}

/// Something a user did to a content item.
#[Object]
impl Interaction {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// The id of the user who did it.
    async fn user_id(&self) -> async_graphql::ID {
        self.0.user.into()
    }

    /// What they did.
    async fn kind(&self) -> InteractionKind {
        self.0.kind.into()
    }

    /// The stars of a RATING, 0.5 to 5; null for every other kind.
    async fn value(&self) -> Option<f64> {
        self.0.value.map(double)
    }

    /// When they did it.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }

    /// To which item; null for one that is gone or that the viewer may not see.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.0.content).await?;
        Ok(content.map(Into::into))
    }

    /// The id of the list that led to it, if one did.
    async fn list_id(&self) -> Option<async_graphql::ID> {
        self.0.attribution.map(|item| item.list.into())
    }

    /// The rank in that list, from 1.
    async fn list_rank(&self) -> Option<i32> {
        self.0.attribution.map(|item| item.rank)
    }
}

/// Which interactions to list. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "InteractionFilter")]
pub struct InteractionFilterInput {
    /// Conditions on the kind.
    kind: Option<InteractionKindFilter>,
    /// Conditions on the content item.
    content: Option<ContentIdFilter>,
    /// Conditions on when it happened.
    occurred_at: Option<DateTimeFilter>,
}

impl From<InteractionFilterInput> for Filter {
    fn from(input: InteractionFilterInput) -> Self {
        Self {
            kind: or_none(input.kind),
            content: or_none(input.content),
            occurred_at: or_none(input.occurred_at),
        }
    }
}

/// How many interactions fall into one group.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionCount {
    /// The kind; null where kinds are not told apart.
    kind: Option<InteractionKind>,
    /// The day, UTC; null where days are not told apart.
    day: Option<NaiveDate>,
    /// How many interactions.
    count: i32,
}

impl From<domain::InteractionCount> for InteractionCount {
    fn from(group: domain::InteractionCount) -> Self {
        Self {
            kind: group.kind.map(Into::into),
            day: group.day,
            count: i32::try_from(group.count).unwrap_or(i32::MAX),
        }
    }
}

/// By what interactions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum InteractionGrouping {
    /// One count a kind.
    Kind,
    /// One count a day, UTC.
    Day,
}

/// Queries about interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionQuery;

/// Queries about interactions.
#[Object]
impl InteractionQuery {
    /// What a user did, the newest first: the viewer, or another for admins and for apps with the
    /// scope USERS_READ.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; the viewer's where left out.")] user_id: Option<Id<id::User>>,
        #[graphql(desc = "Which.")] filter: Option<InteractionFilterInput>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Interaction>> {
        let window = Window::read(Paging {
            first,
            after,
            last,
            before,
        })?;
        let filter: Filter = or_none(filter);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .interactions
            .history(&viewer, user_id, &filter, &window)
            .await?
            .map(Interaction::from);
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move {
                let service = &services.interactions;
                service.count_history(&viewer, user_id, &filter).await
            }
            .boxed()
        };
        let cursor = |interaction: &Interaction| {
            let place = Cursor {
                order: "interactions desc".to_owned(),
                value: serde_json::Value::Null,
                id: interaction.0.id.uuid(),
            };
            place.encode()
        };
        Ok(Connection::new(page, cursor, Arc::new(total)))
    }

    /// How many interactions there are, by kind, by day, by both, or in all. For admins.
    #[graphql(complexity = "100 + child_complexity")]
    async fn interaction_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "By what; one count of all where empty.")] group_by: Vec<
            InteractionGrouping,
        >,
        #[graphql(desc = "From this moment on; 30 days before `until` where left out.")]
        from: Option<DateTime<Utc>>,
        #[graphql(
            desc = "Until just before this moment, at most 366 days after `from`; now where left out."
        )]
        until: Option<DateTime<Utc>>,
        #[graphql(desc = "Only these kinds; all where left out.")] kinds: Option<
            Vec<InteractionKind>,
        >,
    ) -> Result<Vec<InteractionCount>> {
        let service = &ctx.services().interactions;
        let until = until.unwrap_or_else(|| service.now());
        let month_before = until.checked_sub_signed(TimeDelta::days(30));
        let what = Counting {
            from: from.or(month_before).unwrap_or(until),
            until,
            kinds: kinds.map(|kinds| kinds.into_iter().map(Into::into).collect()),
            by_kind: group_by.contains(&InteractionGrouping::Kind),
            by_day: group_by.contains(&InteractionGrouping::Day),
        };
        let counts = service.counts(ctx.viewer(), &what).await?;
        Ok(counts.into_iter().map(Into::into).collect())
    }
}

/// An interaction to be recorded.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionInput {
    /// To which item.
    content_id: Id<id::Content>,
    /// What was done.
    kind: InteractionKind,
    /// The stars of a RATING, 0.5 to 5; left out for every other kind.
    value: Option<f32>,
    /// When it was done, from 1990 until now; now where left out.
    occurred_at: Option<DateTime<Utc>>,
    /// A name of your own for this interaction, 1 to 200 characters. The same name again does
    /// nothing and answers what was recorded the first time: send one, and try again at will.
    idempotency_key: Option<String>,
    /// The `attributionToken` of the list item that led to it.
    attribution_token: Option<String>,
    /// Who did it; the viewer where left out. Another for admins and for apps with the scope
    /// INTERACTIONS_WRITE.
    user_id: Option<Id<id::User>>,
}

impl From<RecordInteractionInput> for NewInteraction {
    fn from(input: RecordInteractionInput) -> Self {
        Self {
            user: input.user_id,
            content: input.content_id,
            kind: input.kind.into(),
            value: input.value,
            occurred_at: input.occurred_at,
            idempotency_key: input.idempotency_key,
            attribution_token: input.attribution_token,
        }
    }
}

/// Interactions to be recorded.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionsInput {
    /// The interactions, 1 to 1,000. Each is recorded or refused by itself.
    interactions: Vec<RecordInteractionInput>,
}

/// Which interaction to take back.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteInteractionInput {
    /// Which.
    id: Id<id::Interaction>,
}

payload_errors! {
    /// Why an interaction was not recorded.
    RecordInteractionError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Why `recordInteractions` did not do anything.
    RecordInteractionsError: InvalidInput
}

payload_errors! {
    /// Why `deleteInteraction` did not do it.
    DeleteInteractionError: NotFound
}

/// What became of `recordInteraction`.
#[derive(SimpleObject)]
pub struct RecordInteractionPayload {
    /// The interaction on record; null if there are errors.
    interaction: Option<Interaction>,
    /// Whether it was there before, recorded with the same idempotency key.
    repeated: bool,
    /// Why it was not recorded.
    errors: Vec<RecordInteractionError>,
    /// The way on.
    query: Query,
}

/// What became of one of many interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RecordOutcome {
    /// It is on record now.
    Recorded,
    /// It was on record before, with the same idempotency key.
    Repeated,
    /// It was refused.
    Refused,
}

/// What became of one of many interactions.
#[derive(SimpleObject)]
pub struct RecordInteractionResult {
    /// What became of it.
    outcome: RecordOutcome,
    /// The interaction on record; null if it was refused.
    interaction: Option<Interaction>,
    /// Why it was refused.
    errors: Vec<UserError>,
}

impl From<crate::domain::interactions::service::Outcome> for RecordInteractionResult {
    fn from(outcome: crate::domain::interactions::service::Outcome) -> Self {
        match outcome {
            Ok(Recorded {
                interaction,
                repeated,
            }) => Self {
                outcome: if repeated {
                    RecordOutcome::Repeated
                } else {
                    RecordOutcome::Recorded
                },
                interaction: Some(interaction.into()),
                errors: Vec::new(),
            },
            Err(refusal) => Self {
                outcome: RecordOutcome::Refused,
                interaction: None,
                errors: vec![refusal.into()],
            },
        }
    }
}

/// What became of `recordInteractions`.
#[derive(SimpleObject)]
pub struct RecordInteractionsPayload {
    /// What became of each, in the order given; empty if there are errors.
    results: Vec<RecordInteractionResult>,
    /// How many are on record now and were not before.
    recorded: i32,
    /// How many were on record before.
    repeated: i32,
    /// How many were refused.
    refused: i32,
    /// Why nothing was done.
    errors: Vec<RecordInteractionsError>,
    /// The way on.
    query: Query,
}

/// What became of `deleteInteraction`.
#[derive(SimpleObject)]
pub struct DeleteInteractionPayload {
    /// The id of the interaction that is gone; null if there are errors.
    deleted_id: Option<Id<id::Interaction>>,
    /// Why it was not taken back.
    errors: Vec<DeleteInteractionError>,
    /// The way on.
    query: Query,
}

/// Mutations of interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionMutation;

/// Mutations of interactions.
#[Object]
impl InteractionMutation {
    /// Records what the viewer did to a content item, or what another user did for admins and apps.
    async fn record_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interaction.")] input: RecordInteractionInput,
    ) -> Result<RecordInteractionPayload> {
        let service = &ctx.services().interactions;
        let (recorded, errors) = settle(service.record(ctx.viewer(), input.into()).await)?;
        ctx.loaders().forget();
        Ok(RecordInteractionPayload {
            repeated: recorded.as_ref().is_some_and(|recorded| recorded.repeated),
            interaction: recorded.map(|recorded| recorded.interaction.into()),
            errors,
            query: Query::default(),
        })
    }

    /// Records up to 1,000 interactions at once. The good ones are kept though others are refused.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn record_interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interactions.")] input: RecordInteractionsInput,
    ) -> Result<RecordInteractionsPayload> {
        let new = input.interactions.into_iter().map(Into::into).collect();
        let service = &ctx.services().interactions;
        let (outcomes, errors) = settle(service.record_many(ctx.viewer(), new).await)?;
        ctx.loaders().forget();
        let results: Vec<RecordInteractionResult> = outcomes
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect();
        let count = |outcome| {
            let count = results.iter().filter(|result| result.outcome == outcome);
            i32::try_from(count.count()).unwrap_or(i32::MAX)
        };
        Ok(RecordInteractionsPayload {
            recorded: count(RecordOutcome::Recorded),
            repeated: count(RecordOutcome::Repeated),
            refused: count(RecordOutcome::Refused),
            results,
            errors,
            query: Query::default(),
        })
    }

    /// Takes an interaction back. For the user who did it, admins, and apps with the scope
    /// INTERACTIONS_WRITE.
    async fn delete_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteInteractionInput,
    ) -> Result<DeleteInteractionPayload> {
        let service = &ctx.services().interactions;
        let (done, errors) = settle(service.delete(ctx.viewer(), input.id).await)?;
        ctx.loaders().forget();
        Ok(DeleteInteractionPayload {
            deleted_id: done.map(|()| input.id),
            errors,
            query: Query::default(),
        })
    }
}
