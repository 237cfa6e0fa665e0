//! The exchange of refresh tokens.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use secrecy::SecretString;
use serde_json::json;

use super::{Account, Hash, NewToken, Store, insert_token, locked, revoke};
use crate::domain::auth::Subject;
use crate::domain::auth::refresh::{Salt, successor};
use crate::domain::auth::service::sha256;
use crate::foundation::{Id, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::refresh_token::{Column, Entity, Model};
use crate::platform::events;

/// A refresh token and what is stored of it.
pub(in crate::domain::auth) struct Successor {
    pub(in crate::domain::auth) secret: SecretString,
    pub(in crate::domain::auth) token: NewToken,
}

/// A refresh token that is presented, and its successor if this is its first exchange.
pub(in crate::domain::auth) struct Exchange {
    pub(in crate::domain::auth) presented: SecretString,
    pub(in crate::domain::auth) salt: Salt,
    pub(in crate::domain::auth) next: Successor,
    /// How long after its exchange the presented token is still answered.
    pub(in crate::domain::auth) grace: TimeDelta,
}

/// What became of a refresh token that was presented.
pub(in crate::domain::auth) enum Rotation {
    /// The living token of its session: the next one, or the one that it bought a moment ago.
    Done(Box<Account>, Id<id::Session>, Successor),
    /// Nobody has it, it has expired, or its session has ended.
    Refused,
    /// It had been used before: its session has ended now.
    Reused(Id<id::User>),
}

impl Store {
    /// Exchanges a refresh token for the next one of its session.
    pub(in crate::domain::auth) async fn rotate(
        &self,
        exchange: Exchange,
        then: impl FnOnce(&Rotation) + Send + 'static,
    ) -> Result<Rotation> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move { rotate(tx, exchange, &rng).await }.boxed()
            })
            .await
    }
}

async fn rotate(tx: &DatabaseTransaction, exchange: Exchange, rng: &Rng) -> Result<Rotation> {
    let presented = sha256(&exchange.presented);
    let find = || Entity::find().filter(Column::Hash.eq(presented.to_vec()));
    let Some(owner) = find().one(tx).await?.map(|row| Id::from(row.user_id)) else {
        return Ok(Rotation::Refused);
    };
    let Some(user) = locked(tx, owner).await? else {
        return Ok(Rotation::Refused);
    };
    // Read again under the lock: of two who came at once, the second sees it used.
    let now = exchange.next.token.issued_at;
    let Some(row) = find().one(tx).await? else {
        return Ok(Rotation::Refused);
    };
    let session = Id::from(row.family_id);
    if row.revoked_at.is_some() || row.expires_at <= now {
        return Ok(Rotation::Refused);
    }
    if let Some(used_at) = row.used_at {
        // Another server's clock may be ahead of ours.
        let elapsed = now.signed_duration_since(used_at).max(TimeDelta::zero());
        if elapsed < exchange.grace
            && let Some(newest) = newest(tx, session, exchange.presented, now).await?
        {
            return Ok(Rotation::Done(
                Box::new(Account::try_from(user)?),
                session,
                newest,
            ));
        }
        end(tx, owner, session, now, rng).await?;
        return Ok(Rotation::Reused(owner));
    }
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::val(now))
        .col_expr(Column::SuccessorSalt, Expr::val(exchange.salt.to_vec()))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    // An old token and this table must not lead to the living one.
    Entity::update_many()
        .col_expr(Column::SuccessorSalt, Expr::val(None::<Vec<u8>>))
        .filter(Column::FamilyId.eq(session.uuid()))
        .filter(Column::SuccessorSalt.is_not_null())
        .filter(Column::UsedAt.lte(now - exchange.grace))
        .exec(tx)
        .await?;
    // Expired ones are refused whether they are there or not.
    Entity::delete_many()
        .filter(Column::UserId.eq(owner.uuid()))
        .filter(Column::ExpiresAt.lte(now))
        .exec(tx)
        .await?;
    insert_token(tx, owner, session, exchange.next.token, rng).await?;
    let account = Box::new(Account::try_from(user)?);
    Ok(Rotation::Done(account, session, exchange.next))
}

/// The living token of a session, found from `token`, which was exchanged before: token by token,
/// by the salts that are still there.
async fn newest(
    tx: &DatabaseTransaction,
    session: Id<id::Session>,
    mut token: SecretString,
    now: DateTime<Utc>,
) -> Result<Option<Successor>> {
    let rows = Entity::find()
        .filter(Column::FamilyId.eq(session.uuid()))
        .filter(
            Column::SuccessorSalt
                .is_not_null()
                .or(Column::UsedAt.is_null()),
        )
        .all(tx)
        .await?;
    let mut by_hash: HashMap<Vec<u8>, Model> = rows
        .into_iter()
        .map(|row| (row.hash.clone(), row))
        .collect();
    // Each step takes a row away, so that this ends.
    while let Some(row) = by_hash.remove(&sha256(&token)[..]) {
        if row.used_at.is_none() {
            let living = row.revoked_at.is_none() && row.expires_at > now;
            let hash = Hash::try_from(row.hash).ok().filter(|_| living);
            return Ok(hash.map(|hash| Successor {
                secret: token,
                token: NewToken {
                    hash,
                    issued_at: row.issued_at,
                    expires_at: row.expires_at,
                },
            }));
        }
        let Some(salt) = row
            .successor_salt
            .and_then(|salt| Salt::try_from(salt).ok())
        else {
            break;
        };
        token = successor(&token, &salt);
    }
    Ok(None)
}

/// Ends a session because one of its used tokens came back.
async fn end(
    tx: &DatabaseTransaction,
    owner: Id<id::User>,
    session: Id<id::Session>,
    now: DateTime<Utc>,
    rng: &Rng,
) -> Result<()> {
    revoke(tx, Column::FamilyId.eq(session.uuid()), now).await?;
    let entry = AuditEntry {
        actor: owner.to_string(),
        action: "session.reuse",
        subject: session.to_string(),
        details: json!({}),
    };
    audit::record(tx, entry, now, rng).await?;
    events::append(tx, &[Subject::User(owner)]).await
}
