//! A film of a slate.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "slate_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub slate_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub rank: i16,
    pub content_id: Uuid,
    pub signals: Vec<f64>,
    pub score: f64,
    pub propensity: f64,
    pub audience: Option<f64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
