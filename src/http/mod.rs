//! The HTTP face: routes and what stands in front of them.

pub mod oauth;
