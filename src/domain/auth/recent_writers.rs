//! Who has written a moment ago: they read from the primary, since a replica follows late.

use chrono::TimeDelta;

use super::{AuthService, Viewer};
use crate::foundation::{Id, id};

impl AuthService {
    /// Notes that the viewer has written, before they are told so.
    pub async fn note_write(&self, viewer: &Viewer) {
        match viewer {
            // Who is nobody writes nothing of their own but an account, which is noted by itself.
            Viewer::Nobody | Viewer::Command => {}
            Viewer::User { id, .. } => self.note_write_of(*id).await,
            Viewer::App { key, .. } => self.note(key.to_string()).await,
        }
    }

    /// Whether queries of the viewer have to go to the primary.
    pub async fn wrote_lately(&self, viewer: &Viewer) -> bool {
        let writer = match viewer {
            Viewer::Nobody | Viewer::Command => return false,
            Viewer::User { id, .. } => id.to_string(),
            Viewer::App { key, .. } => key.to_string(),
        };
        self.has_replica() && self.cache.is_marked(&writer).await
    }

    /// Notes that something of a user was written.
    pub(super) async fn note_write_of(&self, user: Id<id::User>) {
        self.note(user.to_string()).await;
    }

    async fn note(&self, writer: String) {
        let seconds = self.settings.database.replica_lag_seconds;
        if self.has_replica() && seconds > 0 {
            self.cache
                .mark(&writer, TimeDelta::seconds(seconds.into()))
                .await;
        }
    }

    fn has_replica(&self) -> bool {
        self.store.has_replica()
    }
}
