//! What items share with others, in the database.

use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::interactions::{InteractionKind, WeightTable};
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

/// At most so many credits of one person are looked at.
const CREDITS: i64 = 500;
/// So many takers of an item speak for all of them, and so many of the latest things each did.
const TAKERS: i64 = 300;
const TAKEN: i64 = 200;
/// At most so many items that were taken together, the most taken.
const TOGETHER: i64 = 500;
/// What fewer users took together is chance, and theirs to know.
const FEWEST: i64 = 2;

/// A credit of somebody who has one of the same role for an item that was asked about.
#[derive(Clone, Debug)]
pub(in crate::domain::recommendations) struct SharedCredit {
    pub(in crate::domain::recommendations) name: String,
    /// `DIRECTOR` or `CAST`.
    pub(in crate::domain::recommendations) role: String,
    /// Their place for what was asked about, from 0.
    pub(in crate::domain::recommendations) seed_position: i32,
    /// For which other item, and their place there.
    pub(in crate::domain::recommendations) content: Id<id::Content>,
    pub(in crate::domain::recommendations) position: i32,
}

/// What the takers of some items took besides.
#[derive(Clone, Debug, Default)]
pub(in crate::domain::recommendations) struct Together {
    /// How many takers were looked at.
    pub(in crate::domain::recommendations) takers: i64,
    pub(in crate::domain::recommendations) items: Vec<TakenToo>,
}

/// An item that takers of others took, too.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::recommendations) struct TakenToo {
    pub(in crate::domain::recommendations) content: Id<id::Content>,
    /// How many of them.
    pub(in crate::domain::recommendations) count: i64,
    /// How much they took it, by the table of weights, each at most 1.
    pub(in crate::domain::recommendations) weight: f32,
}

impl Store {
    /// What else was made by those who directed these items or play one of the first ten parts.
    pub(in crate::domain::recommendations) async fn shared_credits(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<Vec<SharedCredit>> {
        #[derive(FromQueryResult)]
        struct Row {
            name: String,
            role: String,
            seed_position: i32,
            content_id: Uuid,
            position: i32,
        }
        let statement = sql(
            "SELECT p.name, own.role, own.position AS seed_position, other.content_id,
                    other.position
               FROM (SELECT person_id, role, min(position) AS position FROM credits
                      WHERE content_id = ANY ($1) AND role IN ('DIRECTOR', 'CAST') AND position < 10
                      GROUP BY person_id, role) AS own
               JOIN people p ON p.id = own.person_id
              CROSS JOIN LATERAL (
                    SELECT content_id, position FROM credits
                     WHERE person_id = own.person_id AND role = own.role
                       AND content_id <> ALL ($1)
                     LIMIT $2) AS other",
            [filter::uuids(items.iter().copied()), CREDITS.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let credit = |row: Row| SharedCredit {
            name: row.name,
            role: row.role,
            seed_position: row.seed_position,
            content: row.content_id.into(),
            position: row.position,
        };
        Ok(rows.into_iter().map(credit).collect())
    }

    /// What the takers of these items took besides. Some hundred takers are enough to tell, so
    /// that it costs little more for an item that everybody knows: those who are met first in the
    /// partitions, which are read in the order of time.
    pub(in crate::domain::recommendations) async fn together(
        &self,
        items: &[Id<id::Content>],
        weights: &WeightTable,
    ) -> Result<Together> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            count: i64,
            weight: f32,
            takers: i64,
        }
        let good: Vec<String> = InteractionKind::ALL
            .iter()
            .filter(|kind| weights.row(**kind).weight > 0.0)
            .map(|kind| kind.as_str().to_owned())
            .collect();
        let statement = sql(
            "WITH takers AS MATERIALIZED (
                SELECT DISTINCT taker.user_id
                  FROM unnest($1::uuid[]) AS seed (id)
                 CROSS JOIN LATERAL (
                       SELECT user_id FROM interactions
                        WHERE content_id = seed.id AND kind = ANY ($2) AND coalesce(value, 5) > 2.5
                        LIMIT $3) AS taker
                 LIMIT $3)
             SELECT content_id, count(*) AS count, sum(weight)::real AS weight,
                    (SELECT count(*) FROM takers) AS takers
               FROM (SELECT other.content_id,
                            least(sum(w.weight * coalesce((other.value - 2.5) / 2.5, 1)), 1) AS weight
                       FROM takers CROSS JOIN LATERAL (
                            SELECT content_id, kind, value FROM interactions
                             WHERE user_id = takers.user_id ORDER BY id DESC LIMIT $4) AS other
                       JOIN interaction_weights w ON w.kind = other.kind AND w.version = $7
                      WHERE other.content_id <> ALL ($1)
                      GROUP BY takers.user_id, other.content_id) AS taken
              WHERE weight > 0
              GROUP BY content_id HAVING count(*) >= $5
              ORDER BY weight DESC, content_id LIMIT $6",
            [
                filter::uuids(items.iter().copied()),
                good.into(),
                TAKERS.into(),
                TAKEN.into(),
                FEWEST.into(),
                TOGETHER.into(),
                weights.version.into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let takers = rows.first().map_or(0, |row| row.takers);
        let item = |row: Row| TakenToo {
            content: row.content_id.into(),
            count: row.count,
            weight: row.weight,
        };
        Ok(Together {
            takers,
            items: rows.into_iter().map(item).collect(),
        })
    }

    /// Whether there is such a user.
    pub(in crate::domain::recommendations) async fn is_user(
        &self,
        user: Id<id::User>,
    ) -> Result<bool> {
        let statement = sql("SELECT 1 FROM users WHERE id = $1", [user.uuid().into()]);
        Ok(self.db.write().query_one_raw(statement).await?.is_some())
    }
}
