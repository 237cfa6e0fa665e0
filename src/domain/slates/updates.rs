//! Subscriptions to the slates of a channel.

use chrono::NaiveDate;
use futures::Stream;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{Slate, SlateSlot};
use super::service::SlateService;
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id};
use crate::platform::events::{Event, Received};

/// The event of a slate that was made, selected from, rejected or abandoned.
#[derive(Debug, Serialize, Deserialize)]
pub struct SlateChanged {
    channel: Uuid,
    date: NaiveDate,
    hour: u8,
    slate: Option<Uuid>,
}

impl Event for SlateChanged {
    const TOPIC: &'static str = "slates";

    fn key(&self) -> Option<Uuid> {
        Some(self.channel)
    }
}

impl SlateChanged {
    pub(super) fn of(slate: &Slate) -> Self {
        Self {
            slate: Some(slate.id.uuid()),
            ..Self::of_slot(slate.slot)
        }
    }

    /// Of a slot whose slate was abandoned, if it had one.
    pub(super) fn of_slot(slot: SlateSlot) -> Self {
        Self {
            channel: slot.channel.uuid(),
            date: slot.date,
            hour: slot.hour,
            slate: None,
        }
    }
}

/// What changed at a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlateUpdate {
    /// The slate of this slot: `None` where the slot was abandoned.
    Slate(SlateSlot, Option<Id<id::Slate>>),
    /// Updates may have been missed; any slate may have changed.
    Unknown,
}

impl SlateService {
    /// What changes at the slates of a channel, as it happens. For curators and admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn updates(
        &self,
        viewer: &Viewer,
        channel: Id<id::Channel>,
    ) -> Result<impl Stream<Item = SlateUpdate> + use<>> {
        viewer.curator()?;
        let changes = self.events.subscribe::<SlateChanged>(Some(channel.uuid()));
        Ok(futures::stream::unfold(
            changes.await,
            |mut changes| async move {
                let update = match changes.next().await {
                    Received::Event { event, .. } => {
                        let slot = SlateSlot {
                            channel: event.channel.into(),
                            date: event.date,
                            hour: event.hour,
                        };
                        SlateUpdate::Slate(slot, event.slate.map(Into::into))
                    }
                    Received::Missed => SlateUpdate::Unknown,
                };
                Some((update, changes))
            },
        ))
    }
}
