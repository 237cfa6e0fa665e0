//! Trained models: their versions, and which one is served.

pub mod handle;
pub mod model;
mod promotions;
pub mod service;
pub mod sources;
mod store;

pub use handle::ModelHandle;
pub use model::{ModelKind, ModelState, ModelVersion, NewVersion};
pub use promotions::ModelActivated;
pub use service::ModelService;
pub use sources::{ModelOrigin, ModelSource};

/// What a training hears while another of the same kind and schema is under way.
pub fn another_training() -> foundation::Error {
    let message = "another training of this schema is running; try again when it is over";
    foundation::Error::Unavailable(message.to_owned())
}
