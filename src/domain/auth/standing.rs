//! Whether those who stay connected are still welcome.

use serde::{Deserialize, Serialize};

use super::service::AuthService;
use super::{Admission, Viewer};
use crate::foundation::{Id, Result, id};
use crate::platform::bus::{Listener, Topic};

/// Who has sessions or is a key: the note of [`Topic::Sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A user.
    User(Id<id::User>),
    /// An app's key.
    Key(Id<id::ApiKey>),
}

impl Viewer {
    /// Whose sessions or key this is; `None` for who needs neither.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Nobody | Self::Command => None,
            Self::User { id, .. } => Some(Subject::User(*id)),
            Self::App { key, .. } => Some(Subject::Key(*key)),
        }
    }
}

impl AuthService {
    /// Hears of each [`Subject`] whose sessions ended or whose rights changed, on any server: then
    /// [`AuthService::stands`] tells what holds now.
    pub fn changes(&self) -> Listener {
        self.bus.subscribe(Topic::Sessions)
    }

    /// Whether what was admitted earlier still stands: the token has not expired, the session goes
    /// on or the key is not revoked, and the rights are the same. It asks the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stands(&self, admission: &Admission) -> Result<bool> {
        let now = self.clock.now();
        if admission.expires_at.is_some_and(|end| end <= now) {
            return Ok(false);
        }
        match &admission.viewer {
            Viewer::Nobody | Viewer::Command => Ok(true),
            Viewer::User { id, role, session } => {
                // The change may be another server's, of which this one remembers nothing.
                self.sessions.changed(id);
                let user = self.store.present(*id, *session, now).await?;
                Ok(user.is_some_and(|user| user.role == *role))
            }
            Viewer::App { key, scopes } => {
                let key = self.store.key_by_id(*key).await?;
                Ok(key.is_some_and(|key| {
                    key.revoked_at.is_none()
                        && key.expires_at.is_none_or(|end| end > now)
                        && key.scopes == *scopes
                }))
            }
        }
    }
}
