//! How much each part of a blend counts.

use rayon::prelude::*;

use super::super::collaborative::{CollaborativeError, Kind, add_scaled};
use super::super::evaluation::Scores;
use super::super::symmetric::{Observer, Stopped};
use super::fold::{Fold, quality};

/// Weights are multiples of one over this.
const GRID: usize = 10;

/// The best weights of these parts and the quality of their blend. Weights add up to 1.
///
/// All points of the grid are judged. The best is the one whose quality, averaged with that of
/// its neighbours (a tenth moved from one part to another), is largest: a lonely peak is luck.
pub(super) fn weigh(
    folds: &[Fold],
    parts: &[Kind],
    observe: &mut Observer,
) -> Result<(Vec<f32>, f64), CollaborativeError> {
    let points = points(parts.len(), GRID);
    let mut qualities = vec![0.0; points.len()];
    // Each fold trains every part and then looks through the grid, which takes about as long as
    // one of them.
    let all = (folds.len() * (parts.len() + 1)) as f32;
    let lay = |scores: &[f32]| {
        let mut laid = vec![0.0; scores.len()];
        add_scaled(scores, 1.0, &mut laid);
        laid
    };
    for (over, fold) in folds.iter().enumerate() {
        let before = (over * (parts.len() + 1)) as f32;
        let mut scaled: Vec<Vec<Vec<f32>>> = Vec::with_capacity(parts.len());
        for part in parts {
            let before = before + scaled.len() as f32;
            let mut within = |done: f32| observe((before + done) / all);
            let trained = fold.train(part, &mut within)?;
            scaled.push(fold.scores(&trained, lay, &mut within)?);
        }
        for (at, (point, sum)) in points.iter().zip(&mut qualities).enumerate() {
            let of_user = |blended: &mut Vec<f32>, (at, user): (usize, &u32)| {
                blended.clear();
                blended.resize(fold.seen().columns(), 0.0);
                for (scores, weight) in scaled.iter().zip(point).filter(|(_, tenths)| **tenths > 0)
                {
                    for (to, score) in blended.iter_mut().zip(&scores[at]) {
                        *to += *weight as f32 * score;
                    }
                }
                fold.judge_one(*user, blended)
            };
            let each: Vec<Scores> = fold
                .users()
                .par_iter()
                .enumerate()
                .map_init(Vec::new, of_user)
                .collect();
            *sum += quality(&each) / folds.len() as f64;
            let done = (at + 1) as f32 / points.len() as f32;
            if observe((before + parts.len() as f32 + done) / all).is_break() {
                return Err(Stopped.into());
            }
        }
    }
    let smooth = |point: &Vec<usize>| {
        let near = points
            .iter()
            .zip(&qualities)
            .filter(|(other, _)| apart(point, other) <= 2);
        let (count, sum) = near.fold((0.0, 0.0), |(count, sum), (_, q)| (count + 1.0, sum + q));
        sum / count
    };
    let mut best = 0;
    for (at, point) in points.iter().enumerate() {
        if smooth(point) > smooth(&points[best]) {
            best = at;
        }
    }
    let weights = points[best]
        .iter()
        .map(|tenths| *tenths as f32 / GRID as f32);
    Ok((weights.collect(), qualities[best]))
}

/// All ways to share out so many tenths.
fn points(parts: usize, tenths: usize) -> Vec<Vec<usize>> {
    if parts <= 1 {
        return vec![vec![tenths; parts]];
    }
    (0..=tenths)
        .rev()
        .flat_map(|first| {
            points(parts - 1, tenths - first)
                .into_iter()
                .map(move |rest| {
                    let mut point = vec![first];
                    point.extend(rest);
                    point
                })
        })
        .collect()
}

/// How many tenths stand elsewhere, counted at both places.
fn apart(a: &[usize], b: &[usize]) -> usize {
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).sum()
}
