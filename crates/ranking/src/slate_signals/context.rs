//! The occasion of a broadcast, as the learned signals see it.

use serde::{Deserialize, Serialize};

/// When and where a film is broadcast, in the time zone of the channel.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct BroadcastContext {
    /// Calendar year, from which the age of a film is counted.
    pub year: i32,
    /// Month, 1–12; anything else counts as winter.
    pub month: u8,
    /// Weekday, 0 is Monday and 6 Sunday; anything else is no weekday.
    pub weekday: u8,
    /// Hour at the start, 0–23; anything else belongs to the night.
    pub hour: u8,
    /// Whether the day is a public holiday.
    pub holiday: bool,
    /// Id of the channel, as one text for each channel.
    pub channel: String,
}

/// Slots of the day, weekdays and seasons.
pub(super) const SLOTS: usize = 4;
pub(super) const WEEKDAYS: usize = 7;
pub(super) const SEASONS: usize = 4;

impl BroadcastContext {
    /// The slot of the day: 06–14, 14–19, 19–22, 22–06.
    pub(super) fn slot(&self) -> usize {
        match self.hour {
            6..14 => 0,
            14..19 => 1,
            19..22 => 2,
            _ => 3,
        }
    }

    /// The season: March–May, June–August, September–November, and the rest.
    pub(super) fn season(&self) -> usize {
        match self.month {
            3..=5 => 0,
            6..=8 => 1,
            9..=11 => 2,
            _ => 3,
        }
    }

    pub(super) fn weekday(&self) -> Option<usize> {
        Some(usize::from(self.weekday)).filter(|weekday| *weekday < WEEKDAYS)
    }

    pub(super) fn weekend(&self) -> bool {
        matches!(self.weekday, 5 | 6)
    }

    /// Hours since 6 o'clock, 0–23, so that the night of a broadcasting day is one range.
    pub(super) fn hours_since_six(&self) -> u8 {
        (self.hour.min(23) + 18) % 24
    }
}
