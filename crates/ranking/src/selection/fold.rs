//! One way of holding something out.

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::collaborative::{CollaborativeError, Kind, TOGETHER, Trained};
use super::super::evaluation::Scores;
use super::super::matrix::{Entry, Interactions, MatrixError, Repeats};
use super::super::symmetric::{Observer, Stopped};
use super::super::{evaluation, top};

/// How many scores the lists of one fold may take at once: users are left out evenly beyond.
const MOST_SCORES: usize = 40_000_000;

/// How many scores are made between two looks at the observer: a fraction of a second.
const SCORES: usize = 4_000_000;

/// How much of the work of a trial is training; the rest is judging.
const TRAINING: f32 = 0.9;

/// What a model may learn from and what its lists are judged by.
#[derive(Clone, Debug)]
pub struct Fold {
    seen: Interactions,
    held_out: Interactions,
    /// The users that are judged.
    users: Vec<u32>,
}

impl Fold {
    /// A fold from two tables of the same users and items.
    ///
    /// # Errors
    /// [`MatrixError::Shape`] if the tables differ in size.
    pub fn new(seen: Interactions, held_out: Interactions) -> Result<Self, MatrixError> {
        if seen.rows() != held_out.rows() || seen.columns() != held_out.columns() {
            return Err(MatrixError::Shape {
                values: held_out.rows(),
                rows: seen.rows(),
                columns: seen.columns(),
            });
        }
        let users = (0_u32..)
            .take(held_out.rows())
            .filter(|user| !held_out.row(*user as usize).0.is_empty())
            .collect();
        let fold = Self {
            seen,
            held_out,
            users,
        };
        Ok(fold.judged_by(MOST_SCORES))
    }

    /// The same fold, judged by so many users that their lists take at most so many scores, but by
    /// a hundred at least; users are left out evenly.
    pub(super) fn judged_by(mut self, scores: usize) -> Self {
        let most = (scores / self.seen.columns().max(1)).max(100);
        let every = self.users.len().div_ceil(most).max(1);
        self.users = self.users.into_iter().step_by(every).collect();
        self
    }

    /// A fold that holds out a share of the entries, from 0 to 1, at random: the seed and the
    /// entry alone decide.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn at_random(table: &Interactions, share: f64, seed: u64) -> Result<Self, MatrixError> {
        Self::at_random_of(table, share, seed, |_, _| true)
    }

    /// The same, of those entries only, by user and item, of which `may` says so.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn at_random_of(
        table: &Interactions,
        share: f64,
        seed: u64,
        may: impl Fn(u32, u32) -> bool,
    ) -> Result<Self, MatrixError> {
        Self::holding_out(table, |user, item| {
            let name = u64::from(user) << 32 | u64::from(item);
            chosen(name, share, seed) && may(user, item)
        })
    }

    /// A fold that holds out the entries, by user and item, of which `out` says so.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn holding_out(
        table: &Interactions,
        out: impl Fn(u32, u32) -> bool,
    ) -> Result<Self, MatrixError> {
        let part = |held_out| part(table, |user, item| out(user, item) == held_out);
        Self::new(part(false)?, part(true)?)
    }

    /// A fold that holds out the latest share, from 0 to 1, of each user's entries whose time is
    /// known, at least one, as far as another entry is left. As many times as `earlier` says, what
    /// would be held out is forgotten first: the fold then judges an earlier moment. Entries of
    /// one moment are in the order of their items.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn latest(table: &Interactions, share: f64, earlier: usize) -> Result<Self, MatrixError> {
        let mut seen = FxHashSet::default();
        let mut held_out = FxHashSet::default();
        for user in (0_u32..).take(table.rows()) {
            let mut entries: Vec<(Option<i64>, u32)> = table
                .entries(user as usize)
                .map(|entry| (entry.time, entry.item))
                .collect();
            // Those of unknown time come first.
            entries.sort_unstable();
            let known = entries.iter().filter(|(time, _)| time.is_some()).count();
            let block = ((known as f64 * share).round() as usize).max(1);
            let end = entries.len() - (block * earlier).min(known);
            let left = known.saturating_sub(block * earlier);
            let start = end - block.min(left).min(end.saturating_sub(1));
            seen.extend(entries[..start].iter().map(|(_, item)| (user, *item)));
            held_out.extend(entries[start..end].iter().map(|(_, item)| (user, *item)));
        }
        let part =
            |of: &FxHashSet<(u32, u32)>| part(table, |user, item| of.contains(&(user, item)));
        Self::new(part(&seen)?, part(&held_out)?)
    }

    /// The same for a random share of the users, from 0 to 1: all others have no entries.
    pub(super) fn sampled(&self, share: f64, seed: u64) -> Result<Self, MatrixError> {
        let part = |table| part(table, |user, _| chosen(u64::from(user), share, seed));
        Self::new(part(&self.seen)?, part(&self.held_out)?)
    }

    /// What a model may learn from.
    pub fn seen(&self) -> &Interactions {
        &self.seen
    }

    /// Whether there is something to learn from and something to judge by.
    pub fn is_useful(&self) -> bool {
        !self.seen.is_empty() && !self.users.is_empty()
    }

    pub(super) fn users(&self) -> &[u32] {
        &self.users
    }

    /// Trains one part on what is seen; `observe` hears of it as the first part of a trial.
    pub(super) fn train(
        &self,
        kind: &Kind,
        observe: &mut Observer,
    ) -> Result<Trained, CollaborativeError> {
        if self.seen.is_empty() {
            return Err(CollaborativeError::NoInteractions);
        }
        Trained::fit(kind, &self.seen, &mut |done| observe(TRAINING * done))
    }

    /// How good the list of each judged user is, in their order; `observe` hears of it as the last part of a trial.
    pub(super) fn judge(
        &self,
        trained: &Trained,
        observe: &mut Observer,
    ) -> Result<Vec<f64>, CollaborativeError> {
        self.each(trained, observe, |user, scores| {
            quality(&self.judge_one(user, scores))
        })
    }

    /// Does something with the scores of each judged user, on all threads, some users at a time.
    fn each<T: Send>(
        &self,
        trained: &Trained,
        observe: &mut Observer,
        of_user: impl Fn(u32, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>, CollaborativeError> {
        let mut done = Vec::with_capacity(self.users.len());
        for users in self.users.chunks(self.at_once()) {
            let of_some = |users: &[u32]| {
                let entries: Vec<_> = users.iter().map(|user| self.entries(*user)).collect();
                let scores = trained.scores(self.seen.columns(), &entries)?;
                let all = users.iter().zip(scores);
                Ok(all.map(|(user, scores)| of_user(*user, &scores)).collect())
            };
            let some: Result<Vec<Vec<T>>, CollaborativeError> =
                users.par_chunks(TOGETHER).map(of_some).collect();
            done.extend(some?.into_iter().flatten());
            let share = done.len() as f32 / self.users.len() as f32;
            if observe(TRAINING + (1.0 - TRAINING) * share).is_break() {
                return Err(Stopped.into());
            }
        }
        Ok(done)
    }

    /// The measures of one user's list.
    pub(super) fn judge_one(&self, user: u32, scores: &[f32]) -> Scores {
        let user = user as usize;
        let list: Vec<u32> = top::best(scores, evaluation::DEEPEST, self.seen.row(user).0)
            .into_iter()
            .map(|(item, _)| item)
            .collect();
        let held_out: FxHashSet<u32> = self.held_out.row(user).0.iter().copied().collect();
        Scores::of(&list, &held_out)
    }

    /// How many users may be scored between two looks at the observer.
    pub(super) fn at_once(&self) -> usize {
        (SCORES / self.seen.columns().max(1)).max(16)
    }

    /// What was held out of a user's entries, ascending.
    pub(super) fn held_out(&self, user: u32) -> &[u32] {
        self.held_out.row(user as usize).0
    }

    pub(super) fn entries(&self, user: u32) -> Vec<Entry> {
        self.seen.entries(user as usize).collect()
    }
}

/// One number for the measures of a user's list. The three agree about what is better, and differ
/// in their noise: together they tell models apart that none of them can alone.
pub(super) fn quality(scores: &Scores) -> f64 {
    (scores.ndcg_at_10 + scores.recall_at_20 + scores.ndcg_at_100) / 3.0
}

/// The entries, by user and item, of which `keep` says so.
fn part(
    table: &Interactions,
    keep: impl Fn(u32, u32) -> bool,
) -> Result<Interactions, MatrixError> {
    let keep = &keep;
    let kept = table
        .events()
        .filter(move |(user, entry)| keep(*user, entry.item));
    Interactions::from_events(table.rows(), table.columns(), kept, Repeats::Max)
}

/// Whether a name is among a random share of all names, from 0 to 1.
fn chosen(name: u64, share: f64, seed: u64) -> bool {
    // The upper half of the digest as a number from 0 to 1.
    ((xxh3_64_with_seed(&name.to_le_bytes(), seed) >> 32) as f64) < share * 2_f64.powi(32)
}
