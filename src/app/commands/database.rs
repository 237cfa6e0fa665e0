//! `marquee database`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::commands::serve::stop_signal;
use crate::platform::cluster::{Cluster, Options};
use crate::platform::config::Settings;

/// Run the private database alone and print its address, until standard input closes or a signal
/// arrives.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Data directory [default: the setting `data_dir`].
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Directory of the Postgres binaries to use.
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the database cannot be started, or ends by itself.
pub async fn run(args: Args, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut options = Options::from_environment(args.data_dir.unwrap_or(settings.data_dir));
    options.postgres_bin = args.postgres_bin.or(options.postgres_bin);
    let cluster = Cluster::start(options).await?;
    println!("{}", cluster.url());
    let input_closed = input_closed();
    let ended = tokio::select! {
        () = stop_signal() => None,
        _ = input_closed => None,
        how = cluster.ended() => Some(how),
    };
    cluster.stop().await;
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(how) => anyhow::bail!("the database ended: {how}"),
    }
}

/// Waits until standard input ends. On a thread of its own: a read that waits would keep the
/// runtime from stopping.
fn input_closed() -> tokio::sync::oneshot::Receiver<()> {
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = std::io::stdin().lock();
        let _ = std::io::copy(&mut rest, &mut std::io::sink());
        // Nobody waits any more when the program is stopping for another reason.
        let _ = closed.send(());
    });
    wait
}
