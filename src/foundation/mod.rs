//! What every room may stand on: typed ids, the clock, chance, paging windows, filters and the
//! error. It imports nothing of ours.

pub mod chance;
pub mod clock;
pub mod error;
pub mod filter;
pub mod id;
pub mod page;
mod text_enum;

pub use chance::Chance;
pub use clock::Clock;
pub use error::{Error, Refusal, Result};
pub use id::Id;
pub use text_enum::text_enum;
