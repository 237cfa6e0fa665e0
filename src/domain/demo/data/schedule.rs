//! Two invented channels and a competitor: a year of what they showed, how many watched, and what the competitor
//! shows next.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{Film, keyed};

/// For so many days the channels have a schedule, ending yesterday.
const PAST_DAYS: i64 = 365;
/// For so many days from today the competitor has one.
const FUTURE_DAYS: i64 = 21;
/// A film is not shown again by the same channel within so many days.
const REST_DAYS: i64 = 75;

/// A channel of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoChannel {
    /// Its key.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its time zone.
    pub time_zone: Tz,
    /// Whether it is ours.
    pub own: bool,
    /// Its id in guides.
    pub guide_id: &'static str,
    /// How many watch it on a usual evening.
    viewers: f64,
    /// What it likes to show at an hour, and the films of which years.
    taste: fn(hour: u32) -> (&'static [&'static str], std::ops::RangeInclusive<i32>),
}

/// The channels of the demo.
pub const CHANNELS: [DemoChannel; 3] = [
    DemoChannel {
        key: "lumen",
        name: "Lumen Film",
        time_zone: Tz::Europe__Berlin,
        own: true,
        guide_id: "lumen.example",
        viewers: 320_000.0,
        taste: |hour| match hour {
            15 => (&["Family", "Animation", "Adventure"], 1930..=2025),
            23 => (&["Horror", "Thriller", "Science Fiction"], 1960..=2025),
            _ => (&["Drama", "Romance", "Comedy"], 1970..=2025),
        },
    },
    DemoChannel {
        key: "meridian",
        name: "Meridian Classics",
        time_zone: Tz::Europe__London,
        own: true,
        guide_id: "meridian.example",
        viewers: 140_000.0,
        taste: |hour| match hour {
            15 => (&["Comedy", "Musical", "Western"], 1920..=1965),
            23 => (&["Film-Noir", "Crime", "Mystery"], 1930..=1975),
            _ => (&["War", "History", "Drama", "Western"], 1930..=1980),
        },
    },
    DemoChannel {
        key: "vista",
        name: "Vista Movies",
        time_zone: Tz::Europe__Berlin,
        own: false,
        guide_id: "vista.example",
        viewers: 500_000.0,
        taste: |_| {
            (
                &["Action", "Science Fiction", "Thriller", "Adventure"],
                1975..=2025,
            )
        },
    },
];

/// A film on the schedule of a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemoAiring {
    /// Index into [`CHANNELS`].
    pub channel: usize,
    /// Index into the films.
    pub film: usize,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// How many watched; unknown for the competitor.
    pub audience: Option<u64>,
}

/// Makes the schedules of a seed: of all channels for the year before `now`, of the competitor for three weeks more.
pub fn make(seed: u64, now: DateTime<Utc>, films: &[Film]) -> Vec<DemoAiring> {
    let mut rng = ChaCha8Rng::seed_from_u64(keyed(seed, "schedule"));
    // How much a film draws, whoever shows it.
    let appeal: Vec<f64> = films.iter().map(|_| normal(&mut rng)).collect();
    let mut airings = Vec::new();
    for (channel, of) in CHANNELS.iter().enumerate() {
        let today = now.with_timezone(&of.time_zone).date_naive();
        let mut rested = vec![i64::MIN; films.len()];
        let last = if of.own { -1 } else { FUTURE_DAYS };
        for day in -PAST_DAYS..=last {
            let date = today + TimeDelta::days(day);
            for hour in hours(date) {
                let Some(film) = choose(of, hour, date, day, films, &rested, &mut rng) else {
                    continue;
                };
                let Some(starts_at) = moment(date, hour, of.time_zone) else {
                    continue;
                };
                rested[film] = day + REST_DAYS;
                let watched = of.viewers
                    * (0.45 * appeal[film]
                        + by_hour(hour)
                        + by_day(date)
                        + 0.5 * fit(of, hour, &films[film])
                        + 0.2 * normal(&mut rng))
                    .exp();
                airings.push(DemoAiring {
                    channel,
                    film,
                    starts_at,
                    audience: of.own.then_some(watched as u64),
                });
            }
        }
    }
    airings.sort_by_key(|airing| (airing.starts_at, airing.channel));
    airings
}

/// When films begin on a day.
fn hours(date: NaiveDate) -> impl Iterator<Item = u32> {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let late = matches!(date.weekday(), Weekday::Fri | Weekday::Sat);
    [(15, weekend), (21, true), (23, late)]
        .into_iter()
        .filter_map(|(hour, shown)| shown.then_some(hour))
}

/// The moment of an hour; `None` where the clock leaves it out.
fn moment(date: NaiveDate, hour: u32, zone: Tz) -> Option<DateTime<Utc>> {
    let local = zone.from_local_datetime(&date.and_hms_opt(hour, 0, 0)?);
    Some(local.earliest()?.with_timezone(&Utc))
}

/// A film that the channel shows: mostly of its taste, with rights where it is ours, and not shown lately.
fn choose(
    channel: &DemoChannel,
    hour: u32,
    date: NaiveDate,
    day: i64,
    films: &[Film],
    rested: &[i64],
    rng: &mut ChaCha8Rng,
) -> Option<usize> {
    let allowed = |film: &Film| {
        let rights = film.rights;
        !channel.own
            || rights.is_none_or(|(from, until)| from - Days::new(365) <= date && date <= until)
    };
    let weight = |index: usize| match rested[index] <= day && allowed(&films[index]) {
        true => 0.05 + fit(channel, hour, &films[index]).powi(2),
        false => 0.0,
    };
    let total: f64 = (0..films.len()).map(weight).sum();
    let mut left = rng.random_range(0.0..1.0) * total;
    let mut chosen = None;
    for index in 0..films.len() {
        let weight = weight(index);
        if weight > 0.0 {
            chosen = Some(index);
            left -= weight;
            if left <= 0.0 {
                break;
            }
        }
    }
    chosen
}

/// How well a film fits the channel's taste at an hour, 0 to 1.
fn fit(channel: &DemoChannel, hour: u32, film: &Film) -> f64 {
    let (genres, years) = (channel.taste)(hour);
    let wanted = film
        .genres
        .iter()
        .any(|genre| genres.contains(&genre.as_str()));
    0.6 * f64::from(u8::from(wanted)) + 0.4 * f64::from(u8::from(years.contains(&film.year)))
}

fn by_hour(hour: u32) -> f64 {
    match hour {
        21 => 0.3,
        15 => -0.5,
        _ => -0.8,
    }
}

fn by_day(date: NaiveDate) -> f64 {
    match date.weekday() {
        Weekday::Sat | Weekday::Sun => 0.25,
        Weekday::Fri => 0.1,
        _ => -0.1,
    }
}

/// A standard normal number, near enough: the sum of twelve uniform ones.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::super::generate;
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_year_of_schedules_has_audiences_and_the_competitor_goes_on() {
        let demo = generate(1, now());
        let airings = &demo.airings;
        for (index, channel) in CHANNELS.iter().enumerate() {
            let mine: Vec<&DemoAiring> =
                airings.iter().filter(|one| one.channel == index).collect();
            assert!(mine.len() > 450, "{}: {}", channel.key, mine.len());
            assert!(mine.iter().all(|one| one.audience.is_some() == channel.own));
            let after = mine.iter().filter(|one| one.starts_at > now()).count();
            assert_eq!(after > 20, !channel.own, "{}: {after}", channel.key);
            let slots: BTreeSet<_> = mine.iter().map(|one| one.starts_at).collect();
            assert_eq!(slots.len(), mine.len());
            let mut shown: HashMap<usize, DateTime<Utc>> = HashMap::new();
            for one in mine {
                let before = shown.insert(one.film, one.starts_at);
                let rest = before.map(|before| one.starts_at - before);
                assert!(rest.is_none_or(|rest| rest > TimeDelta::days(REST_DAYS - 2)));
            }
        }
        let watched: Vec<u64> = airings.iter().filter_map(|one| one.audience).collect();
        assert!(
            watched
                .iter()
                .all(|audience| (1_000..20_000_000).contains(audience))
        );
    }
}
