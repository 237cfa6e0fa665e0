//! Learning how much each signal counts, from what users chose among what they were offered.
//!
//! The conditional logit (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"):
//! of candidates with features `x`, the probability of one to be chosen is `exp(θ·x) / Σ exp(θ·x)`. The
//! weights minimise the mean negative log-likelihood of what each user chose, summed over the users,
//! plus `λ/2 · |θ − θ₀|²`, with no weight below 0: a signal may be of no use, but what it says is not
//! turned round. The problem is convex; it is solved by projected Newton steps (Bertsekas 1982,
//! "Projected Newton methods for optimization problems with simple constraints").

use thiserror::Error;

/// What one user was offered, and chose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The features of the candidates, one row a candidate.
    pub features: Vec<f32>,
    /// The rows of those that were chosen, each once.
    pub chosen: Vec<u32>,
}

/// Why nothing was learnt.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// The features of a choice are no rows of this width, a chosen row is not there, or a number
    /// is not finite.
    #[error("the features of a choice do not fit the signals")]
    Shape,
    /// Nobody chose anything.
    #[error("nobody chose anything")]
    NoChoices,
}

/// Steps at most; it takes some ten.
const STEPS: usize = 100;
/// It ends where no weight moves by more.
const STILL: f64 = 1e-9;

/// The weights of the signals, from 0 on, in the scale of the logit: one for each number of
/// `prior`. Choices without a chosen row say nothing. The result depends on the choices and their
/// order alone.
///
/// - `prior`: the proportions of the weights that are expected, not negative. Their scale is learnt
///   first, alone.
/// - `strength`: λ, positive; how many users it takes, in order of magnitude, to move the weights.
///
/// # Errors
/// [`ChoiceError`].
pub fn fit(choices: &[Choice], prior: &[f32], strength: f64) -> Result<Vec<f64>, ChoiceError> {
    let width = prior.len();
    let usable = |number: &f32| number.is_finite();
    if width == 0
        || !prior
            .iter()
            .all(|weight| weight.is_finite() && *weight >= 0.0)
    {
        return Err(ChoiceError::Shape);
    }
    for choice in choices {
        let rows = choice.features.len() / width;
        let known = choice.chosen.iter().all(|row| (*row as usize) < rows);
        if rows * width != choice.features.len() || !known || !choice.features.iter().all(usable) {
            return Err(ChoiceError::Shape);
        }
    }
    if choices.iter().all(|choice| choice.chosen.is_empty()) {
        return Err(ChoiceError::NoChoices);
    }
    let sum: f64 = prior.iter().map(|weight| f64::from(*weight)).sum();
    let direction: Vec<f64> = prior
        .iter()
        .map(|weight| {
            if sum > 0.0 {
                f64::from(*weight) / sum
            } else {
                1.0 / width as f64
            }
        })
        .collect();
    // How sharply the expected mixture tells chosen from not chosen: one number.
    let along: Vec<Choice> = choices
        .iter()
        .map(|choice| Choice {
            features: choice
                .features
                .chunks_exact(width)
                .map(|row| product(row, &direction) as f32)
                .collect(),
            chosen: choice.chosen.clone(),
        })
        .collect();
    let scale = solve(&along, &[1.0], 1e-3, vec![1.0])[0];
    let prior: Vec<f64> = direction.iter().map(|weight| weight * scale).collect();
    Ok(solve(choices, &prior, strength, prior.clone()))
}

fn product(row: &[f32], weights: &[f64]) -> f64 {
    row.iter()
        .zip(weights)
        .map(|(x, weight)| f64::from(*x) * weight)
        .sum()
}

/// The loss at some weights, with its gradient and its matrix of second derivatives.
struct Point {
    loss: f64,
    gradient: Vec<f64>,
    /// Row by row.
    curvature: Vec<f64>,
}

fn look(choices: &[Choice], prior: &[f64], strength: f64, at: &[f64]) -> Point {
    let width = at.len();
    let mut point = Point {
        loss: 0.0,
        gradient: vec![0.0; width],
        curvature: vec![0.0; width * width],
    };
    let (mut mean, mut second) = (vec![0.0; width], vec![0.0; width * width]);
    for choice in choices.iter().filter(|choice| !choice.chosen.is_empty()) {
        let rows = || choice.features.chunks_exact(width);
        let utilities: Vec<f64> = rows().map(|row| product(row, at)).collect();
        let most = utilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let masses: Vec<f64> = utilities.iter().map(|u| (u - most).exp()).collect();
        let total: f64 = masses.iter().sum();
        mean.fill(0.0);
        second.fill(0.0);
        for (row, mass) in rows().zip(&masses) {
            let probability = mass / total;
            for (i, x) in row.iter().enumerate() {
                let x = probability * f64::from(*x);
                mean[i] += x;
                for (j, y) in row[..=i].iter().enumerate() {
                    second[i * width + j] += x * f64::from(*y);
                }
            }
        }
        let share = 1.0 / choice.chosen.len() as f64;
        point.loss += most + total.ln();
        for row in &choice.chosen {
            let from = *row as usize * width;
            let row = &choice.features[from..from + width];
            point.loss -= share * product(row, at);
            for (gradient, x) in point.gradient.iter_mut().zip(row) {
                *gradient -= share * f64::from(*x);
            }
        }
        for i in 0..width {
            point.gradient[i] += mean[i];
            for j in 0..=i {
                let covariance = second[i * width + j] - mean[i] * mean[j];
                point.curvature[i * width + j] += covariance;
            }
        }
    }
    for i in 0..width {
        let away = at[i] - prior[i];
        point.loss += 0.5 * strength * away * away;
        point.gradient[i] += strength * away;
        point.curvature[i * width + i] += strength;
        for j in 0..i {
            point.curvature[j * width + i] = point.curvature[i * width + j];
        }
    }
    point
}

fn solve(choices: &[Choice], prior: &[f64], strength: f64, mut at: Vec<f64>) -> Vec<f64> {
    let width = at.len();
    let mut point = look(choices, prior, strength, &at);
    for _ in 0..STEPS {
        // At its bound, a weight that wants to go below it stays.
        let free: Vec<usize> = (0..width)
            .filter(|i| at[*i] > 0.0 || point.gradient[*i] < 0.0)
            .collect();
        let step = newton(&point, &free, width);
        let mut length = 1.0;
        let (next, found) = loop {
            let mut next = at.clone();
            for (i, step) in free.iter().zip(&step) {
                next[*i] = (next[*i] - length * step).max(0.0);
            }
            let found = look(choices, prior, strength, &next);
            if found.loss <= point.loss || length < 1e-6 {
                break (next, found);
            }
            length *= 0.5;
        };
        let moved = next.iter().zip(&at).map(|(a, b)| (a - b).abs());
        let still = moved.fold(0.0, f64::max) <= STILL;
        if found.loss <= point.loss {
            (at, point) = (next, found);
        }
        if still || free.is_empty() {
            break;
        }
    }
    at
}

/// The Newton step of the free weights: `H⁻¹ g` by Cholesky's decomposition. The penalty keeps the
/// matrix positive definite.
fn newton(point: &Point, free: &[usize], width: usize) -> Vec<f64> {
    let n = free.len();
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = point.curvature[free[i] * width + free[j]] - known;
            l[i * n + j] = if i == j {
                rest.max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / l[j * n + j]
            };
        }
    }
    let mut x: Vec<f64> = free.iter().map(|i| point.gradient[*i]).collect();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
    x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Four users, three candidates of two features each.
    fn small() -> Vec<Choice> {
        let of = |features: [f32; 6], chosen: &[u32]| Choice {
            features: features.to_vec(),
            chosen: chosen.to_vec(),
        };
        vec![
            of([1.0, 0.2, 0.5, 0.9, 0.1, 0.4], &[0]),
            of([0.3, 0.8, 0.9, 0.1, 0.6, 0.6], &[1, 2]),
            of([0.2, 1.0, 0.7, 0.3, 0.4, 0.5], &[0]),
            of([0.9, 0.4, 0.1, 0.6, 0.8, 0.2], &[]),
        ]
    }

    /// By scipy's `minimize` (L-BFGS-B with bounds from 0, tolerance 1e-14) on the same loss, with the
    /// prior (0.7, 0.3) times its own best scale.
    #[test]
    fn the_weights_are_those_that_another_solver_finds() {
        let weights = fit(&small(), &[0.7, 0.3], 0.5).unwrap();
        for (got, wanted) in weights.iter().zip(REFERENCE) {
            assert!((got - wanted).abs() < 1e-4, "{weights:?}");
        }
    }

    const REFERENCE: [f64; 2] = [4.019_669_23, 2.049_848_08];

    #[test]
    fn with_a_strong_prior_the_proportions_stay() {
        let weights = fit(&small(), &[0.6, 0.2], 1e9).unwrap();
        assert!((weights[0] / weights[1] - 3.0).abs() < 1e-4, "{weights:?}");
    }

    #[test]
    fn a_signal_that_misleads_gets_no_weight_and_a_good_one_all() {
        // The first feature is 1 for what is chosen, the second for what is not.
        let choice = Choice {
            features: vec![1.0, 0.0, 0.0, 1.0, 0.1, 0.9],
            chosen: vec![0],
        };
        let weights = fit(&vec![choice; 50], &[0.5, 0.5], 1.0).unwrap();
        assert!(weights[1] == 0.0 && weights[0] > 1.0, "{weights:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut choices = small();
        assert_eq!(fit(&choices, &[], 1.0), Err(ChoiceError::Shape));
        assert_eq!(
            fit(&choices, &[1.0, f32::NAN], 1.0),
            Err(ChoiceError::Shape)
        );
        assert_eq!(
            fit(&choices[3..], &[1.0, 1.0], 1.0),
            Err(ChoiceError::NoChoices)
        );
        choices[0].chosen = vec![3];
        assert_eq!(fit(&choices, &[1.0, 1.0], 1.0), Err(ChoiceError::Shape));
        choices[0] = Choice {
            features: vec![1.0],
            chosen: vec![],
        };
        assert_eq!(fit(&choices, &[1.0, 1.0], 1.0), Err(ChoiceError::Shape));
    }

    fn choices() -> impl Strategy<Value = Vec<Choice>> {
        let choice = (prop::collection::vec(0.0_f32..1.0, 12), 0_u32..4);
        let choice = choice.prop_map(|(features, chosen)| Choice {
            features,
            chosen: vec![chosen],
        });
        prop::collection::vec(choice, 1..20)
    }

    proptest! {
        #[test]
        fn no_small_step_within_the_bounds_is_better(
            choices in choices(),
            strength in 0.1_f64..10.0,
        ) {
            let prior = [0.5, 0.3, 0.2];
            let weights = solve(&choices, &prior, strength, prior.to_vec());
            let best = look(&choices, &prior, strength, &weights).loss;
            for at in 0..prior.len() {
                for step in [-1e-3, 1e-3] {
                    let mut moved = weights.clone();
                    moved[at] = (moved[at] + step).max(0.0);
                    prop_assert!(look(&choices, &prior, strength, &moved).loss >= best - 1e-12);
                }
            }
            prop_assert!(weights.iter().all(|weight| *weight >= 0.0 && weight.is_finite()));
        }
    }
}
