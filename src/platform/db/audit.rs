//! The audit log: who did what to whom, written in the transaction that did it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use serde_json::Value;

use super::entities::audit_entry;
use crate::foundation::{Id, Rng, id};

/// One entry of the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The actor: the outer id of a user or an API key, or `command`.
    pub actor: String,
    /// The action, such as `user.disable` or `session.reuse`.
    pub action: &'static str,
    /// The outer id of the object of the action.
    pub subject: String,
    /// Further details: a JSON object. Never a secret, and nothing about a person but
    /// ids and roles, since these rows stay when the person is erased.
    pub details: Value,
}

/// Writes `entry` and returns its id.
///
/// # Errors
/// Those of the database.
pub async fn record(
    tx: &impl ConnectionTrait,
    entry: AuditEntry,
    now: DateTime<Utc>,
    rng: &Rng,
) -> Result<Id<id::AuditEntry>, DbErr> {
    let id = Id::<id::AuditEntry>::at(now, rng.bytes());
    let row = audit_entry::Model {
        id: id.uuid(),
        at: now,
        actor: entry.actor,
        action: entry.action.to_owned(),
        subject: Some(entry.subject),
        details: entry.details,
    };
    audit_entry::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(id)
}
