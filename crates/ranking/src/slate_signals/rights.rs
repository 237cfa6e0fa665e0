//! The rights signal.

/// How urgent it is to show a film before its licence ends, in [0, 1], by the whole days that are left of the
/// licence: 0–30 → 1, 31–90 → 0.8, 91–181 → 0.6, 182–364 → 0.3, 365–729 → 0.1, more → 0. A licence that has
/// ended (negative) has no urgency: 0; such a film is not eligible anyway. For a licence without an end pass
/// `i64::MAX`.
pub fn rights(days_left: i64) -> f64 {
    match days_left {
        ..0 => 0.0,
        0..=30 => 1.0,
        31..=90 => 0.8,
        91..=181 => 0.6,
        182..=364 => 0.3,
        365..=729 => 0.1,
        730.. => 0.0,
    }
}
