//! What a caller asks of a list, and which combinations make sense.

use serde::{Deserialize, Serialize};

use super::catalogue::ContentFilter;
use super::source::{Context, Source};
use foundation::{Id, Refusal, Result, id};

/// How many boosts, pins and excluded items one request may name.
const MAX_BOOSTS: usize = 10;
const MAX_PINS: usize = 20;
const MAX_EXCLUDED: usize = 1_000;
/// The longest query, in characters.
const MAX_QUERY: usize = 500;

/// What a caller asks of a list. The default asks for the feed without any control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecommendationRequest {
    /// The occasion that the list is for; it decides which sources are asked.
    pub context: Context,
    /// For [`Context::Similar`]: the item that the others are to be similar to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<Id<id::Content>>,
    /// For [`Context::Search`]: what to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Only items that match; empty lets all through.
    #[serde(skip_serializing_if = "ContentFilter::is_empty")]
    pub filter: ContentFilter,
    /// Items that match have their score multiplied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boost: Vec<Boost>,
    /// Items that must not come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Id<id::Content>>,
    /// Items at ranks of the caller's choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pin: Vec<Pin>,
    /// The share of difference in maximal marginal relevance among the first items, 0 to 1.
    pub diversity: f32,
    /// The least score of an item, 0 to 1.
    pub min_score: f32,
    /// What fills a list that is too short, in this order; nothing if empty.
    pub fallback: Vec<Source>,
}

/// Items whose score is multiplied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boost {
    /// The items.
    pub filter: ContentFilter,
    /// Their score is multiplied by so much, 0 to 10.
    pub factor: f32,
}

/// An item at a rank of the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// The item.
    pub content: Id<id::Content>,
    /// Its rank, from 1 to 100.
    pub rank: i32,
}

impl Default for RecommendationRequest {
    fn default() -> Self {
        Self {
            context: Context::Feed,
            seed: None,
            query: None,
            filter: ContentFilter::default(),
            boost: Vec::new(),
            exclude: Vec::new(),
            pin: Vec::new(),
            diversity: 0.0,
            min_score: 0.0,
            fallback: vec![Source::Popular, Source::New, Source::Any],
        }
    }
}

impl RecommendationRequest {
    /// A request without any control, whose list nothing fills.
    pub fn uncontrolled() -> Self {
        Self {
            fallback: Vec::new(),
            ..Self::default()
        }
    }

    /// Refuses what contradicts itself or asks too much.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], by the argument that is wrong.
    pub fn check(&self) -> Result<()> {
        let require = |good: bool, argument: &str, message: &str| {
            if good {
                Ok(())
            } else {
                Err(Refusal::invalid(argument, message))
            }
        };
        require(
            (self.context == Context::Similar) == self.seed.is_some(),
            "contentId",
            "the context SIMILAR needs `contentId`, and no other context has it",
        )?;
        require(
            (self.context == Context::Search) == self.query.is_some(),
            "query",
            "the context SEARCH needs `query`, and no other context has it",
        )?;
        if let Some(query) = &self.query {
            require(
                !query.trim().is_empty() && query.chars().count() <= MAX_QUERY,
                "query",
                &format!("a query has 1 to {MAX_QUERY} characters"),
            )?;
        }
        require(
            self.context != Context::Category || !self.filter.is_empty(),
            "filter",
            "the context CATEGORY needs a `filter` that says which part of the catalogue",
        )?;
        self.filter.check()?;
        require(
            self.boost.len() <= MAX_BOOSTS,
            "boost",
            &format!("at most {MAX_BOOSTS} boosts"),
        )?;
        for boost in &self.boost {
            boost.filter.check()?;
            require(
                (0.0..=10.0).contains(&boost.factor),
                "boost",
                "a factor is between 0 and 10; 1 changes nothing",
            )?;
        }
        require(
            self.exclude.len() <= MAX_EXCLUDED,
            "exclude",
            &format!("at most {MAX_EXCLUDED} items"),
        )?;
        let mut ranks: Vec<i32> = self.pin.iter().map(|pin| pin.rank).collect();
        ranks.sort_unstable();
        ranks.dedup();
        require(
            self.pin.len() <= MAX_PINS && ranks.len() == self.pin.len(),
            "pin",
            &format!("at most {MAX_PINS} pins, each at a rank of its own"),
        )?;
        require(
            ranks.iter().all(|rank| (1..=100).contains(rank)),
            "pin",
            "a rank is between 1 and 100",
        )?;
        for (argument, value) in [("diversity", self.diversity), ("minScore", self.min_score)] {
            let message = format!("`{argument}` is between 0 and 1");
            require((0.0..=1.0).contains(&value), argument, &message)?;
        }
        let common = [Source::Popular, Source::New, Source::Any];
        require(
            self.fallback.iter().all(|source| common.contains(source)),
            "fallback",
            "a fallback is POPULAR, NEW or ANY",
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_is_refused() {
        let usual = RecommendationRequest::default;
        assert!(usual().check().is_ok());
        let item: Id<id::Content> = uuid::Uuid::from_u128(1).into();
        let pin = |rank| Pin {
            content: item,
            rank,
        };
        for wrong in [
            RecommendationRequest {
                context: Context::Similar,
                ..usual()
            },
            RecommendationRequest {
                seed: Some(item),
                ..usual()
            },
            RecommendationRequest {
                context: Context::Search,
                ..usual()
            },
            RecommendationRequest {
                context: Context::Search,
                query: Some(" ".to_owned()),
                ..usual()
            },
            RecommendationRequest {
                context: Context::Search,
                query: Some("x".repeat(10_000)),
                ..usual()
            },
            RecommendationRequest {
                context: Context::Category,
                ..usual()
            },
            RecommendationRequest {
                exclude: vec![item; 1_001],
                ..usual()
            },
            RecommendationRequest {
                pin: vec![pin(1), pin(1)],
                ..usual()
            },
            RecommendationRequest {
                pin: vec![pin(0)],
                ..usual()
            },
            RecommendationRequest {
                pin: vec![pin(101)],
                ..usual()
            },
            RecommendationRequest {
                diversity: -0.1,
                ..usual()
            },
            RecommendationRequest {
                diversity: f32::NAN,
                ..usual()
            },
            RecommendationRequest {
                min_score: 1.5,
                ..usual()
            },
            RecommendationRequest {
                fallback: vec![Source::Pinned],
                ..usual()
            },
            RecommendationRequest {
                boost: vec![Boost {
                    filter: ContentFilter::default(),
                    factor: f32::INFINITY,
                }],
                ..usual()
            },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
