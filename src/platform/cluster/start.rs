//! Starting the server and waiting until it takes connections.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::keeper::{Keeper, LAST_WORDS};
use super::log::Mark;
use super::place::Place;
use super::{
    Binaries, Cluster, ClusterError, Options, SOON, binaries, init, leftover, privileges, settings,
};

/// An ordinary start takes a second; after this long, a message says that recovery is under way.
const USUAL: Duration = Duration::from_secs(60);
/// Recovery replays a bounded amount of log, so it ends well before this.
const AT_MOST: Duration = Duration::from_secs(15 * 60);

/// Starts the cluster of a data directory. Blocks until it is ready.
pub(super) fn start(options: &Options) -> Result<Cluster, ClusterError> {
    let began = Instant::now();
    let mut place = Place::claim(&options.data_dir)?;
    let made_by = init::made_by(&place)?;
    let new = made_by.is_none();
    let looked = binaries::look(options, place.account());
    for passed_over in looked.iter().filter(|looked| looked.outcome.is_err()) {
        match passed_over.origin {
            // Somebody asked for this one.
            binaries::Origin::Setting => tracing::warn!("{passed_over}"),
            _ => tracing::debug!("{passed_over}"),
        }
    }
    let binaries = binaries::choose(looked, &place.data(), made_by)?;
    leftover::clear(&place.data(), place.socket())?;
    if new {
        init::init(&place, &binaries)?;
    }
    let keeper = launch(&place, &binaries, began)?;
    tracing::info!(
        "Postgres {} with pgvector {} is ready after {} ms",
        binaries.version,
        binaries.pgvector,
        began.elapsed().as_millis()
    );
    place.announce()?;
    Ok(Cluster {
        url: place.url(),
        binaries,
        place,
        keeper,
    })
}

fn launch(place: &Place, binaries: &Binaries, began: Instant) -> Result<Keeper, ClusterError> {
    loop {
        let mark = Mark::set(&place.log());
        let keeper = Keeper::launch(server(place, binaries))
            .map_err(|error| ClusterError::io("run", &binaries.program("postgres"), error))?;
        let Err(how) = wait_until_ready(place, &keeper) else {
            return Ok(keeper);
        };
        let said = last_words(&keeper, &mark);
        drop(keeper);
        // After a `kill -9` of the whole server its connections take a moment to notice, and
        // until then Postgres rightly refuses to touch their data.
        if said.contains("is still in use") && began.elapsed() < USUAL {
            thread::sleep(SOON * 10);
            continue;
        }
        let cause = ClusterError::from_words("start Postgres in", place.root(), &said);
        return Err(cause.unwrap_or_else(|| ClusterError::Start {
            how,
            said: said.trim().to_owned(),
        }));
    }
}

/// What an ended server said. Its log is written by a process of its own, which may be a little
/// behind.
fn last_words(keeper: &Keeper, mark: &Mark) -> String {
    let deadline = Instant::now() + LAST_WORDS;
    loop {
        let said = [keeper.printed(), mark.since()].join("\n");
        if said.contains("database system is shut down") || Instant::now() > deadline {
            return said;
        }
        thread::sleep(SOON);
    }
}

fn server(place: &Place, binaries: &Binaries) -> Command {
    let program = binaries.program("postgres");
    let mut command = privileges::command(program, place.account(), place.root());
    command.arg("-D").arg(place.data());
    for (name, value) in settings::settings(place) {
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

fn wait_until_ready(place: &Place, keeper: &Keeper) -> Result<(), String> {
    let began = Instant::now();
    let mut told = false;
    loop {
        if let Some(how) = keeper.end() {
            return Err(how);
        }
        if leftover::is_ready(&place.data(), keeper.pid()) {
            return Ok(());
        }
        if began.elapsed() > USUAL && !told {
            tracing::warn!(
                "Postgres is still recovering from an unclean stop; its log is in {}",
                place.log().display()
            );
            told = true;
        }
        if began.elapsed() > AT_MOST {
            return Err(format!(
                "not ready after {} minutes",
                AT_MOST.as_secs() / 60
            ));
        }
        thread::sleep(SOON);
    }
}
