//! What rises: items that are taken more just now than they used to be.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::kinds::heaviest_kind;
use super::service::RecommendationService;
use crate::domain::content::ContentFilter;
use crate::engine::catalogue::Matcher;
use crate::foundation::{Id, Refusal, Result, id, text_enum};
use crate::platform::cache::{CacheKind, Key, Tag};

/// At most so many items at once.
const MAX_ITEMS: usize = 100;
/// So many rising items are kept, to be filtered.
const KEPT: usize = 5_000;
/// So much is expected of every item in a window, beside its own past: what nobody ever took does
/// not rise by the first user who does.
const PRIOR: f32 = 2.0;

/// How far back "just now" goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// The last hour, compared with the day before it.
    Hour,
    /// The last 24 hours, compared with the seven days before them.
    Day,
    /// The last 7 days, compared with the four weeks before them.
    Week,
    /// The last 30 days, compared with the 90 days before them.
    Month,
}

text_enum!(Span {
    Hour = "HOUR",
    Day = "DAY",
    Week = "WEEK",
    Month = "MONTH",
});

impl Span {
    fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::days(7),
            Self::Month => TimeDelta::days(30),
        }
    }

    /// So many windows of history are compared with.
    fn windows(self) -> i32 {
        match self {
            Self::Hour => 24,
            Self::Day => 7,
            Self::Week => 4,
            Self::Month => 3,
        }
    }

    /// Short windows are looked at often, long ones change slowly and cost more.
    fn kept_as(self) -> CacheKind {
        match self {
            Self::Hour | Self::Day => CacheKind::Lists,
            Self::Week | Self::Month => CacheKind::Metadata,
        }
    }
}

/// An item that rises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rising {
    /// Which.
    pub content: Id<id::Content>,
    /// How much it rises, in (0, 1]: 1 for what rises most of all.
    pub score: f32,
    /// What users did to it in the window, weighed; in each window a user counts at most 2.
    pub recent: f32,
    /// What a window of its own past would let expect.
    pub expected: f32,
}

impl RecommendationService {
    /// The `first` items that rise most and fit `filter`, the steepest first; nothing where nothing
    /// rises. Of one kind where the filter names none: the one that rises most in all. Hours and days may be two minutes old, weeks and months an hour.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a number out of range or a filter too large.
    pub async fn trending(
        &self,
        span: Span,
        first: usize,
        filter: &ContentFilter,
    ) -> Result<Vec<Rising>> {
        if !(1..=MAX_ITEMS).contains(&first) {
            let message = format!("`first` is between 1 and {MAX_ITEMS}, not {first}");
            return Err(Refusal::invalid("first", message).into());
        }
        filter.check()?;
        let weights = self.interactions.weights().await?;
        let parts = ("trending", span, weights.version);
        let key = Key::new(span.kept_as(), &[Tag::Weights], &parts);
        let rising = self.ground.cache.get_or_compute(&key, self.rising(span));
        let rising = rising.await?;
        let (catalogue, day) = (
            self.content.catalogue().await?,
            self.clock.now().date_naive(),
        );
        let catalogue = catalogue.read();
        let matcher = Matcher::new(filter, &catalogue);
        let fits = |rising: &&Rising| {
            let entry = catalogue.find(rising.content);
            entry.is_some_and(|entry| entry.is_eligible(day) && matcher.matches(entry))
        };
        let kind_of = |rising: &Rising| catalogue.find(rising.content).map(|entry| entry.kind);
        let fitting = || rising.iter().filter(fits);
        let kind = match filter.names_kind() {
            true => None,
            false => heaviest_kind(fitting().filter_map(|it| Some((kind_of(it)?, it.score)))),
        };
        let of_kind = fitting().filter(|it| kind.is_none() || kind_of(it) == kind);
        Ok(of_kind.take(first).copied().collect())
    }

    async fn rising(&self, span: Span) -> Result<Vec<Rising>> {
        let weights = self.interactions.weights().await?;
        let now = self.clock.now();
        let rows = self
            .store
            .rises(&weights, now, span.length(), span.windows());
        let rows = rows.await?;
        let mut rising: Vec<Rising> = rows
            .into_iter()
            .filter_map(|row| {
                let expected = (row.before as f32 / span.windows() as f32).max(0.0);
                let score = rise(row.recent as f32, expected);
                (score > 0.0).then_some(Rising {
                    content: row.content,
                    score,
                    recent: row.recent as f32,
                    expected,
                })
            })
            .collect();
        rising.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.content.cmp(&b.content)));
        rising.truncate(KEPT);
        let steepest = rising.first().map_or(1.0, |steepest| steepest.score);
        for item in &mut rising {
            item.score /= steepest;
        }
        Ok(rising)
    }
}

/// How far what was taken lately is above what was to be expected, in standard deviations:
/// `(r − e) / √(e + p)`. Counts scatter by the root of their mean (Poisson), so that a favourite
/// must rise by more than its own noise, where a plain difference would always show the
/// favourites; and `p` keeps what was hardly taken before from rising by a handful of events, where
/// a plain ratio would show nothing but such items.
fn rise(recent: f32, expected: f32) -> f32 {
    (recent - expected) / (expected + PRIOR).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_favourites_nor_single_events_win() {
        // A favourite within its noise, against one that doubled from little.
        assert!(rise(110.0, 100.0) < rise(10.0, 5.0));
        // A single user, against a favourite that clearly rose.
        assert!(rise(2.0, 0.0) < rise(150.0, 100.0));
        // The same from nothing is more than the same on top of much.
        assert!(rise(20.0, 0.0) > rise(40.0, 20.0));
        assert!(rise(5.0, 5.0) <= 0.0 && rise(0.0, 5.0) < 0.0);
    }
}
