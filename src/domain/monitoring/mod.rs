//! What this server is doing, in numbers, moment by moment.

pub mod service;

pub use service::{MonitoringService, Sample};
