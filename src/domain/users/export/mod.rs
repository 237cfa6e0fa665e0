//! Everything that is stored about a user, as one document.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::model::User;
use crate::foundation::{Refusal, Result};

pub(super) mod store;

/// The largest document that is answered at once, in bytes of JSON. It is held in memory, several
/// times over on its way out; the command `marquee user export` writes row by row and has no limit.
pub const MAX_EXPORT_BYTES: usize = 16 * 1024 * 1024;

/// The lists of the document, in the order in which their rows come.
pub const SECTIONS: &[&str] = &[
    "sessions",
    "interactions",
    "idempotencyKeys",
    "tags",
    "recommendationLists",
    "feedback",
    "batchRecommendations",
    "content",
    "apiKeys",
    "uploads",
    "slateSelections",
    "jobs",
    "mergedUsers",
    "auditLog",
];

/// Takes the name of a section and one of its rows.
pub type Sink<'a> = dyn FnMut(&'static str, Value) -> Result<()> + Send + 'a;

/// The document as it grows.
pub(super) struct Document {
    members: Map<String, Value>,
    bytes: usize,
}

impl Document {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let mut members = Map::new();
        members.insert("exportedAt".to_owned(), json!(now));
        for section in SECTIONS {
            members.insert((*section).to_owned(), json!([]));
        }
        Self { members, bytes: 0 }
    }

    pub(super) fn add(&mut self, section: &'static str, row: Value) -> Result<()> {
        self.bytes += row.to_string().len() + 1;
        if self.bytes > MAX_EXPORT_BYTES {
            let message = format!(
                "this export is larger than {} MiB; an administrator gets it with \
                 `marquee user export`",
                MAX_EXPORT_BYTES / (1024 * 1024)
            );
            return Err(Refusal::Conflict { message }.into());
        }
        match self.members.get_mut(section) {
            Some(Value::Array(rows)) => rows.push(row),
            _ => {
                self.members.insert(section.to_owned(), row);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Value {
        Value::Object(self.members)
    }
}

pub(super) fn profile(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "displayName": user.display_name,
        "email": user.email.as_ref().map(ToString::to_string),
        "role": user.role.as_str(),
        "anonymous": user.anonymous,
        "preferences": user.preferences.to_json(),
        "source": user.source.as_ref().map(|(source, _)| source),
        "externalId": user.source.as_ref().map(|(_, id)| id),
        "mergedInto": user.merged_into.map(|id| id.to_string()),
        "disabledAt": user.disabled_at,
        "createdAt": user.created_at,
        "updatedAt": user.updated_at,
    })
}
