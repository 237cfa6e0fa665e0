//! Positions in ordered lists of content.

use super::{Content, ContentOrder};
use crate::foundation::page::Cursor;

impl Content {
    /// The item's place in the list that is ordered so.
    pub fn cursor(&self, by: ContentOrder, ascending: bool) -> Cursor {
        let fields = &self.fields;
        let (name, value) = match by {
            ContentOrder::CreatedAt => ("createdAt", serde_json::json!(self.created_at)),
            ContentOrder::Title => ("title", fields.title.clone().into()),
            ContentOrder::Year => ("year", fields.year.into()),
            ContentOrder::Popularity => ("popularity", fields.popularity.to_string().into()),
            ContentOrder::RatingAverage => {
                let rating = fields
                    .rating_average
                    .map(|rating| f64::from(rating).to_string());
                ("ratingAverage", rating.into())
            }
            ContentOrder::Price => ("price", serde_json::json!(fields.price)),
        };
        Cursor::new(name, ascending, value, self.id.uuid())
    }
}
