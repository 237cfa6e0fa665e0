//! What items share with others, in the database.

use rustc_hash::FxHashMap;
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::interactions::{InteractionKind, WeightTable};
use crate::domain::recommendations::related::{FEWEST, Sample};
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

/// At most so many credits of one person are looked at.
const CREDITS: i64 = 500;
/// So many users are drawn to know what users take.
const SAMPLE: i64 = 4_000;
/// So many takers of an item speak for all of them, and so many of the latest things each did.
const TAKERS: i64 = 500;
const TAKEN: i64 = 200;
/// At most so many items that were taken together, the most taken.
const TOGETHER: i64 = 5_000;

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

/// What some takers of some items took besides.
#[derive(Clone, Debug, Default)]
pub(in crate::domain::recommendations) struct Takers {
    /// How many takers were looked at.
    pub(in crate::domain::recommendations) takers: u32,
    /// What they took, and how many of them, at least [`FEWEST`].
    pub(in crate::domain::recommendations) items: Vec<(Id<id::Content>, u32)>,
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

    /// What some users took lately, all in all: those whose ids are first by a hash, which has
    /// nothing to do with what they took.
    pub(in crate::domain::recommendations) async fn sample(
        &self,
        weights: &WeightTable,
    ) -> Result<Sample> {
        #[derive(FromQueryResult)]
        struct Row {
            drawn: i64,
            items: Vec<Uuid>,
        }
        let statement = sql(
            "WITH drawn AS MATERIALIZED (
                SELECT id FROM users ORDER BY uuid_hash_extended(id, 0), id LIMIT $1)
             SELECT (SELECT count(*) FROM drawn) AS drawn, array_agg(content_id ORDER BY content_id) AS items
               FROM (SELECT drawn.id, other.content_id
                       FROM drawn CROSS JOIN LATERAL (
                            SELECT content_id, kind, value FROM interactions
                             WHERE user_id = drawn.id ORDER BY id DESC LIMIT $2) AS other
                       JOIN interaction_weights w ON w.kind = other.kind AND w.version = $3
                      GROUP BY drawn.id, other.content_id
                     HAVING sum(w.weight * coalesce((other.value - 2.5) / 2.5, 1)) > 0) AS taken
              GROUP BY id ORDER BY id",
            [SAMPLE.into(), TAKEN.into(), weights.version.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let mut sample = Sample {
            everybody: rows.first().is_none_or(|row| row.drawn < SAMPLE),
            ..Sample::default()
        };
        let mut places: FxHashMap<Uuid, u32> = FxHashMap::default();
        for row in rows {
            let mut place = |item: Uuid| {
                *places.entry(item).or_insert_with(|| {
                    sample.items.push(item.into());
                    // At most 4,000 users with 200 items each.
                    sample.items.len() as u32 - 1
                })
            };
            let mut taken: Vec<u32> = row.items.into_iter().map(&mut place).collect();
            taken.sort_unstable();
            sample.users.push(taken);
        }
        Ok(sample)
    }

    /// What the takers of these items took besides. Some hundred takers are enough to tell, so
    /// that it costs little more for an item that everybody knows: those who are met first in the
    /// partitions, which are read in the order of time.
    pub(in crate::domain::recommendations) async fn takers(
        &self,
        items: &[Id<id::Content>],
        weights: &WeightTable,
    ) -> Result<Takers> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            count: i64,
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
             SELECT content_id, count(*) AS count, (SELECT count(*) FROM takers) AS takers
               FROM (SELECT takers.user_id, other.content_id
                       FROM takers CROSS JOIN LATERAL (
                            SELECT content_id, kind, value FROM interactions
                             WHERE user_id = takers.user_id ORDER BY id DESC LIMIT $4) AS other
                       JOIN interaction_weights w ON w.kind = other.kind AND w.version = $7
                      WHERE other.content_id <> ALL ($1)
                      GROUP BY takers.user_id, other.content_id
                     HAVING sum(w.weight * coalesce((other.value - 2.5) / 2.5, 1)) > 0) AS taken
              GROUP BY content_id HAVING count(*) >= $5
              ORDER BY count DESC, content_id LIMIT $6",
            [
                filter::uuids(items.iter().copied()),
                good.into(),
                TAKERS.into(),
                TAKEN.into(),
                i64::from(FEWEST).into(),
                TOGETHER.into(),
                weights.version.into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let number = |count: i64| u32::try_from(count).unwrap_or(0);
        Ok(Takers {
            takers: rows.first().map_or(0, |row| number(row.takers)),
            items: rows
                .into_iter()
                .map(|row| (row.content_id.into(), number(row.count)))
                .collect(),
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
