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
    pub sources: Vec<String>,
    pub because: Vec<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
