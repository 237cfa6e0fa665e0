//! Times of a guide.

use chrono::{
    DateTime, Duration, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc,
};

/// The names of zones that guides write behind a time, with their offset in minutes east of UTC. A name
/// that means several zones (IST, and CST in China) is left out, or stands for what XMLTV's own tools take
/// it for.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("UT", 0),
    ("GMT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("MET", 60),
    ("CEST", 120),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("NST", -210),
    ("NDT", -150),
    ("AST", -240),
    ("ADT", -180),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("AWST", 480),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("JST", 540),
    ("KST", 540),
    ("NZST", 720),
    ("NZDT", 780),
];

/// A time as a guide writes it: of a wall clock, with an offset or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuideTime {
    /// The time of the wall clock.
    pub local: NaiveDateTime,
    /// The offset of that clock; `None` where the guide does not say.
    pub offset: Option<FixedOffset>,
}

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Neither `YYYYMMDDhhmmss` nor a shortened form that names a day.
    #[error("a time is YYYYMMDDhhmmss, or the first 8, 10 or 12 digits of it")]
    Digits,
    /// The digits name no date and time, as the 31st of February.
    #[error("there is no such date and time")]
    NoSuchTime,
    /// What follows the digits is neither an offset nor the name of a zone.
    #[error("an offset is ±hhmm, at most 14 hours, or a name as UTC or BST")]
    Offset,
}

impl GuideTime {
    /// Reads `YYYYMMDDhhmmss ±hhmm` in the forms of XMLTV: shortened from the right down to the day, and
    /// with an offset, with the name of a zone, or with neither.
    ///
    /// # Errors
    /// [`TimeError`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (digits, zone) = text.split_at(digits);
        if !matches!(digits.len(), 8 | 10 | 12 | 14) {
            return Err(TimeError::Digits);
        }
        let number = |from: usize, to: usize| -> Result<u32, TimeError> {
            digits
                .get(from..to)
                .map_or(Ok(0), |part| part.parse().map_err(|_| TimeError::Digits))
        };
        let year = i32::try_from(number(0, 4)?).map_err(|_| TimeError::Digits)?;
        let local = NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)
            .and_then(|date| {
                let hour = number(8, 10).ok()?;
                let (minute, second) = (number(10, 12).ok()?, number(12, 14).ok()?);
                date.and_hms_opt(hour, minute, second)
            })
            .ok_or(TimeError::NoSuchTime)?;
        let offset = parse_offset(zone.trim())?;
        Ok(Self { local, offset })
    }
}

/// An offset, `None` for nothing at all.
fn parse_offset(text: &str) -> Result<Option<FixedOffset>, TimeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let minutes = match text.strip_prefix(['+', '-']) {
        Some(digits) => {
            let digits = digits.replacen(':', "", 1);
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(TimeError::Offset);
            }
            let (hours, minutes) = match digits.len() {
                2 => (digits.as_str(), "0"),
                4 => digits.split_at(2),
                _ => return Err(TimeError::Offset),
            };
            let hours: i32 = hours.parse().map_err(|_| TimeError::Offset)?;
            let minutes: i32 = minutes.parse().map_err(|_| TimeError::Offset)?;
            let total = hours * 60 + minutes;
            if minutes >= 60 || total > 14 * 60 {
                return Err(TimeError::Offset);
            }
            if text.starts_with('-') { -total } else { total }
        }
        None => {
            let name = text.to_ascii_uppercase();
            let found = ZONES.iter().find(|(zone, _)| *zone == name);
            found
                .map(|(_, minutes)| *minutes)
                .ok_or(TimeError::Offset)?
        }
    };
    let offset = FixedOffset::east_opt(minutes * 60).ok_or(TimeError::Offset)?;
    Ok(Some(offset))
}

/// The instant of a wall clock in a zone. A time that occurs twice, as clocks are set back, is the first
/// of the two; one that is skipped, as they are set forward, is counted from before the change. `None` at the
/// ends of the calendar.
pub fn local_to_utc<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let resolve = |local: NaiveDateTime| match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.to_utc()),
        LocalResult::None => None,
    };
    resolve(local).or_else(|| {
        // No zone skips more than a day.
        [1, 2, 3, 24].iter().find_map(|hours| {
            let gap = Duration::try_hours(*hours)?;
            resolve(local.checked_sub_signed(gap)?)?.checked_add_signed(gap)
        })
    })
}
