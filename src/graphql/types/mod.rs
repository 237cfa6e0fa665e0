//! The types of the contract and their resolvers, one file a noun.

pub mod api_key;
pub mod auth;
pub mod cache;
pub mod content;
pub mod email;
pub mod embedding;
pub mod facets;
pub mod filmography;
pub mod generation;
pub mod import;
pub mod interaction;
pub mod interaction_weights;
pub mod job;
pub mod model;
pub mod monitoring;
pub mod node;
pub mod person;
pub mod quality;
pub mod recommendation;
pub mod schema;
pub mod search;
pub mod upkeep;
pub mod upload;
pub mod user;
pub mod user_changes;
