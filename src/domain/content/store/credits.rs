//! Writing who made an item, and finding or making the people that are only named.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel, Statement,
};
use uuid::Uuid;

use crate::domain::content::model::{Credit, CreditRole, NewCredit, PersonRef};
use crate::foundation::{Id, Refusal, Result, Rng, id};
use crate::platform::db::entities::{credit, person};
use crate::platform::db::{broken_constraint, stored};

/// Writes the credits of an item that has none; people known by name alone are found or made.
pub(super) async fn write_credits(
    tx: &impl ConnectionTrait,
    content: Id<id::Content>,
    credits: Vec<NewCredit>,
    now: DateTime<Utc>,
    rng: &Rng,
) -> Result<()> {
    if credits.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<String> = credits
        .iter()
        .filter_map(|credit| match &credit.person {
            PersonRef::Name(name) => Some(name.trim().to_owned()),
            PersonRef::Id(_) => None,
        })
        .collect();
    let known = people_named(tx, names, now, rng).await?;
    let mut positions: HashMap<CreditRole, i32> = HashMap::new();
    let mut rows = Vec::with_capacity(credits.len());
    for credit in credits {
        let person_id = match &credit.person {
            PersonRef::Id(id) => id.uuid(),
            PersonRef::Name(name) => *known
                .get(name.trim())
                .ok_or_else(|| anyhow::anyhow!("a person just made is not there"))?,
        };
        let position = positions.entry(credit.role).or_default();
        rows.push(
            credit::Model {
                content_id: content.uuid(),
                person_id,
                role: credit.role.as_str().to_owned(),
                position: *position,
                character: credit.character,
            }
            .into_active_model(),
        );
        *position += 1;
    }
    let written = credit::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await;
    match written {
        Err(error) if broken_constraint(&error).is_some_and(|name| name.contains("person")) => {
            Err(Refusal::NotFound { thing: "person" }.into())
        }
        other => Ok(other.map(|_| ())?),
    }
}

/// The people of these names; those that no one is called yet are made.
async fn people_named(
    tx: &impl ConnectionTrait,
    names: BTreeSet<String>,
    now: DateTime<Utc>,
    rng: &Rng,
) -> Result<HashMap<String, Uuid>> {
    let mut known = namesakes(tx, names.iter().cloned().collect()).await?;
    // In one order, so that two writers of the same names wait for each other but once.
    let missing = names.into_iter().filter(|name| !known.contains_key(name));
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Ok(known);
    }
    let rows = missing.iter().map(|name| {
        person::Model {
            id: Id::<id::Person>::at(now, rng.bytes()).uuid(),
            name: name.clone(),
            photo_url: None,
            biography: None,
            source: None,
            external_id: None,
            created_at: now,
            updated_at: now,
        }
        .into_active_model()
    });
    person::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    known.extend(namesakes(tx, missing).await?);
    Ok(known)
}

/// The one person of each of these names, whatever the case: the one of this catalogue's own, or
/// else one from another catalogue if only one there has the name. The database lowers the names,
/// since it does so for the index and need not agree with anybody else on every letter.
async fn namesakes(tx: &impl ConnectionTrait, names: Vec<String>) -> Result<HashMap<String, Uuid>> {
    #[derive(FromQueryResult)]
    struct Row {
        name: String,
        id: Uuid,
    }
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT named.name, (array_agg(people.id ORDER BY people.source NULLS FIRST))[1] AS id \
           FROM unnest($1::text[]) AS named (name) \
           JOIN people ON lower(people.name) = lower(named.name) \
          GROUP BY named.name \
         HAVING bool_or(people.source IS NULL) OR count(*) = 1",
        [names.into()],
    );
    let rows = Row::find_by_statement(statement).all(tx).await?;
    Ok(rows.into_iter().map(|row| (row.name, row.id)).collect())
}

impl TryFrom<credit::Model> for Credit {
    type Error = foundation::Error;

    fn try_from(row: credit::Model) -> Result<Self> {
        Ok(Self {
            content: row.content_id.into(),
            person: row.person_id.into(),
            role: row.role.parse().map_err(stored("credits"))?,
            position: row.position,
            character: row.character,
        })
    }
}
