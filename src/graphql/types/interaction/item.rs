//! What a user did to a content item.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::domain::interactions::{RecordedInteraction, StreamCursor, model as domain};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::double;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::content::Content;
use crate::graphql::types::recommendation::RecommendationList;
use crate::graphql::types::user::User;

graphql_enum!(domain::InteractionKind as InteractionKind);

/// An interaction of a user with a content item.
#[derive(Clone, Debug)]
pub struct Interaction(pub Arc<domain::Interaction>, Option<Arc<StreamCursor>>);

impl From<domain::Interaction> for Interaction {
    fn from(interaction: domain::Interaction) -> Self {
        Self(Arc::new(interaction), None)
    }
}

impl From<RecordedInteraction> for Interaction {
    fn from(recorded: RecordedInteraction) -> Self {
        let cursor = Arc::new(recorded.cursor);
        Self(Arc::new(recorded.interaction), Some(cursor))
    }
}

/// An interaction of a user with a content item.
#[Object]
impl Interaction {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// ID of the user who interacted with the item.
    async fn user_id(&self) -> async_graphql::ID {
        self.0.user.into()
    }

    /// The user who interacted with the item; null if the viewer may not see them.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user = ctx.loaders().users.load_one(self.0.user).await?;
        Ok(user.map(Into::into))
    }

    /// Kind of the interaction.
    async fn kind(&self) -> InteractionKind {
        self.0.kind.into()
    }

    /// Rating in stars, 0.5–5, for RATING; null for other kinds.
    async fn value(&self) -> Option<f64> {
        self.0.value.map(double)
    }

    /// Time of the interaction.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.occurred_at)
    }

    /// The item that the user interacted with; null if it was deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.0.content).await?;
        Ok(content.map(Into::into))
    }

    /// ID of the recommendation list that led to the interaction; null if it is not attributed to
    /// one.
    async fn list_id(&self) -> Option<async_graphql::ID> {
        self.0.attribution.map(|item| item.list.into())
    }

    /// The recommendation list that led to the interaction, with the items of its first page. Null if
    /// the interaction is not attributed to a list, if the list is no longer stored, and if the viewer may
    /// not read it.
    #[graphql(complexity = "20 * child_complexity")]
    async fn list(&self, ctx: &Context<'_>) -> Result<Option<RecommendationList>> {
        let Some(item) = self.0.attribution else {
            return Ok(None);
        };
        let list = ctx.loaders().lists.load_one(item.list).await?;
        Ok(list.map(Into::into))
    }

    /// Rank of the item in that list, starting at 1; null if the interaction is not attributed to a
    /// list.
    async fn list_rank(&self) -> Option<i32> {
        self.0.attribution.map(|item| item.rank)
    }

    /// Position in the subscription `interactions`: pass the last one received as `after` to miss nothing
    /// and receive nothing twice. Null outside of that subscription.
    async fn cursor(&self) -> Option<String> {
        self.1.as_ref().map(|cursor| cursor.encode())
    }
}
