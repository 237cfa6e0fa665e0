//! Idempotency keys: the first interaction under a key is the one; the same request again is a repeat,
//! and another request with the same key is a conflict.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use super::{Candidate, find_many};
use crate::domain::interactions::model::{Interaction, RequestHash};
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

/// A key is a name among those of its user.
pub(in crate::domain::interactions) type KeyName = (Id<id::User>, String);

/// A key, and what is asked for under it.
#[derive(Clone)]
pub(in crate::domain::interactions) struct IdempotencyKey {
    pub(in crate::domain::interactions) name: String,
    pub(in crate::domain::interactions) request: RequestHash,
    /// Whether the request names its moment.
    pub(in crate::domain::interactions) dated: bool,
}

/// What a key that was seen before says of a request.
#[derive(Clone)]
pub(in crate::domain::interactions) enum Seen {
    /// It is the same request; with the interaction of then, if that is still there.
    Same(Option<Interaction>),
    /// It was another request.
    Different,
}

/// The keys that were seen before.
pub(in crate::domain::interactions) struct EarlierKeys(HashMap<KeyName, Earlier>);

struct Earlier {
    interaction: Option<Interaction>,
    /// `None` for a key that was written before requests were kept.
    request: Option<Vec<u8>>,
}

impl Candidate {
    pub(in crate::domain::interactions) fn name(&self) -> Option<KeyName> {
        let key = self.key.as_ref()?;
        Some((self.interaction.user, key.name.clone()))
    }
}

impl EarlierKeys {
    /// What the key of `candidate` says of it; `None` for one without a key, or with a new one.
    pub(in crate::domain::interactions) fn seen(&self, candidate: &Candidate) -> Option<Seen> {
        let key = candidate.key.as_ref()?;
        let earlier = self.0.get(&candidate.name()?)?;
        let same = match (&earlier.request, &earlier.interaction) {
            (Some(request), _) => request[..] == key.request,
            (None, Some(interaction)) => alike(interaction, candidate, key.dated),
            (None, None) => true,
        };
        Some(match same {
            true => Seen::Same(earlier.interaction.clone()),
            false => Seen::Different,
        })
    }
}

/// Whether `candidate` asks for what `interaction` is; a moment that it does not name is not compared.
fn alike(interaction: &Interaction, candidate: &Candidate, dated: bool) -> bool {
    let asked = Interaction {
        id: interaction.id,
        occurred_at: match dated {
            true => candidate.interaction.occurred_at,
            false => interaction.occurred_at,
        },
        ..candidate.interaction.clone()
    };
    asked == *interaction
}

/// Writes the keys that nobody wrote before, and answers the interactions they now stand for.
pub(super) async fn claim(
    tx: &sea_orm::DatabaseTransaction,
    keys: &HashMap<KeyName, &Candidate>,
    now: DateTime<Utc>,
) -> Result<HashSet<Id<id::Interaction>>> {
    #[derive(FromQueryResult)]
    struct Row {
        interaction_id: Uuid,
    }
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let texts: Vec<String> = keys.keys().map(|(_, key)| key.clone()).collect();
    let requests: Vec<Vec<u8>> = keys
        .values()
        .filter_map(|candidate| candidate.key.as_ref())
        .map(|key| key.request.to_vec())
        .collect();
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        // In one order, so that two callers with the same keys wait for each other but once.
        "INSERT INTO idempotency_keys (user_id, key, interaction_id, recorded_at, request_hash) \
         SELECT user_id, key, interaction_id, $4, request_hash \
           FROM unnest($1::uuid[], $2::text[], $3::uuid[], $5::bytea[]) \
                AS new (user_id, key, interaction_id, request_hash) \
          ORDER BY user_id, key \
         ON CONFLICT DO NOTHING \
         RETURNING interaction_id",
        [
            filter::uuids(keys.keys().map(|(user, _)| *user)),
            texts.into(),
            filter::uuids(keys.values().map(|candidate| candidate.interaction.id)),
            now.into(),
            requests.into(),
        ],
    );
    let rows = Row::find_by_statement(statement).all(tx).await?;
    Ok(rows
        .into_iter()
        .map(|row| row.interaction_id.into())
        .collect())
}

/// Those of `names` that were seen before.
pub(super) async fn earlier(
    connection: &impl sea_orm::ConnectionTrait,
    names: Vec<KeyName>,
) -> Result<EarlierKeys> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: Uuid,
        key: String,
        interaction_id: Uuid,
        request_hash: Option<Vec<u8>>,
    }
    if names.is_empty() {
        return Ok(EarlierKeys(HashMap::new()));
    }
    let texts: Vec<String> = names.iter().map(|(_, key)| key.clone()).collect();
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT DISTINCT user_id, key, interaction_id, request_hash \
           FROM unnest($1::uuid[], $2::text[]) AS named (user_id, key) \
           JOIN idempotency_keys USING (user_id, key)",
        [
            filter::uuids(names.iter().map(|(user, _)| *user)),
            texts.into(),
        ],
    );
    let keys = Row::find_by_statement(statement).all(connection).await?;
    if keys.is_empty() {
        return Ok(EarlierKeys(HashMap::new()));
    }
    let ids = keys.iter().map(|row| row.interaction_id);
    let found: HashMap<Uuid, Interaction> = find_many(connection, ids)
        .await?
        .into_iter()
        .map(|interaction| (interaction.id.uuid(), interaction))
        .collect();
    let earlier = keys.into_iter().map(|row| {
        let earlier = Earlier {
            interaction: found.get(&row.interaction_id).cloned(),
            request: row.request_hash,
        };
        ((row.user_id.into(), row.key), earlier)
    });
    Ok(EarlierKeys(earlier.collect()))
}
