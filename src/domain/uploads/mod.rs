//! Files that admins uploaded, until they are imported or too old.

pub mod model;
pub mod reception;
pub mod service;
mod store;

pub use model::Upload;
pub use reception::Reception;
pub use service::{Laid, UploadService};
