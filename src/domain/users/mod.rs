//! People with an account, and imported and anonymous ones.

pub mod erasure;
mod export;
mod external_ids;
mod merge;
pub mod model;
pub mod service;
mod store;

pub use export::MAX_EXPORT_BYTES;
pub use external_ids::CreatedUser;
pub use model::{Email, NewUser, Preferences, User, UserFilter, UserOrder};
pub use service::UsersService;
