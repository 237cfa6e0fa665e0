//! The commands of the program, one file a noun.

pub mod api_key;
pub mod secret;
pub mod user;
