//! `marquee experiment`: experiments with recommendation lists, and what came of them.

use anyhow::Context;
use clap::{Args, Subcommand};

use super::print_list;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::experiments::{Experiment, ExperimentResults, IntervalEstimate};

/// Show experiments and their results.
#[derive(Debug, Args)]
pub struct ExperimentArgs {
    #[command(subcommand)]
    command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
enum ExperimentCommand {
    /// List all experiments, newest first.
    List,
    /// Show the results of an experiment: conversion by variant, with intervals of 95 %.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Name of the experiment.
    name: String,
}

/// Runs `marquee experiment …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: ExperimentArgs, services: &Services) -> anyhow::Result<()> {
    let (viewer, service) = (Viewer::Command, &services.experiments);
    match args.command {
        ExperimentCommand::List => {
            let page = async |window: &_| service.list(&viewer, None, window).await;
            print_list(page, Experiment::cursor, line).await
        }
        ExperimentCommand::Show(ShowArgs { name }) => {
            let found = service.by_name(&viewer, &name).await?;
            let experiment = found.with_context(|| format!("there is no experiment `{name}`"))?;
            let results = service.results(&viewer, &[experiment.id]).await?;
            let results = results
                .get(&experiment.id)
                .context("the experiment was deleted")?;
            println!("{}", line(&experiment));
            print!("{}", table(&experiment, results));
            Ok(())
        }
    }
}

/// State, id, name and variants.
fn line(experiment: &Experiment) -> String {
    let variants = experiment.variants.iter();
    let variants: Vec<&str> = variants.map(|variant| variant.name.as_str()).collect();
    format!(
        "{:<8} {}  {} ({})",
        experiment.state.as_str(),
        experiment.id,
        experiment.name,
        variants.join(", ")
    )
}

/// A line for each variant, then what the comparisons say.
fn table(experiment: &Experiment, results: &ExperimentResults) -> String {
    use std::fmt::Write;
    let percent = |estimate: Option<IntervalEstimate>| match estimate {
        None => "-".to_owned(),
        Some(estimate) => {
            let IntervalEstimate { value, low, high } = estimate;
            let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
            format!("{value:.2} % [{low:.2}, {high:.2}]")
        }
    };
    let mut lines = format!(
        "{:>9} {:>9} {:>9}  {:<26} {:<26} {:>8}  variant\n",
        "users", "lists", "converted", "rate", "difference", "p"
    );
    let mut sentences = String::new();
    for (variant, found) in experiment.variants.iter().zip(&results.variants) {
        let comparison = found.comparison.as_ref();
        let p = comparison.and_then(|comparison| comparison.p_value);
        let _ = writeln!(
            lines,
            "{:>9} {:>9} {:>9}  {:<26} {:<26} {:>8}  {}",
            found.counts.users,
            found.counts.lists,
            found.counts.converted_users,
            percent(found.conversion_rate),
            percent(comparison.and_then(|comparison| comparison.difference)),
            p.map_or("-".to_owned(), |p| format!("{p:.4}")),
            variant.name,
        );
        if let Some(comparison) = comparison {
            let _ = writeln!(sentences, "{}: {}", variant.name, comparison.summary);
        }
    }
    lines.push_str(&sentences);
    if results.sample_ratio_mismatch() {
        lines.push_str(
            "The numbers of users are not what the weights ask for: do not trust these results before you know why.\n",
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::experiments::{ExperimentState, Overrides, Variant, VariantResults};

    #[test]
    fn a_table_has_a_line_for_each_variant() {
        let variant = |name: &str| Variant {
            id: uuid::Uuid::nil().into(),
            name: name.to_owned(),
            weight: 1,
            overrides: Overrides::default(),
        };
        let experiment = Experiment {
            id: uuid::Uuid::nil().into(),
            name: "Colours".to_owned(),
            state: ExperimentState::Running,
            contexts: Vec::new(),
            variants: vec![variant("control"), variant("blue")],
            created_at: DateTime::UNIX_EPOCH,
            started_at: None,
            stopped_at: None,
        };
        let of = |low: f64| VariantResults {
            counts: Default::default(),
            conversion_rate: Some(IntervalEstimate {
                value: 0.1,
                low,
                high: 0.2,
            }),
            comparison: None,
        };
        let results = ExperimentResults {
            excluded_users: 0,
            sample_ratio_p_value: Some(0.0001),
            variants: vec![of(0.05), of(0.06)],
        };
        assert!(line(&experiment).ends_with("Colours (control, blue)"));
        let table = table(&experiment, &results);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[1].contains("10.00 % [5.00, 20.00]"), "{table}");
        assert!(lines[2].ends_with("blue"), "{table}");
        assert!(lines[3].starts_with("The numbers of users"), "{table}");
    }
}
