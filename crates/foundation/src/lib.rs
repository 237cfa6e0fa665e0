//! Basics for every module: typed ids, the clock, the random source, paging windows, filters, progress and
//! the error. It imports nothing of ours.

pub mod clock;
#[cfg(feature = "database")]
pub mod database;
pub mod error;
pub mod external_id;
pub mod filter;
pub mod findings;
#[cfg(feature = "graphql")]
mod graphql;
pub mod id;
pub mod page;
pub mod progress;
pub mod rng;
mod text_enum;

pub use clock::Clock;
pub use error::{Error, Refusal, Result};
pub use external_id::{ExternalId, Reference};
pub use findings::Findings;
pub use id::Id;
pub use progress::{Progress, ProgressObserver};
pub use rng::Rng;
pub use text_enum::{TextEnum, text_enum};
