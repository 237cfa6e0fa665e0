//! `marquee evaluate`: trains on one file, ranks for the users of another, says how good it is.

mod choosing;
mod model;
mod report;
mod rows;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use clap::{Args, value_parser};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::app::cli::OnSchema;
use crate::app::startup::App;
use crate::app::terminal::ProgressBar;
use crate::domain::auth::Viewer;
pub use choosing::Split;
pub use model::Model;
use ranking::collaborative::{self, Recipe};
use ranking::selection::Given;
use ranking::{Scores, evaluation};
use report::Report;
use rows::{Row, read_rows};
use table::Table;

/// Evaluate a model on held-out interactions: from files, or with `--served` the lists of a schema
/// as they are served.
///
/// The files have rows of `user,item[,value[,time]]`, plain or gzipped: users and items are
/// integers, a value is a rating or a count, a time is in seconds. With a header that names the
/// columns, they may be in any order. Values and times are read from the training file only.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// Evaluate the recommendations of a schema as they are served, instead of files: the latest
    /// likes of each user are held out, and their lists are computed by the serving pipeline as of
    /// that time.
    #[arg(long, conflicts_with_all = ["train", "test", "valid", "out"])]
    pub served: bool,
    #[command(flatten)]
    on: OnSchema,
    /// Training file.
    #[arg(long, value_name = "FILE", required_unless_present = "served")]
    train: Option<PathBuf>,
    /// Test file: interactions after those of the training file, by which the lists are evaluated.
    #[arg(long, value_name = "FILE", required_unless_present = "served")]
    test: Option<PathBuf>,
    /// Validation file, a part of the training file by which models, hyperparameters and blend
    /// weights are chosen. They are trained on the rest; the best are then trained on the whole
    /// training file. Small files are also split several times, so that no single split decides.
    /// Without it, `auto` splits the training file and the other models are not searched.
    #[arg(long, value_name = "FILE")]
    valid: Option<PathBuf>,
    /// How `auto` splits the training file [default: by time if the validation file has the latest
    /// rows of each user, otherwise at random].
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Model to evaluate; `auto` chooses models and blends them.
    #[arg(long, value_enum, default_value_t = Model::Auto)]
    model: Model,
    /// Number of items in each list.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    top: u32,
    /// Output file for the lists, with rows of `user,item,rank`.
    #[arg(long, value_name = "FILE", required_unless_present = "served")]
    out: Option<PathBuf>,
    /// Seed of the training; equal seeds give equal lists.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Maximum number of hyperparameter settings to try for each kind of model.
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// Approximate budget of the search and the training of its result, in seconds on two cores of
    /// a server [default: 45 seconds and 1.7 times the default training]. It is measured in
    /// operations, not by a clock, so that the lists do not depend on the load of the machine.
    #[arg(long, value_name = "SECONDS")]
    budget: Option<f64>,
    /// Number of factors of ALS; not searched if given. The same holds for the next four options.
    #[arg(long)]
    factors: Option<usize>,
    /// Number of sweeps of ALS, each of which solves for users and items.
    #[arg(long)]
    sweeps: Option<usize>,
    /// Weight of unobserved pairs in ALS.
    #[arg(long)]
    unobserved_weight: Option<f32>,
    /// Strength of the regularisation of ALS.
    #[arg(long)]
    regularisation: Option<f32>,
    /// Exponent by which regularisation depends on frequency: 0 for not at all, 1 for
    /// proportionally.
    #[arg(long)]
    exponent: Option<f32>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command: prints the outcome and writes the lists.
///
/// # Errors
/// Files that cannot be read or written, rows that are wrong, settings out of range.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a command owns its arguments, as every other does"
)]
pub fn run(args: EvaluateArgs) -> anyhow::Result<()> {
    let (Some(train), Some(test), Some(out)) = (&args.train, &args.test, &args.out) else {
        bail!("give --train, --test and --out, or --served");
    };
    let train = read_rows(train)?;
    let test = by_user(&read_rows(test)?);
    let valid = args.valid.as_deref().map(read_rows).transpose()?;
    ensure!(
        out.file_name().is_some(),
        "{} does not name a file",
        out.display()
    );
    if let Some(budget) = args.budget {
        ensure!(
            budget.is_finite() && budget > 0.0,
            "the budget must be a positive number of seconds"
        );
    }

    let table = Table::new(&train)?;
    let known = test
        .keys()
        .filter(|user| table.users.binary_search(user).is_ok());
    ensure!(
        known.count() > 0,
        "none of the {} users of the test file is in the training file, so there is nobody to \
         make lists for",
        test.len()
    );
    let searched =
        !args.model.families().is_empty() && (valid.is_some() || args.model == Model::Auto);
    let choice = match searched {
        true => choosing::choose(&table, &train, valid.as_deref(), &args)?,
        false => None,
    };
    let recipe = choice
        .as_ref()
        .map_or_else(|| args.default_recipe(), |choice| choice.recipe.clone());
    let began = Instant::now();
    let model = fit(&table, &recipe, true)?;
    let training_seconds = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let lists = table.rank(&model, test.keys().copied(), args.top as usize)?;
    let ranking_seconds = began.elapsed().as_secs_f64();
    ensure!(
        lists.iter().any(|(_, items)| !items.is_empty()),
        "not one of the {} known users of the test file gets a list: they have taken every item of \
         the training file",
        lists.len()
    );
    write_lists(out, &lists)?;

    let report = Report {
        model: args.model,
        scores: judge(&lists, &test),
        coverage_at_10: evaluation::coverage(
            lists.iter().map(|(_, items)| items.as_slice()),
            10,
            table.items.len(),
        ),
        users: test.len(),
        users_without_training: test.len() - lists.len(),
        training_seconds,
        ranking_seconds,
        recipe,
        choice: choice.map(report::ShownChoice::from),
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.lines());
    }
    Ok(())
}

/// Judges the lists of a schema as they are served: `--served`.
///
/// # Errors
/// When a training of the schema runs, when there is nothing to learn from, or nobody has taken enough
/// to hold something out.
pub async fn run_served(args: EvaluateArgs, app: &App) -> anyhow::Result<()> {
    let (_, services) = app.schema(args.on.schema.as_ref())?;
    let service = &services.recommendations;
    let evaluated = service
        .evaluate(&Viewer::Command, false, ProgressBar::new())
        .await?;
    if args.json {
        println!("{}", serde_json::to_string(&evaluated)?);
        return Ok(());
    }
    let figure = evaluated.figure.context(
        "nobody has taken enough to hold something out: five liked items a user are needed, at \
         different times or not",
    )?;
    println!(
        "Model {}: {} users, {} items, {} pairs, {:.1} s.",
        evaluated.algorithm, evaluated.users, evaluated.items, evaluated.pairs, evaluated.seconds
    );
    print!("{}", super::replay_report::lines(&figure));
    Ok(())
}

impl EvaluateArgs {
    /// What is trained where nothing is searched.
    fn default_recipe(&self) -> Recipe {
        self.model.default_recipe(&self.given(), self.seed)
    }

    /// The hyper-parameters that were given.
    fn given(&self) -> Given {
        Given {
            factors: self.factors,
            sweeps: self.sweeps,
            unobserved_weight: self.unobserved_weight,
            regularisation: self.regularisation,
            exponent: self.exponent,
        }
    }
}

/// What each user took.
type Consumed = FxHashMap<i64, FxHashSet<i64>>;

fn by_user(rows: &[Row]) -> Consumed {
    let mut consumed = Consumed::default();
    for row in rows {
        consumed.entry(row.user).or_default().insert(row.item);
    }
    consumed
}

/// The mean over all users of `consumed`; who has no list scores 0.
fn judge(lists: &[(i64, Vec<i64>)], consumed: &Consumed) -> Scores {
    let mut each: Vec<Scores> = lists
        .iter()
        .filter_map(|(user, list)| {
            consumed
                .get(user)
                .map(|consumed| Scores::of(list, consumed))
        })
        .collect();
    each.resize(consumed.len(), Scores::default());
    Scores::mean(&each)
}

fn fit(table: &Table, recipe: &Recipe, show: bool) -> anyhow::Result<collaborative::Model> {
    let mut bar = show.then(ProgressBar::new);
    let model = collaborative::Model::fit(recipe, &table.seen, &mut |done| {
        if let Some(bar) = &mut bar {
            bar.show_fraction("training", done);
        }
        ControlFlow::Continue(())
    })?;
    Ok(model)
}

/// Writes the lists beside the file and then moves them there: nobody reads half of them.
fn write_lists(path: &Path, lists: &[(i64, Vec<i64>)]) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let write = || -> anyhow::Result<()> {
        let mut out = BufWriter::new(fs::File::create(&beside)?);
        writeln!(out, "user,item,rank")?;
        for (user, items) in lists {
            for (rank, item) in (1..).zip(items) {
                writeln!(out, "{user},{item},{rank}")?;
            }
        }
        out.into_inner()?.sync_all()?;
        Ok(fs::rename(&beside, path)?)
    };
    write()
        .inspect_err(|_| {
            // Tidying up is all that is left to do, and it is no worse if it fails, too.
            fs::remove_file(&beside).ok();
        })
        .with_context(|| format!("cannot write {}", path.display()))
}
