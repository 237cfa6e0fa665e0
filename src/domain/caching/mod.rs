//! The cache as admins see it, and the answers that are kept whole.

pub mod model;
pub mod service;
pub mod warming;

pub use service::CachingService;
