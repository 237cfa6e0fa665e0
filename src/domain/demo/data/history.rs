//! A year of what the invented people did.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rustc_hash::FxHashSet;

use super::people::{IN_TASTE, Person, make_people};
use super::{DemoInteraction, DemoUser, Film, ItemRef, Product, keyed};
use crate::domain::interactions::InteractionKind;

/// Part of the films of the own taste that a person never comes across.
const WITHHELD: f64 = 0.35;
/// Films that even people of another taste have seen.
const HITS: &str = "casablanca-1942 seven-samurai-1954 psycho-1960 2001-a-space-odyssey-1968 \
    the-godfather-1972 jaws-1975 star-wars-1977 alien-1979 raiders-of-the-lost-ark-1981 \
    blade-runner-1982 back-to-the-future-1985 goodfellas-1990 the-lion-king-1994 \
    pulp-fiction-1994 toy-story-1995 titanic-1997 the-matrix-1999 spirited-away-2001 \
    amelie-2001 the-dark-knight-2008 inception-2010 parasite-2019";
const YEAR: i64 = 365 * 24 * 3600;
/// Nothing begins in the last hours, so that what follows still ends in time.
const MARGIN: i64 = 8 * 3600;

/// Makes the people and their history.
pub fn make(
    seed: u64,
    now: DateTime<Utc>,
    films: &[Film],
    products: &[Product],
) -> (Vec<DemoUser>, Vec<DemoInteraction>) {
    let mut rng = ChaCha8Rng::seed_from_u64(keyed(seed, "history"));
    let people = make_people(&mut rng);
    let world = World {
        now,
        films,
        products,
        fame: fame(&mut rng, films),
        quality: quality(&mut rng, films),
    };
    let mut log = Log::default();
    for (index, person) in people.iter().enumerate() {
        person.watch(index, &world, &mut rng, &mut log);
        person.shop(index, &world, &mut rng, &mut log);
    }
    let mut acts = log.acts;
    acts.sort_by_key(|act| (act.at, act.user, act.item, act.kind));
    (people.into_iter().map(|person| person.user).collect(), acts)
}

struct World<'a> {
    now: DateTime<Utc>,
    films: &'a [Film],
    products: &'a [Product],
    fame: Vec<f64>,
    quality: Vec<f64>,
}

/// A few films that everybody knows, and a long tail.
fn fame(rng: &mut ChaCha8Rng, films: &[Film]) -> Vec<f64> {
    let known = |film: &Film| HITS.split_whitespace().any(|key| key == film.key);
    let one = |film: &Film| {
        let tail = rng.random_range(0.003_f64..1.0).powf(-0.5);
        tail * if known(film) { 6.0 } else { 1.0 } * if film.year >= 1970 { 1.4 } else { 1.0 }
    };
    films.iter().map(one).collect()
}

/// How good a film is in everybody's eyes, in stars above or below the usual.
fn quality(rng: &mut ChaCha8Rng, films: &[Film]) -> Vec<f64> {
    films.iter().map(|_| rng.random_range(-0.4..0.4)).collect()
}

impl Person {
    fn watch(&self, index: usize, world: &World<'_>, rng: &mut ChaCha8Rng, log: &mut Log) {
        let likes: Vec<f64> = world.films.iter().map(|film| self.affinity(film)).collect();
        let mut clock = Clock::new(rng, world.now);
        for film in self.choose_films(index, world, &likes, rng) {
            let mut visit = Visit {
                user: index,
                item: ItemRef::Film(film),
                at: clock.next(rng),
                log: &mut *log,
            };
            let mood = rng.random_range(-0.15..0.15);
            let sure = index == 0 && super::is_favourite(&world.films[film]);
            visit.film(rng, likes[film] + mood, world.quality[film], sure);
        }
    }

    /// Films in the order in which the person comes across them.
    fn choose_films(
        &self,
        index: usize,
        world: &World<'_>,
        likes: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Vec<usize> {
        let mut chosen = Vec::new();
        let mut unseen: FxHashSet<usize> = FxHashSet::default();
        if index == 0 {
            (chosen, unseen) = halve(world.films, rng);
        }
        unseen.extend(
            (0..likes.len()).filter(|&film| likes[film] >= IN_TASTE && rng.random_bool(WITHHELD)),
        );
        unseen.retain(|film| !chosen.contains(film));
        let by_taste: Vec<f64> = likes
            .iter()
            .zip(&world.fame)
            .map(|(like, fame)| like.powi(2) * fame.powf(0.6))
            .collect();
        let (taste_sum, fame_sum): (f64, f64) = (by_taste.iter().sum(), world.fame.iter().sum());
        let weigh = |film: usize| {
            self.focus * by_taste[film] / taste_sum.max(f64::MIN_POSITIVE)
                + (1.0 - self.focus) * world.fame[film] / fame_sum
        };
        let open = (0..likes.len()).filter(|film| !unseen.contains(film) && !chosen.contains(film));
        let mut drawn = draw(rng, open, weigh, self.films);
        chosen.append(&mut drawn);
        chosen.shuffle(rng);
        chosen
    }

    fn shop(&self, index: usize, world: &World<'_>, rng: &mut ChaCha8Rng, log: &mut Log) {
        let likes: Vec<f64> = world
            .products
            .iter()
            .map(|product| self.product_affinity(product))
            .collect();
        let mut clock = Clock::new(rng, world.now);
        for product in draw(
            rng,
            0..likes.len(),
            |product| 0.15 + likes[product],
            self.products,
        ) {
            let mut visit = Visit {
                user: index,
                item: ItemRef::Product(product),
                at: clock.next(rng),
                log: &mut *log,
            };
            visit.product(rng, likes[product], world.now);
        }
    }
}

/// One half of the films of the reserved user's favourite director to see, the other to be recommended.
fn halve(films: &[Film], rng: &mut ChaCha8Rng) -> (Vec<usize>, FxHashSet<usize>) {
    let mut all: Vec<usize> = (0..films.len())
        .filter(|&film| super::is_favourite(&films[film]))
        .collect();
    all.shuffle(rng);
    let unseen = all.split_off(all.len() / 2);
    (all, unseen.into_iter().collect())
}

/// Draws without replacement, each with a probability by its weight (Efraimidis and Spirakis).
fn draw(
    rng: &mut ChaCha8Rng,
    items: impl Iterator<Item = usize>,
    weigh: impl Fn(usize) -> f64,
    count: usize,
) -> Vec<usize> {
    let key = |item| {
        (
            -rng.random_range(f64::MIN_POSITIVE..1.0).ln() / weigh(item).max(f64::MIN_POSITIVE),
            item,
        )
    };
    let mut keyed: Vec<(f64, usize)> = items.map(key).collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    keyed
        .into_iter()
        .take(count)
        .map(|(_, item)| item)
        .collect()
}

/// When the person is about: now and then since joining, often for several items in a row.
struct Clock {
    joined: DateTime<Utc>,
    span: i64,
    last: Option<DateTime<Utc>>,
}

impl Clock {
    fn new(rng: &mut ChaCha8Rng, now: DateTime<Utc>) -> Self {
        let span = rng.random_range(YEAR / 5..YEAR - 3600);
        Self {
            joined: now - TimeDelta::seconds(span),
            span,
            last: None,
        }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> DateTime<Utc> {
        let limit = self.joined + TimeDelta::seconds(self.span - MARGIN);
        let at = match self.last {
            Some(last) if rng.random_bool(0.4) => {
                last + TimeDelta::seconds(rng.random_range(120..9000))
            }
            _ => {
                let share = rng.random::<f64>().powf(0.8);
                self.joined + TimeDelta::seconds((share * (self.span - MARGIN) as f64) as i64)
            }
        };
        let at = at.min(limit);
        self.last = Some(at);
        at
    }
}

/// Everything that has been done, nothing twice in one second.
#[derive(Default)]
struct Log {
    acts: Vec<DemoInteraction>,
    seen: FxHashSet<(usize, ItemRef, InteractionKind, DateTime<Utc>)>,
}

/// One person in front of one item.
struct Visit<'a> {
    user: usize,
    item: ItemRef,
    at: DateTime<Utc>,
    log: &'a mut Log,
}

impl Visit<'_> {
    fn act(&mut self, kind: InteractionKind, value: Option<f32>) {
        if self.log.seen.insert((self.user, self.item, kind, self.at)) {
            self.log.acts.push(DemoInteraction {
                user: self.user,
                item: self.item,
                kind,
                value,
                at: self.at,
            });
        }
    }

    fn wait(&mut self, rng: &mut ChaCha8Rng, seconds: std::ops::Range<i64>) {
        self.at += TimeDelta::seconds(rng.random_range(seconds));
    }

    fn film(&mut self, rng: &mut ChaCha8Rng, like: f64, quality: f64, sure: bool) {
        if rng.random_bool((0.35 - like * 0.6).clamp(0.0, 0.3)) {
            return self.act(InteractionKind::Skip, None);
        }
        if rng.random_bool(0.3) {
            self.act(InteractionKind::Click, None);
            self.wait(rng, 5..300);
        }
        self.act(InteractionKind::View, None);
        self.wait(rng, 3000..11_000);
        let pleased = like >= IN_TASTE - 0.1;
        if rng.random_bool(if pleased { 0.5 } else { 0.25 }) {
            let stars = 2.7 + 1.8 * like.clamp(0.0, 1.0) + quality + rng.random_range(-0.7..0.7);
            self.act(InteractionKind::Rating, Some(halves(stars)));
            self.wait(rng, 2..60);
        }
        if pleased && rng.random_bool(if sure { 1.0 } else { 0.4 }) {
            self.act(InteractionKind::Like, None);
            self.wait(rng, 5..900);
        }
        if pleased && rng.random_bool(0.08) {
            self.act(InteractionKind::Share, None);
        }
        if like < 0.15 && rng.random_bool(0.1) {
            self.act(InteractionKind::Dislike, None);
        }
    }

    fn product(&mut self, rng: &mut ChaCha8Rng, like: f64, now: DateTime<Utc>) {
        if rng.random_bool(0.4) {
            self.act(InteractionKind::Click, None);
            self.wait(rng, 1..20);
        }
        self.act(InteractionKind::View, None);
        self.wait(rng, 20..600);
        if !rng.random_bool(0.12 + 0.4 * like) {
            return;
        }
        self.act(InteractionKind::AddToCart, None);
        self.wait(rng, 60..7000);
        if rng.random_bool(0.25) {
            return self.act(InteractionKind::RemoveFromCart, None);
        }
        if rng.random_bool(0.65) {
            self.act(InteractionKind::Purchase, None);
            self.after_purchase(rng, like, now);
        }
    }

    /// Days later a purchase may be rated or sent back.
    fn after_purchase(&mut self, rng: &mut ChaCha8Rng, like: f64, now: DateTime<Utc>) {
        self.wait(rng, 2 * 86_400..20 * 86_400);
        if self.at > now {
            return;
        }
        if rng.random_bool(0.07) {
            return self.act(InteractionKind::Return, None);
        }
        if rng.random_bool(0.35) {
            let stars = 3.4 + like + rng.random_range(-1.0..0.8);
            self.act(InteractionKind::Rating, Some(halves(stars)));
        }
    }
}

/// Rounds to half stars within the scale.
fn halves(stars: f64) -> f32 {
    ((stars * 2.0).round() / 2.0).clamp(0.5, 5.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kurosawa_people_like_japanese_classics() {
        let demo = super::super::generate(1, DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let (mut good, mut bad, mut classics, mut films) = (0, 0, 0, 0);
        for act in demo.interactions {
            let ItemRef::Film(index) = act.item else {
                continue;
            };
            if demo.users[act.user].taste != "kurosawa-and-japan" {
                continue;
            }
            films += 1;
            let film = &demo.films[index];
            if film.language == "ja" && film.year <= 1986 {
                classics += 1;
                match (act.kind, act.value) {
                    (InteractionKind::Like | InteractionKind::Share, _) => good += 1,
                    (InteractionKind::Rating, Some(stars)) if stars >= 3.5 => good += 1,
                    (
                        InteractionKind::Rating | InteractionKind::Skip | InteractionKind::Dislike,
                        _,
                    ) => bad += 1,
                    _ => {}
                }
            }
        }
        assert!(classics * 3 > films, "{classics} of {films}");
        assert!(good > 4 * bad, "{good} good, {bad} bad");
    }
}
