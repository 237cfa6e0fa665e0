//! What an hour came to, and what was removed.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What happened in one hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Hour {
    /// Its beginning, UTC.
    pub hour: DateTime<Utc>,
    /// How many things users did.
    pub interactions: i64,
    /// How many users did something.
    pub active_users: i64,
    /// How many lists were drawn.
    pub lists: i64,
    /// How often something was said to an item of a list.
    pub feedback: i64,
    /// How many jobs were done.
    pub jobs_completed: i64,
    /// How many jobs failed for good.
    pub jobs_failed: i64,
}

/// How many of each kind were removed since they had been kept long enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Jobs that are over, with their events.
    pub jobs: u64,
    /// Lists, with their items.
    pub lists: u64,
    /// Keys that make a repeated interaction harmless.
    pub idempotency_keys: u64,
    /// Sessions that ended.
    pub sessions: u64,
    /// Counts of what was searched for.
    pub search_queries: u64,
    /// Models that were begun and never served.
    pub candidates: u64,
    /// Files that were uploaded.
    pub uploads: u64,
    /// Files of generated content that nothing names any more.
    pub files: u64,
    /// Folders in which an import whose process was killed had staged its uploads.
    pub import_folders: u64,
}
