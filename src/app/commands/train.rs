//! `marquee train`

use super::replay_report;
use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::app::terminal::ProgressBar;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::recommendations::training::{TrainingOptions, TrainingResult};

/// Train the collaborative model of a schema on all interactions and store the best items of every
/// user.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    on: OnSchema,
    /// Activate the new model even if it is worse than the active one.
    #[arg(long)]
    force: bool,
    /// First choose models, hyperparameters and blend weights on held-out interactions, which takes
    /// about fifty trainings. Later trainings use the same choice.
    #[arg(long)]
    choose: bool,
    /// Keep the new model as a candidate; activate it later with `marquee model activate`.
    #[arg(long)]
    candidate: bool,
}

/// Runs the command.
///
/// # Errors
/// When there is nothing to learn from, or another training runs.
pub async fn run(args: Args, app: &App) -> anyhow::Result<()> {
    let (_, services) = app.schema(args.on.schema.as_ref())?;
    let how = TrainingOptions {
        force: args.force,
        choose: args.choose,
        candidate: args.candidate,
    };
    let trained = train(services, how).await?;
    let state = if args.candidate {
        "kept as a candidate"
    } else {
        "active"
    };
    println!(
        "Model {} ({}, {}) is {state}: {} users, {} items, {} pairs, {:.1} s.",
        trained.model.version,
        trained.model.algorithm,
        trained.model.id,
        trained.users,
        trained.items,
        trained.pairs,
        trained.seconds
    );
    if let Some(figure) = &trained.figure {
        print!("{}", replay_report::lines(figure));
    }
    Ok(())
}

/// Trains the collaborative model of a schema and shows how far it is.
///
/// # Errors
/// Those of the training.
pub async fn train(services: &Services, how: TrainingOptions) -> anyhow::Result<TrainingResult> {
    let service = &services.recommendations;
    let bar = ProgressBar::new();
    Ok(service.train(&Viewer::Command, how, bar).await?)
}
