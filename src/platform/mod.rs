//! What the server stands on: settings, the database, the cache, secrets, logs. It never names `domain`.

pub mod cache;
pub mod cluster;
pub mod config;
pub mod db;
pub mod embeddings;
pub mod objects;
pub mod secrets;
pub mod telemetry;
