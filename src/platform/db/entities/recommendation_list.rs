//! A list as it was drawn.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recommendation_lists")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub context: String,
    pub model_version_id: Option<Uuid>,
    pub weights_version: i32,
    pub created_at: DateTimeUtc,
    pub content_ids: Vec<Uuid>,
    pub scores: Vec<f32>,
    pub embedding_version_id: Option<Uuid>,
    #[sea_orm(column_type = "JsonBinary")]
    pub controls: Json,
    pub blend_sources: Vec<String>,
    pub blend_weights: Vec<f32>,
    pub model_at: Option<DateTimeUtc>,
    pub events: i32,
    pub last_event_at: Option<DateTimeUtc>,
    pub sources: Vec<i16>,
    pub parts: Vec<f32>,
    pub because_ids: Vec<Uuid>,
    pub because: Vec<i16>,
    pub provenance: Vec<u8>,
    pub events_since_model: Option<i32>,
    pub variant_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
