//! The search on the validation file, or on a part of the training file.

use std::ops::ControlFlow;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use rustc_hash::{FxHashMap, FxHashSet};

use super::EvaluateArgs;
use super::rows::Row;
use super::table::{Table, Weights};
use crate::app::terminal::ProgressBar;
use ranking::selection::{self, Choice, Fold, Plan};
use ranking::{Interactions, Repeats};

/// How rows of the training file are held out for validation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Split {
    /// Rows chosen at random.
    Random,
    /// The latest rows of each user.
    Time,
}

/// The share of the training file that is held out where there is no validation file.
const SHARE: f64 = 0.1;

/// So many of 100 users' validation rows must be later than all else they took for the file to
/// have been split by time.
const LATEST: usize = 90;

/// Chooses by the validation file, and by further splits of the training file where what is held
/// out is little; by splits alone where there is no validation file. The test file plays no part.
/// Nothing if there are too few rows to hold any out.
///
/// # Errors
/// A validation file that shares nothing with the training file, or leaves nothing to learn from;
/// settings out of range; a split by time without times.
pub fn choose(
    table: &Table,
    train: &[Row],
    valid: Option<&[Row]>,
    args: &EvaluateArgs,
) -> anyhow::Result<Option<Choice>> {
    let reference = args.default_recipe();
    reference.check()?;
    ensure!(
        args.split != Some(Split::Time) || table.seen.has_times(),
        "a split by time needs a training file with times: user,item,value,time"
    );
    let folds = folds(table, train, valid, args)?;
    let Some(fold) = folds.first() else {
        return Ok(None);
    };
    let plan = Plan {
        families: args.model.families(),
        budget: args
            .budget
            .unwrap_or_else(|| selection::budget(fold, &reference)),
        compare: args.model == super::Model::Auto,
        reference,
        trials: args.trials.map_or(usize::MAX, |trials| trials as usize),
        given: args.given(),
        seed: args.seed,
    };
    let mut bar = ProgressBar::new();
    let choice = selection::choose(&folds, &plan, &mut |done| {
        bar.show_fraction("choosing", done);
        ControlFlow::Continue(())
    })?;
    Ok(Some(choice))
}

fn folds(
    table: &Table,
    train: &[Row],
    valid: Option<&[Row]>,
    args: &EvaluateArgs,
) -> anyhow::Result<Vec<Fold>> {
    let mut folds = Vec::new();
    let mut share = SHARE;
    let mut by_time = args.split == Some(Split::Time);
    let weights = Weights::of(train);
    // What is held out is like what the lists are judged by: rows that are liked, or as much so as
    // those of the validation file.
    let mut least = None;
    if let Some(valid) = valid {
        let given = Given::new(table, valid)?;
        by_time |= args.split.is_none() && given.is_latest(table);
        share = given.held_out.len() as f64 / given.rows_of_users(table);
        least = Some(given.least_value(table, train));
        folds.push(given.fold(table)?);
    }
    let entries = table.seen.len();
    let more = match valid {
        Some(_) => selection::more_splits(entries),
        None => selection::more_splits(entries).max(1) + u64::from(entries < 300_000),
    };
    let kept: FxHashSet<(u32, u32)> = train
        .iter()
        .filter(|row| match least {
            Some(least) => row.value.is_none_or(|value| value >= least),
            None => weights.likes(row.value),
        })
        .filter_map(|row| table.index(row.pair()))
        .collect();
    for split in 0..more {
        let fold = if by_time {
            let earlier = split as usize + usize::from(valid.is_some());
            Fold::latest(&table.seen, share.min(0.5), earlier)?
        } else {
            let seed = args.seed.wrapping_add(split + 1);
            let (share, kept) = (share.min(0.5), &kept);
            Fold::at_random_of(&table.seen, share, seed, |user, item| {
                kept.contains(&(user, item))
            })?
        };
        // So few rows that a random part of them is all or none cannot be split.
        if fold.is_useful() {
            folds.push(fold);
        }
    }
    Ok(folds)
}

/// A validation file.
struct Given {
    held_out: FxHashSet<(u32, u32)>,
}

impl Given {
    fn new(table: &Table, valid: &[Row]) -> anyhow::Result<Self> {
        let indices = valid.iter().filter_map(|row| table.index(row.pair()));
        let held_out: FxHashSet<(u32, u32)> = indices.collect();
        let given = Self { held_out };
        if given.held_out.is_empty() {
            let known = |ids: &[i64], of: fn(&Row) -> i64| {
                let all: FxHashSet<i64> = valid.iter().map(of).collect();
                let known = all.iter().filter(|id| ids.binary_search(id).is_ok());
                (known.count(), all.len())
            };
            let (users, all_users) = known(&table.users, |row| row.user);
            let (items, all_items) = known(&table.items, |row| row.item);
            bail!(
                "the validation file shares nothing with the training file, of which it should be \
                 a part: none of its {} rows, {users} of its {all_users} users and {items} of its \
                 {all_items} items are there",
                valid.len()
            );
        }
        Ok(given)
    }

    /// The validation file as what is held out, the rest of the training file as what is learnt
    /// from.
    fn fold(&self, table: &Table) -> anyhow::Result<Fold> {
        let out = |user: u32, item: u32| self.held_out.contains(&(user, item));
        let (users, items) = (table.users.len(), table.items.len());
        let rest = table
            .seen
            .events()
            .filter(|(user, entry)| !out(*user, entry.item));
        let rest = Interactions::from_events(users, items, rest, Repeats::Max)?;
        ensure!(
            !rest.is_empty(),
            "nothing is left to learn from without the validation rows"
        );
        let learnt = |user: u32| !rest.row(user as usize).0.is_empty();
        ensure!(
            self.held_out.iter().any(|(user, _)| learnt(*user)),
            "no user of the validation file has any other row in the training file to learn from"
        );
        let mut consumed: Vec<_> = self
            .held_out
            .iter()
            .map(|&(user, item)| (user, item, 1.0))
            .collect();
        consumed.sort_unstable_by_key(|(user, item, _)| (*user, *item));
        let consumed = Interactions::from_triplets(users, items, consumed, Repeats::Max)?;
        Ok(Fold::new(rest, consumed)?)
    }

    /// How many rows those users have who have a row here.
    fn rows_of_users(&self, table: &Table) -> f64 {
        let with: FxHashSet<u32> = self.held_out.iter().map(|(user, _)| *user).collect();
        let rows = with
            .iter()
            .map(|user| table.seen.row(*user as usize).0.len());
        rows.sum::<usize>().max(1) as f64
    }

    /// Whether most users have nothing later in the training file than what is held out.
    fn is_latest(&self, table: &Table) -> bool {
        if !table.seen.has_times() {
            return false;
        }
        let mut earliest: FxHashMap<u32, Option<i64>> = FxHashMap::default();
        let mut rest: FxHashMap<u32, Option<i64>> = FxHashMap::default();
        for (user, entry) in table.seen.events() {
            if self.held_out.contains(&(user, entry.item)) {
                let known = earliest.entry(user).or_insert(entry.time);
                *known = (*known).min(entry.time);
            } else {
                let known = rest.entry(user).or_insert(entry.time);
                *known = (*known).max(entry.time);
            }
        }
        let later = earliest
            .iter()
            .filter(|(user, time)| rest.get(user).is_none_or(|rest| rest <= time));
        100 * later.count() >= LATEST * earliest.len()
    }

    /// The least value of what is held out, by the training file.
    fn least_value(&self, table: &Table, train: &[Row]) -> f32 {
        let values = train.iter().filter_map(|row| {
            let value = row.value?;
            let index = table.index(row.pair())?;
            self.held_out.contains(&index).then_some(value)
        });
        let least = values.fold(f32::INFINITY, f32::min);
        if least.is_finite() { least } else { f32::MIN }
    }
}
