//! The demo in the database: copied in one transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::data::{CHANNELS, Demo, ItemRef};
use super::service::LOGINS;
use crate::domain::auth::Role;
use crate::foundation::{Id, Result, id};
use crate::platform::db::Db;
use crate::platform::db::copy::Rows;

/// Everything of the demo came into being so long ago, before the first interaction.
const AGE: TimeDelta = TimeDelta::days(400);

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn is_empty(&self) -> Result<bool> {
        let any: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM content_items)",
        )
        .fetch_one(self.db.pool())
        .await?;
        Ok(!any)
    }

    pub(super) async fn load(
        &self,
        demo: Demo,
        hashes: Vec<String>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        // A connection of its own: dropped in the middle, it takes its transaction with it.
        let mut connection = self.db.pool().acquire().await?.detach();
        sqlx::query("SET statement_timeout = 0")
            .execute(&mut connection)
            .await?;
        let mut tx = connection.begin().await?;
        let began = now - AGE;
        users(&mut tx, &demo, &hashes, began).await?;
        contents(&mut tx, &demo, began).await?;
        people(&mut tx, &demo, began).await?;
        interactions(&mut tx, &demo, began).await?;
        schedules(&mut tx, &demo, began).await?;
        tx.commit().await?;
        connection.close().await?;
        Ok(())
    }
}

async fn users(
    tx: &mut PgConnection,
    demo: &Demo,
    hashes: &[String],
    began: DateTime<Utc>,
) -> Result<()> {
    let mut rows = Rows::new();
    for user in &demo.users {
        let login = LOGINS
            .iter()
            .zip(hashes)
            .find(|(login, _)| login.key == user.key);
        let preferences = serde_json::json!({ "favouriteGenres": user.favourite_genres });
        rows.plain(id_of::<id::User>(&user.key, began))
            .maybe_text(login.map(|(login, _)| login.email))
            .text(&user.name)
            .text(login.map_or(Role::User, |(login, _)| login.role).as_str())
            .maybe_text(login.map(|(_, hash)| hash.as_str()))
            .text(&preferences.to_string())
            .text("demo")
            .text(&user.key)
            .plain(began)
            .plain(began);
        rows.end();
    }
    let target = "users (id, email, display_name, role, password_hash, preferences, source, \
                  external_id, created_at, updated_at)";
    rows.copy_into(tx, target).await?;
    Ok(())
}

async fn contents(tx: &mut PgConnection, demo: &Demo, began: DateTime<Utc>) -> Result<()> {
    let mut rows = Rows::new();
    let mut names = Rows::new();
    let mut name = |key: &str| {
        names
            .plain(id_of::<id::Content>(key, began))
            .text("demo")
            .text(key);
        names.end();
    };
    for film in &demo.films {
        rows.plain(id_of::<id::Content>(&film.key, began))
            .text("MOVIE")
            .text(&film.title)
            .maybe_text(film.original_title.as_deref())
            .text(&film.summary)
            .texts(&film.genres)
            .texts(&film.keywords)
            .plain(film.year)
            .plain(film.minutes)
            .text(&film.language)
            .null()
            .texts::<&str>(&[])
            .null()
            .null()
            .null()
            .null()
            .null()
            .maybe(film.rights.map(|(from, _)| from))
            .maybe(film.rights.map(|(_, until)| until))
            .maybe(film.broadcasts_left)
            .plain(began)
            .plain(began);
        rows.end();
        name(&film.key);
    }
    let money = |amount: f64| Decimal::from_f64_retain(amount).map(|amount| amount.round_dp(2));
    for product in &demo.products {
        rows.plain(id_of::<id::Content>(&product.key, began))
            .text("PRODUCT")
            .text(&product.title)
            .null()
            .text(&product.description)
            .texts::<&str>(&[])
            .texts(&product.tags)
            .null()
            .null()
            .null()
            .text(&product.brand)
            .texts(&product.category)
            .maybe(money(product.price))
            .maybe(product.list_price.and_then(money))
            .text(&product.currency)
            .plain(product.stock)
            .text(&product.color)
            .null()
            .null()
            .null()
            .plain(began)
            .plain(began);
        rows.end();
        name(&product.key);
    }
    let target = "content_items (id, kind, title, original_title, description, genres, tags, \
                  year, duration_minutes, language, brand, category_path, price, list_price, \
                  currency, stock, color, rights_from, rights_until, broadcasts_left, \
                  created_at, updated_at)";
    rows.copy_into(&mut *tx, target).await?;
    let target = "content_external_ids (content_id, source, external_id)";
    names.copy_into(tx, target).await?;
    Ok(())
}

async fn people(tx: &mut PgConnection, demo: &Demo, began: DateTime<Utc>) -> Result<()> {
    // By lower-cased name, as people without a catalogue of their own are told apart.
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    let mut credits = Rows::new();
    for film in &demo.films {
        let content = id_of::<id::Content>(&film.key, began);
        let directors = film.director.iter().map(|name| ("DIRECTOR", name, None));
        let cast = film
            .cast
            .iter()
            .map(|(name, part)| ("CAST", name, Some(part.as_str())));
        let mut index = BTreeMap::new();
        for (role, name, part) in directors.chain(cast) {
            let position: &mut i32 = index.entry(role).or_default();
            known.entry(name.to_lowercase()).or_insert(name);
            credits
                .plain(content)
                .plain(person(name, began))
                .text(role)
                .plain(*position)
                .maybe_text(part.filter(|part| !part.is_empty()));
            credits.end();
            *position += 1;
        }
    }
    let mut rows = Rows::new();
    for name in known.values() {
        rows.plain(person(name, began))
            .text(name)
            .plain(began)
            .plain(began);
        rows.end();
    }
    let target = "people (id, name, created_at, updated_at)";
    rows.copy_into(&mut *tx, target).await?;
    let target = "credits (content_id, person_id, role, position, character)";
    credits.copy_into(tx, target).await?;
    Ok(())
}

async fn interactions(tx: &mut PgConnection, demo: &Demo, began: DateTime<Utc>) -> Result<()> {
    let mut rows = Rows::new();
    for done in &demo.interactions {
        let user = &demo.users[done.user].key;
        let item = match done.item {
            ItemRef::Film(film) => &demo.films[film].key,
            ItemRef::Product(product) => &demo.products[product].key,
        };
        let kind = done.kind.as_str();
        let rest = rest(&format!("{user} {item} {kind}"));
        rows.plain(Id::<id::Interaction>::at(done.at, rest).uuid())
            .plain(id_of::<id::User>(user, began))
            .plain(id_of::<id::Content>(item, began))
            .text(kind)
            .maybe(done.value)
            .plain(done.at)
            // Nobody is told of it, as of an import.
            .null();
        rows.end();
    }
    let target = "interactions (id, user_id, content_id, kind, value, occurred_at, recorded_in)";
    rows.copy_into(tx, target).await?;
    Ok(())
}

async fn schedules(tx: &mut PgConnection, demo: &Demo, began: DateTime<Utc>) -> Result<()> {
    let mut rows = Rows::new();
    for channel in CHANNELS {
        rows.plain(id_of::<id::Channel>(channel.key, began))
            .text(channel.key)
            .text(channel.name)
            .text(channel.time_zone.name())
            .plain(channel.own)
            .texts(&[channel.guide_id])
            .plain(began)
            .plain(began);
        rows.end();
    }
    let target = "channels (id, key, name, time_zone, own, guide_ids, created_at, updated_at)";
    rows.copy_into(&mut *tx, target).await?;
    let mut rows = Rows::new();
    for airing in &demo.airings {
        let (channel, film) = (CHANNELS[airing.channel].key, &demo.films[airing.film]);
        let rest = rest(&format!("airing {channel} {}", film.key));
        rows.plain(Id::<id::Airing>::at(airing.starts_at, rest).uuid())
            .plain(id_of::<id::Channel>(channel, began))
            .plain(id_of::<id::Content>(&film.key, began))
            .text(&film.title)
            .plain(film.year)
            .text("FILM")
            .plain(airing.starts_at)
            .plain(airing.starts_at + TimeDelta::minutes(film.minutes.into()))
            .maybe(airing.audience)
            .text(if CHANNELS[airing.channel].own {
                "CSV"
            } else {
                "XMLTV"
            })
            .plain(1);
        rows.end();
    }
    let target = "airings (id, channel_id, content_id, title, year, kind, starts_at, ends_at, \
                  audience, source, confidence)";
    rows.copy_into(tx, target).await?;
    Ok(())
}

/// The id of the demo's thing of this key: the same wherever the demo began at the same moment.
fn id_of<K: id::Kind>(key: &str, began: DateTime<Utc>) -> Uuid {
    Id::<K>::at(began, rest(&format!("{} {key}", K::PREFIX))).uuid()
}

fn person(name: &str, began: DateTime<Utc>) -> Uuid {
    id_of::<id::Person>(&name.to_lowercase(), began)
}

fn rest(text: &str) -> [u8; 10] {
    let [rest @ .., _, _, _, _, _, _] = xxh3_128(text.as_bytes()).to_be_bytes();
    rest
}
