//! A made-up language: topics with words of their own, and words that every topic uses.

use crate::rng::BenchRng;

/// How many topics there are.
pub const TOPICS: usize = 60;
/// Words of one topic.
const TOPIC_WORDS: usize = 140;
/// Words that all topics use.
const COMMON_WORDS: usize = 500;
/// How much more often the first words of a topic are used than its last ones.
const BEND: f64 = 2.0;

/// The genres; each topic belongs to two of them.
pub const GENRES: [&str; 18] = [
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Horror",
    "Musical",
    "Mystery",
    "Noir",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

const ONSETS: [&str; 24] = [
    "b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s",
    "sk", "st", "t", "tr", "v", "z",
];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const ENDS: [&str; 8] = ["", "", "", "n", "r", "l", "s", "th"];

/// The language of one world.
pub struct Words {
    topics: Vec<Vec<String>>,
    common: Vec<String>,
}

impl Words {
    /// The language that `seed` stands for.
    pub fn new(seed: u64) -> Self {
        let mut rng = BenchRng::new(seed, 1);
        let mut seen = std::collections::HashSet::new();
        let mut fresh = |least: usize, most: usize| loop {
            let syllables = least + rng.below(most - least + 1);
            let word: String = (0..syllables)
                .map(|_| [*rng.one(&ONSETS), *rng.one(&VOWELS), *rng.one(&ENDS)].concat())
                .collect();
            if seen.insert(word.clone()) {
                return word;
            }
        };
        let common = (0..COMMON_WORDS).map(|_| fresh(1, 2)).collect();
        let topic = |_| (0..TOPIC_WORDS).map(|_| fresh(2, 4)).collect();
        let topics = (0..TOPICS).map(topic).collect();
        Self { topics, common }
    }

    /// A word of a topic.
    pub fn of_topic(&self, topic: usize, rng: &mut BenchRng) -> &str {
        let words = &self.topics[topic];
        &words[rng.bent(words.len(), BEND)]
    }

    /// A word that every topic uses.
    pub fn common(&self, rng: &mut BenchRng) -> &str {
        &self.common[rng.bent(self.common.len(), BEND)]
    }

    /// What the person of a number is called; always the same.
    pub fn person(&self, number: usize) -> String {
        let mut rng = BenchRng::new(number as u64, 7);
        let mut name = || {
            let (first, rest) = rng.one(&self.common).split_at(1);
            first.to_ascii_uppercase() + rest
        };
        format!("{} {}", name(), name())
    }

    /// What somebody may type into a search field: one to three words of a topic, some of them
    /// mistyped or cut short.
    pub fn query(&self, rng: &mut BenchRng) -> String {
        let topic = rng.below(TOPICS);
        let many = 1 + rng.below(3);
        let mut words: Vec<String> = (0..many)
            .map(|_| self.of_topic(topic, rng).to_owned())
            .collect();
        if let Some(last) = words.last_mut() {
            if rng.happens(0.15) {
                // Two letters changed places. All letters here are ASCII.
                let mut letters: Vec<char> = last.chars().collect();
                let at = rng.below(letters.len() - 1);
                letters.swap(at, at + 1);
                *last = letters.into_iter().collect();
            } else if rng.happens(0.15) {
                last.truncate((last.len() / 2).max(3));
            }
        }
        words.join(" ")
    }
}

/// The genres of a topic.
pub fn genres(topic: usize) -> [&'static str; 2] {
    let first = topic % GENRES.len();
    // 1 to 17 further on, so never the same.
    let second = (first + 1 + (topic * 7) % (GENRES.len() - 1)) % GENRES.len();
    [GENRES[first], GENRES[second]]
}
