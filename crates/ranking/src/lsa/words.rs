//! Text as the model reads it: a row of stems.

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Longer words are numbers of parts, addresses and the like: they say nothing.
const LONGEST: usize = 40;

/// Words that say nothing about what a thing is about: those that hold English together, and
/// those that people wrap around what they search for. Folded, in the order of the alphabet.
const COMMON: &[&str] = &[
    "a",
    "about",
    "above",
    "after",
    "again",
    "against",
    "all",
    "also",
    "am",
    "an",
    "and",
    "another",
    "any",
    "are",
    "as",
    "at",
    "back",
    "be",
    "because",
    "become",
    "becomes",
    "been",
    "before",
    "being",
    "below",
    "between",
    "both",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "did",
    "do",
    "does",
    "doing",
    "down",
    "during",
    "each",
    "even",
    "ever",
    "every",
    "few",
    "film",
    "films",
    "find",
    "finds",
    "for",
    "from",
    "further",
    "get",
    "gets",
    "go",
    "goes",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "here",
    "hers",
    "herself",
    "him",
    "himself",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "itself",
    "just",
    "like",
    "made",
    "make",
    "makes",
    "many",
    "may",
    "me",
    "more",
    "most",
    "movie",
    "movies",
    "much",
    "must",
    "my",
    "myself",
    "no",
    "nor",
    "not",
    "now",
    "of",
    "off",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "ours",
    "out",
    "over",
    "own",
    "same",
    "set",
    "she",
    "should",
    "show",
    "similar",
    "so",
    "some",
    "something",
    "soon",
    "still",
    "story",
    "such",
    "take",
    "takes",
    "tell",
    "tells",
    "than",
    "that",
    "the",
    "their",
    "theirs",
    "them",
    "themselves",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "through",
    "to",
    "too",
    "two",
    "under",
    "until",
    "up",
    "upon",
    "us",
    "very",
    "want",
    "wants",
    "was",
    "watch",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "without",
    "would",
    "you",
    "your",
    "yours",
];

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Folded and stemmed.
    pub(super) stem: String,
    /// Whether it says nothing by itself; inside a name it may.
    pub(super) common: bool,
}

/// The words of `text` in their order.
///
/// Words are those of Unicode (UAX 29). Case and the diacritics of European scripts are folded,
/// so that `Amélie` is `amelie`. A word of English letters is stemmed after Porter's second
/// algorithm; other words stay whole. A possessive `'s` is dropped.
pub(super) fn words(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::new(Algorithm::English);
    let folded = fold(text);
    folded
        .unicode_words()
        .filter(|word| word.len() <= LONGEST)
        .map(|word| {
            let word = word.strip_suffix("'s").unwrap_or(word);
            let stem = if word
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
            {
                stemmer.stem(word).into_owned()
            } else {
                word.to_owned()
            };
            Word {
                common: COMMON.binary_search(&word).is_ok() || contracted(word),
                stem,
            }
        })
        .collect()
}

/// Lower case, compatibility forms made plain, diacritics of European scripts taken off.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let plain = text
        .nfkd()
        .filter(|letter| !('\u{300}'..='\u{36f}').contains(letter))
        .nfc();
    for letter in plain.flat_map(char::to_lowercase) {
        match letter {
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            '’' | 'ʼ' => folded.push('\''),
            // What lower-casing `İ` leaves over.
            '\u{300}'..='\u{36f}' => {}
            other => folded.push(other),
        }
    }
    folded
}

/// `don't`, `we're` and their like.
fn contracted(word: &str) -> bool {
    word.split_once('\'')
        .is_some_and(|(_, end)| matches!(end, "t" | "re" | "ve" | "ll" | "d" | "m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.stem).collect()
    }

    #[test]
    fn case_diacritics_and_endings_do_not_count() {
        assert_eq!(stems("Amélie's CAFÉS"), ["ameli", "cafe"]);
        assert_eq!(stems("Robots, robot; ROBOT!"), ["robot", "robot", "robot"]);
        assert_eq!(
            stems("Søren Łódź Straße Œuvre"),
            ["soren", "lodz", "strass", "oeuvr"]
        );
        assert_eq!(stems("ﬁlm ２００１"), ["film", "2001"]);
    }

    #[test]
    fn other_scripts_keep_their_words() {
        assert_eq!(stems("Броненосец «Потёмкин»"), ["броненосец", "потемкин"]);
        // Voiced kana are letters of their own: か is not が.
        assert_ne!(stems("がき"), stems("かき"));
    }

    #[test]
    fn what_holds_a_sentence_together_is_marked() {
        let said: Vec<String> = words("Films about robots in space that don’t obey")
            .into_iter()
            .filter(|word| !word.common)
            .map(|word| word.stem)
            .collect();
        assert_eq!(said, ["robot", "space", "obey"]);
    }

    #[test]
    fn the_common_words_can_be_searched() {
        assert!(COMMON.is_sorted());
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it_and_reading_again_changes_nothing_of_the_fold(text in ".{0,80}") {
            let once = fold(&text);
            proptest::prop_assert_eq!(fold(&once), once);
            words(&text);
        }
    }
}
