//! `marquee api-key`: keys for apps.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use super::print_list;
use crate::domain::Services;
use crate::domain::auth::model::NewApiKey;
use crate::domain::auth::{ApiKey, Scope, Viewer};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};

/// Manage API keys.
#[derive(Debug, Args)]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    command: ApiKeyCommand,
}

#[derive(Debug, Subcommand)]
enum ApiKeyCommand {
    /// Create an API key and print its secret, once.
    Create(CreateArgs),
    /// List all API keys, newest first.
    List,
    /// Revoke an API key permanently. Running servers notice within seconds.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Name that says what the key is used for, 1-100 characters.
    #[arg(long)]
    name: String,
    /// Permission of the key; may be given several times. One of CATALOGUE_WRITE, USERS_READ,
    /// USERS_WRITE, INTERACTIONS_WRITE, RECOMMENDATIONS_READ.
    #[arg(long = "scope", required = true)]
    scopes: Vec<String>,
    /// Number of days until the key expires [default: never].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3650))]
    expires_days: Option<u16>,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// ID of the API key, for example key_01h2xcejqtf2nbrexx3vqjhp41.
    id: String,
}

/// Runs `marquee api-key …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: ApiKeyArgs, services: &Services) -> anyhow::Result<()> {
    match args.command {
        ApiKeyCommand::Create(args) => create(args, services).await,
        ApiKeyCommand::List => list(services).await,
        ApiKeyCommand::Revoke(args) => {
            let id: Id<id::ApiKey> = args.id.parse()?;
            let key = services.auth.revoke_api_key(&Viewer::Command, id).await?;
            println!("Revoked {} ({}).", key.id, key.name);
            Ok(())
        }
    }
}

async fn create(args: CreateArgs, services: &Services) -> anyhow::Result<()> {
    let scopes = args.scopes.iter().map(|scope| {
        let scope: Result<Scope, String> = scope.to_ascii_uppercase().replace('-', "_").parse();
        scope.map_err(anyhow::Error::msg).context("--scope")
    });
    let days = args.expires_days.map(|days| TimeDelta::days(days.into()));
    let new = NewApiKey {
        name: args.name,
        scopes: scopes.collect::<anyhow::Result<_>>()?,
        expires_at: days.map(|days| services.auth.in_future(days)),
    };
    let (key, secret) = services.auth.create_api_key(&Viewer::Command, new).await?;
    println!("Made {} ({}).", key.id, key.name);
    println!("Key: {}", secret.expose_secret());
    println!("It is not shown again; send it as `Authorization: Bearer <key>`.");
    Ok(())
}

async fn list(services: &Services) -> anyhow::Result<()> {
    let page = async |window: &Window| services.auth.list_api_keys(&Viewer::Command, window).await;
    print_list(page, ApiKey::cursor, line).await
}

fn line(key: &ApiKey) -> String {
    let day = |moment: Option<DateTime<Utc>>| {
        moment.map_or("-".to_owned(), |moment| {
            moment.format("%Y-%m-%d").to_string()
        })
    };
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    format!(
        "{}\t{}\tused {}\texpires {}\trevoked {}\t{}\t{}",
        key.id,
        key.prefix,
        day(key.last_used_at),
        day(key.expires_at),
        day(key.revoked_at),
        scopes.join(","),
        key.name
    )
}
