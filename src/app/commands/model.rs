//! `marquee model`: versions of trained models.

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};

use super::print_list;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelState, ModelVersion};
use crate::domain::slates::PolicyEvaluation;
use crate::domain::slates::evaluation::Estimate;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};

/// Manage versions of trained models.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// List all versions, newest first.
    List(ListArgs),
    /// Activate a trained version. Running servers use it within about a second.
    Activate(VersionArgs),
    /// Evaluate a version of the bandit on slates that were decided, without serving it.
    Evaluate(EvaluateArgs),
    /// Activate a version if it comes up to the active one.
    Promote(PromoteArgs),
    /// Activate the version of a kind that preceded the active one.
    RollBack(KindArgs),
    /// Delete a version that is not active, with its stored model.
    Discard(VersionArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// List only versions of this kind: AUDIENCE, BANDIT, COLLABORATIVE, CURATOR, EMBEDDING or RANKER.
    #[arg(long, value_parser = kind)]
    kind: Option<ModelKind>,
}

#[derive(Debug, Args)]
struct VersionArgs {
    /// ID of the version, for example model_01h2xcejqtf2nbrexx3vqjhp41.
    id: Id<id::Model>,
}

#[derive(Debug, Args)]
struct EvaluateArgs {
    /// ID of the version.
    id: Id<id::Model>,
    /// Number of days whose slates it is evaluated on (default: the setting `promotion.days`).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
    /// Count slates that the version has learned from, too. The estimates are too high then.
    #[arg(long)]
    include_learned: bool,
}

#[derive(Debug, Args)]
struct PromoteArgs {
    /// ID of the version.
    id: Id<id::Model>,
    /// Activate it even if it does not pass all checks.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct KindArgs {
    /// Kind of the model: AUDIENCE, BANDIT, COLLABORATIVE, CURATOR, EMBEDDING or RANKER.
    #[arg(value_parser = kind)]
    kind: ModelKind,
}

fn kind(text: &str) -> Result<ModelKind, String> {
    text.to_ascii_uppercase().parse()
}

/// Runs `marquee model …`.
///
/// # Errors
/// A sentence that says what is wrong with the arguments, or what failed.
pub async fn run(args: ModelArgs, services: &Services) -> anyhow::Result<()> {
    let models = &services.models;
    match args.command {
        ModelCommand::List(args) => list(args.kind, services).await,
        ModelCommand::Activate(args) => {
            let active = models.promote(&Viewer::Command, args.id).await?;
            println!("{} {} is active.", name(&active), active.id);
            Ok(())
        }
        ModelCommand::Evaluate(args) => evaluate(args, services).await,
        ModelCommand::Promote(args) => promote(args, services).await,
        ModelCommand::RollBack(args) => {
            let active = models.roll_back(&Viewer::Command, args.kind).await?;
            println!("{} {} is active again.", name(&active), active.id);
            Ok(())
        }
        ModelCommand::Discard(args) => {
            let gone = models.discard(&Viewer::Command, args.id).await?;
            println!("Deleted {} {}.", name(&gone), gone.id);
            Ok(())
        }
    }
}

async fn evaluate(args: EvaluateArgs, services: &Services) -> anyhow::Result<()> {
    let mut period = services.promotion.default_period();
    if let Some(days) = args.days {
        period.from = period.until - TimeDelta::days(days.into());
    }
    let evaluation = services
        .slates
        .evaluate_policy(&Viewer::Command, args.id, period, args.include_learned)
        .await?;
    print!("{}", described(&evaluation));
    Ok(())
}

/// An evaluation as a table.
fn described(evaluation: &PolicyEvaluation) -> String {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let estimate = |estimate: Option<Estimate>| {
        let shown = |e: Estimate| format!("{:.4} ({:.4} to {:.4})", e.value, e.low, e.high);
        estimate.map_or("-".to_owned(), shown)
    };
    let estimates = evaluation.estimates.as_ref().ok();
    let (served, own) = (evaluation.served_quality, evaluation.quality);
    let latency = evaluation.latency.map_or("-".to_owned(), |latency| {
        format!(
            "{:.1} ms in the median, {:.1} ms at most ({} slates)",
            1e3 * latency.median.as_secs_f64(),
            1e3 * latency.slowest.as_secs_f64(),
            latency.slates
        )
    });
    let mut lines = vec![
        ("Version", name(&evaluation.model)),
        ("Slates", evaluation.slates.to_string()),
        ("With a selection", evaluation.selections.to_string()),
        ("Left out, learned from", evaluation.learned.to_string()),
        (
            "Left out, incomparable",
            evaluation.incomparable.to_string(),
        ),
        ("Selections, served", estimate(evaluation.served)),
        (
            "Doubly robust",
            estimate(estimates.map(|estimates| estimates.doubly_robust)),
        ),
        (
            "SNIPS",
            estimate(estimates.map(|estimates| estimates.snips)),
        ),
        ("IPS", estimate(estimates.map(|estimates| estimates.ips))),
        (
            "Effective slates",
            format!("{:.1}", evaluation.effective_slates),
        ),
        ("NDCG, served", number(served.ndcg)),
        ("NDCG", number(own.ndcg)),
        ("Coverage, served", number(served.coverage)),
        ("Coverage", number(own.coverage)),
        ("Latency", latency),
    ];
    if let Err(problem) = &evaluation.estimates {
        lines.push(("No estimates", problem.clone()));
    }
    let line = |(name, value): (&str, String)| format!("{name:24}{value}\n");
    lines.into_iter().map(line).collect()
}

async fn promote(args: PromoteArgs, services: &Services) -> anyhow::Result<()> {
    let promotion = &services.promotion;
    let done = promotion
        .promote(&Viewer::Command, args.id, None, args.force)
        .await?;
    for check in &done.checks {
        let passed = if check.passed { "passed" } else { "FAILED" };
        let measure = check.measure.as_str();
        println!("{passed}  {measure:16}  {}", check.message);
    }
    anyhow::ensure!(
        done.promoted,
        "{} was not promoted; `--force` activates it all the same",
        name(&done.model)
    );
    println!("{} {} is active.", name(&done.model), done.model.id);
    Ok(())
}

async fn list(kind: Option<ModelKind>, services: &Services) -> anyhow::Result<()> {
    let page = async |window: &Window| services.models.list(&Viewer::Command, kind, window).await;
    print_list(page, ModelVersion::cursor, line).await
}

fn name(version: &ModelVersion) -> String {
    format!("{} {}", version.kind.as_str(), version.version)
}

fn line(version: &ModelVersion) -> String {
    let moment = |moment: Option<DateTime<Utc>>| {
        moment.map_or("-".to_owned(), |moment| {
            moment.format("%Y-%m-%d %H:%M").to_string()
        })
    };
    let state = match (version.state, version.trained_at, version.kept) {
        (ModelState::Active, ..) => "active",
        (_, None, _) => "in training",
        (_, _, false) => "removed",
        (ModelState::Candidate, ..) => "candidate",
        (ModelState::Retired, ..) => "retired",
    };
    let quality = version.metrics["ndcgAt10"].as_f64();
    format!(
        "{}\t{}\t{}\t{state}\ttrained {}\tactivated {}\tNDCG@10 {}\t{}",
        version.id,
        version.kind.as_str(),
        version.version,
        moment(version.trained_at),
        moment(version.activated_at),
        quality.map_or("-".to_owned(), |quality| format!("{quality:.4}")),
        version.algorithm,
    )
}
