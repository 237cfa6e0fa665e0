//! Making the cluster, once.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use super::directory::ClusterDirectory;
use super::{Binaries, ClusterError, privileges};

/// The release that made the data, or `None` where there is no data yet.
pub(super) fn made_by(directory: &ClusterDirectory) -> Result<Option<String>, ClusterError> {
    let file = directory.data().join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::io("read", &file, error)),
    }
}

/// Makes the data with the superuser and the database `marquee`.
///
/// All of it happens in a folder beside, which is renamed at the end: a start that is killed half
/// way leaves nothing that looks finished.
pub(super) fn init(directory: &ClusterDirectory, binaries: &Binaries) -> Result<(), ClusterError> {
    let unfinished = directory.unfinished();
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(ClusterError::io("remove", &unfinished, error));
        }
        _ => {}
    }
    tracing::info!(
        "making a database with Postgres {} in {}",
        binaries.version,
        directory.data().display()
    );

    let mut initdb = command(directory, binaries, "initdb");
    initdb
        .args(["--username=marquee", "--encoding=UTF8", "--data-checksums"])
        // The socket's folder is closed to everybody else, so whoever connects is trusted.
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--locale=C", "--no-instructions", "--pgdata"])
        .arg(&unfinished);
    if binaries.major >= 17 {
        // The same order and letter cases on every machine, for all of Unicode.
        initdb.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    }
    run(directory, initdb, "")?;

    let mut alone = command(directory, binaries, "postgres");
    alone
        .args(["--single", "-c", "exit_on_error=on", "-D"])
        .arg(&unfinished)
        .arg("postgres");
    run(directory, alone, "CREATE DATABASE marquee;\n")?;

    fs::rename(&unfinished, directory.data())
        .and_then(|()| File::open(directory.root())?.sync_all())
        .map_err(|error| ClusterError::io("make the folder", &directory.data(), error))
}

fn command(directory: &ClusterDirectory, binaries: &Binaries, program: &str) -> Command {
    let program = binaries.program(program);
    privileges::command(program, directory.account(), directory.root())
}

fn run(
    directory: &ClusterDirectory,
    mut command: Command,
    input: &str,
) -> Result<(), ClusterError> {
    let program = command.get_program().to_owned();
    let output = talk(&mut command, input)
        .map_err(|error| ClusterError::io("run", OsStr::new(&program).as_ref(), error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let data = directory.data();
    Err(
        ClusterError::from_words("make a database in", &data, &said).unwrap_or_else(|| {
            let mut last: Vec<_> = said.lines().rev().take(10).collect();
            last.reverse();
            ClusterError::Init {
                data,
                said: format!("{}\n{}", output.status, last.join("\n")),
            }
        }),
    )
}

fn talk(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // Whoever closes its input early says why on the way out.
        let _ = pipe.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
