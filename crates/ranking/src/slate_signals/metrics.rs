//! Held-out error.

/// The mean negative log-likelihood of yes-or-no outcomes, in nats; 0 of none. Probabilities are kept 1e-15
/// away from 0 and 1.
pub(super) fn log_loss(predicted: &[f64], outcomes: &[bool]) -> f64 {
    let losses = predicted.iter().zip(outcomes).map(|(p, outcome)| {
        let p = p.clamp(1e-15, 1.0 - 1e-15);
        -if *outcome { p } else { 1.0 - p }.ln()
    });
    losses.sum::<f64>() / predicted.len().max(1) as f64
}

/// The area under the ROC curve: the probability that a true outcome is predicted higher than a false one,
/// ties counting half (Mann and Whitney's U). ½ where one of the two kinds is missing.
pub(super) fn auc(predicted: &[f64], outcomes: &[bool]) -> f64 {
    let ranks = mean_ranks(predicted);
    let positives = outcomes.iter().filter(|outcome| **outcome).count() as f64;
    let negatives = outcomes.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return 0.5;
    }
    let pairs = ranks.iter().zip(outcomes);
    let sum: f64 = pairs
        .filter(|(_, outcome)| **outcome)
        .map(|(rank, _)| rank)
        .sum();
    (sum - positives * (positives - 1.0) / 2.0) / (positives * negatives)
}

/// Spearman's rank correlation: Pearson's of the mean ranks. 0 where one side does not vary.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (mean_ranks(a), mean_ranks(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - middle, b - middle);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if aa == 0.0 || bb == 0.0 {
        return 0.0;
    }
    (ab / (aa * bb).sqrt()).clamp(-1.0, 1.0)
}

/// The coefficient of determination: 1 − squared error over that of the mean of `actual`. 0 where `actual`
/// does not vary.
pub(super) fn r_squared(predicted: &[f64], actual: &[f64]) -> f64 {
    let mean = actual.iter().sum::<f64>() / actual.len().max(1) as f64;
    let total: f64 = actual.iter().map(|value| (value - mean).powi(2)).sum();
    let pairs = predicted.iter().zip(actual);
    let left: f64 = pairs.map(|(p, value)| (value - p).powi(2)).sum();
    if total == 0.0 {
        0.0
    } else {
        1.0 - left / total
    }
}

/// The mean of the absolute errors; 0 of none.
pub(super) fn mean_absolute_error(predicted: &[f64], actual: &[f64]) -> f64 {
    let errors = predicted.iter().zip(actual).map(|(a, b)| (a - b).abs());
    errors.sum::<f64>() / predicted.len().max(1) as f64
}

/// Ranks from 0; those of equal values are their mean.
fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut lower = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = lower as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|at| ranks[*at] = rank);
        lower += equal.len();
    }
    ranks
}
