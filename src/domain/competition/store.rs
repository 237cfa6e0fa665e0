//! Airings in the database.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::films::Film;
use super::model::{Airing, AiringFilter, AiringKind, AiringSource, LONGEST};
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::airing::{Column, Entity, Model};
use crate::platform::db::entities::{channel, content_external_id, content_item};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Airing>]) -> Result<Vec<Airing>> {
        let rows = Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Airing::try_from).collect()
    }

    pub(super) async fn list(&self, wanted: &AiringFilter, window: &Window) -> Result<Vec<Airing>> {
        let order = Order::by(
            "startsAt",
            Column::StartsAt,
            Column::Id,
            ValueKind::Time,
            true,
        );
        let rows = order
            .apply(listed(wanted), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Airing::try_from).collect()
    }

    pub(super) async fn count(&self, wanted: &AiringFilter) -> Result<u64> {
        Ok(listed(wanted).count(self.db.read()).await?)
    }

    /// The films of the catalogue that are not private, the oldest first.
    pub(super) async fn films(&self) -> Result<Vec<Film>> {
        use content_item::Column;
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
            title: String,
            original_title: Option<String>,
            year: Option<i32>,
            duration_minutes: Option<i32>,
        }
        let columns = [
            Column::Id,
            Column::Title,
            Column::OriginalTitle,
            Column::Year,
            Column::DurationMinutes,
        ];
        let rows = films()
            .select_only()
            .columns(columns)
            .order_by_asc(Column::Id)
            .into_model::<Row>()
            .all(self.db.write())
            .await?;
        let film = |row: Row| Film {
            id: row.id,
            title: row.title,
            original_title: row.original_title,
            year: row.year,
            minutes: row.duration_minutes,
        };
        Ok(rows.into_iter().map(film).collect())
    }

    /// The ids of films in other catalogues: the source, the id there, and the film.
    pub(super) async fn external_ids(&self) -> Result<Vec<(String, String, Uuid)>> {
        use content_external_id::{Column, Entity};
        let films = films().select_only().column(content_item::Column::Id);
        let rows = Entity::find()
            .filter(Column::ContentId.in_subquery(films.into_query()))
            // Of two films with one id, the last one stays: the oldest.
            .order_by_desc(Column::ContentId)
            .all(self.db.write())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.source, row.external_id, row.content_id))
            .collect())
    }
}

fn films() -> Select<content_item::Entity> {
    content_item::Entity::find()
        .filter(content_item::Column::Kind.eq("MOVIE"))
        .filter(content_item::Column::DeletedAt.is_null())
        .filter(content_item::Column::Visibility.ne("PRIVATE"))
}

fn listed(wanted: &AiringFilter) -> Select<Entity> {
    let earliest = wanted.from.checked_sub_signed(LONGEST);
    let earliest = earliest.unwrap_or(wanted.from);
    let mut all = Condition::all()
        .add(Column::StartsAt.lt(wanted.to))
        .add(Column::EndsAt.gt(wanted.from))
        // Implied by the line above, and what the index of starts can be entered with.
        .add(Column::StartsAt.gt(earliest));
    all = match &wanted.channels {
        Some(channels) => all.add(filter::among(Column::ChannelId, channels.iter().copied())),
        None => {
            let competitors = Query::select()
                .column(channel::Column::Id)
                .from(channel::Entity)
                .and_where(Expr::col(channel::Column::Own).eq(false))
                .to_owned();
            all.add(Column::ChannelId.in_subquery(competitors))
        }
    };
    if let Some(kinds) = &wanted.kinds {
        all = all.add(Column::Kind.is_in(kinds.iter().map(|kind| kind.as_str())));
    }
    if let Some(content) = wanted.content {
        all = all.add(Column::ContentId.eq(content.uuid()));
    }
    all = match wanted.matched {
        Some(true) => all.add(Column::ContentId.is_not_null()),
        Some(false) => all.add(Column::ContentId.is_null()),
        None => all,
    };
    let title = Expr::col(Column::Title);
    Entity::find().filter(all.add(filter::text(&title, &wanted.title)))
}

impl TryFrom<Model> for Airing {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let unknown = |reason: String| Error::Internal(anyhow::anyhow!(reason));
        Ok(Self {
            id: row.id.into(),
            channel: row.channel_id.into(),
            content: row.content_id.map(Into::into),
            confidence: row.confidence.filter(|_| row.content_id.is_some()),
            title: row.title,
            year: row.year,
            kind: row.kind.parse::<AiringKind>().map_err(unknown)?,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            audience: row.audience,
            source: row.source.parse::<AiringSource>().map_err(unknown)?,
        })
    }
}
