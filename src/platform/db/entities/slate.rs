//! A slate as it was offered.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "slates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub channel_id: Uuid,
    pub date: Date,
    pub hour: i16,
    pub state: String,
    pub length: i16,
    pub candidate_count: i32,
    pub model_version_id: Option<Uuid>,
    pub model: String,
    pub epoch: i32,
    pub seed: i64,
    pub weights: Vec<f64>,
    pub log: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
