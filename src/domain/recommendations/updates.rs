//! Subscriptions to updates of a user's lists.

use futures::Stream;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::service::RecommendationService;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::interactions::InteractionsRecorded;
use crate::domain::models::ModelActivated;
use crate::foundation::{Id, Result, id, text_enum};
use crate::platform::events::{Event, Received, Subscription};

text_enum! {
    /// Why the recommendations of a user have changed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum UpdateReason {
        /// The user has interacted with an item.
        Taste = "TASTE",
        /// The user's stored recommendations were recomputed.
        Refresh = "REFRESH",
        /// Another model was activated.
        Model = "MODEL",
        /// Updates may have been missed; the recommendations may have changed.
        Unknown = "UNKNOWN",
    }
}

/// The event of a stored list that was recomputed.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListRefreshed {
    /// Whose list it is.
    pub(super) user: Uuid,
}

impl Event for ListRefreshed {
    const TOPIC: &'static str = "lists";

    fn key(&self) -> Option<Uuid> {
        Some(self.user)
    }
}

impl RecommendationService {
    /// The updates of the lists of `user`, as they happen. For the user, admins, and API keys with the
    /// scope `RECOMMENDATIONS_READ`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn updates(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
    ) -> Result<impl Stream<Item = UpdateReason> + use<>> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        let events = &self.ctx.events;
        let stream = UpdateStream {
            interactions: events.subscribe(Some(user.uuid())).await,
            lists: events.subscribe(Some(user.uuid())).await,
            models: events.subscribe(None).await,
        };
        Ok(futures::stream::unfold(stream, UpdateStream::step))
    }
}

/// A subscription to the lists of a user.
struct UpdateStream {
    interactions: Subscription<InteractionsRecorded>,
    lists: Subscription<ListRefreshed>,
    models: Subscription<ModelActivated>,
}

impl UpdateStream {
    async fn step(mut self) -> Option<(UpdateReason, Self)> {
        let reason = tokio::select! {
            biased;
            received = self.interactions.next() => reason(&received, UpdateReason::Taste),
            received = self.lists.next() => reason(&received, UpdateReason::Refresh),
            received = self.models.next() => reason(&received, UpdateReason::Model),
        };
        Some((reason, self))
    }
}

/// What an event says of the lists: `reason`, if nothing was missed.
fn reason<T>(received: &Received<T>, reason: UpdateReason) -> UpdateReason {
    match received {
        Received::Event { .. } => reason,
        Received::Missed => UpdateReason::Unknown,
    }
}
