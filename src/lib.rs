//! Marquee: a self-hosted recommendation server with a GraphQL face.
//!
//! The rooms, and the one way data flows through them:
//!
//! ```text
//! main → app → {graphql, http} → domain → {engine → ranking, platform} → foundation
//! ```
//!
//! `ranking` and `transformer` (crates of their own, in `crates/`) import nothing of ours, `platform`
//! never names `domain`, and no room touches another room's `store.rs`. `tests/architecture` holds the walls.

pub mod app;
pub mod domain;
pub mod engine;
pub mod foundation;
pub mod graphql;
pub mod http;
pub mod platform;
