//! The state of one user and one item: what all that the user did to it comes to.
//!
//! The rules, in the order of time:
//! - **Of ratings the last** counts, and no other.
//! - **Of opposites the latest**: LIKE and DISLIKE, PURCHASE and RETURN, ADD_TO_CART and
//!   REMOVE_FROM_CART take each other back. A rating above the middle of the stars is of the side of
//!   LIKE, one below it of the side of DISLIKE.
//! - **What speaks against takes back what it follows**: a DISLIKE, and a rating below the middle, take
//!   back everything that spoke for the item before; a RETURN takes back the cart as well as the
//!   purchase. A PURCHASE takes back that the item was taken out of the cart.
//! - **Repeats flatten out**: of one kind the latest event counts whole, the one before it half, the one
//!   before that a quarter. `n` events weigh `2 − 2^(1−n)` times as much as one, never twice as much: sixty
//!   views (.1 each) weigh .2, a purchase 1.
//! - The sum lies in [−2, 2].
//!
//! Read from the latest event back, what becomes of an event depends on later ones alone. So a state
//! is built in one pass, and the events since some moment say by themselves what they did.

use chrono::{DateTime, TimeDelta, Utc};

use super::kind::InteractionKind;
use super::weights::{NEUTRAL_STARS, WeightTable};

/// What one user did to one item counts at most so much, for it or against it: nobody makes an item
/// popular alone.
pub const MOST_WEIGHT: f32 = 2.0;

/// So many repeats halve the share of an event; what came before them says nothing more.
const MOST_REPEATS: u8 = 100;

const KINDS: usize = InteractionKind::ALL.len();

/// For how long an item stays out of a user's lists. The larger is the longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusion {
    /// Not at all.
    #[default]
    None,
    /// Until just before this moment.
    Until(DateTime<Utc>),
    /// For good.
    ForGood,
}

impl Exclusion {
    /// That of something done at `at`, after which the item stays out for `span`: zero is not at all,
    /// `None` for good.
    fn after(at: DateTime<Utc>, span: Option<TimeDelta>) -> Self {
        match span {
            None => Self::ForGood,
            Some(span) if span <= TimeDelta::zero() => Self::None,
            Some(span) => at
                .checked_add_signed(span)
                .map_or(Self::ForGood, Self::Until),
        }
    }

    /// Whether the item stays out at `now`.
    pub fn holds(self, now: DateTime<Utc>) -> bool {
        match self {
            Self::None => false,
            Self::Until(end) => now < end,
            Self::ForGood => true,
        }
    }
}

/// What all that a user did to an item comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// How much it speaks for the item, in [−2, 2]; negative where it speaks against it.
    pub weight: f32,
    /// What says most of that: of a positive weight the kind that speaks most for the item, else the
    /// one that speaks most against it. Of equals the first in the order of [`InteractionKind::ALL`].
    pub kind: InteractionKind,
    /// The last rating, 0.5 to 5, whatever came after it.
    pub stars: Option<f32>,
    /// When the user did something to it last.
    pub latest: DateTime<Utc>,
    /// For how long it stays out of the user's lists.
    pub exclusion: Exclusion,
}

impl State {
    /// Whether it speaks for the item.
    pub fn is_positive(&self) -> bool {
        self.weight > 0.0
    }

    /// Whether a person would say that the user liked the item: they said so, rated it above the
    /// middle, shared it or bought it, and nothing took that back. Looking at it is no liking.
    pub fn is_liking(&self) -> bool {
        use InteractionKind as Kind;
        self.is_positive()
            && matches!(
                self.kind,
                Kind::Like | Kind::Rating | Kind::Share | Kind::Purchase
            )
    }
}

/// A set of kinds, and of the two sides of ratings, as bits.
type Kinds = u16;

const RATED_FOR: Kinds = 1 << KINDS;
const RATED_AGAINST: Kinds = 1 << (KINDS + 1);

const fn bit(kind: InteractionKind) -> Kinds {
    1 << kind as Kinds
}

/// The opposite of a kind, which takes an event back whenever it comes later; of a rating, another.
fn opposite(kind: InteractionKind) -> Kinds {
    use InteractionKind as Kind;
    match kind {
        Kind::AddToCart => bit(Kind::RemoveFromCart),
        Kind::RemoveFromCart => bit(Kind::AddToCart),
        Kind::Purchase => bit(Kind::Return),
        Kind::Return => bit(Kind::Purchase),
        Kind::Like => bit(Kind::Dislike),
        Kind::Dislike => bit(Kind::Like),
        Kind::Rating => bit(Kind::Rating),
        Kind::View | Kind::Click | Kind::Share | Kind::Skip => 0,
    }
}

/// What else takes an event back if it comes later, and is not taken back itself.
fn overruled_by(kind: InteractionKind, stars: Option<f32>) -> Kinds {
    use InteractionKind as Kind;
    const AGAINST: Kinds = bit(Kind::Dislike) | RATED_AGAINST;
    match kind {
        Kind::View | Kind::Click | Kind::Share | Kind::Like | Kind::Purchase => AGAINST,
        Kind::AddToCart => AGAINST | bit(Kind::Return),
        Kind::Rating => match side(stars) {
            RATED_FOR => bit(Kind::Dislike),
            RATED_AGAINST => bit(Kind::Like),
            _ => 0,
        },
        Kind::Dislike => RATED_FOR,
        Kind::RemoveFromCart => bit(Kind::Purchase),
        Kind::Skip | Kind::Return => 0,
    }
}

/// On which side of the middle a rating is; no bit for the middle.
fn side(stars: Option<f32>) -> Kinds {
    match stars {
        Some(stars) if stars > NEUTRAL_STARS => RATED_FOR,
        Some(stars) if stars < NEUTRAL_STARS => RATED_AGAINST,
        _ => 0,
    }
}

/// A state that is being built from the events of one user and one item, the latest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct StateBuilder {
    /// The kinds of the events that came already, which are later ones.
    later: Kinds,
    /// Of these, the kinds of the events that count.
    in_force: Kinds,
    /// How many events of each kind count.
    counts: [u8; KINDS],
    /// The stars of the rating that counts.
    rated: Option<f32>,
    /// The last stars of all.
    stars: Option<f32>,
    latest: Option<DateTime<Utc>>,
    exclusion: Exclusion,
}

impl StateBuilder {
    /// Takes the next event, which happened before those that came already. Answers the event's
    /// share, in [0, 1]: 0 if it was taken back, 1 if it is the latest of its kind, a half if it is the
    /// one before, and so on.
    pub fn push(
        &mut self,
        weights: &WeightTable,
        kind: InteractionKind,
        stars: Option<f32>,
        at: DateTime<Utc>,
    ) -> f32 {
        self.latest = self.latest.or(Some(at));
        if kind == InteractionKind::Rating {
            self.stars = self.stars.or(stars);
        }
        let withdrawn = self.later & opposite(kind) != 0;
        self.later |= bit(kind);
        if withdrawn {
            return 0.0;
        }
        // A disliked purchase is still a purchase.
        let exclusion = Exclusion::after(at, weights.row(kind).exclude_for);
        self.exclusion = self.exclusion.max(exclusion);
        if self.in_force & overruled_by(kind, stars) != 0 {
            return 0.0;
        }
        self.in_force |= bit(kind);
        if kind == InteractionKind::Rating {
            self.rated = stars;
            self.in_force |= side(stars);
        }
        let count = &mut self.counts[kind as usize];
        if *count == MOST_REPEATS {
            return 0.0;
        }
        *count += 1;
        halved(*count - 1)
    }

    /// The state; `None` where there was no event.
    pub fn state(&self, weights: &WeightTable) -> Option<State> {
        let latest = self.latest?;
        let mut sum = 0.0;
        let (mut most, mut least) = ((0.0, None), (0.0, None));
        for (kind, count) in InteractionKind::ALL.iter().zip(self.counts) {
            if count == 0 {
                continue;
            }
            let said = weights.weight(*kind, self.rated) * flattened(count);
            sum += said;
            if most.1.is_none() || said > most.0 {
                most = (said, Some(*kind));
            }
            if least.1.is_none() || said < least.0 {
                least = (said, Some(*kind));
            }
        }
        let weight = f32::clamp(sum, -MOST_WEIGHT, MOST_WEIGHT);
        let (_, kind) = if weight > 0.0 { most } else { least };
        Some(State {
            weight,
            // The latest event is never taken back, so something counts.
            kind: kind?,
            stars: self.stars,
            latest,
            exclusion: self.exclusion,
        })
    }
}

/// The share of an event that `repeats` later ones of its kind came after: `2^−repeats`.
fn halved(repeats: u8) -> f32 {
    0.5_f32.powi(i32::from(repeats))
}

/// How much `count` events of one kind weigh, in events: `2 − 2^(1 − count)`.
fn flattened(count: u8) -> f32 {
    2.0 - 2.0 * halved(count)
}

#[cfg(test)]
pub(super) mod tests;
