//! try
use clap::Parser;
use marquee::{
    app::commands::import,
    domain::Ground,
    foundation::{Chance, Clock},
    platform::{
        config::Settings,
        db::{Db, migrate},
    },
};
use std::sync::Arc;
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: import::Args,
}
#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    let cli = Cli::parse();
    let settings = Settings::defaults();
    let url = std::env::var("MARQUEE_TEST_DATABASE_URL")?;
    let schema = cli.args.schema.clone().unwrap();
    let clock = Clock::system();
    migrate::run(&url, std::slice::from_ref(&schema), clock.now()).await?;
    let db = Db::connect(&settings.database, &url, &schema).await?;
    let ground = Ground {
        db,
        clock,
        chance: Chance::system()?,
        settings: Arc::new(settings),
    };
    let code = import::run(cli.args, &ground).await;
    let status = std::fs::read_to_string("/proc/self/status")?;
    eprintln!(
        "{}",
        status.lines().find(|l| l.starts_with("VmHWM")).unwrap()
    );
    code
}
