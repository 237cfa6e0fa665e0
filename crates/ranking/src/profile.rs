//! What a person likes, as vectors: now, in the long run, and the few tastes it is made of.
//!
//! An item is a vector, and only its direction counts; what a person does with it is an event with
//! a signed weight. An item that points nowhere (zeros, a number that is none, another length than
//! the profile's) and a weight that is not finite leave every profile as it is. Nothing here knows
//! a clock: the caller says how much time has passed, in any unit, as long as it is always the
//! same. A vector that comes out has a norm of at most 1 and only finite numbers.

/// What a person did with an item.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The item.
    pub item: &'a [f32],
    /// How much it says, about 1 for a purchase; negative for what a person turns away from.
    pub weight: f32,
    /// How long ago. What lies in the future, or is not a number, counts as now.
    pub age: f32,
}

/// One event later in a session: `s ← normalise(s · e^(−elapsed/τ) + weight · item)`.
///
/// `elapsed` is the time since the event before; `fading` is τ, the time in which a session fades
/// to 37 %. Without time (a `fading` that is not positive), only the event counts. The result has
/// norm 1, or is zero where nothing is left: a person who just turned away from the only item
/// they had looked at.
pub fn follow_session(session: &mut [f32], elapsed: f32, fading: f32, item: &[f32], weight: f32) {
    let Some(item) = direction(item, session.len()) else {
        return;
    };
    if !weight.is_finite() {
        return;
    }
    let kept = fade(elapsed, fading);
    let sum = mixed(session, kept, &item, f64::from(weight));
    set(session, &sum, true);
}

/// The session after these events, whatever the order they come in; of equal ages the later one
/// in the list happened later.
pub fn session(length: usize, events: &[Event<'_>], fading: f32) -> Vec<f32> {
    let mut session = vec![0.0; length];
    let mut before = None;
    for event in oldest_first(events) {
        let age = age(&event);
        let elapsed = before.map_or(0.0, |before: f32| before - age);
        follow_session(&mut session, elapsed, fading, event.item, event.weight);
        before = Some(age);
    }
    session
}

/// One event later in the long run: `v ← (1 − rate) · v + rate · item`.
///
/// `rate` is α, how far one event moves the profile: .02 for a click, .3 for a favourite; more
/// than 1 counts as 1. A negative rate pushes away, `v ← v + rate · item`, and a vector that would
/// grow past norm 1 is brought back to it.
pub fn follow_taste(taste: &mut [f32], item: &[f32], rate: f32) {
    let Some(item) = direction(item, taste.len()) else {
        return;
    };
    if !rate.is_finite() {
        return;
    }
    let rate = f64::from(rate.clamp(-1.0, 1.0));
    let sum = mixed(taste, 1.0 - rate.max(0.0), &item, rate);
    set(taste, &sum, false);
}

/// How many interests a person has at most.
pub const INTERESTS: usize = 4;

/// The cosine from which on two interests are one, and an item belongs to an interest.
pub const SAME_INTEREST: f32 = 0.7;

/// An interest that weighs less than this is forgotten.
const FAINTEST: f32 = 1e-4;

/// No interest weighs more, so that sums stay finite and no habit lasts for ever.
const HEAVIEST: f32 = 1e6;

/// One of a person's tastes.
#[derive(Clone, Debug, PartialEq)]
pub struct Interest {
    /// Where it points; norm 1.
    pub vector: Vec<f32>,
    /// The sum of the weights of its events, each faded by its age; positive.
    pub weight: f32,
}

/// A person's tastes kept apart, so that a lover of westerns and of musicals is not sent the
/// average of the two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interests(Vec<Interest>);

impl Interests {
    /// The interests after these events, whatever the order they come in; of equal ages the later
    /// one in the list happened later. An event counts half after every `half_life`; a half-life
    /// that is not positive is none.
    pub fn of(length: usize, events: &[Event<'_>], half_life: f32) -> Self {
        let mut interests = Self::default();
        let mut before = None;
        for event in oldest_first(events) {
            let age = age(&event);
            interests.fade(before.map_or(0.0, |before: f32| before - age), half_life);
            interests.follow(length, event.item, event.weight);
            before = Some(age);
        }
        interests.fade(before.unwrap_or(0.0), half_life);
        interests
    }

    /// Interests that were kept somewhere. Those that are not as [`Interest`] says are left out,
    /// and so are all but the heaviest [`INTERESTS`].
    pub fn restore(length: usize, kept: impl IntoIterator<Item = Interest>) -> Self {
        let usable = kept.into_iter().filter_map(|interest| {
            let vector = direction(&interest.vector, length)?;
            (interest.weight >= FAINTEST).then(|| Interest {
                vector: vector.into_iter().map(|v| v as f32).collect(),
                weight: interest.weight.min(HEAVIEST),
            })
        });
        let mut interests = Self(usable.collect());
        interests.sort();
        interests.0.truncate(INTERESTS);
        interests
    }

    /// The interests, the heaviest first; of equals the older one.
    pub fn as_slice(&self) -> &[Interest] {
        &self.0
    }

    /// Lets time pass: every weight is halved after each `half_life`, and what has become faint is
    /// forgotten.
    pub fn fade(&mut self, elapsed: f32, half_life: f32) {
        if half_life > 0.0 && elapsed > 0.0 {
            let kept = (-elapsed / half_life).exp2();
            self.0
                .iter_mut()
                .for_each(|interest| interest.weight *= kept);
            self.0.retain(|interest| interest.weight >= FAINTEST);
        }
    }

    /// Takes in one event.
    ///
    /// - An item within [`SAME_INTEREST`] of an interest joins the nearest one, which moves to the
    ///   weighted mean; interests that have come within that distance become one.
    /// - Any other item opens an interest. A fifth takes the place of the lightest of the other
    ///   four: joining the two nearest instead would average tastes that are known to differ,
    ///   which is what interests are there to avoid, and refusing the newcomer would keep a new
    ///   taste out for good. Heavy interests are never in danger, since passing fancies replace
    ///   one another.
    /// - A negative weight takes weight from the interest the item belongs to and pushes it away
    ///   from the item; one that loses all its weight is gone. Without such an interest, nothing
    ///   happens.
    pub fn follow(&mut self, length: usize, item: &[f32], weight: f32) {
        let Some(item) = direction(item, length) else {
            return;
        };
        if !weight.is_finite() || weight == 0.0 {
            return;
        }
        let weight = weight.clamp(-HEAVIEST, HEAVIEST);
        let home = self
            .0
            .iter()
            .enumerate()
            .map(|(index, interest)| (index, product(&interest.vector, &item)))
            // Of equals the first one: `max_by` would take the last.
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, cosine)| *cosine >= f64::from(SAME_INTEREST));
        match home {
            Some((index, _)) => self.join(index, &item, weight),
            None if weight >= FAINTEST => {
                self.0.truncate(INTERESTS - 1);
                self.0.push(Interest {
                    vector: item.into_iter().map(|v| v as f32).collect(),
                    weight,
                });
            }
            None => {}
        }
        self.sort();
    }

    fn join(&mut self, index: usize, item: &[f64], weight: f32) {
        let interest = &mut self.0[index];
        let left = interest.weight + weight;
        if left < FAINTEST {
            self.0.remove(index);
            return;
        }
        let sum = mixed(
            &interest.vector,
            f64::from(interest.weight),
            item,
            f64::from(weight),
        );
        set(&mut interest.vector, &sum, true);
        interest.weight = left.min(HEAVIEST);
        while let Some((first, second)) = self.alike() {
            let other = self.0.remove(second);
            let item: Vec<f64> = other.vector.iter().map(|v| f64::from(*v)).collect();
            let interest = &mut self.0[first];
            let (weight, added) = (f64::from(interest.weight), f64::from(other.weight));
            let sum = mixed(&interest.vector, weight, &item, added);
            set(&mut interest.vector, &sum, true);
            interest.weight = (interest.weight + other.weight).min(HEAVIEST);
        }
    }

    /// The first two interests that are the same.
    fn alike(&self) -> Option<(usize, usize)> {
        let same = |a: usize, b: usize| {
            let cosine = product(&self.0[a].vector, &self.0[b].vector);
            cosine >= f64::from(SAME_INTEREST)
        };
        (0..self.0.len())
            .flat_map(|second| (0..second).map(move |first| (first, second)))
            .find(|(first, second)| same(*first, *second))
    }

    /// The sort is stable, so older interests stay before newer ones of the same weight.
    fn sort(&mut self) {
        self.0.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    }
}

fn age(event: &Event<'_>) -> f32 {
    if event.age.is_nan() {
        0.0
    } else {
        // The difference of two ages has to be a number, so none is infinite.
        event.age.clamp(0.0, f32::MAX)
    }
}

fn oldest_first<'a>(events: &[Event<'a>]) -> Vec<Event<'a>> {
    let mut events = events.to_vec();
    events.sort_by(|a, b| age(b).total_cmp(&age(a)));
    events
}

/// e^(−elapsed/τ).
fn fade(elapsed: f32, fading: f32) -> f64 {
    if fading > 0.0 {
        (-f64::from(elapsed.max(0.0)) / f64::from(fading)).exp()
    } else {
        0.0
    }
}

/// The vector with norm 1, if it has the length and points anywhere.
fn direction(vector: &[f32], length: usize) -> Option<Vec<f64>> {
    let norm = product(vector, vector).sqrt();
    (vector.len() == length && norm > 0.0 && norm.is_finite())
        .then(|| vector.iter().map(|v| f64::from(*v) / norm).collect())
}

/// The inner product. It adds in several sums, so that none of them waits for the one before.
fn product<A: Copy + Into<f64>, B: Copy + Into<f64>>(a: &[A], b: &[B]) -> f64 {
    const SUMS: usize = 8;
    let (a, a_rest) = a.as_chunks::<SUMS>();
    let (b, b_rest) = b.as_chunks::<SUMS>();
    let mut sums = [0.0; SUMS];
    for (a, b) in a.iter().zip(b) {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += a[at].into() * b[at].into();
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest = rest.map(|(a, b)| (*a).into() * (*b).into());
    sums.into_iter().chain(rest).sum()
}

/// `kept · a + added · b`.
fn mixed(a: &[f32], kept: f64, b: &[f64], added: f64) -> Vec<f64> {
    // What a caller kept badly must not spread.
    let sound = |v: f32| if v.is_finite() { f64::from(v) } else { 0.0 };
    a.iter()
        .zip(b)
        .map(|(a, b)| kept * sound(*a) + added * b)
        .collect()
}

/// Writes a sum, with norm 1 or, if `full` is false, with norm 1 at most. A sum that is nothing
/// but rounding becomes zero.
fn set(vector: &mut [f32], sum: &[f64], full: bool) {
    let norm = product(sum, sum).sqrt();
    let scale = if !norm.is_finite() || norm < 1e-7 {
        0.0
    } else if full || norm > 1.0 {
        1.0 / norm
    } else {
        1.0
    };
    for (vector, sum) in vector.iter_mut().zip(sum) {
        *vector = if scale == 0.0 {
            0.0
        } else {
            (sum * scale) as f32
        };
    }
}

#[cfg(test)]
mod tests;
