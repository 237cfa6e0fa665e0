//! A job, which is a row of the queue.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "generation_jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub parameters: Json,
    pub state: String,
    pub priority: i16,
    pub owner_id: Option<Uuid>,
    pub asked_by: String,
    pub unique_key: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub attempt: i16,
    pub attempts: i16,
    pub worker_id: Option<Uuid>,
    pub lease_until: Option<DateTimeUtc>,
    pub cancel_asked: bool,
    pub events: i64,
    pub fraction: Option<f32>,
    pub step: Option<String>,
    pub message: Option<String>,
    pub remaining: Option<f32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub result: Option<Json>,
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
