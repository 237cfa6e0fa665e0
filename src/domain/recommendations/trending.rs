//! What rises: items that are taken more just now than they used to be.

use chrono::TimeDelta;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::kinds::heaviest_kind;
use super::service::RecommendationService;
use crate::domain::content::ContentFilter;
use crate::engine::candidates::Candidates;
use crate::engine::eligibility::Rules;
use crate::engine::rank::{RankingInput, best};
use crate::engine::score::{GivenScores, Pool};
use crate::engine::source::Source;
use crate::engine::trending::Windows;
use crate::foundation::{Id, Refusal, Result, id, text_enum};
use crate::platform::cache::{CacheKind, Key, Tag};

/// At most so many items at once.
const MAX_ITEMS: usize = 100;
/// So many trending items are cached, to be filtered.
const CACHED: usize = 5_000;
text_enum! {
    /// The period that trends are computed for, and the earlier period it is compared with.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Span {
        /// The last hour, compared with the preceding 24 hours.
        Hour = "HOUR",
        /// The last 24 hours, compared with the preceding 7 days.
        Day = "DAY",
        /// The last 7 days, compared with the preceding 4 weeks.
        Week = "WEEK",
        /// The last 30 days, compared with the preceding 90 days.
        Month = "MONTH",
    }
}

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
    fn cache_kind(self) -> CacheKind {
        match self {
            Self::Hour | Self::Day => CacheKind::Lists,
            Self::Week | Self::Month => CacheKind::Metadata,
        }
    }
}

/// An item that rises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendingItem {
    /// Which.
    pub content: Id<id::Content>,
    /// How much it rises, in (0, 1]: 1 for what rises most of all.
    pub score: f32,
    /// What users did to it in the window: of each the state that comes to, at most 2, times how far
    /// the user is to be trusted.
    pub recent: f32,
    /// What a window of its own past would let expect; 0 or more.
    pub expected: f32,
}

impl RecommendationService {
    /// The `first` items that rise most and fit `filter`, the steepest first; nothing where nothing
    /// rises, or nothing by several people. Of one kind where the filter names none: the one that rises
    /// most in all. Hours and days may be two minutes old, weeks and months an hour.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a number out of range or a filter too large.
    pub async fn trending(
        &self,
        span: Span,
        first: usize,
        filter: &ContentFilter,
    ) -> Result<Vec<TrendingItem>> {
        if !(1..=MAX_ITEMS).contains(&first) {
            let message = format!("`first` is between 1 and {MAX_ITEMS}, not {first}");
            return Err(Refusal::invalid("first", message).into());
        }
        filter.check()?;
        let weights = self.interactions.weights().await?;
        let parts = ("trending", span, weights.version);
        let key = Key::new(span.cache_kind(), &[Tag::Weights], &parts);
        let trending = self.trending_items(span);
        let trending = self.ctx.cache.get_or_compute(&key, trending).await?;
        let (catalogue, day) = (
            self.content.catalogue().await?,
            self.clock.now().date_naive(),
        );
        let catalogue = catalogue.read();
        let slots: FxHashMap<u32, &TrendingItem> = trending
            .iter()
            .filter_map(|item| Some((catalogue.slot(item.content)?, item)))
            .collect();
        let scored = trending.iter().filter_map(|item| {
            let slot = catalogue.slot(item.content)?;
            Some((slot, item.score))
        });
        let candidates = [Candidates::given(Source::Popular, scored.collect())];
        let rules = Rules::on(day).matching(filter);
        let kind = if filter.names_kind() {
            None
        } else {
            let pool = Pool::new(&candidates, &rules.within(&catalogue));
            let eligible = pool.signals.iter().flat_map(|signal| &signal.scores);
            let kind_of = |slot: u32| catalogue.entry(slot).map(|entry| entry.kind);
            heaviest_kind(eligible.filter_map(|(slot, score)| Some((kind_of(*slot)?, *score))))
        };
        let rules = rules.of_kinds(kind.as_slice()).within(&catalogue);
        let list = best(&RankingInput::plain(
            &rules,
            &candidates,
            &GivenScores,
            first,
        ));
        let items = list.items.iter().filter_map(|item| slots.get(&item.slot));
        Ok(items.map(|item| **item).collect())
    }

    async fn trending_items(&self, span: Span) -> Result<Vec<TrendingItem>> {
        let weights = self.interactions.weights().await?;
        let windows = Windows {
            until: self.clock.now(),
            length: span.length(),
            before: span.windows(),
        };
        let mut rising = self.store.rising(&weights, windows).await?;
        rising.truncate(CACHED);
        let steepest = rising.first().map_or(1.0, |steepest| steepest.rise);
        let relative = rising.into_iter().map(|item| TrendingItem {
            content: item.content,
            score: (item.rise / steepest) as f32,
            recent: item.recent as f32,
            expected: item.expected as f32,
        });
        Ok(relative.collect())
    }
}
