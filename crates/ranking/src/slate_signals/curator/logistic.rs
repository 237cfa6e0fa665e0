//! Logistic regression with an L2 penalty, by Newton's method (iteratively reweighted least squares).

/// Newton steps at most; it takes about ten.
const STEPS: usize = 50;
/// It ends where no weight moves by more.
const STILL: f64 = 1e-9;

/// Sparse rows with their outcomes.
#[derive(Clone, Debug, Default)]
pub(super) struct Examples {
    /// Where each row ends in `entries`.
    ends: Vec<usize>,
    /// Column and value.
    entries: Vec<(u32, f64)>,
    pub(super) outcomes: Vec<bool>,
}

impl Examples {
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = (u32, f64)>, outcome: bool) {
        self.entries.extend(row);
        self.ends.push(self.entries.len());
        self.outcomes.push(outcome);
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[(u32, f64)]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.entries[*start..*end])
    }
}

/// Weights of the columns, and the intercept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// `1 / (1 + e^(−z))`.
pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Minimises `Σ log(1 + e^(−y z)) + λ/2 |w|²` with `z = w·x + a` and `y = ±1`; the intercept `a` is not
/// penalised. `width` is above every column, `l2` (λ) positive.
pub(super) fn fit(examples: &Examples, width: usize, l2: f64) -> Fit {
    // The intercept is the last weight. It begins at the share of true outcomes.
    let mut at = vec![0.0; width + 1];
    let positives = examples.outcomes.iter().filter(|outcome| **outcome).count() as f64;
    let negatives = examples.outcomes.len() as f64 - positives;
    at[width] = ((positives + 0.5) / (negatives + 0.5)).ln();
    let mut loss = loss_at(examples, &at, l2);
    for _ in 0..STEPS {
        let step = newton_step(examples, &at, l2);
        let mut length = 1.0;
        let next = loop {
            let moved = at.iter().zip(&step).map(|(w, step)| w - length * step);
            let next: Vec<f64> = moved.collect();
            let found = loss_at(examples, &next, l2);
            if found <= loss {
                loss = found;
                break Some(next);
            }
            if length < 1e-6 {
                break None;
            }
            length *= 0.5;
        };
        let Some(next) = next else { break };
        let moves = next.iter().zip(&at).map(|(a, b)| (a - b).abs());
        let still = moves.fold(0.0, f64::max) <= STILL;
        at = next;
        if still {
            break;
        }
    }
    let intercept = at.pop().unwrap_or_default();
    Fit {
        weights: at,
        intercept,
    }
}

fn logit(row: &[(u32, f64)], at: &[f64]) -> f64 {
    let sum: f64 = row.iter().map(|(column, x)| at[*column as usize] * x).sum();
    sum + at[at.len() - 1]
}

fn loss_at(examples: &Examples, at: &[f64], l2: f64) -> f64 {
    let weights = &at[..at.len() - 1];
    let penalty = l2 / 2.0 * weights.iter().map(|w| w * w).sum::<f64>();
    let losses = examples
        .rows()
        .zip(&examples.outcomes)
        .map(|(row, outcome)| {
            let z = logit(row, at);
            let against = if *outcome { -z } else { z };
            // ln(1 + e^against), without overflow.
            against.max(0.0) + (-against.abs()).exp().ln_1p()
        });
    losses.sum::<f64>() + penalty
}

/// `H⁻¹ g`.
fn newton_step(examples: &Examples, at: &[f64], l2: f64) -> Vec<f64> {
    let n = at.len();
    let last = n - 1;
    let mut gradient: Vec<f64> = at.iter().map(|w| l2 * w).collect();
    gradient[last] = 0.0;
    // The lower triangle, row by row.
    let mut curvature = vec![0.0; n * n];
    for column in 0..last {
        curvature[column * n + column] = l2;
    }
    // Keeps the matrix definite where all predictions are sure.
    curvature[last * n + last] = 1e-9;
    for (row, outcome) in examples.rows().zip(&examples.outcomes) {
        let p = sigmoid(logit(row, at));
        let error = p - f64::from(u8::from(*outcome));
        let weight = p * (1.0 - p);
        for (column, x) in row {
            let column = *column as usize;
            gradient[column] += error * x;
            curvature[last * n + column] += weight * x;
            for (other, y) in row {
                let other = *other as usize;
                if other <= column {
                    curvature[column * n + other] += weight * x * y;
                }
            }
        }
        gradient[last] += error;
        curvature[last * n + last] += weight;
    }
    solve(curvature, gradient, n)
}

/// Solves `A x = b` for a positive definite `A`, of which the lower triangle is read, by Cholesky's
/// decomposition.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>, n: usize) -> Vec<f64> {
    for i in 0..n {
        let (above, rest) = a.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let known: f64 = if j < i {
                let other = &above[j * n..j * n + j];
                row[..j].iter().zip(other).map(|(x, y)| x * y).sum()
            } else {
                row[..j].iter().map(|x| x * x).sum()
            };
            let rest = row[j] - known;
            row[j] = if j < i {
                rest / above[j * n + j]
            } else {
                rest.max(f64::MIN_POSITIVE).sqrt()
            };
        }
    }
    for i in 0..n {
        let row = &a[i * n..i * n + i];
        let known: f64 = row.iter().zip(&b).map(|(x, y)| x * y).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    b
}

#[cfg(test)]
mod tests;
