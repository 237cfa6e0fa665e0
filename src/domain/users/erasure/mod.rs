//! Removing a user and everything of them.

pub(super) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::service::{UsersService, deed};
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{Id, Result, id};
use crate::platform::cache::Tag;

/// Says that a user is gone, and how much went with them. It names nobody but by their id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Who.
    pub user: Id<id::User>,
    /// When.
    pub erased_at: DateTime<Utc>,
    /// How many rows of each kind were removed, by name.
    pub removed: Vec<Removed>,
}

/// How many rows of a kind were removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// What.
    pub what: &'static str,
    /// How many.
    pub rows: u64,
}

impl UsersService {
    /// Removes a user: the account, those that were merged into it, sessions, what they did, their
    /// lists, tags and private items. What they published stays, without their name. Models keep no
    /// vector of single users: what they did has no part in any answer from now on, and the next
    /// training learns without it. For the user, admins, and apps with `USERS_WRITE`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`],
    /// [`crate::foundation::Refusal::NotFound`] for one who is not there, or not any more,
    /// [`crate::foundation::Refusal::Conflict`] for the last admin.
    pub async fn erase(&self, viewer: &Viewer, id: Id<id::User>) -> Result<Receipt> {
        viewer.may_act_for(id, Scope::UsersWrite)?;
        let now = self.clock.now();
        let deed = deed(viewer, "user.erase", id, json!({}));
        let then = self.auth.forgets(id);
        let removed = self.erasure.erase(id, now, deed, then).await;
        self.cache.changed(&[Tag::User(id), Tag::Catalogue]);
        Ok(Receipt {
            user: id,
            erased_at: now,
            removed: removed?,
        })
    }
}
