//! Content items as rows, there and back.

use crate::domain::content::model::{Content, Fields};
use crate::foundation::{Id, Result};
use crate::platform::db::entities::content_item;
use crate::platform::db::stored;

impl TryFrom<content_item::Model> for Content {
    type Error = foundation::Error;

    fn try_from(row: content_item::Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            creator: row.creator_id.map(Into::into),
            created_at: row.created_at,
            updated_at: row.updated_at,
            fields: Fields {
                kind: row.kind.parse().map_err(stored("content_items"))?,
                title: row.title,
                original_title: row.original_title,
                description: row.description,
                genres: row.genres,
                tags: row.tags,
                year: row.year,
                duration_minutes: row.duration_minutes,
                language: row.language,
                poster_url: row.poster_url,
                rating_average: row.rating_average,
                rating_count: row.rating_count,
                popularity: row.popularity,
                brand: row.brand,
                merchant: row.merchant,
                category_path: row.category_path,
                price: row.price,
                list_price: row.list_price,
                currency: row.currency,
                stock: row.stock,
                color: row.color,
                rights_from: row.rights_from,
                rights_until: row.rights_until,
                broadcasts_left: row.broadcasts_left,
                visibility: row.visibility.parse().map_err(stored("content_items"))?,
                quality_score: row.quality_score,
                metadata: row.metadata,
            },
        })
    }
}

/// The row of an item that is not deleted.
impl From<Content> for content_item::Model {
    fn from(content: Content) -> Self {
        let fields = content.fields;
        Self {
            id: content.id.uuid(),
            kind: fields.kind.as_str().to_owned(),
            title: fields.title,
            original_title: fields.original_title,
            description: fields.description,
            genres: fields.genres,
            tags: fields.tags,
            year: fields.year,
            duration_minutes: fields.duration_minutes,
            language: fields.language,
            poster_url: fields.poster_url,
            rating_average: fields.rating_average,
            rating_count: fields.rating_count,
            popularity: fields.popularity,
            brand: fields.brand,
            merchant: fields.merchant,
            category_path: fields.category_path,
            price: fields.price,
            list_price: fields.list_price,
            currency: fields.currency,
            stock: fields.stock,
            color: fields.color,
            rights_from: fields.rights_from,
            rights_until: fields.rights_until,
            broadcasts_left: fields.broadcasts_left,
            creator_id: content.creator.map(Id::uuid),
            visibility: fields.visibility.as_str().to_owned(),
            quality_score: fields.quality_score,
            metadata: fields.metadata,
            created_at: content.created_at,
            updated_at: content.updated_at,
            deleted_at: None,
        }
    }
}
