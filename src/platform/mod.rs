//! What the server stands on: settings, the database, logs. It never names `domain`.

pub mod cluster;
pub mod config;
pub mod db;
pub mod telemetry;
