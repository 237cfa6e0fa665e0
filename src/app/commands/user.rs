//! `marquee user`: accounts.

use std::io::{Read, Write};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::Services;
use crate::domain::auth::{Role, Viewer};
use crate::domain::users::{NewUser, UserFilter, UserOrder};
use crate::foundation::page::{Direction, MAX_SIZE, Window};
use crate::foundation::{Id, id};

/// A password from standard input is read no further than this, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// Manage user accounts.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Create an account. Its password is generated and printed, unless --password-stdin is given.
    Create(CreateArgs),
    /// List accounts, newest first.
    List(ListArgs),
    /// Write all stored data about a user to standard output, as one JSON object per line.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// E-mail address to sign in with.
    #[arg(long)]
    email: String,
    /// Name of the user for display, 1-100 characters.
    #[arg(long)]
    name: String,
    /// Create an admin; the same as --role ADMIN.
    #[arg(long, conflicts_with = "role")]
    admin: bool,
    /// Role of the user: USER, CURATOR or ADMIN.
    #[arg(long, default_value = "USER")]
    role: String,
    /// Read the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// List only accounts with this role: USER, CURATOR or ADMIN.
    #[arg(long)]
    role: Option<String>,
    /// Number of accounts to list at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// ID of the user, for example user_01h2xcejqtf2nbrexx3vqjhp41.
    id: String,
}

/// Runs `marquee user …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: UserArgs, services: &Services) -> anyhow::Result<()> {
    match args.command {
        UserCommand::Create(args) => create(args, services).await,
        UserCommand::List(args) => list(args, services).await,
        UserCommand::Export(args) => export(args, services).await,
    }
}

async fn create(args: CreateArgs, services: &Services) -> anyhow::Result<()> {
    let mut new = NewUser::named(args.name);
    new.email = Some(args.email.parse().map_err(anyhow::Error::msg)?);
    new.role = if args.admin {
        Role::Admin
    } else {
        role(&args.role)?
    };
    let (password, made) = if args.password_stdin {
        (password_from(std::io::stdin())?, false)
    } else {
        (services.auth.make_password(), true)
    };
    let user = services
        .users
        .create(&Viewer::Command, new, Some(&password))
        .await?;
    println!("Made {} with the role {}.", user.id, user.role.as_str());
    if made {
        println!("Password: {}", password.expose_secret());
        println!("It is not shown again; change it after the first login.");
    }
    Ok(())
}

fn role(text: &str) -> anyhow::Result<Role> {
    text.to_ascii_uppercase()
        .parse()
        .map_err(anyhow::Error::msg)
        .context("--role")
}

fn password_from(input: impl Read) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    input
        .take(MAX_PASSWORD)
        .read_to_string(&mut text)
        .context("the password on standard input cannot be read")?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => bail!("--password-stdin was given, but standard input has no first line"),
    }
}

async fn list(args: ListArgs, services: &Services) -> anyhow::Result<()> {
    let mut filter = UserFilter::default();
    filter.role.eq = args.role.as_deref().map(role).transpose()?;
    let mut left = args.limit;
    let mut from = None;
    let mut out = std::io::stdout().lock();
    while left > 0 {
        let window = Window {
            direction: Direction::Forward,
            size: left.min(MAX_SIZE),
            from,
        };
        let order = (UserOrder::CreatedAt, false);
        let page = services
            .users
            .list(&Viewer::Command, &filter, order, &window)
            .await?;
        for user in &page.rows {
            let email = user.email.as_ref().map_or("-", |email| email.as_str());
            let state = if user.disabled_at.is_some() {
                "disabled"
            } else {
                "-"
            };
            let (id, role, name) = (user.id, user.role.as_str(), &user.display_name);
            writeln!(out, "{id}\t{role}\t{state}\t{email}\t{name}")?;
        }
        left -= page.rows.len();
        let Some(last) = page.rows.last().filter(|_| page.has_next) else {
            break;
        };
        from = Some(last.cursor(order.0, order.1).encode());
    }
    Ok(())
}

async fn export(args: ExportArgs, services: &Services) -> anyhow::Result<()> {
    let id: Id<id::User> = args.id.parse()?;
    // Not locked for the whole of it: a lock of standard output cannot cross an await.
    let mut sink = |section: &'static str, row: serde_json::Value| {
        let line = serde_json::json!({ section: row });
        writeln!(std::io::stdout(), "{line}").map_err(|error| anyhow::Error::from(error).into())
    };
    services
        .users
        .export_rows(&Viewer::Command, id, &mut sink)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let read = |text: &'static str| password_from(text.as_bytes());
        assert_eq!(
            read("a film a day\r\nmore").unwrap().expose_secret(),
            "a film a day"
        );
        assert!(read("").is_err());
        assert!(read("\nsecond").is_err());
    }
}
