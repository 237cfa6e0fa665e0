//! Public holidays, on which people watch as on no other day of the week.

use chrono::NaiveDate;

/// Days as the setting `slates.holidays` has them: `12-25` every year, `2026-04-06` once.
pub(super) struct Holidays(Vec<String>);

impl Holidays {
    pub(super) fn new(days: &[String]) -> Self {
        Self(days.to_vec())
    }

    /// Whether a date is one of them.
    pub(super) fn has(&self, date: NaiveDate) -> bool {
        let (day, whole) = (date.format("%m-%d").to_string(), date.to_string());
        let mut days = self.0.iter();
        days.any(|known| *known == day || *known == whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_a_year_comes_every_year() {
        let days = ["12-25", "2026-04-06"].map(str::to_owned);
        let holidays = Holidays::new(&days);
        let on = |date: &str| holidays.has(date.parse().unwrap());
        assert!(on("2025-12-25") && on("2026-12-25") && on("2026-04-06"));
        assert!(!on("2027-04-06") && !on("2026-12-26"));
    }
}
