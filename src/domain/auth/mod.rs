//! Who asks, and what they may do: accounts' passwords, sessions, tokens and API keys.

mod backoff;
mod keys;
pub mod model;
mod password_form;
mod passwords;
mod rate_limits;
mod recent_writers;
mod refresh;
pub mod service;
mod session_validity;
mod store;
mod token_signature;
mod tokens;
mod validity_cache;
pub mod viewer;

pub use backoff::network;
pub use model::{Admission, ApiKey, Client, Credentials, SignedIn, Tokens};
pub use rate_limits::{Charge, SignIns};
pub use service::AuthService;
pub use session_validity::Subject;
pub(in crate::domain) use store::end_all_sessions;
pub use viewer::{Role, Scope, Viewer};
