//! What items share with others, in the database.

use futures::TryStreamExt;
use rustc_hash::FxHashMap;
use sea_orm::{ConnectionTrait, FromQueryResult};
use sqlx::Row;
use uuid::Uuid;

use super::{Store, histories, sql};
use crate::domain::interactions::{InteractionKind, WeightTable};
use crate::domain::recommendations::related::{FEWEST, ReplaySample};
use crate::engine::history::{Event, StateBuilder};
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

type Content = Id<id::Content>;

/// At most so many credits of one person are looked at.
const CREDITS: i64 = 500;
/// So many users are drawn to know what users take.
const SAMPLE: i64 = 4_000;
/// So many takers of an item speak for all of them, and so many of the latest things each did.
const TAKERS: i64 = 500;
const TAKEN: i64 = 200;

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
    /// nothing to do with what they took. What a user took is what the state of their latest events
    /// speaks for.
    pub(in crate::domain::recommendations) async fn sample(
        &self,
        weights: &WeightTable,
    ) -> Result<ReplaySample> {
        let reads = self.db.read();
        let _permit = reads.permit().await?;
        let pool = reads.pool();
        let mut rows = sqlx::query(
            "WITH drawn AS MATERIALIZED (
                SELECT id FROM users ORDER BY uuid_hash_extended(id, 0), id LIMIT $2)
             SELECT (SELECT count(*) FROM drawn) AS drawn, did.*
               FROM drawn CROSS JOIN LATERAL (
                    SELECT array_agg(id) AS ids, array_agg(content_id) AS contents,
                           array_agg(array_position($1::text[], kind)::smallint) AS kinds,
                           array_agg(coalesce(value, 0)) AS stars
                      FROM (SELECT id, content_id, kind, value FROM interactions
                             WHERE user_id = drawn.id ORDER BY id DESC LIMIT $3) AS latest) AS did
              WHERE did.ids IS NOT NULL ORDER BY drawn.id",
        )
        .bind(histories::kinds())
        .bind(SAMPLE)
        .bind(TAKEN)
        .fetch(pool);
        let mut sample = ReplaySample {
            everybody: true,
            ..ReplaySample::default()
        };
        let mut indices: FxHashMap<Content, u32> = FxHashMap::default();
        while let Some(row) = rows.try_next().await? {
            sample.everybody = row.try_get::<i64, _>("drawn")? < SAMPLE;
            let states = states(&histories::events(&row)?, weights);
            let mut items: Vec<Content> = states
                .into_iter()
                .filter_map(|(content, positive)| positive.then_some(content))
                .collect();
            items.sort_unstable();
            let index = |item: Content| {
                *indices.entry(item).or_insert_with(|| {
                    sample.items.push(item);
                    // At most 4,000 users with 200 items each.
                    sample.items.len() as u32 - 1
                })
            };
            let mut consumed: Vec<u32> = items.into_iter().map(index).collect();
            consumed.sort_unstable();
            if !consumed.is_empty() {
                sample.users.push(consumed);
            }
        }
        Ok(sample)
    }

    /// What the takers of these items took besides. Some hundred takers are enough to tell, so
    /// that it costs little more for an item that everybody knows: those who are met first in the
    /// partitions, which are read in the order of time. Whose latest events take back what they took
    /// is no taker.
    pub(in crate::domain::recommendations) async fn takers(
        &self,
        items: &[Content],
        weights: &WeightTable,
    ) -> Result<Takers> {
        let good: Vec<&str> = InteractionKind::ALL
            .iter()
            .filter(|kind| weights.row(**kind).weight > 0.0)
            .map(|kind| kind.as_str())
            .collect();
        let reads = self.db.read();
        let _permit = reads.permit().await?;
        let pool = reads.pool();
        let mut rows = sqlx::query(
            "WITH takers AS MATERIALIZED (
                SELECT taker.user_id, array_agg(DISTINCT seed.id) AS seeds
                  FROM unnest($2::uuid[]) AS seed (id)
                 CROSS JOIN LATERAL (
                       SELECT user_id FROM interactions
                        WHERE content_id = seed.id AND kind = ANY ($3) AND coalesce(value, 5) > 2.5
                        LIMIT $4) AS taker
                 GROUP BY taker.user_id LIMIT $4)
             SELECT takers.seeds, did.*
               FROM takers CROSS JOIN LATERAL (
                    SELECT array_agg(id) AS ids, array_agg(content_id) AS contents,
                           array_agg(array_position($1::text[], kind)::smallint) AS kinds,
                           array_agg(coalesce(value, 0)) AS stars
                      FROM (SELECT id, content_id, kind, value FROM interactions
                             WHERE user_id = takers.user_id
                             ORDER BY id DESC LIMIT $5) AS latest) AS did
              WHERE did.ids IS NOT NULL",
        )
        .bind(histories::kinds())
        .bind(items.iter().map(|item| item.uuid()).collect::<Vec<_>>())
        .bind(good)
        .bind(TAKERS)
        .bind(TAKEN)
        .fetch(pool);
        let mut takers = 0;
        let mut counts: FxHashMap<Content, u32> = FxHashMap::default();
        while let Some(row) = rows.try_next().await? {
            let seeds: Vec<Uuid> = row.try_get("seeds")?;
            let states = states(&histories::events(&row)?, weights);
            // What was done before the latest events stands.
            let took = |seed: &Uuid| states.get(&(*seed).into()).copied().unwrap_or(true);
            if !seeds.iter().any(took) {
                continue;
            }
            takers += 1;
            for (content, positive) in &states {
                if *positive && !items.contains(content) {
                    *counts.entry(*content).or_default() += 1;
                }
            }
        }
        let items = counts.into_iter().filter(|(_, count)| *count >= FEWEST);
        Ok(Takers {
            takers,
            items: items.collect(),
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

/// Whether the state of each item speaks for it, by a user's events, the latest first.
fn states(events: &[Event], weights: &WeightTable) -> FxHashMap<Content, bool> {
    let mut builders: FxHashMap<Content, StateBuilder> = FxHashMap::default();
    for event in events {
        let builder = builders.entry(event.content).or_default();
        builder.push(weights, event.kind, event.value, event.at);
    }
    let positive = |builder: StateBuilder| {
        let state = builder.state(weights);
        state.is_some_and(|state| state.is_positive())
    };
    let states = builders.into_iter();
    states
        .map(|(content, builder)| (content, positive(builder)))
        .collect()
}
