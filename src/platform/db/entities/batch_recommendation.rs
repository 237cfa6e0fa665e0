//! The best items of a user by one model.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "batch_recommendations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_version_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub content_ids: Vec<Uuid>,
    pub scores: Vec<f32>,
    pub because: Vec<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
