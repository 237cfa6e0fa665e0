//! Session validity: whether a long-lived connection is still authorised.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::service::AuthService;
use super::{Admission, Viewer};
use crate::foundation::{Id, Result, id};
use crate::platform::events::{Event, Subscription};

/// The owner of sessions, or an API key: the event of ended sessions and changed rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A user.
    User(Id<id::User>),
    /// An API key.
    Key(Id<id::ApiKey>),
}

impl Event for Subject {
    const TOPIC: &'static str = "sessions";
}

impl Viewer {
    /// The subject of this viewer; `None` for viewers without a credential.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Nobody | Self::Command => None,
            Self::User { id, .. } => Some(Subject::User(*id)),
            Self::App { key, .. } => Some(Subject::Key(*key)),
        }
    }

    /// Whether this is the same user or key as `other` with the same rights. The sessions may differ.
    pub fn has_same_rights_as(&self, other: &Self) -> bool {
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
    /// Listens for each [`Subject`] whose sessions ended or whose rights changed, on any server. Then check
    /// [`AuthService::is_valid`].
    pub async fn changes(&self) -> Subscription<Subject> {
        self.events.subscribe(None).await
    }

    /// Invalidates what is cached of a subject, or of all, after another server has changed its rights.
    pub fn on_change(&self, subject: Option<Subject>) {
        match subject {
            Some(Subject::User(user)) => self.sessions.invalidate(&user),
            // Keys are cached by hash, which the event does not contain; there are few keys.
            Some(Subject::Key(_)) => self.keys.invalidate_all(),
            None => {
                self.sessions.invalidate_all();
                self.keys.invalidate_all();
            }
        }
    }

    /// How long the token of `admission` is still valid; `None` for one that does not expire.
    pub fn time_left(&self, admission: &Admission) -> Option<Duration> {
        let time_left = admission.expires_at? - self.clock.now();
        Some(time_left.to_std().unwrap_or_default())
    }

    /// Whether `admission` is still valid: the token has not expired, the session has not ended or the key
    /// is not revoked, and the rights are the same. Reads the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_valid(&self, admission: &Admission) -> Result<bool> {
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
