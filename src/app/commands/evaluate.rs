//! `marquee evaluate`: trains on one file, ranks for the users of another, says how good it is.

mod choosing;
mod meter;
mod pairs;
mod report;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum, value_parser};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use meter::Meter;
use pairs::read_pairs;
use ranking::collaborative::{self, Kind, Recipe};
use ranking::ease::EaseSettings;
use ranking::graph::GraphSettings;
use ranking::selection::{Family, Given};
use ranking::{Entry, IalsSettings, Interactions, Repeats, Scores, evaluation, top};
use report::Report;

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
    /// A part of the training file to choose models, settings and weights by. They are tried on
    /// the rest; the best then learns from the whole training file. Small files are split at
    /// random twice more, so that no single split decides. Without it, nothing is searched.
    #[arg(long, value_name = "FILE")]
    valid: Option<PathBuf>,
    /// The model; `auto` chooses and blends.
    #[arg(long, value_enum, default_value_t = Model::Auto)]
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
    /// How many settings of each kind of model are tried at most; as many as the size of the
    /// data suggests if it is not given.
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// Length of the vectors of ALS; not searched if given. The same holds for the next four.
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
    /// The best blend of those below.
    Auto,
    /// Implicit alternating least squares.
    Als,
    /// The linear model EASE.
    Ease,
    /// EASE with dropout.
    Edlae,
    /// Neighbours through the graph of users and items, of which RP3beta is one point.
    #[value(alias = "rp3beta")]
    Graph,
    /// What most users took.
    Popular,
}

impl Model {
    fn families(self) -> Vec<Family> {
        match self {
            Self::Auto => vec![Family::Ials, Family::Edlae, Family::Graph],
            Self::Als => vec![Family::Ials],
            Self::Ease => vec![Family::Ease],
            Self::Edlae => vec![Family::Edlae],
            Self::Graph => vec![Family::Graph],
            Self::Popular => vec![Family::Popular],
        }
    }

    fn default_recipe(self, given: &Given, seed: u64) -> Recipe {
        let factors = given.over(IalsSettings {
            seed,
            ..IalsSettings::default()
        });
        let mut recipe = match self {
            Self::Auto => Recipe::default(),
            Self::Als => Recipe::of(Kind::Ials(factors.clone())),
            Self::Ease => Recipe::of(Kind::Ease(EaseSettings {
                dropout: 0.0,
                ..EaseSettings::default()
            })),
            Self::Edlae => Recipe::of(Kind::Ease(EaseSettings::default())),
            Self::Graph => Recipe::of(Kind::Graph(GraphSettings::default())),
            Self::Popular => Recipe::of(Kind::Popular),
        };
        for part in &mut recipe.parts {
            if let Kind::Ials(settings) = &mut part.kind {
                *settings = factors.clone();
            }
        }
        recipe
    }
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

    let table = Table::new(&train)?;
    let (recipe, choice) = match (&valid, args.model) {
        (None, _) | (_, Model::Popular) => (args.default_recipe(), None),
        (Some(valid), _) => {
            args.default_recipe().check()?;
            let choice = choosing::choose(&table, valid, &args)?;
            (choice.recipe.clone(), Some(choice))
        }
    };
    let began = Instant::now();
    let model = fit(&table, &recipe, true)?;
    let training_seconds = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let lists = table.rank(&model, test.keys().copied(), args.top as usize)?;
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

    /// The best `keep` unseen items for each of these users that is known, by ascending user.
    fn rank(
        &self,
        model: &collaborative::Model,
        users: impl Iterator<Item = i64>,
        keep: usize,
    ) -> anyhow::Result<Vec<(i64, Vec<i64>)>> {
        let mut known: Vec<usize> = users
            .filter_map(|user| self.users.binary_search(&user).ok())
            .collect();
        known.sort_unstable();
        let list = |user: usize| {
            let items = self.seen.row(user).0;
            let entries: Vec<Entry> = self.seen.entries(user).collect();
            let scored = model.scores(&entries)?;
            let best = top::best(&scored.scores, keep, items);
            let ids = best.iter().map(|(item, _)| self.items[*item as usize]);
            Ok((self.users[user], ids.collect()))
        };
        known.into_par_iter().map(list).collect()
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

fn fit(table: &Table, recipe: &Recipe, show: bool) -> anyhow::Result<collaborative::Model> {
    /// The meter counts in hundredths.
    const STEPS: usize = 100;
    let mut meter = show.then(|| Meter::start("training", STEPS));
    let model = collaborative::Model::fit(recipe, &table.seen, &mut |done| {
        if let Some(meter) = &mut meter {
            meter.reached((done * STEPS as f32) as usize);
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
