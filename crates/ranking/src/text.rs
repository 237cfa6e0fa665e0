//! Texts as words: how they are split, folded and brought to their stems. Queries, the index of
//! words, highlights, suggestions and latent semantic analysis all use this one way, so that what is
//! found is what is marked, and what is learnt is what is asked.

mod function_words;
mod markup;
mod numerals;

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use function_words::{is_function_word, is_function_word_of};
pub use markup::plain;
pub use numerals::{arabic, is_number, other_numeral};

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
/// space between its words (Chinese, Japanese), each character is a word, as is each emoji. A single
/// letter with `++` or `#` behind it is a word with them (`C++`, `C#`): `cplusplus` and `csharp`.
pub fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut open = false;
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        if is_half_width_voicing(letter) {
            // It belongs to the letter before it.
            if let Some(word) = found.last_mut().filter(|word| word.at.end == start) {
                word.at.end = end;
            }
        } else if letter.is_alphanumeric() && stands_alone(letter) || is_emoji(letter) {
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
            if let Some(word) = found.last_mut().filter(|word| open && word.at.end == start) {
                word.at.end += language_sign(&text[word.at.clone()], &text[start..]);
            }
            open = false;
        }
    }
    for word in &mut found {
        let own = &text[word.at.clone()];
        word.folded = fold(own);
        match own.chars().last() {
            Some('+' | '＋') => word.folded.push_str("plusplus"),
            Some('#' | '＃') => word.folded.push_str("sharp"),
            _ => {}
        }
    }
    found.retain(|word| !word.folded.is_empty());
    found
}

/// How many bytes of `rest` belong to the word before it as the sign of a language (`C++`, `C#`): none unless
/// the word is a single letter and no letter follows.
fn language_sign(word: &str, rest: &str) -> usize {
    let mut letters = word.chars();
    if !letters.next().is_some_and(char::is_alphabetic) || letters.next().is_some() {
        return 0;
    }
    let mut signs = rest.chars();
    let length = match signs.next() {
        Some(sign @ ('#' | '＃')) => sign.len_utf8(),
        Some(sign @ ('+' | '＋')) if signs.next() == Some(sign) => 2 * sign.len_utf8(),
        _ => return 0,
    };
    match signs.next() {
        Some(next) if next.is_alphanumeric() => 0,
        _ => length,
    }
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

/// Lower case without diacritics: `amelie` for `Amélie`, `strasse` for `Straße`. Katakana of either width
/// become hiragana.
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
            // The two syllabaries stand in the same order, 96 code points apart.
            'ァ'..='ヶ' => folded.extend(char::from_u32(part as u32 - 0x60)),
            part if is_emoji(part) => folded.push(part),
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

/// What two titles share that are the same but for case, diacritics, spaces, signs and the way of writing
/// numbers: `rocky2` for `Rocky II` and for `rocky 2`.
pub fn title_key(title: &str) -> String {
    let mut key = String::with_capacity(title.len());
    for (index, word) in words(title).iter().enumerate() {
        // What comes first is a name: `X`, `V for Vendetta`.
        match arabic(&word.folded).filter(|_| index > 0) {
            Some(number) => key.push_str(&number.to_string()),
            None => key.push_str(&word.folded),
        }
    }
    key
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

/// Marks that may be left out: accents on letters, points of Hebrew and Arabic, voicing of kana, the
/// form of an emoji.
/// Those of other scripts are vowels.
fn decorates(part: char) -> bool {
    matches!(part,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}'..='\u{309a}' | '\u{fe00}'..='\u{fe0f}')
}

/// The voicing marks of half-width katakana, which count as letters elsewhere.
fn is_half_width_voicing(letter: char) -> bool {
    matches!(letter, '\u{ff9e}' | '\u{ff9f}')
}

/// Pictures that people search for; their modifiers (skin tones, joiners) are not among them.
fn is_emoji(letter: char) -> bool {
    matches!(letter,
        '\u{1f300}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}' | '\u{1f1e6}'..='\u{1f1ff}'
        | '\u{2600}'..='\u{2604}' | '\u{2607}'..='\u{26ff}' | '\u{2702}'..='\u{2712}'
        | '\u{2728}' | '\u{2744}' | '\u{2764}' | '\u{2b50}')
}

/// Characters of scripts without spaces.
fn stands_alone(letter: char) -> bool {
    matches!(letter,
        '\u{3040}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
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
        assert!(split("?! … ™ \u{0}\u{7}").is_empty());
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
    fn kana_of_any_width_and_syllabary_are_the_same_words() {
        assert_eq!(split("ﾄﾄﾛ"), split("トトロ"));
        assert_eq!(split("トトロ"), split("ととろ"));
        assert_eq!(split("ｺﾞｼﾞﾗ"), split("ゴジラ"));
        assert_eq!(split("Ｔｏｔｏｒｏ"), ["totoro"]);
    }

    #[test]
    fn emoji_are_words_of_their_own() {
        assert_eq!(split("Pizza🍕 night"), ["pizza", "🍕", "night"]);
        // A tone of skin and the form of the picture do not tell two apart.
        assert_eq!(split("👍🏽"), split("👍"));
        assert_eq!(split("❤\u{fe0f}"), split("❤"));
    }

    #[test]
    fn c_with_and_without_its_signs_are_three_words() {
        assert_eq!(
            split("C++ and C#, or C"),
            ["cplusplus", "and", "csharp", "or", "c"]
        );
        assert_eq!(split("ｃ＋＋"), ["cplusplus"]);
        assert_eq!(
            split("Crows, #2 and A+ or 1+1 or x++y"),
            ["crows", "2", "and", "a", "or", "1", "1", "or", "x", "y"]
        );
    }

    #[test]
    fn titles_are_the_same_whatever_spaces_signs_and_numerals_say() {
        for (one, other) in [
            ("Rocky II", "rocky 2"),
            ("WALL·E", "walle"),
            ("Ultra Boost", "ultraboost"),
        ] {
            assert_eq!(title_key(one), title_key(other));
        }
        assert_ne!(title_key("Heat"), title_key("The Heat"));
        assert_ne!(title_key("X"), title_key("10"));
        // Beyond what a word may have.
        let long = "a very long name of a product that goes on and on and ends with ";
        assert_ne!(
            title_key(&format!("{long} red")),
            title_key(&format!("{long} blue"))
        );
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
