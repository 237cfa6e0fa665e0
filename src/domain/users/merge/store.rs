//! Moving everything of one user to another, in one transaction.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use crate::domain::auth::{Subject, end_all_sessions};
use crate::domain::users::model::User;
use crate::domain::users::service::not_found;
use crate::foundation::{Id, Refusal, Result, Rng, id};
use crate::platform::db::Db;
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::{batch_recommendation, user};
use crate::platform::events;

/// What moves, from `$1` to `$2`. Where both have the same, that of the known user stays. Every
/// table that refers to users is here or below; a test compares the list with the database.
const MOVES: &[&str] = &[
    "UPDATE interactions SET user_id = $2 WHERE user_id = $1",
    "UPDATE recommendation_lists SET user_id = $2 WHERE user_id = $1",
    "UPDATE feedback SET user_id = $2 WHERE user_id = $1",
    "UPDATE generation_jobs SET owner_id = $2 WHERE owner_id = $1",
    "UPDATE uploads SET owner_id = $2 WHERE owner_id = $1",
    "UPDATE content_items SET creator_id = $2 WHERE creator_id = $1",
    "DELETE FROM content_tags a USING content_tags k \
     WHERE a.user_id = $1 AND k.user_id = $2 AND k.content_id = a.content_id AND k.tag = a.tag",
    "UPDATE content_tags SET user_id = $2 WHERE user_id = $1",
    "DELETE FROM idempotency_keys a USING idempotency_keys k \
     WHERE a.user_id = $1 AND k.user_id = $2 AND k.key = a.key",
    "UPDATE idempotency_keys SET user_id = $2 WHERE user_id = $1",
];

#[derive(Clone)]
pub(in crate::domain::users) struct Store {
    db: Db,
    rng: Rng,
}

impl Store {
    pub(in crate::domain::users) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    /// Makes `anonymous` part of `known`.
    pub(in crate::domain::users) async fn merge(
        &self,
        anonymous: Id<id::User>,
        known: Id<id::User>,
        now: DateTime<Utc>,
        entry: AuditEntry,
        then: impl FnOnce(&User) + Send + 'static,
    ) -> Result<User> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    let (from, mut into) = both(tx, anonymous, known).await?;
                    for sql in MOVES {
                        let ids = [anonymous.uuid().into(), known.uuid().into()];
                        let moved = Statement::from_sql_and_values(DbBackend::Postgres, *sql, ids);
                        tx.execute_raw(moved).await?;
                    }
                    // Drawn for somebody of whom less was known; the next training draws anew.
                    batch_recommendation::Entity::delete_many()
                        .filter(batch_recommendation::Column::UserId.eq(anonymous.uuid()))
                        .exec(tx)
                        .await?;
                    end_all_sessions(tx, anonymous, now).await?;
                    events::append(tx, &[Subject::User(anonymous)]).await?;
                    user::Entity::update_many()
                        .col_expr(user::Column::MergedInto, Expr::val(known.uuid()))
                        .col_expr(user::Column::UpdatedAt, Expr::val(now))
                        .filter(user::Column::Id.eq(anonymous.uuid()))
                        .exec(tx)
                        .await?;
                    take_preferences(tx, &from, &mut into, now).await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(into)
                }
                .boxed()
            })
            .await
    }
}

/// Both users, locked in one order so that two merges cannot wait for each other.
async fn both(
    tx: &impl ConnectionTrait,
    anonymous: Id<id::User>,
    known: Id<id::User>,
) -> Result<(User, User)> {
    let rows = user::Entity::find()
        .filter(user::Column::Id.is_in([anonymous.uuid(), known.uuid()]))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    let mut users = rows
        .into_iter()
        .map(User::try_from)
        .collect::<Result<Vec<_>>>()?;
    let mut take = |id| {
        let index = users.iter().position(|user| user.id == id);
        index
            .map(|index| users.swap_remove(index))
            .ok_or_else(not_found)
    };
    let conflict = |message: &str| {
        Err(Refusal::Conflict {
            message: message.to_owned(),
        }
        .into())
    };
    if anonymous == known {
        return conflict("a user cannot be merged into themselves");
    }
    let (from, into) = (take(anonymous)?, take(known)?);
    if !from.anonymous {
        return conflict("only an anonymous user can be merged into another");
    }
    if from.merged_into.is_some() {
        return conflict("this anonymous user has been merged already");
    }
    if into.anonymous {
        return conflict("an anonymous user can be merged into a known one only");
    }
    if into.disabled_at.is_some() {
        return conflict("a disabled user takes nobody in");
    }
    Ok((from, into))
}

/// What the known user has not said, the anonymous one may have.
async fn take_preferences(
    tx: &impl ConnectionTrait,
    from: &User,
    into: &mut User,
    now: DateTime<Utc>,
) -> Result<()> {
    let (theirs, own) = (&from.preferences, &mut into.preferences);
    let before = own.clone();
    if own.favourite_genres.is_empty() {
        own.favourite_genres.clone_from(&theirs.favourite_genres);
    }
    if own.languages.is_empty() {
        own.languages.clone_from(&theirs.languages);
    }
    if *own == before {
        return Ok(());
    }
    user::Entity::update_many()
        .col_expr(user::Column::Preferences, Expr::val(own.to_json()))
        .col_expr(user::Column::UpdatedAt, Expr::val(now))
        .filter(user::Column::Id.eq(into.id.uuid()))
        .exec(tx)
        .await?;
    into.updated_at = now;
    Ok(())
}
