//! What the server stands on: settings, the database, the cache, events, secrets, logs. It never names `domain`.

// What is below has the same names in every crate: `crate::foundation`, `crate::platform`.
pub extern crate self as platform;
pub use foundation;

pub mod cache;
pub mod cluster;
pub mod compute_pool;
pub mod config;
pub mod db;
pub mod embeddings;
pub mod events;
pub mod objects;
mod redis_link;
pub mod secrets;
pub mod telemetry;
pub mod web_address;
