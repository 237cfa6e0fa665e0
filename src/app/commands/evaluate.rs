//! `marquee evaluate`: trains on one file, ranks for the users of another, says how good it is.

mod meter;
mod pairs;
mod report;
mod search;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum, value_parser};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::ranking::{
    Factors, Ials, IalsSettings, Interactions, Repeats, Scores, evaluation, popularity, top,
};
use meter::Meter;
use pairs::read_pairs;
use report::{Report, Shown, ShownTrial};
use search::{Given, Trial};

/// Judge a model on held-out interactions.
///
/// The files hold `user,item` rows of whole numbers, plain or gzipped, with or without a header;
/// further columns are ignored.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// What the model learns from.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// What the users took afterwards; their lists are judged by it.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// A part of the training file to choose settings by. They are tried on the rest; the model
    /// then learns from the whole training file with the best.
    #[arg(long, value_name = "FILE")]
    valid: Option<PathBuf>,
    /// The model.
    #[arg(long, value_enum, default_value_t = Model::Als)]
    model: Model,
    /// How many items a list has.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    top: u32,
    /// Where the lists go, as `user,item,rank`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Decides the start of the training; equal seeds give equal lists.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many trainings the search may take, apart from the dozen of its final round.
    #[arg(long, default_value_t = 80, value_parser = value_parser!(u32).range(1..))]
    trials: u32,
    /// Length of the vectors; not searched if given. The same holds for the next four.
    #[arg(long)]
    factors: Option<usize>,
    /// How often both sides are solved.
    #[arg(long)]
    sweeps: Option<usize>,
    /// Weight of the pairs that were not observed.
    #[arg(long)]
    unobserved_weight: Option<f32>,
    /// Strength of the regularisation.
    #[arg(long)]
    regularisation: Option<f32>,
    /// How far regularisation follows frequency: 0 not at all, 1 in proportion.
    #[arg(long)]
    exponent: Option<f32>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// The models that can be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Implicit alternating least squares.
    Als,
    /// What most users took.
    Popular,
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
    let train = read_pairs(&args.train)?;
    let test = by_user(&read_pairs(&args.test)?);
    let valid = args.valid.as_deref().map(read_pairs).transpose()?;
    ensure!(
        args.out.file_name().is_some(),
        "{} does not name a file",
        args.out.display()
    );

    let mut tried = Vec::new();
    let mut settings = None;
    let given = args.given();
    if args.model == Model::Als {
        let defaults = IalsSettings {
            seed: args.seed,
            ..IalsSettings::default()
        };
        let mut chosen = given.over(defaults);
        chosen.check()?;
        if let Some(valid) = valid {
            (chosen, tried) = search_on(&train, &valid, &given, &args)?;
        }
        settings = Some(chosen);
    }

    let table = Table::new(&train)?;
    let began = Instant::now();
    let factors = settings
        .as_ref()
        .map(|settings| fit(&table, settings, true))
        .transpose()?;
    let training_seconds = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let lists = table.rank(factors.as_ref(), test.keys().copied(), args.top as usize);
    let ranking_seconds = began.elapsed().as_secs_f64();
    write_lists(&args.out, &lists)?;

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
        settings: settings.as_ref().map(Shown::from),
        tried: tried.iter().map(ShownTrial::from).collect(),
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.lines());
    }
    Ok(())
}

impl EvaluateArgs {
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
type Taken = FxHashMap<i64, FxHashSet<i64>>;

fn by_user(pairs: &[(i64, i64)]) -> Taken {
    let mut taken = Taken::default();
    for (user, item) in pairs {
        taken.entry(*user).or_default().insert(*item);
    }
    taken
}

/// Interactions under the ids of the file. Indices ascend with the ids, so the order of the
/// rows in the file does not matter, and ties go to the smaller id.
struct Table {
    users: Vec<i64>,
    items: Vec<i64>,
    seen: Interactions,
}

impl Table {
    fn new(pairs: &[(i64, i64)]) -> anyhow::Result<Self> {
        let ascending = |id: fn(&(i64, i64)) -> i64| {
            let mut ids: Vec<i64> = pairs.iter().map(id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let (users, items) = (ascending(|pair| pair.0), ascending(|pair| pair.1));
        ensure!(
            u32::try_from(users.len().max(items.len())).is_ok(),
            "there are more than four thousand million users or items"
        );
        let indices = |ids: &[i64]| ids.iter().copied().zip(0_u32..).collect();
        let of_user: FxHashMap<i64, u32> = indices(&users);
        let of_item: FxHashMap<i64, u32> = indices(&items);
        let triplets = pairs
            .iter()
            .map(|(user, item)| (of_user[user], of_item[item], 1.0));
        let seen = Interactions::from_triplets(users.len(), items.len(), triplets, Repeats::Max)?;
        Ok(Self { users, items, seen })
    }

    /// The best `keep` unseen items for each of these users that is known, by ascending user;
    /// by popularity if there are no factors.
    fn rank(
        &self,
        factors: Option<&Factors>,
        users: impl Iterator<Item = i64>,
        keep: usize,
    ) -> Vec<(i64, Vec<i64>)> {
        let mut known: Vec<u32> = users
            .filter_map(|user| self.users.binary_search(&user).ok())
            .filter_map(|user| u32::try_from(user).ok())
            .collect();
        known.sort_unstable();
        let lists = match factors {
            Some(factors) => factors.best_of_each(&known, &self.seen, keep),
            None => {
                let scores = popularity::counts(&self.seen);
                let best = |user: &u32| top::best(&scores, keep, self.seen.row(*user as usize).0);
                known.iter().map(best).collect()
            }
        };
        let ids = |list: Vec<(u32, f32)>| {
            list.into_iter()
                .map(|(item, _)| self.items[item as usize])
                .collect()
        };
        known
            .iter()
            .map(|user| self.users[*user as usize])
            .zip(lists.into_iter().map(ids))
            .collect()
    }
}

/// The mean over all users of `taken`; who has no list scores 0.
fn judge(lists: &[(i64, Vec<i64>)], taken: &Taken) -> Scores {
    let mut each: Vec<Scores> = lists
        .iter()
        .filter_map(|(user, list)| taken.get(user).map(|taken| Scores::of(list, taken)))
        .collect();
    each.resize(taken.len(), Scores::default());
    Scores::mean(&each)
}

fn fit(table: &Table, settings: &IalsSettings, show: bool) -> anyhow::Result<Factors> {
    let mut meter = show.then(|| Meter::start("training", settings.sweeps));
    let factors = Ials::fit(&table.seen, settings, &mut |progress| {
        if let Some(meter) = &mut meter {
            meter.reached(progress.sweep);
        }
        ControlFlow::Continue(())
    })?;
    Ok(factors)
}

fn search_on(
    train: &[(i64, i64)],
    valid: &[(i64, i64)],
    given: &Given,
    args: &EvaluateArgs,
) -> anyhow::Result<(IalsSettings, Vec<Trial>)> {
    let held_out: FxHashSet<(i64, i64)> = valid.iter().copied().collect();
    let rest: Vec<_> = train
        .iter()
        .copied()
        .filter(|pair| !held_out.contains(pair))
        .collect();
    ensure!(
        !rest.is_empty(),
        "nothing is left to learn from without the validation rows"
    );
    let table = Table::new(&rest)?;
    let taken = by_user(valid);
    let mut meter = Meter::start("choosing settings", args.trials as usize);
    let mut done = 0;
    search::choose(
        &table.seen,
        given,
        args.seed,
        args.trials as usize,
        &mut |settings| {
            let factors = fit(&table, settings, false)?;
            let lists = table.rank(Some(&factors), taken.keys().copied(), 10);
            done += 1;
            meter.reached(done);
            Ok(judge(&lists, &taken).ndcg_at_10)
        },
    )
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
