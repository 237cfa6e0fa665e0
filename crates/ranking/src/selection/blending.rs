//! How much each part of a blend counts.
//!
//! For each judged user the best items of every part, and what was held out, are kept with what
//! every part says of them. A blend is then judged by the ranks of what was held out among
//! these, which takes microseconds for a user, and weights are found by steepest ascent on a grid
//! of tenths.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::super::collaborative::{CollaborativeError, TOGETHER, Trained, add_scaled};
use super::super::evaluation::{self, Estimate, Scores};
use super::super::symmetric::{Observer, Stopped};
use super::super::top;
use super::fold::{Fold, quality};

/// Weights are multiples of one over this.
pub(super) const GRID: usize = 10;

/// So many users of a fold are looked at in a blend at most, left out evenly beyond: the
/// differences between blends are told by fewer users than those between models.
const MOST_USERS: usize = 3000;

/// The tenths of each part; they add up to [`GRID`].
pub(super) type Weights = Vec<usize>;

/// One judged user.
#[derive(Debug)]
struct Judged {
    /// What each part says of the candidates, which ascend by item; scaled over all items.
    scores: Vec<Vec<f32>>,
    /// Which parts cannot tell the items apart.
    silent: Vec<bool>,
    /// The places of what was held out among the candidates.
    held_out: Vec<usize>,
    /// How many items were held out.
    relevant: usize,
}

impl Judged {
    /// The quality of the list that these weights lead to. Where no weighted part says anything,
    /// `otherwise` decides.
    fn quality(&self, weights: &[usize], otherwise: usize, blended: &mut Vec<f32>) -> f64 {
        let candidates = self.scores.first().map_or(0, Vec::len);
        blended.clear();
        blended.resize(candidates, 0.0);
        let mut said = false;
        for (part, weight) in weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0)
        {
            if self.silent[part] {
                continue;
            }
            said = true;
            let weight = *weight as f32 / GRID as f32;
            for (to, score) in blended.iter_mut().zip(&self.scores[part]) {
                *to += weight * score;
            }
        }
        if !said {
            blended.copy_from_slice(&self.scores[otherwise]);
        }
        let mut hits: Vec<usize> = self.held_out.iter().map(|at| rank(blended, *at)).collect();
        hits.sort_unstable();
        quality(&Scores::of_ranks(&hits, self.relevant))
    }
}

/// How many stand before this one: equals by the smaller index.
fn rank(scores: &[f32], at: usize) -> usize {
    let own = scores[at];
    let before = scores[..at].iter().filter(|score| **score >= own).count();
    before + scores[at..].iter().filter(|score| **score > own).count()
}

/// All judged users of all folds, ready to judge any blend of the parts.
#[derive(Debug)]
pub(super) struct Blending {
    /// The users of each fold.
    folds: Vec<Vec<Judged>>,
    /// The part that decides where no other says anything.
    otherwise: usize,
    known: FxHashMap<Weights, f64>,
}

impl Blending {
    /// From each fold with all parts as trained on it, in the same order.
    pub(super) fn new(
        folds: &[(&Fold, Vec<Trained>)],
        otherwise: usize,
        observe: &mut Observer,
    ) -> Result<Self, CollaborativeError> {
        let mut all = Vec::with_capacity(folds.len());
        for (at, (fold, parts)) in folds.iter().enumerate() {
            let mut judged = Vec::new();
            let users = some_of(fold.users());
            for users in users.chunks(fold.at_once()) {
                let some: Result<Vec<Vec<Judged>>, CollaborativeError> = users
                    .par_chunks(TOGETHER)
                    .map(|users| judge(fold, parts, users))
                    .collect();
                judged.extend(some?.into_iter().flatten());
                let share = judged.len() as f32 / fold.users().len() as f32;
                if observe((at as f32 + share.min(1.0)) / folds.len() as f32).is_break() {
                    return Err(Stopped.into());
                }
            }
            all.push(judged);
        }
        Ok(Self {
            folds: all,
            otherwise,
            known: FxHashMap::default(),
        })
    }

    /// The quality of each user's list, fold after fold.
    pub(super) fn each(&self, weights: &Weights) -> Vec<f64> {
        let users = self.folds.par_iter().flatten();
        users
            .map_init(Vec::new, |blended, judged| {
                judged.quality(weights, self.otherwise, blended)
            })
            .collect()
    }

    /// The mean over the folds of the mean over the users.
    pub(super) fn quality(&mut self, weights: &Weights) -> f64 {
        if let Some(quality) = self.known.get(weights) {
            return *quality;
        }
        let each = self.each(weights);
        let mut rest = each.as_slice();
        let mut sum = 0.0;
        for fold in &self.folds {
            let (own, others) = rest.split_at(fold.len());
            sum += own.iter().sum::<f64>() / fold.len().max(1) as f64;
            rest = others;
        }
        let mean = sum / self.folds.len().max(1) as f64;
        self.known.insert(weights.clone(), mean);
        mean
    }

    /// Goes uphill from these weights, a tenth or two at a time from one part to another, to the
    /// steepest side, and answers all weights on the way, each of whose neighbours is judged then.
    /// Weights that `allowed` refuses are passed over.
    pub(super) fn climb(
        &mut self,
        start: Weights,
        allowed: &dyn Fn(&Weights) -> bool,
        observe: &mut Observer,
    ) -> Result<Vec<Weights>, CollaborativeError> {
        let mut path = vec![start];
        loop {
            let at = path[path.len() - 1].clone();
            let mut best = (self.quality(&at), None);
            for to in neighbours(&at, 2).into_iter().filter(allowed) {
                let quality = self.quality(&to);
                if quality > best.0 {
                    best = (quality, Some(to));
                }
                if observe(0.0).is_break() {
                    return Err(Stopped.into());
                }
            }
            match best.1 {
                Some(to) => path.push(to),
                None => return Ok(path),
            }
        }
    }

    /// The most even weights on the way from these, a tenth at a time, that are no worse than these by
    /// more than one standard error of the difference, user by user, and no worse than `least`: of
    /// blends that the folds cannot tell apart, the most even depends least on any one part.
    pub(super) fn evened(
        &mut self,
        from: &Weights,
        allowed: &dyn Fn(&Weights) -> bool,
        least: f64,
    ) -> Weights {
        let squares =
            |weights: &Weights| weights.iter().map(|tenths| tenths * tenths).sum::<usize>();
        let before = self.each(from);
        let mut at = from.clone();
        loop {
            let mut best: Option<(f64, Weights)> = None;
            for near in neighbours(&at, 1) {
                if !allowed(&near) || squares(&near) >= squares(&at) {
                    continue;
                }
                let quality = self.quality(&near);
                let difference = Estimate::paired(&self.each(&near), &before);
                let good = quality >= least && difference.mean + difference.error >= 0.0;
                if good && best.as_ref().is_none_or(|(most, _)| quality > *most) {
                    best = Some((quality, near));
                }
            }
            let Some((_, next)) = best else {
                return at;
            };
            at = next;
        }
    }

    /// The quality of these weights and of their neighbours a tenth away, as far as they are
    /// judged, in the mean: a lonely peak is luck.
    pub(super) fn smooth(&self, weights: &Weights) -> f64 {
        let near = neighbours(weights, 1);
        let known = near
            .iter()
            .chain([weights])
            .filter_map(|near| self.known.get(near));
        let (count, sum) = known.fold((0.0, 0.0), |(count, sum), q| (count + 1.0, sum + q));
        if count == 0.0 { 0.0 } else { sum / count }
    }
}

/// All ways to give one part up to so many tenths of another's.
fn neighbours(weights: &Weights, most: usize) -> Vec<Weights> {
    let parts = 0..weights.len();
    let pairs = parts
        .clone()
        .flat_map(|from| parts.clone().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| from != to);
    pairs
        .flat_map(|(from, to)| (1..=most.min(weights[from])).map(move |tenths| (from, to, tenths)))
        .map(|(from, to, tenths)| {
            let mut moved = weights.clone();
            moved[from] -= tenths;
            moved[to] += tenths;
            moved
        })
        .collect()
}

fn some_of(users: &[u32]) -> Vec<u32> {
    let every = users.len().div_ceil(MOST_USERS).max(1);
    users.iter().copied().step_by(every).collect()
}

fn judge(fold: &Fold, parts: &[Trained], users: &[u32]) -> Result<Vec<Judged>, CollaborativeError> {
    let entries: Vec<_> = users.iter().map(|user| fold.entries(*user)).collect();
    let items = fold.seen().columns();
    let mut scores = Vec::with_capacity(parts.len());
    for part in parts {
        scores.push(part.scores(items, &entries)?);
    }
    let of_user = |(at, user): (usize, &u32)| {
        let seen = fold.seen().row(*user as usize).0;
        let relevant = fold.held_out(*user);
        let mut candidates: Vec<u32> = relevant.to_vec();
        for part in &scores {
            let best = top::best(&part[at], evaluation::DEEPEST, seen);
            candidates.extend(best.into_iter().map(|(item, _)| item));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let index = |item: &u32| candidates.binary_search(item).ok();
        let mut silent = Vec::with_capacity(parts.len());
        let mut scaled = vec![0.0; items];
        let picked = scores.iter().map(|part| {
            scaled.fill(0.0);
            silent.push(add_scaled(&part[at], 1.0, &mut scaled) == 0.0);
            candidates
                .iter()
                .map(|item| scaled[*item as usize])
                .collect()
        });
        Judged {
            scores: picked.collect(),
            held_out: relevant.iter().filter_map(index).collect(),
            silent,
            relevant: relevant.len(),
        }
    };
    Ok(users.iter().enumerate().map(of_user).collect())
}
