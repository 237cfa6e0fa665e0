//! `marquee embed`

use super::replay_report;
use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::app::terminal::ProgressBar;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::embeddings::TrainingResult;
use crate::domain::recommendations::replay_evaluation::ReplayReport;

/// Train the embedding model of a schema and store the embeddings of its items.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    on: OnSchema,
}

/// Runs the command.
///
/// # Errors
/// When there is nothing to learn from, the model cannot be opened, or another training runs.
pub async fn run(args: Args, app: &App) -> anyhow::Result<()> {
    let (_, services) = app.schema(args.on.schema.as_ref())?;
    let trained = embed(services).await?;
    println!(
        "Embedding model {} is active: {} items, {} dimensions, {:.1} s.",
        trained.model.version, trained.items, trained.dimensions, trained.seconds
    );
    if let Some(figure) = learn_ranker(services).await? {
        print!("{}", replay_report::lines(&figure));
    }
    Ok(())
}

/// Trains the embeddings of a schema and shows how far it is.
///
/// # Errors
/// Those of the training.
pub async fn embed(services: &Services) -> anyhow::Result<TrainingResult> {
    let service = &services.embeddings;
    Ok(service.train(&Viewer::Command, ProgressBar::new()).await?)
}

/// Learns how much each source counts beside the new vectors, where there is a model to learn with.
///
/// # Errors
/// When another training runs.
pub async fn learn_ranker(services: &Services) -> anyhow::Result<Option<ReplayReport>> {
    let service = &services.recommendations;
    Ok(service
        .learn_ranker(&Viewer::Command, ProgressBar::new())
        .await?)
}
