//! A thing that can be recommended.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize)]
#[sea_orm(table_name = "content_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub title: String,
    pub original_title: Option<String>,
    pub description: String,
    pub genres: Vec<String>,
    pub tags: Vec<String>,
    pub year: Option<i32>,
    pub duration_minutes: Option<i32>,
    pub language: Option<String>,
    pub poster_url: Option<String>,
    pub rating_average: Option<f32>,
    pub rating_count: Option<i32>,
    pub popularity: f64,
    pub brand: Option<String>,
    pub merchant: Option<String>,
    pub category_path: Vec<String>,
    pub price: Option<Decimal>,
    pub list_price: Option<Decimal>,
    pub currency: Option<String>,
    pub stock: Option<i32>,
    pub color: Option<String>,
    pub rights_from: Option<Date>,
    pub rights_until: Option<Date>,
    pub broadcasts_left: Option<i32>,
    pub creator_id: Option<Uuid>,
    pub visibility: String,
    pub quality_score: Option<f32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Json,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
