//! The competition signal.

use std::ops::RangeInclusive;

/// The day offsets that a slate considers: rival showings from 182 days before our date to 21 days after it.
/// See [`competition`] for the sign.
pub const RIVAL_WINDOW: RangeInclusive<i64> = -21..=182;

/// The signal of a film that no rival shows.
const NO_SHOWING: f64 = 0.2;

/// How much speaks for a film because of when rivals show it, in [0, 1]: high where a rival shows it within
/// days after us, so that we come first; 0 where a rival has just shown it; 0.2 where none does.
///
/// Each offset is `d = our date − their date` in days: **negative where the rival shows the film after us**,
/// 0 on the same day, positive where the rival has shown it before us. The contributions of all showings are
/// summed and capped at 1:
///
/// | d | contribution |
/// |---|---|
/// | ≤ −21 | 0.2 |
/// | −20 … −5 | 0.4 + 0.6 (e^(0.25 (d + 21)) − 1) / (e^4.25 − 1) |
/// | −4 … −1 | 1 |
/// | 0 … 183 | 0 |
/// | 184 … 365 | 0.2 (d − 183) / 183 |
/// | > 365 | 0.2 |
///
/// The table is defined for every day. Which showings count is the caller's choice: with those of
/// [`RIVAL_WINDOW`] the last two rows never apply, and a film that a rival showed 183 days ago or earlier has
/// no showing. Beyond the window the sum of many old showings reaches 1, which says nothing of competition.
pub fn competition(day_offsets: impl IntoIterator<Item = i64>) -> f64 {
    let mut shown = false;
    let mut sum = 0.0;
    for offset in day_offsets {
        shown = true;
        sum += contribution(offset);
        if sum >= 1.0 {
            return 1.0;
        }
    }
    if shown { sum } else { NO_SHOWING }
}

fn contribution(d: i64) -> f64 {
    match d {
        ..=-21 => 0.2,
        -20..=-5 => {
            let rise = (0.25 * (d as f64 + 21.0)).exp_m1() / 4.25_f64.exp_m1();
            0.4 + 0.6 * rise
        }
        -4..=-1 => 1.0,
        0..=183 => 0.0,
        184..=365 => 0.2 * (d as f64 - 183.0) / 183.0,
        366.. => 0.2,
    }
}
