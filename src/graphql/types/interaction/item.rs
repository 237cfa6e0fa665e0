//! What a user did to a content item.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result};
use chrono::{DateTime, Utc};

use crate::domain::interactions::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::number::double;
use crate::graphql::types::content::Content;

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
