//! The audit log: who did what to whom, written in the transaction that did it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use serde_json::Value;

use super::entities::audit_entry;
use crate::foundation::{Chance, Id, id};

/// One deed.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Who did it: a user's or a key's outer id, or `command`.
    pub actor: String,
    /// What was done: `user.disable`, `session.reuse`.
    pub action: &'static str,
    /// The outer id of what it was done to.
    pub subject: String,
    /// What else there is to know: a JSON object. Never a secret, and nothing about a person but
    /// ids and roles, since these rows stay when the person is erased.
    pub details: Value,
}

/// Writes a deed and answers which entry it is.
///
/// # Errors
/// Those of the database.
pub async fn record(
    tx: &impl ConnectionTrait,
    deed: Deed,
    now: DateTime<Utc>,
    chance: &Chance,
) -> Result<Id<id::AuditEntry>, DbErr> {
    let id = Id::<id::AuditEntry>::at(now, chance.bytes());
    let row = audit_entry::Model {
        id: id.uuid(),
        at: now,
        actor: deed.actor,
        action: deed.action.to_owned(),
        subject: Some(deed.subject),
        details: deed.details,
    };
    audit_entry::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(id)
}
