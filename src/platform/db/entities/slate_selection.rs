//! A film that was selected from a slate.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "slate_selections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub slate_id: Uuid,
    pub channel_id: Uuid,
    pub date: Date,
    pub hour: i16,
    pub content_id: Uuid,
    pub signals: Vec<String>,
    pub curator_id: Option<Uuid>,
    pub selected_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
