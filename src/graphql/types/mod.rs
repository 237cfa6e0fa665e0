//! The types of the contract and their resolvers, one file a noun.

pub mod content;
pub mod facets;
pub mod filmography;
pub mod interaction;
pub mod interaction_weights;
pub mod model;
pub mod node;
pub mod person;
pub mod recommendation;
pub mod schema;
