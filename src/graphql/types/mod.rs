//! The types of the contract and their resolvers, one file a noun.

pub mod content;
pub mod node;
pub mod person;
