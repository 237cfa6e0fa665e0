//! The signals of a film that are formulas of its history and rights.

use std::borrow::Borrow;
use std::iter::repeat_n;

use chrono::NaiveDate;
use ranking::slate_signals::{DiversityFeatures, competition, diversity, novelty, rights};

use super::films::Film;
use super::store::Showings;
use crate::engine::catalogue::IndexedItem;

/// Competition, diversity, novelty and rights of a film on a date: `shown` is how it was shown around the date, and
/// `programmed` what the channel programmed last before it, the latest first.
pub(super) fn formulas<F: Borrow<DiversityFeatures>>(
    date: NaiveDate,
    item: &IndexedItem,
    film: &Film,
    shown: &Showings,
    programmed: &[F],
) -> [f64; 4] {
    let times = |days: Option<i64>, count: u32| repeat_n(days.unwrap_or(0), count as usize);
    let left = item
        .rights_until
        .map_or(i64::MAX, |until| days(until, date));
    [
        competition(shown.rival_offsets.iter().copied()),
        diversity(&film.diversity, programmed),
        novelty(
            times(shown.own_days, shown.own),
            times(shown.rival_days, shown.rival),
            !programmed.is_empty(),
        ),
        rights(left),
    ]
}

/// The days from `earlier` to `later`.
pub(super) fn days(later: NaiveDate, earlier: NaiveDate) -> i64 {
    later.signed_duration_since(earlier).num_days()
}
