//! Who asks, and what they may do: accounts' passwords, sessions, tokens and API keys.

mod backoff;
mod keys;
pub mod model;
mod passwords;
mod presence;
pub mod service;
mod standing;
mod store;
mod tokens;
pub mod viewer;

pub use backoff::network;
pub use model::{Admission, ApiKey, Client, Credentials, SignedIn, Tokens};
pub use service::AuthService;
pub use standing::Subject;
pub use viewer::{Role, Scope, Viewer};
