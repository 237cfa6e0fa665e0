//! The program's commands, and how the rooms are wired together for them.

pub mod commands;
