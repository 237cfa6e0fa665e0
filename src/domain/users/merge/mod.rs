//! Making an anonymous user part of a known one.

pub(super) mod store;
