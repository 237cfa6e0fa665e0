//! A channel of ours, a competitor, and films with rights.

use chrono::{DateTime, Days, NaiveDate, Utc};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use marquee::domain::slates::{Selection, Slate, SlateService, SlateSlot};
use marquee::foundation::{Error, Id, Refusal, Result, id};

use crate::support::TestApp;

pub struct World {
    pub app: TestApp,
    pub ours: Id<id::Channel>,
    pub rival: Id<id::Channel>,
    pub curator: Viewer,
    pub films: Vec<Id<id::Content>>,
}

/// The date that most slates are for: a Friday.
pub fn friday() -> NaiveDate {
    "2026-03-06".parse().unwrap()
}

impl World {
    /// A world with so many films, which may be shown for a year.
    pub async fn with(films: usize) -> Self {
        Self::on(TestApp::start().await, films).await
    }

    pub async fn on(app: TestApp, films: usize) -> Self {
        let channel = async |key: &str, own: bool| -> Id<id::Channel> {
            let id = Id::<id::Channel>::new(&app.ctx.clock, &app.ctx.rng).uuid();
            sqlx::query(
                "INSERT INTO channels (id, key, name, time_zone, own, created_at, updated_at) \
                 VALUES ($1, $2, $2, 'Europe/Berlin', $3, now(), now())",
            )
            .bind(id)
            .bind(key)
            .bind(own)
            .execute(app.ctx.db.pool())
            .await
            .unwrap();
            id.into()
        };
        let mut world = Self {
            ours: channel("one", true).await,
            rival: channel("rival", false).await,
            curator: app.viewer(Role::Curator).await,
            films: Vec::new(),
            app,
        };
        for number in 0..films {
            let genres = ["Drama", "Comedy", "Western", "Horror"];
            let film = world
                .film(&format!("Film {number:02}"), |fields| {
                    fields.year = Some(1950 + i32::try_from(number).unwrap());
                    fields.genres = vec![genres[number % 4].to_owned()];
                    let until = friday() + Days::new(20 + 20 * number as u64);
                    fields.rights_until = Some(until);
                })
                .await;
            world.films.push(film);
        }
        world
    }

    pub async fn film(&self, title: &str, more: impl FnOnce(&mut Fields)) -> Id<id::Content> {
        let mut fields = Fields::new(ContentKind::Movie, title);
        fields.rights_from = Some("2025-01-01".parse().unwrap());
        more(&mut fields);
        let content = &self.app.services.content;
        let made = content.create(&Viewer::Command, fields, Vec::new()).await;
        made.unwrap().id
    }

    /// A film is on the schedule of a channel.
    pub async fn airing(
        &self,
        channel: Id<id::Channel>,
        film: Id<id::Content>,
        starts_at: &str,
        audience: Option<i64>,
    ) {
        let starts_at: DateTime<Utc> = starts_at.parse().unwrap();
        let id = Id::<id::Channel>::new(&self.app.ctx.clock, &self.app.ctx.rng).uuid();
        sqlx::query(
            "INSERT INTO airings (id, channel_id, content_id, title, kind, starts_at, ends_at, audience, source, confidence) \
             VALUES ($1, $2, $3, $4, 'FILM', $5, $5 + interval '2 hours', $6, 'CSV', 1)",
        )
        .bind(id)
        .bind(channel.uuid())
        .bind(film.uuid())
        .bind(id.to_string())
        .bind(starts_at)
        .bind(audience)
        .execute(self.app.ctx.db.pool())
        .await
        .unwrap();
    }

    pub fn slates(&self) -> &SlateService {
        &self.app.services.slates
    }

    /// The slot of an hour of our channel on the Friday.
    pub fn slot(&self, hour: i32) -> SlateSlot {
        SlateSlot::new(self.ours, friday(), hour).unwrap()
    }

    pub async fn slate(&self, hour: i32, first: i32) -> Slate {
        self.try_slate(hour, first).await.unwrap()
    }

    pub async fn try_slate(&self, hour: i32, first: i32) -> Result<Slate> {
        let slot = self.slot(hour);
        self.slates().slate(&self.curator, slot, first).await
    }

    /// Selects the film at this place of a slate, from 0.
    pub async fn select(&self, slate: &Slate, place: usize) -> Selection {
        let content = slate.items[place].content;
        let selected = self
            .slates()
            .select(&self.curator, slate.id, content, Vec::new());
        selected.await.unwrap().selection
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        let counted = sqlx::query_scalar(sql).fetch_one(self.app.ctx.db.pool());
        counted.await.unwrap()
    }
}

/// The films of a slate, best first.
pub fn films(slate: &Slate) -> Vec<Id<id::Content>> {
    slate.items.iter().map(|item| item.content).collect()
}

pub fn is_conflict<T: std::fmt::Debug>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Refused(Refusal::Conflict { .. })))
}
