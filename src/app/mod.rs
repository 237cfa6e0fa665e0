//! The program: its commands, and what they are wired of.

pub mod commands;
