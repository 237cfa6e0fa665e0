//! People with an account, and imported and anonymous ones.

pub mod erasure;
mod export;
mod merge;
pub mod model;
pub mod service;
mod store;

pub use export::MAX_EXPORT_BYTES;
pub use model::{Email, NewUser, Preferences, User, UserFilter, UserOrder};
pub use service::UsersService;
