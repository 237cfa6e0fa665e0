//! The rows of an export, read page by page so that one page is all that is held.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use super::Sink;
use crate::foundation::{Id, Result, Rng, id};
use crate::platform::db::Db;
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::{
    api_key, audit_entry, batch_recommendation, content_item, content_tag, feedback,
    generation_job, idempotency_key, interaction, refresh_token, slate_selection, upload, user,
};

mod lists;

use lists::lists;

/// Rows of a page; a list is a row of some 20 KB, so that fewer of them make a page.
const PAGE: u64 = 1000;
const PAGE_OF_LISTS: u64 = 50;

#[derive(Clone)]
pub(in crate::domain::users) struct Store {
    db: Db,
    rng: Rng,
}

impl Store {
    pub(in crate::domain::users) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    /// Writes down that somebody else's data was exported.
    pub(in crate::domain::users) async fn note(
        &self,
        entry: AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<()> {
        audit::record(self.db.write(), entry, now, &self.rng).await?;
        Ok(())
    }

    /// Hands every row about `user` to `sink`. It reads the primary database: what was written a
    /// moment ago belongs to it.
    pub(in crate::domain::users) async fn rows(
        &self,
        user: Id<id::User>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let db = self.db.write();
        sessions(db, user, sink).await?;
        interactions(db, user, sink).await?;
        idempotency_keys(db, user, sink).await?;
        tags(db, user, sink).await?;
        lists(db, user, sink).await?;
        feedback(db, user, sink).await?;
        batch(db, user, sink).await?;
        content(db, user, sink).await?;
        api_keys(db, user, sink).await?;
        uploads(db, user, sink).await?;
        slate_selections(db, user, sink).await?;
        jobs(db, user, sink).await?;
        merged(db, user, sink).await?;
        audit_log(db, user, sink).await
    }
}

fn outer<K: id::Kind>(id: Uuid) -> String {
    Id::<K>::from(id).to_string()
}

/// Reads a table by pages in the order of `$id`, from the user's rows on.
macro_rules! paged {
    ($db:expr, $sink:expr, $section:literal, $entity:ident, $filter:expr, $id:ident, $size:expr, |$row:ident| $json:expr) => {{
        let mut after = Uuid::nil();
        loop {
            let rows = $entity::Entity::find()
                .filter($filter)
                .filter($entity::Column::$id.gt(after))
                .order_by_asc($entity::Column::$id)
                .limit($size)
                .all($db)
                .await?;
            let full = rows.len() as u64 == $size;
            for $row in rows {
                after = paged!(@key $row, $id);
                $sink($section, $json)?;
            }
            if !full {
                return Ok(());
            }
        }
    }};
    (@key $row:ident, Id) => { $row.id };
    (@key $row:ident, ModelVersionId) => { $row.model_version_id };
}

async fn sessions(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = refresh_token::Column::UserId.eq(user.uuid());
    paged!(
        db,
        sink,
        "sessions",
        refresh_token,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "session": outer::<id::Session>(row.family_id),
            "issuedAt": row.issued_at,
            "expiresAt": row.expires_at,
            "usedAt": row.used_at,
            "revokedAt": row.revoked_at,
        })
    )
}

async fn interactions(
    db: &DatabaseConnection,
    user: Id<id::User>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let own = interaction::Column::UserId.eq(user.uuid());
    paged!(
        db,
        sink,
        "interactions",
        interaction,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::Interaction>(row.id),
            "content": outer::<id::Content>(row.content_id),
            "kind": row.kind,
            "value": row.value,
            "occurredAt": row.occurred_at,
            "list": row.list_id.map(outer::<id::List>),
            "listRank": row.list_rank,
        })
    )
}

async fn slate_selections(
    db: &DatabaseConnection,
    user: Id<id::User>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let own = slate_selection::Column::CuratorId.eq(user.uuid());
    paged!(
        db,
        sink,
        "slateSelections",
        slate_selection,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::Selection>(row.id),
            "slate": outer::<id::Slate>(row.slate_id),
            "channel": outer::<id::Channel>(row.channel_id),
            "date": row.date,
            "hour": row.hour,
            "content": outer::<id::Content>(row.content_id),
            "signals": row.signals,
            "selectedAt": row.selected_at,
        })
    )
}

async fn feedback(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = feedback::Column::UserId.eq(user.uuid());
    paged!(
        db,
        sink,
        "feedback",
        feedback,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "list": outer::<id::List>(row.list_id),
            "rank": row.rank,
            "kind": row.kind,
            "rating": row.rating,
            "interaction": row.interaction_id.map(outer::<id::Interaction>),
            "at": row.at,
        })
    )
}

async fn batch(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = batch_recommendation::Column::UserId.eq(user.uuid());
    paged!(
        db,
        sink,
        "batchRecommendations",
        batch_recommendation,
        own.clone(),
        ModelVersionId,
        PAGE_OF_LISTS,
        |row| {
            let contents = row.content_ids.into_iter().map(outer::<id::Content>);
            json!({
                "model": outer::<id::Model>(row.model_version_id),
                "content": contents.collect::<Vec<_>>(),
                "scores": row.scores,
                "because": row.because.into_iter().map(outer::<id::Content>).collect::<Vec<_>>(),
            })
        }
    )
}

async fn content(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = content_item::Column::CreatorId.eq(user.uuid());
    paged!(
        db,
        sink,
        "content",
        content_item,
        own.clone(),
        Id,
        PAGE_OF_LISTS,
        |row| {
            let id = outer::<id::Content>(row.id);
            // All of the row, as it is: a field that is added later is exported too.
            let mut json = serde_json::to_value(&row).map_err(anyhow::Error::from)?;
            json["id"] = id.into();
            json["creator_id"] = user.to_string().into();
            json
        }
    )
}

async fn api_keys(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = api_key::Column::CreatedBy.eq(user.uuid());
    paged!(
        db,
        sink,
        "apiKeys",
        api_key,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::ApiKey>(row.id),
            "name": row.name,
            "prefix": row.prefix,
            "scopes": row.scopes,
            "createdAt": row.created_at,
            "expiresAt": row.expires_at,
            "lastUsedAt": row.last_used_at,
            "revokedAt": row.revoked_at,
        })
    )
}

async fn uploads(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = upload::Column::OwnerId.eq(user.uuid());
    paged!(
        db,
        sink,
        "uploads",
        upload,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::Upload>(row.id),
            "name": row.name,
            "bytes": row.bytes,
            "createdAt": row.created_at,
        })
    )
}

async fn jobs(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = generation_job::Column::OwnerId.eq(user.uuid());
    paged!(
        db,
        sink,
        "jobs",
        generation_job,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::Job>(row.id),
            "kind": row.kind,
            "parameters": row.parameters,
            "state": row.state,
            "createdAt": row.created_at,
            "finishedAt": row.finished_at,
            "result": row.result,
            "error": row.error,
        })
    )
}

async fn merged(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = user::Column::MergedInto.eq(user.uuid());
    paged!(
        db,
        sink,
        "mergedUsers",
        user,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::User>(row.id),
            "displayName": row.display_name,
            "preferences": row.preferences,
            "createdAt": row.created_at,
        })
    )
}

async fn audit_log(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    let own = Condition::any()
        .add(audit_entry::Column::Actor.eq(user.to_string()))
        .add(audit_entry::Column::Subject.eq(user.to_string()));
    paged!(
        db,
        sink,
        "auditLog",
        audit_entry,
        own.clone(),
        Id,
        PAGE,
        |row| json!({
            "id": outer::<id::AuditEntry>(row.id),
            "at": row.at,
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "details": row.details,
        })
    )
}

/// Tags have no id of their own; their key is the item and the word.
async fn tags(db: &DatabaseConnection, user: Id<id::User>, sink: &mut Sink<'_>) -> Result<()> {
    use content_tag::{Column, Entity};
    let mut after: Option<(Uuid, String)> = None;
    loop {
        let mut rows = Entity::find()
            .filter(Column::UserId.eq(user.uuid()))
            .order_by_asc(Column::ContentId)
            .order_by_asc(Column::Tag)
            .limit(PAGE);
        if let Some((content, tag)) = &after {
            let same = Condition::all()
                .add(Column::ContentId.eq(*content))
                .add(Column::Tag.gt(tag));
            rows = rows.filter(
                Condition::any()
                    .add(Column::ContentId.gt(*content))
                    .add(same),
            );
        }
        let rows = rows.all(db).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some((last.content_id, last.tag.clone()));
        for row in rows {
            let tag = json!({
                "content": outer::<id::Content>(row.content_id),
                "tag": row.tag,
                "taggedAt": row.tagged_at,
            });
            sink("tags", tag)?;
        }
    }
}

async fn idempotency_keys(
    db: &DatabaseConnection,
    user: Id<id::User>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    use idempotency_key::{Column, Entity};
    let mut after = String::new();
    loop {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.uuid()))
            .filter(Column::Key.gt(&after))
            .order_by_asc(Column::Key)
            .limit(PAGE)
            .all(db)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after.clone_from(&last.key);
        for row in rows {
            let key = json!({
                "key": row.key,
                "interaction": outer::<id::Interaction>(row.interaction_id),
                "recordedAt": row.recorded_at,
            });
            sink("idempotencyKeys", key)?;
        }
    }
}
