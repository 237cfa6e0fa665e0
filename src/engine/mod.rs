//! What makes a list: the catalogue in memory, and one pipeline from a request to ranked items.
//!
//! Synchronous and deterministic: no SQL, no clock, no question of who may. What it needs of the world
//! (the day, the user's history, the models) is handed in, so every list can be computed again.

pub mod catalogue;
pub mod history;
pub mod popularity;
pub mod trending;
