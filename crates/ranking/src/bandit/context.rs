//! When and where a slate is shown, and its encodings as numbers.

use std::f64::consts::TAU;

use super::BanditError;

/// The most channels that a model tells apart.
pub const MAX_CHANNELS: usize = 32;

/// The moment and the channel that a slate is for. The moment is in the time zone of the channel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SlateContext {
    hour: u8,
    weekday: u8,
    month: u8,
    channel: u16,
}

/// The slot of the day.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Slot {
    /// 06:00 to 14:00.
    Morning,
    /// 14:00 to 19:00.
    Afternoon,
    /// 19:00 to 22:00.
    Evening,
    /// 22:00 to 06:00.
    Night,
}

/// The season, of the northern half of the earth.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Season {
    /// March to May.
    Spring,
    /// June to August.
    Summer,
    /// September to November.
    Autumn,
    /// December to February.
    Winter,
}

impl SlateContext {
    /// A context: `hour` 0–23, `weekday` 0 (Monday) to 6 (Sunday), `month` 1–12, and the number of
    /// the channel from 0. A model gives a channel that it does not know no effect of its own.
    ///
    /// # Errors
    /// If one of them is out of its range.
    pub fn new(hour: u8, weekday: u8, month: u8, channel: u16) -> Result<Self, BanditError> {
        if hour > 23 || weekday > 6 || !(1..=12).contains(&month) {
            return Err(BanditError::SlateContext {
                hour,
                weekday,
                month,
            });
        }
        Ok(Self {
            hour,
            weekday,
            month,
            channel,
        })
    }

    /// The hour of the day, 0–23.
    pub fn hour(&self) -> u8 {
        self.hour
    }

    /// The day of the week, from 0 for Monday.
    pub fn weekday(&self) -> u8 {
        self.weekday
    }

    /// The month, from 1 for January.
    pub fn month(&self) -> u8 {
        self.month
    }

    /// The number of the channel, from 0.
    pub fn channel(&self) -> u16 {
        self.channel
    }

    /// The slot of the day. The hours 0 to 5 belong to the night before.
    pub fn slot(&self) -> Slot {
        match self.hour {
            6..14 => Slot::Morning,
            14..19 => Slot::Afternoon,
            19..22 => Slot::Evening,
            _ => Slot::Night,
        }
    }

    /// Saturday or Sunday.
    pub fn is_weekend(&self) -> bool {
        self.weekday >= 5
    }

    /// The season of the month.
    pub fn season(&self) -> Season {
        match self.month {
            3..=5 => Season::Spring,
            6..=8 => Season::Summer,
            9..=11 => Season::Autumn,
            _ => Season::Winter,
        }
    }

    /// The context as indicators, for a model of so many channels: slot (4), weekday (7), weekend
    /// (1), season (4), channel (`channels`); each 0 or 1.
    pub fn one_hot(&self, channels: usize) -> Vec<f64> {
        let mut out = vec![0.0; 16 + channels];
        out[self.slot() as usize] = 1.0;
        out[4 + usize::from(self.weekday)] = 1.0;
        out[11] = f64::from(u8::from(self.is_weekend()));
        out[12 + self.season() as usize] = 1.0;
        if let Some(channel) = out.get_mut(16 + usize::from(self.channel)) {
            *channel = 1.0;
        }
        out
    }

    /// The context on circles, φ(c) without its leading 1: sine and cosine of the hour, the weekday
    /// and the month, then the weekend (0 or 1), then, where a model has several channels, an
    /// indicator for each of them.
    pub fn cyclic(&self, channels: usize) -> Vec<f64> {
        let angle = |value: u8, period: f64| TAU * f64::from(value) / period;
        let (hour, weekday, month) = (
            angle(self.hour, 24.0),
            angle(self.weekday, 7.0),
            angle(self.month - 1, 12.0),
        );
        let mut out = vec![
            hour.sin(),
            hour.cos(),
            weekday.sin(),
            weekday.cos(),
            month.sin(),
            month.cos(),
            f64::from(u8::from(self.is_weekend())),
        ];
        if channels > 1 {
            out.extend(
                (0..channels).map(|at| f64::from(u8::from(at == usize::from(self.channel)))),
            );
        }
        out
    }
}
