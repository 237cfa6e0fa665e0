//! The one place where time is read.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// Tells the time. Cheap to clone; clones of a stopped clock share its hands.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Stopped(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it; for tests and replays.
    pub fn stopped(now: DateTime<Utc>) -> Self {
        Self(Source::Stopped(Arc::new(Mutex::new(now))))
    }

    /// The present moment, UTC, to the microsecond: what the database keeps, so that a time that was just
    /// written is the same when it is read again.
    pub fn now(&self) -> DateTime<Utc> {
        let now = match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the clock that others ask"
            )]
            Source::System => Utc::now(),
            Source::Stopped(hands) => *hands.lock(),
        };
        to_microseconds(now)
    }

    /// Moves a stopped clock forward. The machine's clock moves by itself and ignores this.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Stopped(hands) = &self.0 {
            *hands.lock() += by;
        }
    }
}

/// A time without what is finer than a microsecond. A leap second is the second after it.
pub fn to_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Source::System => "Clock::system",
            Source::Stopped(_) => "Clock::stopped",
        };
        f.write_str(name)
    }
}
