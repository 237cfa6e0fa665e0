//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::commands;
use crate::platform::config::SchemaName;

/// Marquee: a self-hosted recommendation server with a GraphQL API.
///
/// Settings come from marquee.default.toml (built in), then a file, then MARQUEE_* variables.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    /// Settings file [default: `marquee.toml` in the working directory, if it exists].
    #[arg(long, global = true, env = "MARQUEE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server: GraphQL API and GraphiQL.
    Serve(commands::serve::Args),
    /// Run background jobs without serving requests; any number of these may run beside any number
    /// of servers.
    Work(commands::work::Args),
    /// Create or update roles, schemas and tables of the database.
    Migrate,
    /// Run the private database alone and print its address, until standard input closes or a
    /// signal arrives.
    Database(commands::database::Args),
    /// Load the demo data into an empty schema and train on it.
    Demo(commands::demo::Args),
    /// Import films, products, users and interactions from files.
    Import(commands::import::Args),
    /// Export the vectors of items of a collaborative model, or what recommendation lists were made of.
    Export {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "ExportArgs says what it is")]
        args: commands::export::ExportArgs,
    },
    /// Train the collaborative model on all interactions and store the best items of every user.
    Train(commands::train::Args),
    /// Train the embedding model of a schema and store the embeddings of its items.
    Embed(commands::embed::Args),
    /// List, activate, roll back and discard versions of trained models.
    Model {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "ModelArgs says what it is")]
        args: commands::model::ModelArgs,
    },
    /// Offer films for an hour of a channel, as a table.
    Slate {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "SlateArgs says what it is")]
        args: commands::slate::SlateArgs,
    },
    /// Show experiments with recommendation lists and their results.
    Experiment {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "ExperimentArgs says what it is")]
        args: commands::experiment::ExperimentArgs,
    },
    /// Show what a recommendation list was made of, and why other items are not in it.
    Trace {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "TraceArgs says what it is")]
        args: commands::trace::TraceArgs,
    },
    /// Evaluate a model on held-out interactions, from files or as served.
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Compare policies for slates in simulated worlds, or play in another program's.
    Simulate(commands::simulate::SimulateArgs),
    /// Create, list and export user accounts.
    User {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "UserArgs says what it is")]
        args: commands::user::UserArgs,
    },
    /// Create, list and revoke API keys.
    ApiKey {
        #[command(flatten)]
        #[expect(missing_docs, reason = "OnSchema says what it is")]
        on: OnSchema,
        #[command(flatten)]
        #[expect(missing_docs, reason = "ApiKeyArgs says what it is")]
        args: commands::api_key::ApiKeyArgs,
    },
    /// Manage the keys that sign access tokens.
    Secret(commands::secret::SecretArgs),
    /// Print the GraphQL schema.
    Schema,
    /// Check the settings, the database and the other services that the server uses, and report
    /// problems.
    Doctor,
}

/// The database schema that a command works on.
#[derive(Clone, Debug, Args)]
pub struct OnSchema {
    /// Database schema [default: the first one in the setting `schemas`].
    #[arg(long, global = true, value_name = "NAME")]
    pub schema: Option<SchemaName>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_options_of_every_command_go_together() {
        Cli::command().debug_assert();
    }
}
