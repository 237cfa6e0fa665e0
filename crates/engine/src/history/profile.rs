//! What a user's history says of their taste, as vectors.

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashSet;

use super::events::{Content, Event, History};
use super::kind::InteractionKind;
use ranking::kernel::{Kernel, Rows};
use ranking::profile::{self, INTERESTS, Interests};

/// So many of the latest events make a profile.
const PROFILED: usize = 300;
/// In this time a session fades to 37 % (τ).
const SESSION_FADES: TimeDelta = TimeDelta::minutes(30);
/// After this time an interest counts half, seen from the user's last event: a year away takes no
/// taste away.
const INTEREST_HALF_LIFE: TimeDelta = TimeDelta::days(90);
/// An event says nothing of the session any more once so little is left of its weight.
const FAINT: f32 = 0.01;

/// What a user likes, as vectors of the embedding space; zeros where nothing is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What the user is after just now.
    pub session: Vec<f32>,
    /// What the user has come to like.
    pub long_term: Vec<f32>,
    /// The few tastes that is made of.
    pub interests: Interests,
}

impl History {
    /// The items whose vectors make the profile, each once.
    pub fn profiled(&self) -> Vec<Content> {
        let latest = self.events().iter().take(PROFILED);
        let latest = latest.map(|event| event.content);
        latest.collect::<FxHashSet<_>>().into_iter().collect()
    }

    /// The user's vectors at `now`, in a space of `length` dimensions; `vector` knows where an item is
    /// in it. What was taken back says nothing, and repeats say ever less. `None` where no item of the
    /// history has a vector.
    pub fn profile<'v>(
        &self,
        now: DateTime<Utc>,
        length: usize,
        vector: impl Fn(Content) -> Option<&'v [f32]>,
    ) -> Option<Profile> {
        let latest = self.latest()?;
        let weights = self.weights();
        let seconds = |span: TimeDelta| span.as_seconds_f64() as f32;
        let (mut now_events, mut all_events) = (Vec::new(), Vec::new());
        let mut long_term = vec![0.0; length];
        let events = self.events().iter().zip(self.shares());
        for (event, share) in events.take(PROFILED).rev() {
            let Some(item) = vector(event.content) else {
                continue;
            };
            let weight = weights.weight(event.kind, event.value) * share;
            profile::follow_taste(&mut long_term, item, pull(event) * share);
            all_events.push(profile::Event {
                item,
                weight,
                age: seconds(latest - event.at),
            });
            let fresh = weight * weights.decay(event.kind, now - event.at);
            if fresh.abs() >= FAINT {
                now_events.push(profile::Event {
                    item,
                    weight: fresh,
                    age: seconds(now - event.at),
                });
            }
        }
        if all_events.is_empty() {
            return None;
        }
        Some(Profile {
            session: profile::session(length, &now_events, seconds(SESSION_FADES)),
            long_term,
            interests: Interests::of(length, &all_events, seconds(INTEREST_HALF_LIFE)),
        })
    }
}

impl Profile {
    /// Whether the user did something lately enough to speak of a session.
    pub fn has_session(&self) -> bool {
        self.session.iter().any(|number| *number != 0.0)
    }

    /// How near items are to what the user has come to like, from −1 to 1: the mean of an item's
    /// cosine to the long-term vector and to the nearest interest, so that a taste among several
    /// counts whole.
    ///
    /// # Panics
    /// The answer panics at an item of more dimensions than the profile.
    pub fn long_term_fit(&self) -> impl Fn(&[f32]) -> f32 {
        let norm = dot(&self.long_term, &self.long_term).sqrt();
        let shrink = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        let (kernel, stride) = (Kernel::detect(), self.long_term.len().max(1));
        // Side by side, the long-term vector first.
        let interests = self.interests.as_slice().iter();
        let interests = interests.flat_map(|interest| &interest.vector);
        let values: Vec<f32> = self.long_term.iter().chain(interests).copied().collect();
        move |item| {
            let mut products = [0.0; 1 + INTERESTS];
            let values = &values[..];
            kernel.add_products(Rows { values, stride }, 0, item, &mut products);
            let long_term = products[0] * shrink;
            let nearest = products[1..values.len() / stride].iter().copied();
            match nearest.reduce(f32::max) {
                Some(nearest) => (nearest + long_term) / 2.0,
                None => long_term,
            }
        }
    }
}

/// The inner product of vectors of one length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    Kernel::detect().dot(a, b)
}

/// How far one event moves the long-term vector (α): towards the item, or away from it where it is
/// negative. The figures for views, clicks, favourites and ratings are those of the product's
/// design; the others are set in their proportion.
fn pull(event: &Event) -> f32 {
    match event.kind {
        InteractionKind::View => 0.05,
        InteractionKind::Click => 0.02,
        InteractionKind::AddToCart => 0.1,
        InteractionKind::Purchase | InteractionKind::Like => 0.3,
        InteractionKind::Share => 0.2,
        InteractionKind::Rating => {
            let from_middle = event.value.unwrap_or(3.0) - 3.0;
            let strength = 0.2 * (1.0 + 0.25 * from_middle.abs());
            // Below the middle of the stars a rating speaks against the item.
            if from_middle < -0.5 {
                -strength
            } else {
                0.2 * (1.0 + 0.25 * from_middle)
            }
        }
        InteractionKind::Skip => -0.02,
        InteractionKind::RemoveFromCart => -0.05,
        InteractionKind::Return => -0.2,
        InteractionKind::Dislike => -0.3,
    }
}
