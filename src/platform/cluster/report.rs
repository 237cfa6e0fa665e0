//! What `marquee doctor` tells about the private cluster. Looks, and changes nothing.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Uid, access};

use super::lock::DataLock;
use super::{Account, Options, binaries, directory, settings};

/// Below this, a database can hardly be made or grow.
const LITTLE: u64 = 1 << 30;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is wrong.
    Note,
    /// The cluster will not start, or not for long.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How good it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub what: &'static str,
    /// What was found, and what to do about it.
    pub detail: String,
}

/// Looks at everything a private cluster needs.
pub fn report(options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |verdict, what, detail| {
        findings.push(Finding {
            verdict,
            what,
            detail,
        });
    };

    // A relative path has no folders above it to look at.
    let absolute = std::path::absolute(&options.data_dir);
    let data_dir = &absolute.unwrap_or_else(|_| options.data_dir.clone());
    let moved = directory::moved_to(data_dir).ok().flatten();
    let home = moved.as_deref().unwrap_or(data_dir);
    let account = match Account::for_cluster(&home.join("postgres")) {
        Ok(account) => {
            let name = account.as_ref().map_or_else(
                || "you".to_owned(),
                |account| format!("{}, because you are root", account.name),
            );
            add(Verdict::Good, "Postgres would run as", name);
            account
        }
        Err(error) => {
            add(Verdict::Bad, "Postgres would run as", error.to_string());
            None
        }
    };

    let probes = binaries::probe(options, account.as_ref());
    let mut usable = false;
    for probes in &probes {
        let verdict = match probes.outcome {
            Ok(_) => Verdict::Good,
            Err(_) => Verdict::Note,
        };
        usable |= verdict == Verdict::Good;
        add(verdict, "Postgres", probes.to_string());
    }
    if !usable {
        let advice = "none is usable; run script/bootstrap, or set DATABASE_URL";
        add(Verdict::Bad, "Postgres", advice.to_owned());
    }

    let (verdict, detail) = writable(data_dir);
    add(verdict, "data directory", detail);
    if let Some(moved) = &moved {
        let detail = format!("in {}, which Postgres can reach", moved.display());
        add(Verdict::Note, "database", detail);
    }
    if let Some(free) = existing(home).and_then(settings::free) {
        let verdict = if free < LITTLE {
            Verdict::Bad
        } else {
            Verdict::Good
        };
        let detail = format!("{:.1} GiB", free as f64 / LITTLE as f64);
        add(verdict, "free disk space", detail);
    }
    match DataLock::holder(data_dir) {
        None => add(Verdict::Good, "in use by", "nobody".to_owned()),
        Some(holder) => {
            let process = holder.pid.map(|pid| format!("process {pid}"));
            let detail = process.unwrap_or_else(|| "another program".to_owned());
            add(Verdict::Note, "in use by", detail);
        }
    }
    findings
}

fn writable(data_dir: &Path) -> (Verdict, String) {
    let shown = data_dir.display();
    let Some(existing) = existing(data_dir) else {
        return (Verdict::Bad, format!("{shown} cannot be made"));
    };
    let state = if existing == data_dir {
        "writable"
    } else {
        "can be made"
    };
    match access(existing, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => (Verdict::Good, format!("{shown}: {state}")),
        Err(Errno::EROFS) => (
            Verdict::Bad,
            format!("{shown}: the disk is read-only; choose another data directory"),
        ),
        Err(_) => (
            Verdict::Bad,
            format!(
                "{shown}: user {} may not write in {}",
                Uid::effective(),
                existing.display()
            ),
        ),
    }
}

/// The folder itself, or the nearest one above it that is there.
fn existing(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|step| step.is_dir())
}
