//! How many interactions there are.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};
use uuid::Uuid;

use super::{Store, between};
use crate::domain::interactions::model::{Counting, InteractionCount, InteractionKind, Ratings};
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::interaction::{Column, Entity};
use crate::platform::db::{filter, stored};

#[derive(FromQueryResult)]
struct Group {
    kind: Option<String>,
    day: Option<NaiveDate>,
    interactions: i64,
}

impl Store {
    /// The users with at least `least` interactions since `since`, the most active first.
    pub(in crate::domain::interactions) async fn active_users(
        &self,
        since: DateTime<Utc>,
        least: i64,
        most: usize,
    ) -> Result<Vec<Id<id::User>>> {
        let many = || Expr::col(Column::Id).count();
        let users: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::UserId)
            .filter(Column::OccurredAt.gte(since))
            .filter(between(Some(since), None))
            .group_by(Column::UserId)
            .having(many().gte(least))
            .order_by_desc(many())
            .order_by_asc(Column::UserId)
            .limit(u64::try_from(most).unwrap_or(u64::MAX))
            .into_tuple()
            .all(self.db.read())
            .await?;
        Ok(users.into_iter().map(Into::into).collect())
    }

    pub(in crate::domain::interactions) async fn counts(
        &self,
        what: &Counting,
    ) -> Result<Vec<InteractionCount>> {
        let mut select = Entity::find()
            .select_only()
            .column_as(Expr::col(Column::Id).count(), "interactions")
            .filter(Column::OccurredAt.gte(what.from))
            .filter(Column::OccurredAt.lt(what.until))
            .filter(between(Some(what.from), Some(what.until)));
        if let Some(kinds) = &what.kinds {
            // Each kind once, however often it was named.
            let kinds = InteractionKind::ALL
                .iter()
                .filter(|kind| kinds.contains(kind));
            let kinds = kinds.map(|kind| kind.as_str());
            select = select.filter(Column::Kind.is_in(kinds));
        }
        if what.by_day {
            let day = || Expr::cust("(occurred_at AT TIME ZONE 'UTC')::date");
            select = select
                .column_as(day(), "day")
                .group_by(day())
                .order_by_asc(day());
        } else {
            select = select.column_as(Expr::cust("NULL::date"), "day");
        }
        if what.by_kind {
            select = select
                .column_as(Column::Kind, "kind")
                .group_by(Column::Kind)
                .order_by_asc(Column::Kind);
        } else {
            select = select.column_as(Expr::cust("NULL::text"), "kind");
        }
        let rows = select.into_model::<Group>().all(self.db.read()).await?;
        let counts = rows.into_iter().map(|row| {
            let kind = row.kind.map(|kind| kind.parse::<InteractionKind>());
            Ok(InteractionCount {
                kind: kind.transpose().map_err(stored("interactions"))?,
                day: row.day,
                count: row.interactions,
            })
        });
        counts.collect()
    }

    pub(in crate::domain::interactions) async fn counts_of(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, i64>> {
        let rows: Vec<(Uuid, i64)> = Entity::find()
            .select_only()
            .column(Column::ContentId)
            .column_as(Expr::col(Column::Id).count(), "interactions")
            .filter(filter::among(Column::ContentId, items.iter().copied()))
            .group_by(Column::ContentId)
            .into_tuple()
            .all(self.db.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|(item, count)| (item.into(), count))
            .collect())
    }

    pub(in crate::domain::interactions) async fn ratings_of(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Ratings>> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT content_id AS id, count(*) AS count, \
                    avg(value::numeric)::double precision AS mean \
               FROM (SELECT DISTINCT ON (content_id, user_id) content_id, value \
                       FROM interactions \
                      WHERE content_id = ANY($1) AND kind = 'RATING' \
                      ORDER BY content_id, user_id, id DESC) AS last_of_each_user \
              GROUP BY content_id",
            [filter::uuids(items.iter().copied())],
        );
        self.ratings_by_id(statement).await
    }

    pub(in crate::domain::interactions) async fn film_ratings(
        &self,
        films: &[(Id<id::Person>, Id<id::Content>)],
    ) -> Result<HashMap<Id<id::Person>, Ratings>> {
        let (people, items): (Vec<_>, Vec<_>) = films.iter().copied().unzip();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT person_id AS id, count(*) AS count, \
                    avg(value::numeric)::double precision AS mean \
               FROM unnest($1, $2) AS films (person_id, content_id) \
              CROSS JOIN LATERAL (SELECT DISTINCT ON (user_id) value \
                       FROM interactions \
                      WHERE content_id = films.content_id AND kind = 'RATING' \
                      ORDER BY user_id, id DESC) AS last_of_each_user \
              GROUP BY person_id",
            [filter::uuids(people), filter::uuids(items)],
        );
        self.ratings_by_id(statement).await
    }

    /// Reads the columns `id`, `count` and `mean`.
    async fn ratings_by_id<K: From<Uuid> + Eq + Hash>(
        &self,
        statement: Statement,
    ) -> Result<HashMap<K, Ratings>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
            count: i64,
            mean: f64,
        }
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let found = rows.into_iter().map(|row| {
            let ratings = Ratings {
                count: row.count,
                mean: row.mean,
            };
            (row.id.into(), ratings)
        });
        Ok(found.collect())
    }
}
