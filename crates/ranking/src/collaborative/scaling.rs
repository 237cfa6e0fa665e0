//! Bringing parts that score in units of their own onto one scale.

use super::super::kernel::LANES;

/// A deviation this small, or smaller, is that of vectors which regularisation has driven to zero.
const COLLAPSED: f64 = 1e-20;

/// Mean and standard deviation over all items; a deviation of 0 where all are equal.
pub(crate) fn spread(scores: &[f32]) -> (f32, f32) {
    let count = scores.len().max(1) as f64;
    let mean = sum(scores, f64::from) / count;
    let squares = sum(scores, |score| (f64::from(score) - mean).powi(2));
    let deviation = (squares / count).sqrt();
    // Rounding alone may leave a little where all are equal, and what is smaller than any number
    // that a model means is a part that collapsed.
    if deviation.is_finite() && deviation > (1e-6 * mean.abs()).max(COLLAPSED) {
        (mean as f32, deviation as f32)
    } else {
        (mean as f32, 0.0)
    }
}

/// Adds in lanes beside each other, which processors do at once.
fn sum(scores: &[f32], of: impl Fn(f32) -> f64) -> f64 {
    let (lanes, rest) = scores.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for lane in lanes {
        for (sum, score) in sums.iter_mut().zip(lane) {
            *sum += of(*score);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|score| of(*score)).sum::<f64>()
}

/// Lays the scores of a blend out from 0 to 1, and says what each part is worth there; zeros where
/// all are equal.
pub(super) fn scale_to_unit(scores: &mut [f32], worths: &mut [f32]) {
    let (least, most) = range(scores);
    if most > least {
        let range = most - least;
        scores
            .iter_mut()
            .for_each(|score| *score = (*score - least) / range);
        worths.iter_mut().for_each(|worth| *worth /= range);
    } else {
        scores.fill(0.0);
        worths.fill(0.0);
    }
}

/// The least and the greatest score; infinities the wrong way round where there is none.
pub(super) fn range(scores: &[f32]) -> (f32, f32) {
    let (lanes, rest) = scores.as_chunks::<LANES>();
    let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for lane in lanes {
        for ((least, most), score) in least.iter_mut().zip(&mut most).zip(lane) {
            *least = if score < least { *score } else { *least };
            *most = if score > most { *score } else { *most };
        }
    }
    (
        least
            .iter()
            .chain(rest)
            .copied()
            .fold(f32::INFINITY, f32::min),
        most.iter()
            .chain(rest)
            .copied()
            .fold(f32::NEG_INFINITY, f32::max),
    )
}

/// Adds a part to a blend, on the scale of its mean and standard deviation; answers what one unit
/// of it is worth there. A part that cannot tell the items apart adds nothing.
pub(crate) fn add_scaled(scores: &[f32], weight: f32, blended: &mut [f32]) -> f32 {
    let (mean, deviation) = spread(scores);
    if deviation == 0.0 {
        return 0.0;
    }
    let worth = weight / deviation;
    for (blended, score) in blended.iter_mut().zip(scores) {
        *blended += worth * (score - mean);
    }
    worth
}
