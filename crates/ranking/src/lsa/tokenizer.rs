//! Text as the model reads it: a row of stems.

use crate::text;

/// Words of more bytes are numbers of parts, addresses and the like: they say nothing.
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

/// The words of `text` in their order, folded and stemmed as search does ([`text`]).
///
/// What an apostrophe ties to the word before it is dropped (`'s`, `'re`), and a word that `'t` denies
/// (`don't`) is one that says nothing.
pub(super) fn words(text: &str) -> Vec<Word> {
    let split = text::words(text);
    let mut words: Vec<Word> = Vec::with_capacity(split.len());
    let mut end = 0;
    for word in split {
        let between = text.get(end..word.at.start).unwrap_or_default();
        end = word.at.end;
        if matches!(between, "'" | "’" | "ʼ") && ENCLITICS.contains(&&*word.folded) {
            if let Some(denied) = words.last_mut().filter(|_| word.folded == "t") {
                denied.common = true;
            }
            continue;
        }
        if word.at.len() <= LONGEST {
            words.push(Word {
                // Numbers tell volumes and sizes apart, and not what a thing is about.
                common: COMMON.binary_search(&&*word.folded).is_ok()
                    || text::is_function_word(&word.folded)
                    || text::is_number(&word.folded),
                stem: text::stem(&word.folded),
            });
        }
    }
    words
}

/// What English writes behind an apostrophe, for `is`, `not`, `are`, `have`, `will`, `would`, `am`.
const ENCLITICS: [&str; 7] = ["s", "t", "re", "ve", "ll", "d", "m"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{stem, words as text_words};

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
        assert_eq!(stems("七人の侍"), ["七", "人", "の", "侍"]);
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
    fn numbers_and_function_words_of_any_language_say_nothing() {
        let said = |text: &str| -> Vec<String> {
            let said = words(text).into_iter().filter(|word| !word.common);
            said.map(|word| word.stem).collect()
        };
        assert_eq!(said("Six of Crows, #2 (2016)"), ["six", "crow"]);
        assert_eq!(said("Der Himmel über Berlin"), ["himmel", "berlin"]);
    }

    #[test]
    fn the_common_words_can_be_searched() {
        assert!(COMMON.is_sorted());
    }

    proptest::proptest! {
        #[test]
        fn the_words_are_those_of_search_but_for_what_is_dropped(text in "\\PC{0,80}") {
            let searched: Vec<String> = text_words(&text)
                .iter()
                .map(|word| stem(&word.folded))
                .collect();
            let mut searched = searched.iter();
            for stem in stems(&text) {
                proptest::prop_assert!(searched.any(|other| *other == stem), "{}", stem);
            }
        }
    }
}
