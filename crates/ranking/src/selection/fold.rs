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
const MOST_SCORES: usize = 20_000_000;

/// How many scores are made between two looks at the observer: a fraction of a second.
const SCORES: usize = 4_000_000;

/// How much of the work of a trial is training; the rest is judging.
const TRAINING: f32 = 0.9;

/// What a model may learn from and what its lists are judged by.
#[derive(Clone, Debug)]
pub struct Fold {
    seen: Interactions,
    taken: Interactions,
    /// The users that are judged.
    users: Vec<u32>,
}

impl Fold {
    /// A fold from two tables of the same users and items.
    ///
    /// # Errors
    /// [`MatrixError::Shape`] if the tables differ in size.
    pub fn new(seen: Interactions, taken: Interactions) -> Result<Self, MatrixError> {
        if seen.rows() != taken.rows() || seen.columns() != taken.columns() {
            return Err(MatrixError::Shape {
                values: taken.rows(),
                rows: seen.rows(),
                columns: seen.columns(),
            });
        }
        let mut users: Vec<u32> = (0_u32..)
            .take(taken.rows())
            .filter(|user| !taken.row(*user as usize).0.is_empty())
            .collect();
        let most = (MOST_SCORES / seen.columns().max(1)).max(100);
        let every = users.len().div_ceil(most).max(1);
        users = users.into_iter().step_by(every).collect();
        Ok(Self { seen, taken, users })
    }

    /// A fold that holds out a share of the entries, from 0 to 1, at random: the seed and the
    /// entry alone decide.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn at_random(table: &Interactions, share: f64, seed: u64) -> Result<Self, MatrixError> {
        let out = |(user, item, _): &(u32, u32, f32)| {
            let name = (u64::from(*user) << 32 | u64::from(*item)).to_le_bytes();
            // The upper half of the digest as a number from 0 to 1.
            ((xxh3_64_with_seed(&name, seed) >> 32) as f64) < share * 2_f64.powi(32)
        };
        let part = |held_out: bool| {
            let triplets = table.triplets().filter(move |entry| out(entry) == held_out);
            Interactions::from_triplets(table.rows(), table.columns(), triplets, Repeats::Max)
        };
        Self::new(part(false)?, part(true)?)
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

    /// The scores of all items for each judged user, each laid out by `lay`.
    pub(super) fn scores(
        &self,
        trained: &Trained,
        lay: impl Fn(&[f32]) -> Vec<f32> + Sync,
        observe: &mut Observer,
    ) -> Result<Vec<Vec<f32>>, CollaborativeError> {
        self.each(trained, observe, |_, scores| lay(scores))
    }

    /// How good the lists of a model are; `observe` hears of it as the last part of a trial.
    pub(super) fn judge(
        &self,
        trained: &Trained,
        observe: &mut Observer,
    ) -> Result<f64, CollaborativeError> {
        let each = self.each(trained, observe, |user, scores| {
            self.judge_one(user, scores)
        })?;
        Ok(quality(&each))
    }

    /// Does something with the scores of each judged user, on all threads, some users at a time.
    fn each<T: Send>(
        &self,
        trained: &Trained,
        observe: &mut Observer,
        of_user: impl Fn(u32, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>, CollaborativeError> {
        let at_once = (SCORES / self.seen.columns().max(1)).max(16);
        let mut done = Vec::with_capacity(self.users.len());
        for users in self.users.chunks(at_once) {
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
        let taken: FxHashSet<u32> = self.taken.row(user).0.iter().copied().collect();
        Scores::of(&list, &taken)
    }

    fn entries(&self, user: u32) -> Vec<Entry> {
        self.seen.entries(user as usize).collect()
    }
}

/// One number for the measures of many users. The three agree about what is better, and differ in
/// their noise: together they tell models apart that none of them can alone.
pub(super) fn quality(each: &[Scores]) -> f64 {
    let mean = Scores::mean(each);
    (mean.ndcg_at_10 + mean.recall_at_20 + mean.ndcg_at_100) / 3.0
}
