//! The search on the validation file.

use std::ops::ControlFlow;

use anyhow::ensure;
use rustc_hash::FxHashSet;

use super::meter::Meter;
use super::{EvaluateArgs, Table};
use ranking::selection::{self, Choice, Fold, Plan};
use ranking::{Interactions, Repeats};

/// Up to so many entries, the validation file alone is too small to decide: the training file is
/// split at random as well.
const SMALL: usize = 300_000;

/// How often.
const MORE_SPLITS: u64 = 2;

/// How many settings of each kind are tried on data of up to [`SMALL`] entries, and at least.
const MOST_TRIALS: usize = 16;
const LEAST_TRIALS: usize = 10;

/// Chooses by the validation file and, where that is small, by further splits of the training
/// file. The test file plays no part.
///
/// # Errors
/// Nothing to learn from without the validation rows; settings out of range.
pub fn choose(table: &Table, valid: &[(i64, i64)], args: &EvaluateArgs) -> anyhow::Result<Choice> {
    let mut folds = vec![given_fold(table, valid)?];
    let entries = table.seen.len();
    if entries <= SMALL {
        let share = valid.len() as f64 / entries as f64;
        for split in 1..=MORE_SPLITS {
            let fold = Fold::at_random(&table.seen, share.min(0.5), args.seed.wrapping_add(split))?;
            // So few rows that a random part of them is all or none cannot be split.
            if fold.is_useful() {
                folds.push(fold);
            }
        }
    }
    let fitting = MOST_TRIALS * SMALL / entries.max(SMALL);
    let trials = args
        .trials
        .map_or(fitting.max(LEAST_TRIALS), |trials| trials as usize);
    let plan = Plan {
        families: args.model.families(),
        trials,
        given: args.given(),
        seed: args.seed,
    };
    let mut meter = Meter::start("choosing", 100);
    Ok(selection::choose(&folds, &plan, &mut |done| {
        meter.reached((100.0 * done) as usize);
        ControlFlow::Continue(())
    })?)
}

/// The validation file as what is held out, the rest of the training file as what is learnt from.
fn given_fold(table: &Table, valid: &[(i64, i64)]) -> anyhow::Result<Fold> {
    let place = |(user, item): &(i64, i64)| {
        let user = table.users.binary_search(user).ok()?;
        let item = table.items.binary_search(item).ok()?;
        // A table has fewer than 2³² of each.
        Some((user as u32, item as u32))
    };
    let held_out: FxHashSet<(u32, u32)> = valid.iter().filter_map(place).collect();
    let rest = table
        .seen
        .triplets()
        .filter(|(user, item, _)| !held_out.contains(&(*user, *item)));
    let (users, items) = (table.users.len(), table.items.len());
    let rest = Interactions::from_triplets(users, items, rest, Repeats::Max)?;
    ensure!(
        !rest.is_empty(),
        "nothing is left to learn from without the validation rows"
    );
    let mut taken: Vec<_> = held_out
        .iter()
        .map(|&(user, item)| (user, item, 1.0))
        .collect();
    taken.sort_unstable_by_key(|(user, item, _)| (*user, *item));
    let taken = Interactions::from_triplets(users, items, taken, Repeats::Max)?;
    Ok(Fold::new(rest, taken)?)
}
