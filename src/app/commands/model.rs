//! `marquee model`: versions of trained models.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::print_list;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelState, ModelVersion};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};

/// Manage versions of trained models.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// List all versions, newest first.
    List(ListArgs),
    /// Activate a trained version. Running servers use it within about a second.
    Activate(VersionArgs),
    /// Activate the version of a kind that preceded the active one.
    RollBack(KindArgs),
    /// Delete a version that is not active, with its stored model.
    Discard(VersionArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// List only versions of this kind: COLLABORATIVE, EMBEDDING or RANKER.
    #[arg(long, value_parser = kind)]
    kind: Option<ModelKind>,
}

#[derive(Debug, Args)]
struct VersionArgs {
    /// ID of the version, for example model_01h2xcejqtf2nbrexx3vqjhp41.
    id: Id<id::Model>,
}

#[derive(Debug, Args)]
struct KindArgs {
    /// Kind of the model: COLLABORATIVE, EMBEDDING or RANKER.
    #[arg(value_parser = kind)]
    kind: ModelKind,
}

fn kind(text: &str) -> Result<ModelKind, String> {
    text.to_ascii_uppercase().parse()
}

/// Runs `marquee model …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: ModelArgs, services: &Services) -> anyhow::Result<()> {
    let models = &services.models;
    match args.command {
        ModelCommand::List(args) => list(args.kind, services).await,
        ModelCommand::Activate(args) => {
            let active = models.promote(&Viewer::Command, args.id).await?;
            println!("{} {} is active.", name(&active), active.id);
            Ok(())
        }
        ModelCommand::RollBack(args) => {
            let active = models.roll_back(&Viewer::Command, args.kind).await?;
            println!("{} {} is active again.", name(&active), active.id);
            Ok(())
        }
        ModelCommand::Discard(args) => {
            let gone = models.discard(&Viewer::Command, args.id).await?;
            println!("Deleted {} {}.", name(&gone), gone.id);
            Ok(())
        }
    }
}

async fn list(kind: Option<ModelKind>, services: &Services) -> anyhow::Result<()> {
    let page = async |window: &Window| services.models.list(&Viewer::Command, kind, window).await;
    print_list(page, ModelVersion::cursor, line).await
}

fn name(version: &ModelVersion) -> String {
    format!("{} {}", version.kind.as_str(), version.version)
}

fn line(version: &ModelVersion) -> String {
    let moment = |moment: Option<DateTime<Utc>>| {
        moment.map_or("-".to_owned(), |moment| {
            moment.format("%Y-%m-%d %H:%M").to_string()
        })
    };
    let state = match (version.state, version.trained_at, version.kept) {
        (ModelState::Active, ..) => "active",
        (_, None, _) => "in training",
        (_, _, false) => "removed",
        (ModelState::Candidate, ..) => "candidate",
        (ModelState::Retired, ..) => "retired",
    };
    let quality = version.metrics["ndcgAt10"].as_f64();
    format!(
        "{}\t{}\t{}\t{state}\ttrained {}\tactivated {}\tNDCG@10 {}\t{}",
        version.id,
        version.kind.as_str(),
        version.version,
        moment(version.trained_at),
        moment(version.activated_at),
        quality.map_or("-".to_owned(), |quality| format!("{quality:.4}")),
        version.algorithm,
    )
}
