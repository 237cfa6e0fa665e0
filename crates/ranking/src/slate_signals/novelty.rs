//! The novelty signal.

/// The signal of every film while nothing at all has been programmed.
const NOTHING_PROGRAMMED: f64 = 0.75;
/// Each showing takes this much away.
const PER_SHOWING: f64 = 0.25;
/// After so many days a showing is as good as forgotten.
const FORGOTTEN_DAYS: i64 = 365;

/// How new a film is to viewers, in [0, 1]: the mean of how new it is on the own channel and on those of
/// rivals, where either is 1 if the film was never shown there and otherwise
/// `max(0, 1 − 0.25 · showings) · min(days since the last one, 365) / 365`.
///
/// - `own_days_since`, `rival_days_since`: days from each showing to our date, `our date − theirs`. Showings
///   after our date (negative) do not count, those on the day itself (0) do. Rivals are taken together: the
///   number of showings is that of all their channels.
/// - `anything_programmed`: whether the own channel has programmed any film yet; if not, the signal is 0.75
///   for every film.
pub fn novelty(
    own_days_since: impl IntoIterator<Item = i64>,
    rival_days_since: impl IntoIterator<Item = i64>,
    anything_programmed: bool,
) -> f64 {
    if !anything_programmed {
        return NOTHING_PROGRAMMED;
    }
    (of_channel(own_days_since) + of_channel(rival_days_since)) / 2.0
}

fn of_channel(days_since: impl IntoIterator<Item = i64>) -> f64 {
    let (mut showings, mut last) = (0_u32, i64::MAX);
    for days in days_since.into_iter().filter(|days| *days >= 0) {
        showings = showings.saturating_add(1);
        last = last.min(days);
    }
    if showings == 0 {
        return 1.0;
    }
    let rarity = (1.0 - PER_SHOWING * f64::from(showings)).max(0.0);
    rarity * last.min(FORGOTTEN_DAYS) as f64 / FORGOTTEN_DAYS as f64
}
