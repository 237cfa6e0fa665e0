//! People in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::model::{Fields, Person, PersonFilter, PersonOrder};
use super::service::not_found;
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::db::entities::{credit, person};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, broken_constraint, filter};

use person::Column;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Person>]) -> Result<Vec<Person>> {
        let rows = person::Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Person::from).collect())
    }

    pub(super) async fn named(&self, name: &str) -> Result<Option<Person>> {
        let lowered = |text| Expr::expr(Func::lower(text));
        let credits = Query::select()
            .expr(Expr::col(credit::Column::PersonId).count())
            .from(credit::Entity)
            .and_where(Expr::col(credit::Column::PersonId).equals((person::Entity, Column::Id)))
            .to_owned();
        let found = person::Entity::find()
            .filter(lowered(Expr::col(Column::Name)).eq(lowered(Expr::val(name))))
            .order_by_desc(Expr::SubQuery(None, Box::new(credits.into())))
            .order_by_asc(Column::Id)
            .limit(1)
            .one(self.db.read())
            .await?;
        Ok(found.map(Person::from))
    }

    pub(super) async fn list(
        &self,
        wanted: &PersonFilter,
        (order, ascending): (PersonOrder, bool),
        window: &Window,
    ) -> Result<Vec<Person>> {
        let rows = keyset(order, ascending)
            .apply(listed(wanted), window)?
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Person::from).collect())
    }

    pub(super) async fn count(&self, wanted: &PersonFilter) -> Result<u64> {
        Ok(listed(wanted).count(self.db.read()).await?)
    }

    pub(super) async fn insert(&self, person: Person) -> Result<()> {
        let insert = person::Entity::insert(
            person::Model {
                id: person.id.uuid(),
                name: person.fields.name,
                photo_url: person.fields.photo_url,
                biography: person.fields.biography,
                source: None,
                external_id: None,
                created_at: person.created_at,
                updated_at: person.updated_at,
            }
            .into_active_model(),
        );
        let done = insert.exec_without_returning(self.db.write()).await;
        done.map_err(name_taken)?;
        Ok(())
    }

    pub(super) async fn update(
        &self,
        id: Id<id::Person>,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Fields) -> Result<()> + Send + 'static,
    ) -> Result<Person> {
        self.db
            .transaction(move |tx| {
                async move {
                    // Locked, so that two changes at once follow each other and neither is lost.
                    let before = person::Entity::find_by_id(id.uuid())
                        .lock_exclusive()
                        .one(tx)
                        .await?
                        .ok_or_else(not_found)?;
                    let (source, external_id) = (before.source.clone(), before.external_id.clone());
                    let mut person = Person::from(before);
                    change(&mut person.fields)?;
                    person.updated_at = now;
                    let fields = person.fields.clone();
                    let row = person::Model {
                        id: id.uuid(),
                        name: fields.name,
                        photo_url: fields.photo_url,
                        biography: fields.biography,
                        source,
                        external_id,
                        created_at: person.created_at,
                        updated_at: now,
                    };
                    let change = row.into_active_model().reset_all();
                    let done = change.update_without_returning(tx).await;
                    done.map_err(name_taken)?;
                    Ok(person)
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn delete(&self, id: Id<id::Person>) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    // The lock waits for credits that are being written, and holds off new ones:
                    // deleting a person takes credits along, so there must be none to take.
                    person::Entity::find_by_id(id.uuid())
                        .lock_exclusive()
                        .one(tx)
                        .await?
                        .ok_or_else(not_found)?;
                    let credits = credit::Entity::find()
                        .filter(credit::Column::PersonId.eq(id.uuid()))
                        .count(tx)
                        .await?;
                    if credits > 0 {
                        let message = format!(
                            "there are {credits} credits of this person; take them off first"
                        );
                        return Err(Refusal::Conflict { message }.into());
                    }
                    person::Entity::delete_by_id(id.uuid()).exec(tx).await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}

fn listed(wanted: &PersonFilter) -> sea_orm::Select<person::Entity> {
    let name = Expr::col(Column::Name);
    person::Entity::find().filter(Condition::all().add(filter::text(&name, &wanted.name)))
}

fn keyset(order: PersonOrder, ascending: bool) -> Order {
    let by = |name, column: Column, kind| Order::by(name, column, Column::Id, kind, ascending);
    match order {
        // By code points whatever the database's own collation, and as its index is.
        PersonOrder::Name => Order {
            column: Expr::cust("name COLLATE \"C\""),
            ..by("name", Column::Name, ValueKind::Text)
        },
        PersonOrder::CreatedAt => by("createdAt", Column::CreatedAt, ValueKind::Time),
    }
}

fn name_taken(error: DbErr) -> Error {
    if broken_constraint(&error).as_deref() == Some("people_named") {
        let message = "somebody of this name is in the catalogue; add what tells them apart";
        return Refusal::Conflict {
            message: message.to_owned(),
        }
        .into();
    }
    error.into()
}

impl From<person::Model> for Person {
    fn from(row: person::Model) -> Self {
        Self {
            id: row.id.into(),
            fields: Fields {
                name: row.name,
                photo_url: row.photo_url,
                biography: row.biography,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
