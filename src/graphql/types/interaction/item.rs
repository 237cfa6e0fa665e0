//! What a user did to a content item.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result};
use chrono::{DateTime, Utc};

use crate::domain::interactions::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::number::double;
use crate::graphql::types::content::Content;

/// Kind of an interaction of a user with a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::InteractionKind")]
pub enum InteractionKind {
    /// The user viewed the item.
    View,
    /// The user opened the item from a list.
    Click,
    /// The user added the item to the cart.
    AddToCart,
    /// The user purchased the item.
    Purchase,
    /// The user liked the item.
    Like,
    /// The user shared the item.
    Share,
    /// The user rated the item with 0.5–5 stars.
    Rating,
    /// The user skipped the item.
    Skip,
    /// The user disliked the item.
    Dislike,
    /// The user removed the item from the cart.
    RemoveFromCart,
    /// The user returned the purchased item.
    Return,
}

/// An interaction of a user with a content item.
#[derive(Clone, Debug)]
pub struct Interaction(pub Arc<domain::Interaction>);

impl From<domain::Interaction> for Interaction {
    fn from(interaction: domain::Interaction) -> Self {
        Self(Arc::new(interaction))
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

    /// Kind of the interaction.
    async fn kind(&self) -> InteractionKind {
        self.0.kind.into()
    }

    /// Rating in stars, 0.5–5, for RATING; null for other kinds.
    async fn value(&self) -> Option<f64> {
        self.0.value.map(double)
    }

    /// Time of the interaction.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
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

    /// Rank of the item in that list, starting at 1; null if the interaction is not attributed to a
    /// list.
    async fn list_rank(&self) -> Option<i32> {
        self.0.attribution.map(|item| item.rank)
    }
}
