//! Files that admins uploaded, until they are imported or too old.

pub mod model;
pub mod service;
mod store;
pub mod writer;

pub use model::Upload;
pub use service::{StagedUploads, UploadService};
pub use writer::UploadWriter;
