//! Texts as words: how they are split, folded and brought to their stems. Queries, the index of
//! words, highlights, suggestions and latent semantic analysis all use this one way, so that what is
//! found is what is marked, and what is learnt is what is asked.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words are cut: whatever is that long is not typed twice the same.
pub const LONGEST: usize = 40;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, without diacritics, at most [`LONGEST`] characters.
    pub folded: String,
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
}

/// The words of a text in order: runs of letters and digits of any script. Where a script puts no
/// space between its words (Chinese, Japanese), each character is a word.
pub fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut open = false;
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        if letter.is_alphanumeric() && stands_alone(letter) {
            found.push(Word::new(start..end));
            open = false;
        } else if letter.is_alphanumeric() {
            match found.last_mut() {
                Some(word) if open => word.at.end = end,
                _ => found.push(Word::new(start..end)),
            }
            open = true;
        } else if is_combining_mark(letter) && !found.is_empty() {
            // A mark belongs to the letter before it.
            match found.last_mut() {
                Some(word) if word.at.end == start => word.at.end = end,
                _ => {}
            }
        } else {
            open = false;
        }
    }
    for word in &mut found {
        word.folded = fold(&text[word.at.clone()]);
    }
    found.retain(|word| !word.folded.is_empty());
    found
}

/// What words give when the signs between them are left out: `walle` for `WALL·E`, `spiderman` for
/// `Spider-Man`, `schindlers` for `Schindler's`.
pub fn joined(text: &str, words: &[Word]) -> Vec<Word> {
    let mut found = Vec::new();
    let mut from = 0;
    for index in 1..=words.len() {
        let joins = words.get(index).is_some_and(|next| {
            let mut between = text[words[index - 1].at.end..next.at.start].chars();
            let sign = between.next();
            sign.is_some_and(|sign| !sign.is_whitespace()) && between.next().is_none()
        });
        if joins {
            continue;
        }
        if index - from > 1 {
            let all = words[from..index].iter();
            let folded: String = all.map(|word| word.folded.as_str()).collect();
            found.push(Word {
                folded: cut(folded),
                at: words[from].at.start..words[index - 1].at.end,
            });
        }
        from = index;
    }
    found
}

/// Lower case without diacritics: `amelie` for `Amélie`, `strasse` for `Straße`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for part in text.nfkd().filter(|part| !decorates(*part)) {
        match part {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'œ' | 'Œ' => folded.push_str("oe"),
            'ø' | 'Ø' => folded.push('o'),
            'ł' | 'Ł' => folded.push('l'),
            'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
            'þ' | 'Þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            part if part.is_alphanumeric() || is_combining_mark(part) => {
                folded.extend(part.to_lowercase());
            }
            _ => {}
        }
    }
    cut(folded)
}

/// The stem of a folded word by Snowball's English algorithm: `robot` for `robots`.
pub fn stem(folded: &str) -> String {
    frostem::Stemmer::new(frostem::Algorithm::English)
        .stem(folded)
        .into_owned()
}

/// The words of a text without anything else, one space apart: two queries that find the same.
pub fn normalised(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    words.join(" ")
}

/// English words that say nothing alone: a query finds without them, and better with them.
pub fn is_function_word(folded: &str) -> bool {
    const FUNCTION_WORDS: &str = "a about all an and any are as at be been but by can do does for \
        from had has have he her him his how i if in into is it its me my no not of on or our s she \
        so some something t than that the their them then there they this to was we were what when \
        where which while who whose why will with you your";
    FUNCTION_WORDS.split(' ').any(|word| word == folded)
}

impl Word {
    fn new(at: Range<usize>) -> Self {
        Self {
            folded: String::new(),
            at,
        }
    }
}

fn cut(mut folded: String) -> String {
    if let Some((end, _)) = folded.char_indices().nth(LONGEST) {
        folded.truncate(end);
    }
    folded
}

/// Marks that may be left out: accents on letters, points of Hebrew and Arabic, voicing of kana.
/// Those of other scripts are vowels.
fn decorates(part: char) -> bool {
    matches!(part,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}'..='\u{309a}')
}

/// Characters of scripts without spaces.
fn stands_alone(letter: char) -> bool {
    matches!(letter,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn words_are_letters_and_digits_of_any_script_without_their_marks() {
        assert_eq!(
            split("Le fabuleux destin d'Amélie"),
            ["le", "fabuleux", "destin", "d", "amelie"]
        );
        assert_eq!(split("Tenkū no Shiro"), ["tenku", "no", "shiro"]);
        assert_eq!(
            split("STRASSE, Straße; Łódź"),
            ["strasse", "strasse", "lodz"]
        );
        assert_eq!(split("七人の侍"), ["七", "人", "の", "侍"]);
        assert_eq!(split("Солярис 1972"), ["солярис", "1972"]);
        assert_eq!(split("हिन्दी फ़िल्म").len(), 2);
        assert!(split("?! 🎬 … \u{0}\u{7}").is_empty());
    }

    #[test]
    fn a_mark_typed_apart_is_the_letter_typed_whole() {
        assert_eq!(split("Ame\u{301}lie"), split("Amélie"));
    }

    #[test]
    fn words_with_a_sign_between_are_one_word_too() {
        let join = |text: &str| -> Vec<String> {
            let found = joined(text, &words(text));
            found.into_iter().map(|word| word.folded).collect()
        };
        assert_eq!(join("WALL·E"), ["walle"]);
        assert_eq!(join("Spider-Man: No Way Home"), ["spiderman"]);
        assert_eq!(join("A.I. Artificial Intelligence"), ["ai"]);
        assert_eq!(join("Schindler's List"), ["schindlers"]);
        assert!(join("The Kid").is_empty());
    }

    #[test]
    fn function_words_are_told_from_others() {
        for word in ["a", "the", "with", "your", "in", "of"] {
            assert!(is_function_word(word), "{word}");
        }
        assert!(!is_function_word("thing"));
    }

    #[test]
    fn a_stem_is_shared_by_the_forms_of_a_word() {
        assert_eq!(stem("robots"), stem("robot"));
        assert_eq!(stem("running"), stem("run"));
    }

    proptest::proptest! {
        #[test]
        fn every_word_is_where_it_says_and_folds_to_itself(text in "\\PC{0,60}") {
            for word in words(&text) {
                proptest::prop_assert!(!text[word.at.clone()].is_empty());
                proptest::prop_assert_eq!(fold(&word.folded), word.folded.clone());
                proptest::prop_assert!(word.folded.chars().count() <= LONGEST);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in proptest::arbitrary::any::<String>()) {
            let found = words(&text);
            let _ = joined(&text, &found);
            let _ = normalised(&text);
        }
    }
}
