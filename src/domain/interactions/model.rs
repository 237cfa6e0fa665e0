//! What an interaction is.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::foundation::filter::Comparison;
use crate::foundation::page::Cursor;
use crate::foundation::{Findings, Id, Reference, Refusal, id};

pub use crate::engine::history::InteractionKind;

/// The most interactions that one call may record.
pub const MAX_AT_ONCE: usize = 1000;
/// The longest range that counts may span, in days.
pub const MAX_DAYS: i64 = 366;

/// Something a user did to a content item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// Which: a `UUIDv7` of the moment it happened.
    pub id: Id<id::Interaction>,
    /// Who did it.
    pub user: Id<id::User>,
    /// To which item.
    pub content: Id<id::Content>,
    /// What they did.
    pub kind: InteractionKind,
    /// The stars of a rating, 0.5 to 5; `None` for every other kind.
    pub value: Option<f32>,
    /// When they did it.
    pub occurred_at: DateTime<Utc>,
    /// The item of a list that led to it.
    pub attribution: Option<Attribution>,
}

impl Interaction {
    /// The interaction's place in a history, the newest first: its id alone, which begins with
    /// the moment.
    pub fn cursor(&self) -> Cursor {
        Cursor::new("interactions", false, Value::Null, self.id.uuid())
    }
}

/// The item of a list, by its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribution {
    /// Which list.
    pub list: Id<id::List>,
    /// Which item of it, from 1.
    pub rank: i32,
}

/// The token that a list gives with each of its items: `<list id>.<rank>`.
impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.list, self.rank)
    }
}

/// The one place where a token is read.
impl FromStr for Attribution {
    type Err = Refusal;

    fn from_str(token: &str) -> Result<Self, Refusal> {
        token
            .split_once('.')
            .and_then(|(list, rank)| {
                let list = list.parse().ok()?;
                let digits = rank.bytes().all(|digit| digit.is_ascii_digit());
                let rank = rank.parse().ok().filter(|rank| digits && *rank >= 1)?;
                Some(Self { list, rank })
            })
            .ok_or_else(bad_attribution)
    }
}

/// The refusal of a token that names no item of a list of this user, or an item of other content.
pub(in crate::domain) fn bad_attribution() -> Refusal {
    Refusal::invalid(
        "attributionToken",
        "this is not a token of a list item of this user and this content; \
         send the item's `attributionToken` as it came, or leave it out",
    )
}

/// An interaction to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInteraction {
    /// Who did it; the viewer where it is not given.
    pub user: Option<Reference<id::User>>,
    /// To which item.
    pub content: Reference<id::Content>,
    /// What they did.
    pub kind: InteractionKind,
    /// The stars of a rating.
    pub value: Option<f32>,
    /// When they did it; now where it is not given.
    pub occurred_at: Option<DateTime<Utc>>,
    /// A name of the caller's own, 1 to 200 characters: the same interaction under the same name does
    /// nothing, another one is a conflict.
    pub idempotency_key: Option<String>,
    /// The token of the list item that led to it.
    pub attribution_token: Option<String>,
}

impl NewInteraction {
    /// Just what is needed: the viewer did this now.
    pub fn new(content: Id<id::Content>, kind: InteractionKind) -> Self {
        Self {
            user: None,
            content: content.into(),
            kind,
            value: None,
            occurred_at: None,
            idempotency_key: None,
            attribution_token: None,
        }
    }

    /// The interaction of `user` with `content` that this describes; `random` tells its id from others of the
    /// same moment.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for what contradicts itself or cannot be.
    pub(super) fn read(
        &self,
        (user, content): (Id<id::User>, Id<id::Content>),
        now: DateTime<Utc>,
        random: [u8; 10],
    ) -> Result<Interaction, Refusal> {
        let mut findings = Findings::default();
        match (self.kind, self.value) {
            (InteractionKind::Rating, stars) => findings.require(
                stars.is_some_and(|stars| (0.5..=5.0).contains(&stars)),
                "value",
                "a RATING needs its stars, 0.5 to 5",
            ),
            (_, value) => findings.require(
                value.is_none(),
                "value",
                "only a RATING has a value; leave it out",
            ),
        }
        let good = |key: &String| (1..=200).contains(&key.chars().count()) && !key.contains('\0');
        findings.require(
            self.idempotency_key.as_ref().is_none_or(good),
            "idempotencyKey",
            "an idempotency key has 1 to 200 characters, none of them U+0000",
        );
        // To the microsecond, which is what the database keeps.
        let occurred_at = self.occurred_at.unwrap_or(now).trunc_subsecs(6);
        // The clocks of clients differ from ours by a little.
        findings.require(
            occurred_at <= now + TimeDelta::minutes(5),
            "occurredAt",
            "this is in the future",
        );
        findings.require(
            occurred_at.date_naive() >= EARLIEST,
            "occurredAt",
            "this is before 1990; what is older comes by import",
        );
        let attribution = self.attribution_token.as_deref().map(str::parse);
        let attribution = findings.finish_with(attribution.transpose())?;
        Ok(Interaction {
            id: Id::at(occurred_at, random),
            user,
            content,
            kind: self.kind,
            value: self.value,
            occurred_at,
            attribution,
        })
    }
}

/// A digest of an interaction as it was asked for.
pub(super) type RequestHash = [u8; 32];

impl NewInteraction {
    /// What tells a repeat from another request under the same idempotency key: everything that is
    /// asked for, where a moment that is left out is left out. `read` is what [`Self::read`] made of it.
    pub(super) fn request_hash(&self, read: &Interaction) -> RequestHash {
        let moment = self.occurred_at.map(|_| read.occurred_at);
        let asked = format!(
            "{} {} {:?} {:?} {:?}",
            read.content.uuid(),
            read.kind.as_str(),
            read.value.map(f32::to_bits),
            moment.map(|moment| moment.timestamp_micros()),
            read.attribution.map(|item| (item.list.uuid(), item.rank)),
        );
        Sha256::digest(asked).into()
    }
}

const EARLIEST: NaiveDate = NaiveDate::from_ymd_opt(1990, 1, 1).expect("a day of the calendar");

/// An interaction that is on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The interaction as it is kept.
    pub interaction: Interaction,
    /// Whether it was there before, recorded with the same idempotency key.
    pub repeated: bool,
}

/// Which interactions to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the filter on the field of that name")]
pub struct InteractionFilter {
    pub kind: Comparison<InteractionKind>,
    pub content: Comparison<Id<id::Content>>,
    pub occurred_at: Comparison<DateTime<Utc>>,
}

/// How many values the lists of a filter may have.
const MAX_LISTED: usize = 1000;

impl InteractionFilter {
    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<(), Refusal> {
        let listed = self.kind.listed() + self.content.listed() + self.occurred_at.listed();
        if listed > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message));
        }
        Ok(())
    }
}

/// What to count.
#[derive(Clone, Debug)]
pub struct Counting {
    /// From this moment on.
    pub from: DateTime<Utc>,
    /// Until just before this moment.
    pub until: DateTime<Utc>,
    /// Only these kinds; all where it is not given.
    pub kinds: Option<Vec<InteractionKind>>,
    /// One count a kind.
    pub by_kind: bool,
    /// One count a day, UTC.
    pub by_day: bool,
}

/// How many interactions fall into one group.
#[derive(Clone, Debug, PartialEq)]
pub struct InteractionCount {
    /// The kind, where kinds are told apart.
    pub kind: Option<InteractionKind>,
    /// The day, UTC, where days are told apart.
    pub day: Option<NaiveDate>,
    /// How many.
    pub count: i64,
}

/// What the users of this server say of an item with their stars. A user's last rating counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratings {
    /// How many users rated it.
    pub count: i64,
    /// Their mean, 0.5 to 5.
    pub mean: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let attribution = Attribution {
            list: Id::from(uuid::Uuid::from_u128(7)),
            rank: 12,
        };
        let token = attribution.to_string();
        assert_eq!(token.parse(), Ok(attribution));
        let list = attribution.list;
        for nonsense in [
            String::new(),
            list.to_string(),
            format!("{list}."),
            format!("{list}.0"),
            format!("{list}.-1"),
            format!("{list}.+1"),
            format!("{list}.99999999999"),
            format!("{list}.1.2"),
            "user_00000000000000000000000007.1".to_owned(),
        ] {
            assert!(nonsense.parse::<Attribution>().is_err(), "{nonsense}");
        }
    }
}
