//! Starting the server and waiting until it takes connections.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::directory::ClusterDirectory;
use super::log::Mark;
use super::supervisor::{LAST_LINES, Supervisor};
use super::{
    Binaries, Cluster, ClusterError, Options, POLL_INTERVAL, binaries, init, orphans, privileges,
    settings,
};

/// An ordinary start takes a second; after this long, a message says that recovery is under way.
const USUAL: Duration = Duration::from_secs(60);
/// Recovery replays a bounded amount of log, so it ends well before this.
const AT_MOST: Duration = Duration::from_secs(15 * 60);

/// Starts the cluster of a data directory. Blocks until it is ready.
pub(super) fn start(options: &Options) -> Result<Cluster, ClusterError> {
    let began = Instant::now();
    let mut directory = ClusterDirectory::claim(&options.data_dir)?;
    let made_by = init::made_by(&directory)?;
    let new = made_by.is_none();
    let probes = binaries::probe(options, directory.account());
    for passed_over in probes.iter().filter(|probes| probes.outcome.is_err()) {
        match passed_over.origin {
            // Somebody asked for this one.
            binaries::Origin::Setting => tracing::warn!("{passed_over}"),
            _ => tracing::debug!("{passed_over}"),
        }
    }
    let binaries = binaries::choose(probes, &directory.data(), made_by)?;
    orphans::clear(&directory.data(), directory.socket())?;
    if new {
        init::init(&directory, &binaries)?;
    }
    let supervisor = launch(&directory, &binaries, began)?;
    tracing::info!(
        "Postgres {} with pgvector {} is ready after {} ms",
        binaries.version,
        binaries.pgvector,
        began.elapsed().as_millis()
    );
    directory.announce()?;
    Ok(Cluster {
        url: directory.url(),
        binaries,
        directory,
        supervisor,
    })
}

fn launch(
    directory: &ClusterDirectory,
    binaries: &Binaries,
    began: Instant,
) -> Result<Supervisor, ClusterError> {
    loop {
        let mark = Mark::set(&directory.log());
        let supervisor = Supervisor::launch(server(directory, binaries))
            .map_err(|error| ClusterError::io("run", &binaries.program("postgres"), error))?;
        let Err(how) = wait_until_ready(directory, &supervisor) else {
            return Ok(supervisor);
        };
        let said = last_lines(&supervisor, &mark);
        drop(supervisor);
        // After a `kill -9` of the whole server its connections take a moment to notice, and
        // until then Postgres rightly refuses to touch their data.
        if said.contains("is still in use") && began.elapsed() < USUAL {
            thread::sleep(POLL_INTERVAL * 10);
            continue;
        }
        let cause = ClusterError::from_words("start Postgres in", directory.root(), &said);
        return Err(cause.unwrap_or_else(|| ClusterError::Start {
            how,
            said: said.trim().to_owned(),
        }));
    }
}

/// What an ended server said. Its log is written by a process of its own, which may be a little
/// behind.
fn last_lines(supervisor: &Supervisor, mark: &Mark) -> String {
    let deadline = Instant::now() + LAST_LINES;
    loop {
        let said = [supervisor.printed(), mark.since()].join("\n");
        if said.contains("database system is shut down") || Instant::now() > deadline {
            return said;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn server(directory: &ClusterDirectory, binaries: &Binaries) -> Command {
    let program = binaries.program("postgres");
    let mut command = privileges::command(program, directory.account(), directory.root());
    command.arg("-D").arg(directory.data());
    for (name, value) in settings::settings(directory) {
        let mut setting = OsString::from(name);
        setting.push("=");
        setting.push(value);
        command.arg("-c").arg(setting);
    }
    command
        .stdout(Stdio::null())
        // Ctrl-C in a terminal reaches the whole group. The program stops first and the database
        // after it, or the last requests would fail.
        .process_group(0);
    privileges::end_with_this_program(&mut command);
    command
}

fn wait_until_ready(directory: &ClusterDirectory, supervisor: &Supervisor) -> Result<(), String> {
    let began = Instant::now();
    let mut reported = false;
    loop {
        if let Some(how) = supervisor.end() {
            return Err(how);
        }
        if orphans::is_ready(&directory.data(), supervisor.pid()) {
            return Ok(());
        }
        if began.elapsed() > USUAL && !reported {
            tracing::warn!(
                "Postgres is still recovering from an unclean stop; its log is in {}",
                directory.log().display()
            );
            reported = true;
        }
        if began.elapsed() > AT_MOST {
            return Err(format!(
                "not ready after {} minutes",
                AT_MOST.as_secs() / 60
            ));
        }
        thread::sleep(POLL_INTERVAL);
    }
}
