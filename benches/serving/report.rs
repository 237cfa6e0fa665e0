//! The figures, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::load::Measured;
use crate::world::Size;

/// Everything that a run has found out.
#[derive(Serialize)]
pub struct Report {
    /// What machine it was.
    pub machine: String,
    /// How many processes waited for a core before the run.
    pub load_before: f64,
    /// How large the world was.
    pub world: Size,
    /// What took how many seconds while it was made.
    pub made_in: Vec<(String, f64)>,
    /// The memory of the server, by moment, in MiB.
    pub memory_mib: Vec<(String, f64)>,
    /// How long the first list took that the fresh server was asked for.
    pub first_list_seconds: f64,
    /// What the fresh server said before it gave one.
    pub refused: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// One scenario with so many connections.
#[derive(Serialize)]
pub struct Row {
    name: String,
    connections: usize,
    requests: usize,
    per_second: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Requests that failed.
    pub errors: u64,
    /// Some of the failures.
    pub shown: Vec<String>,
    bytes_each: f64,
    server_cpu_us: f64,
    database_cpu_us: f64,
    client_cpu_us: f64,
    targets: Vec<Target>,
}

/// What a figure should be.
#[derive(Serialize)]
struct Target {
    what: String,
    limit: f64,
    actual: Option<f64>,
    met: bool,
}

impl Row {
    /// The figures of one scenario.
    pub fn new(name: &str, connections: usize, measured: &Measured) -> Self {
        let each = |sum: u64| sum as f64 / measured.nanos.len().max(1) as f64;
        Self {
            name: name.to_owned(),
            connections,
            requests: measured.nanos.len(),
            per_second: measured.rate(),
            p50_ms: measured.quantile(0.5),
            p95_ms: measured.quantile(0.95),
            p99_ms: measured.quantile(0.99),
            max_ms: measured.quantile(1.0),
            errors: measured.errors,
            shown: measured.shown.clone(),
            bytes_each: each(measured.bytes),
            server_cpu_us: each(measured.cpu.server),
            database_cpu_us: each(measured.cpu.database),
            client_cpu_us: each(measured.cpu.client),
            targets: Vec::new(),
        }
    }

    /// Holds the 95th percentile against a limit in milliseconds.
    pub fn p95_below(&mut self, limit: f64) {
        self.targets.push(Target {
            what: format!("p95 < {limit} ms"),
            limit,
            actual: self.p95_ms,
            met: self.p95_ms.is_some_and(|actual| actual < limit),
        });
    }

    /// Holds the rate against a share of another's.
    pub fn at_least_of(&mut self, share: f64, bare: &Self) {
        let actual = self.per_second / bare.per_second.max(f64::MIN_POSITIVE);
        self.targets.push(Target {
            what: format!("{share:.3} of the bare handler's rate (it is {actual:.3})"),
            limit: share,
            actual: Some(actual),
            met: actual >= share,
        });
    }
}

impl Report {
    /// Whether any request failed.
    pub fn failed(&self) -> bool {
        let bad = |row: &Row| row.errors > 0 || row.requests == 0;
        !self.refused.is_empty() || self.rows.iter().any(bad)
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Size {
            items,
            users,
            interactions,
            seed,
        } = self.world;
        writeln!(
            out,
            "\n{}; load before: {:.2}",
            self.machine, self.load_before
        )?;
        writeln!(
            out,
            "{items} items, {users} users, {interactions} interactions, seed {seed}"
        )?;
        for (what, seconds) in &self.made_in {
            writeln!(out, "  {what}: {seconds:.1} s")?;
        }
        writeln!(
            out,
            "\n{:<36} {:>5} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>7} {:>8} {:>8} {:>8}",
            "",
            "conn.",
            "req/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "errors",
            "bytes",
            "srv µs",
            "db µs",
            "load µs"
        )?;
        let ms = |figure: Option<f64>| figure.map_or("-".to_owned(), |ms| format!("{ms:.2}"));
        for row in &self.rows {
            writeln!(
                out,
                "{:<36} {:>5} {:>8.0} {:>8} {:>8} {:>8} {:>8} {:>6} {:>7.0} {:>8.0} {:>8.0} {:>8.0}",
                row.name,
                row.connections,
                row.per_second,
                ms(row.p50_ms),
                ms(row.p95_ms),
                ms(row.p99_ms),
                ms(row.max_ms),
                row.errors,
                row.bytes_each,
                row.server_cpu_us,
                row.database_cpu_us,
                row.client_cpu_us
            )?;
            for target in &row.targets {
                let word = if target.met { "met" } else { "missed" };
                writeln!(out, "{:<36} target: {}: {word}", "", target.what)?;
            }
            for error in &row.shown {
                writeln!(out, "{:<36} failed: {error}", "")?;
            }
        }
        writeln!(out)?;
        writeln!(
            out,
            "the first list after the start: {:.2} s",
            self.first_list_seconds
        )?;
        for error in &self.refused {
            writeln!(out, "failed: {error}")?;
        }
        for (moment, mib) in &self.memory_mib {
            writeln!(out, "memory of the server, {moment}: {mib:.1} MiB")?;
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }
}
