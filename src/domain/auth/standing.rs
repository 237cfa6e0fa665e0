//! Whether those who stay connected are still welcome.

use std::time::Duration;

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

    /// Whether this is the same user or key as `other`, with the same rights; the session may be
    /// another one.
    pub fn is_as_good_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::User { id, role, .. },
                Self::User {
                    id: other,
                    role: others,
                    ..
                },
            ) => (id, role) == (other, others),
            (one, other) => one.subject().is_some() && one == other,
        }
    }
}

impl AuthService {
    /// Hears of each [`Subject`] whose sessions ended or whose rights changed, on any server: then
    /// [`AuthService::stands`] tells what holds now.
    pub fn changes(&self) -> Listener {
        self.bus.subscribe(Topic::Sessions)
    }

    /// Forgets what is remembered of a subject, or of all, whose rights another server has changed.
    pub fn heard(&self, subject: Option<Subject>) {
        match subject {
            Some(Subject::User(user)) => self.sessions.changed(&user),
            // A key is remembered by its hash, which nobody was told; there are few keys.
            Some(Subject::Key(_)) => self.keys.all_changed(),
            None => {
                self.sessions.all_changed();
                self.keys.all_changed();
            }
        }
    }

    /// For how long the token of `admission` is still good; `None` for one without an end.
    pub fn left(&self, admission: &Admission) -> Option<Duration> {
        let left = admission.expires_at? - self.clock.now();
        Some(left.to_std().unwrap_or_default())
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
