//! Removing a user and everything of them.

pub(super) mod store;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::service::{UsersService, audit_entry};
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::{Id, Result, id};
use crate::platform::cache::Tag;
use crate::platform::objects::ObjectName;

/// What the audit log calls an erasure.
const ERASE: &str = "user.erase";

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// What.
    pub what: String,
    /// How many.
    pub rows: u64,
}

/// An erasure whose rows are gone, and the files that they named, which are still to be removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Erased {
    /// What is said of it.
    pub receipt: Receipt,
    /// Generated files. Others may have them too.
    pub files: Vec<ObjectName>,
    /// Files that the user uploaded.
    pub uploads: Vec<Id<id::Upload>>,
    /// Where the audit log has it.
    entry: Id<id::AuditEntry>,
}

/// What the audit log keeps of an erasure: the files only until they are removed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Details {
    removed: Vec<Removed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uploads: Vec<Id<id::Upload>>,
}

impl Erased {
    fn new(
        user: Id<id::User>,
        entry: Id<id::AuditEntry>,
        erased_at: DateTime<Utc>,
        details: Details,
    ) -> Self {
        let files = details.files.iter();
        Self {
            receipt: Receipt {
                user,
                erased_at,
                removed: details.removed,
            },
            files: files.filter_map(|name| name.parse().ok()).collect(),
            uploads: details.uploads,
            entry,
        }
    }
}

impl UsersService {
    /// Removes a user: the account, those that were merged into it, sessions, what they did, their
    /// lists, tags, jobs and private items. What they published stays, without their name. Models
    /// keep no vector of single users: what they did has no part in any answer from now on, and the
    /// next training learns without it. The files are for the caller to remove. For the user,
    /// admins, and apps with `USERS_WRITE`.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`],
    /// [`crate::foundation::Refusal::NotFound`] for one who is not there, or not any more,
    /// [`crate::foundation::Refusal::Conflict`] for the last admin.
    pub async fn erase(&self, viewer: &Viewer, id: Id<id::User>) -> Result<Erased> {
        viewer.may_act_for(id, Scope::UsersWrite)?;
        let now = self.clock.now();
        let entry = audit_entry(viewer, ERASE, id, json!({}));
        let then = self.auth.forgets(id);
        let erased = self.erasure.erase(id, now, entry, then).await;
        self.cache.invalidate(&[Tag::User(id), Tag::Catalogue]);
        erased
    }

    /// The erasure of a user who is gone, as the audit log has it, with those files of which it is
    /// not known that they are removed. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], and when the database fails.
    pub async fn erased(&self, viewer: &Viewer, id: Id<id::User>) -> Result<Option<Erased>> {
        viewer.admin()?;
        self.erasure.erased(id).await
    }

    /// Says that the files of an erasure are removed: nothing names them any more. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], and when the database fails.
    pub async fn forget_files(&self, viewer: &Viewer, erased: &Erased) -> Result<()> {
        viewer.admin()?;
        self.erasure.forget_files(erased.entry).await
    }
}
