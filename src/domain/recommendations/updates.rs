//! Hearing that a user's lists would be others by now.

use std::collections::HashSet;

use futures::Stream;
use serde::{Deserialize, Serialize};

use super::service::RecommendationService;
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{Id, Result, id, text_enum};
use crate::platform::bus::{Bus, Heard, Listener, Topic};

/// Why a user's lists would be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// They did something.
    Taste,
    /// Their stored list was computed anew.
    Refresh,
    /// Another model was taken into service.
    Model,
    /// Something may have happened unheard.
    Unknown,
}

text_enum!(Reason {
    Taste = "TASTE",
    Refresh = "REFRESH",
    Model = "MODEL",
    Unknown = "UNKNOWN",
});

/// What the bus says of a user's lists.
#[derive(Serialize, Deserialize)]
struct Note {
    reason: Reason,
}

/// Says on the bus that these users' lists would be others.
pub(in crate::domain) fn tell(
    bus: &Bus,
    users: impl IntoIterator<Item = Id<id::User>>,
    reason: Reason,
) {
    let users: HashSet<_> = users.into_iter().collect();
    for user in users {
        bus.publish(Topic::Recommendations(user.uuid()), Note { reason });
    }
}

impl RecommendationService {
    /// Each reason for which the lists of `user` would be others, as it happens. For the user,
    /// admins, and apps with the scope `RECOMMENDATIONS_READ`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub fn updates(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
    ) -> Result<impl Stream<Item = Reason> + use<>> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        let own = self
            .ground
            .bus
            .subscribe(Topic::Recommendations(user.uuid()));
        let models = self.ground.bus.subscribe(Topic::Models);
        Ok(futures::stream::unfold((own, models), step))
    }
}

async fn step(
    (mut own, mut models): (Listener, Listener),
) -> Option<(Reason, (Listener, Listener))> {
    let reason = tokio::select! {
        heard = own.next() => match heard {
            Heard::Note(note) => serde_json::from_str::<Note>(&note)
                .map_or(Reason::Unknown, |note| note.reason),
            Heard::Missed => Reason::Unknown,
        },
        heard = models.next() => match heard {
            Heard::Note(_) => Reason::Model,
            Heard::Missed => Reason::Unknown,
        },
    };
    Some((reason, (own, models)))
}
