//! GraphQL over HTTP, asked through real sockets with a small schema of its own.

mod audits;
mod bombs;
mod guard;
mod headers;
mod persisted;
mod support;
mod transport;
