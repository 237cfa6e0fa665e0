//! Filmographies and what they add up to, for many people in one statement.

use std::cmp::Reverse;
use std::collections::HashMap;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, JoinType, PostgresQueryBuilder, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, FromQueryResult, QueryFilter, QuerySelect,
    QueryTrait, Statement, Value,
};
use uuid::Uuid;

use super::Store;
use super::listing::{keyset, listed};
use crate::domain::auth::Viewer;
use crate::domain::content::filmography::{
    Collaborator, FilmStatistics, FilmographyPage, GenreCount,
};
use crate::domain::content::model::{Content, ContentFilter, ContentOrder, CreditRole};
use crate::foundation::page::Direction;
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::{content_item, credit};
use crate::platform::db::{filter, stored};

use content_item::Column;

type OfPeople<T> = Result<HashMap<Id<id::Person>, T>>;

impl Store {
    pub(in crate::domain::content) async fn filmographies(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        which: &FilmographyPage,
    ) -> OfPeople<Vec<Content>> {
        // For each person the head of their own list: a page costs what it holds, not what the
        // whole filmography does.
        let (wanted, film) = (|| Alias::new("wanted"), || Alias::new("film"));
        let mut theirs = Query::select();
        theirs
            .column(credit::Column::ContentId)
            .from(credit::Entity)
            .and_where(Expr::col(credit::Column::PersonId).equals((wanted(), wanted())));
        if let Some(roles) = &which.roles {
            theirs.and_where(credit::Column::Role.is_in(names(roles)));
        }
        let page = listed(viewer, &ContentFilter::default())
            .filter(Expr::col(Column::Id).in_subquery(theirs));
        let page = keyset(ContentOrder::Year, which.ascending).apply(page, &which.window)?;
        let people = Expr::val(filter::uuids(people.iter().copied()));
        let select = Query::select()
            .expr_as(Expr::col((wanted(), wanted())), "person_id")
            .expr(Expr::cust("film.*"))
            .from_function(Func::cust("unnest").arg(people), wanted())
            .join_lateral(
                JoinType::InnerJoin,
                page.into_query(),
                film(),
                Condition::all().add(Expr::val(true)),
            )
            .to_owned();
        let mut films: HashMap<_, Vec<Content>> = HashMap::new();
        for row in self.db.read().query_all(&select).await? {
            let person: Uuid = row.try_get("", "person_id")?;
            let content = content_item::Model::from_query_result(&row, "")?.try_into()?;
            films.entry(person.into()).or_default().push(content);
        }
        // A join keeps no order.
        let forward = which.window.direction == Direction::Forward;
        for films in films.values_mut() {
            if which.ascending {
                films.sort_by_key(|film| (film.fields.year.is_none(), film.fields.year, film.id));
            } else {
                films.sort_by_key(|film| Reverse((film.fields.year, film.id)));
            }
            if !forward {
                films.reverse();
            }
        }
        Ok(films)
    }

    pub(in crate::domain::content) async fn count_films(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        roles: Option<&[CreditRole]>,
    ) -> OfPeople<i64> {
        #[derive(FromQueryResult)]
        struct Row {
            person_id: Uuid,
            films: i64,
        }
        let rows: Vec<Row> = self
            .over_films(viewer, people, roles, [], |films, _| {
                format!("SELECT person_id, count(*) AS films FROM {films} GROUP BY person_id")
            })
            .await?;
        let counts = rows
            .into_iter()
            .map(|row| (row.person_id.into(), row.films));
        Ok(counts.collect())
    }

    pub(in crate::domain::content) async fn film_statistics(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> OfPeople<FilmStatistics> {
        #[derive(FromQueryResult)]
        struct Row {
            person_id: Uuid,
            films: i64,
            first_year: Option<i32>,
            last_year: Option<i32>,
            mean_rating: Option<f64>,
        }
        let rows: Vec<Row> = self
            .over_films(viewer, people, None, [], |films, _| {
                format!(
                    "SELECT person_id, count(*) AS films, min(year) AS first_year, \
                            max(year) AS last_year, \
                            avg(rating_average::numeric)::double precision AS mean_rating \
                       FROM {films} GROUP BY person_id"
                )
            })
            .await?;
        let statistics = rows.into_iter().map(|row| {
            let statistics = FilmStatistics {
                films: row.films,
                first_year: row.first_year,
                last_year: row.last_year,
                mean_rating: row.mean_rating,
            };
            (row.person_id.into(), statistics)
        });
        Ok(statistics.collect())
    }

    pub(in crate::domain::content) async fn film_genres(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> OfPeople<Vec<GenreCount>> {
        #[derive(FromQueryResult)]
        struct Row {
            person_id: Uuid,
            genre: String,
            films: i64,
        }
        let rows: Vec<Row> = self
            .over_films(viewer, people, None, [], |films, _| {
                format!(
                    "SELECT person_id, genre, count(DISTINCT films.id) AS films \
                       FROM {films} CROSS JOIN LATERAL unnest(genres) AS genre \
                      GROUP BY person_id, genre \
                      ORDER BY films DESC, genre"
                )
            })
            .await?;
        let mut genres: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            genres
                .entry(row.person_id.into())
                .or_default()
                .push(GenreCount {
                    genre: row.genre,
                    films: row.films,
                });
        }
        Ok(genres)
    }

    pub(in crate::domain::content) async fn films_of(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> Result<Vec<(Id<id::Person>, Id<id::Content>)>> {
        #[derive(FromQueryResult)]
        struct Row {
            person_id: Uuid,
            id: Uuid,
        }
        let rows: Vec<Row> = self
            .over_films(viewer, people, None, [], |films, _| {
                format!("SELECT person_id, id FROM {films}")
            })
            .await?;
        let films = rows
            .into_iter()
            .map(|row| (row.person_id.into(), row.id.into()));
        Ok(films.collect())
    }

    pub(in crate::domain::content) async fn collaborators(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        most: usize,
    ) -> OfPeople<Vec<Collaborator>> {
        #[derive(FromQueryResult)]
        struct Row {
            person_id: Uuid,
            other_id: Uuid,
            films: i64,
            roles: Vec<String>,
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows: Vec<Row> = self
            .over_films(viewer, people, None, [most.into()], |films, most| {
                format!(
                    "SELECT person_id, other_id, films, roles \
                       FROM (SELECT films.person_id, other.person_id AS other_id, \
                                    count(DISTINCT films.id) AS films, \
                                    array_agg(DISTINCT other.role) AS roles, \
                                    row_number() OVER ( \
                                        PARTITION BY films.person_id \
                                        ORDER BY count(DISTINCT films.id) DESC, other.person_id \
                                    ) AS place \
                               FROM {films} \
                               JOIN credits AS other ON other.content_id = films.id \
                                AND other.person_id <> films.person_id \
                              GROUP BY films.person_id, other.person_id) AS ranked \
                      WHERE place <= ${most} \
                      ORDER BY person_id, place"
                )
            })
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let roles = row.roles.iter().map(|role| role.parse());
            let roles: Result<Vec<CreditRole>, String> = roles.collect();
            found
                .entry(row.person_id.into())
                .or_default()
                .push(Collaborator {
                    person: row.other_id.into(),
                    films: row.films,
                    roles: roles.map_err(stored("credits"))?,
                });
        }
        Ok(found)
    }

    /// Runs a statement over the films of `people` that `viewer` may list, one row a person and
    /// film. `statement` is given the table of them, named `films`, and the number of the first
    /// parameter among `more`.
    async fn over_films<R: FromQueryResult>(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
        roles: Option<&[CreditRole]>,
        more: impl IntoIterator<Item = Value>,
        statement: impl FnOnce(&str, usize) -> String,
    ) -> Result<Vec<R>> {
        let of_item = Expr::col((credit::Entity, credit::Column::ContentId))
            .equals((content_item::Entity, Column::Id));
        let person = (credit::Entity, credit::Column::PersonId);
        let mut films = listed(viewer, &ContentFilter::default())
            .select_only()
            .columns([
                Column::Id,
                Column::Year,
                Column::Genres,
                Column::RatingAverage,
            ])
            .filter(filter::among(person, people.iter().copied()));
        if let Some(roles) = roles {
            films = films.filter(credit::Column::Role.is_in(names(roles)));
        }
        // Grouped, since a person may have several credits for one film.
        let query = QueryTrait::query(&mut films);
        query
            .column(person)
            .join(JoinType::InnerJoin, credit::Entity, of_item)
            .group_by_col((content_item::Entity, Column::Id))
            .group_by_col(person);
        let (films, values) = query.build(PostgresQueryBuilder);
        let mut values = values.0;
        let next = values.len() + 1;
        values.extend(more);
        let sql = statement(&format!("({films}) AS films"), next);
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        Ok(R::find_by_statement(statement).all(self.db.read()).await?)
    }
}

/// Each of these roles once, however often it was named.
fn names(roles: &[CreditRole]) -> impl Iterator<Item = &'static str> {
    let once = CreditRole::ALL.iter().filter(|role| roles.contains(role));
    once.map(|role| role.as_str())
}
