//! Queries about interactions: histories and counts.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Interaction, InteractionKind};
use crate::domain::interactions::model::{self as domain, Counting, InteractionFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::filter::{ContentIdFilter, DateTimeFilter, enum_filter, or_none};
use crate::graphql::number::int;

enum_filter! {
    /// Conditions on the kind of an interaction.
    InteractionKindFilter(InteractionKind)
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
            count: int(group.count),
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
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none(filter);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .interactions
            .history(&viewer, user_id, &filter, &window)
            .await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move {
                let service = &services.interactions;
                service.count_history(&viewer, user_id, &filter).await
            }
        };
        let cursor = |interaction: &Interaction| interaction.0.cursor();
        Ok(Connection::new(page, cursor, total))
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
