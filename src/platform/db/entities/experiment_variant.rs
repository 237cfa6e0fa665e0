//! A variant of an experiment.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "experiment_variants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub experiment_id: Uuid,
    pub position: i16,
    pub name: String,
    pub weight: i32,
    pub learned: Option<bool>,
    pub blend_batch: Option<f32>,
    pub blend_long_term: Option<f32>,
    pub blend_query: Option<f32>,
    pub blend_similar: Option<f32>,
    pub blend_meaning: Option<f32>,
    pub diversity: Option<f32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
