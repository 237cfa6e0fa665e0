//! Holding out by time.

use super::training_error::TrainingError;

/// The share of examples that is held out, the latest ones.
const HELD_OUT: f64 = 0.2;

/// The first time of the held-out examples: those from it on are about a fifth of all, and no time is on both
/// sides. Depends on the times alone, not on their order.
pub(super) fn held_out_from(times: &[i64], what: &'static str) -> Result<i64, TrainingError> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Err(TrainingError::OneTime(what));
    };
    let held_out = (sorted.len() as f64 * HELD_OUT).ceil() as usize;
    let cut = sorted[sorted.len() - held_out.clamp(1, sorted.len())];
    // Where many share the time of the cut, nothing may be left before it: then only what is later counts.
    let cut = if cut == *first {
        let later = sorted.partition_point(|time| *time <= cut);
        sorted.get(later).copied().unwrap_or(*last)
    } else {
        cut
    };
    if cut == *first {
        return Err(TrainingError::OneTime(what));
    }
    Ok(cut)
}

/// The first time of the latest `most` examples, where there are more: those of a time that would be cut in
/// two are left out. Sorts the times.
pub(super) fn latest_from(times: &mut [i64], most: usize) -> Option<i64> {
    times.sort_unstable();
    let surplus = times
        .len()
        .checked_sub(most)
        .filter(|surplus| *surplus > 0)?;
    let last_left_out = times[surplus - 1];
    let kept = times.partition_point(|time| *time <= last_left_out);
    Some(times.get(kept).copied().unwrap_or(i64::MAX))
}
