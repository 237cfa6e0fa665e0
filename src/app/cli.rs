//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::commands;
use crate::platform::config::SchemaName;

/// Marquee: a self-hosted recommendation server with a GraphQL face.
///
/// Settings come from marquee.default.toml (built in), then a file, then MARQUEE_* variables.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    /// A settings file; `marquee.toml` in the working folder if it is there.
    #[arg(long, global = true, env = "MARQUEE_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve GraphQL and GraphiQL.
    Serve(commands::serve::Args),
    /// Run background jobs and serve nothing; any number of these beside any number of servers.
    Work(commands::work::Args),
    /// Bring the database to the present: roles, schemas, tables.
    Migrate,
    /// Run the private database alone and print its address, until it is told to stop.
    Database(commands::database::Args),
    /// Load the demo into an empty schema.
    Demo(commands::demo::Args),
    /// Import films, products, users and what they did, from files.
    Import(commands::import::Args),
    /// Learn from all interactions and store every user's best items.
    Train(commands::train::Args),
    /// Learn what the items of a schema are about, and store the vector of each.
    Embed(commands::embed::Args),
    /// Judge a model on held-out data, in files of `user,item`.
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Make, list and export accounts.
    User {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "UserArgs says what it is")]
        args: commands::user::UserArgs,
    },
    /// Make, list and revoke the keys of apps.
    ApiKey {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "ApiKeyArgs says what it is")]
        args: commands::api_key::ApiKeyArgs,
    },
    /// Change the keys that sign access tokens.
    Secret(commands::secret::SecretArgs),
    /// Print the GraphQL contract.
    Schema,
    /// Tell what is there and what is missing.
    Doctor,
}

/// On which schema a command works.
#[derive(Clone, Debug, Args)]
pub struct OnSchema {
    /// The database schema; the first of the setting `schemas` if left out.
    #[arg(long, global = true, value_name = "NAME")]
    pub schema: Option<SchemaName>,
}
