//! A trained model.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "model_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub version: String,
    pub state: String,
    pub algorithm: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub settings: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub metrics: Json,
    pub created_at: DateTimeUtc,
    pub activated_at: Option<DateTimeUtc>,
    pub trained_at: Option<DateTimeUtc>,
    pub kept: bool,
    pub trained_with: Option<Uuid>,
    pub artifact_bytes: Option<i64>,
    pub artifact_sha256: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
