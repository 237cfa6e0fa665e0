//! Marquee: a self-hosted recommendation server with a GraphQL face.
//!
//! The rooms, and the one way data flows through them:
//!
//! ```text
//! main → app → {graphql, http} → domain → {engine → ranking, xmltv, platform} → foundation
//! ```
//!
//! `engine`, `ranking`, `xmltv`, `transformer` and `foundation` are crates of their own, in `crates/`; `platform`
//! never names `domain`, and no room touches another room's `store.rs`. `tests/architecture` holds the walls.

pub use {domain, engine, foundation, graphql, platform};

pub mod app;
pub mod http;
