//! `marquee demo`

use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::demo::LOGINS;
use crate::domain::recommendations::training::TrainingOptions;

/// Load the demo data into an empty schema and train on it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    on: OnSchema,
}

/// Runs the command.
///
/// # Errors
/// When the schema already holds something, or the database fails.
pub async fn run(args: Args, app: &App) -> anyhow::Result<()> {
    let name = match &args.on.schema {
        Some(name) => name.clone(),
        None => "demo".parse().map_err(anyhow::Error::msg)?,
    };
    let (_, services) = app.schema(Some(&name))?;
    anyhow::ensure!(
        load(services).await?,
        "the schema `{name}` already holds users or content; the demo goes into an empty one"
    );
    for login in LOGINS {
        println!(
            "{:8} {}  {}",
            login.role.as_str(),
            login.email,
            login.password
        );
    }
    Ok(())
}

/// Loads the demo and trains on it, unless the schema holds something already; says whether it did.
///
/// # Errors
/// When the database fails.
pub async fn load(services: &Services) -> anyhow::Result<bool> {
    let Some(loaded) = services.demo.load(&Viewer::Command).await? else {
        return Ok(false);
    };
    eprintln!(
        "Loaded the demo: {} films, {} products, {} users, {} interactions.",
        loaded.films, loaded.products, loaded.users, loaded.interactions
    );
    services.recommendations.invalidate_non_personalised();
    // The training learns how much the vectors count, so they come first.
    super::embed::embed(services).await?;
    super::train::train(services, TrainingOptions::default()).await?;
    Ok(true)
}
