//! What makes a list: the catalogue in memory, and one pipeline from a request to ranked items.
//!
//! Synchronous and deterministic: no SQL, no clock, no question of who may. What it needs of the world
//! (the day, the user's history, the models) is handed in, so every list can be computed again.

pub mod candidates;
pub mod catalogue;
pub mod eligibility;
pub mod explanation;
pub mod fusion;
pub mod history;
pub mod popularity;
pub mod provenance;
pub mod rank;
pub mod ranker;
pub mod recording;
pub mod replay;
pub mod request;
pub mod score;
pub mod similarities;
pub mod source;
pub mod trending;
