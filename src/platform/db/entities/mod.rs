//! The rows of the tables, as the migrations define them. Only stores read and write them.

#![expect(
    missing_docs,
    reason = "the migrations say what each table and column is"
)]

pub mod airing;
pub mod api_key;
pub mod audit_entry;
pub mod batch_recommendation;
pub mod channel;
pub mod content_external_id;
pub mod content_item;
pub mod content_tag;
pub mod credit;
pub mod experiment;
pub mod experiment_variant;
pub mod feedback;
pub mod generated;
pub mod generation_job;
pub mod idempotency_key;
pub mod interaction;
pub mod interaction_weight;
pub mod model_version;
pub mod person;
pub mod recommendation_item;
pub mod recommendation_list;
pub mod refresh_token;
pub mod slate;
pub mod slate_item;
pub mod slate_selection;
pub mod upload;
pub mod user;
