//! The index of words by itself.

use super::*;
use crate::domain::content::ContentKind;

/// Everything on offer, and the synonyms of the program.
fn with_all<T>(work: impl FnOnce(&LexicalContext<'_>) -> T) -> T {
    with_offered(&|_| true, work)
}

fn with_offered<T>(
    is: &(dyn Fn(u32) -> bool + Sync),
    work: impl FnOnce(&LexicalContext<'_>) -> T,
) -> T {
    work(&LexicalContext {
        offered: Offered { is, state: 0 },
        synonyms: &Synonyms::default(),
        languages: &[],
    })
}

fn index(titles: &[&str]) -> LexicalIndex {
    let titled = titles.iter().map(|title| ItemTexts {
        title: (*title).to_owned(),
        ..ItemTexts::default()
    });
    index_of(titled.collect())
}

fn index_of(items: Vec<ItemTexts>) -> LexicalIndex {
    let index = LexicalIndex::new().unwrap();
    index.put((0..).zip(items).collect(), &[]).unwrap();
    index.commit().unwrap();
    index
}

fn find(index: &LexicalIndex, text: &str) -> LexicalMatches {
    let wanted = LexicalQuery {
        text: text.to_owned(),
        open: true,
    };
    let mut found = with_all(|context| index.find(&wanted, context)).unwrap();
    found
        .hits
        .sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
    found
}

fn slots(index: &LexicalIndex, text: &str) -> Vec<u32> {
    find(index, text).hits.iter().map(|hit| hit.slot).collect()
}

#[test]
fn as_many_typing_errors_are_allowed_for_as_the_word_is_long() {
    let index = index(&["cat", "crate", "inception"]);
    // Up to 4 letters none, up to 8 one, above two; a swap of neighbours is one.
    assert!(slots(&index, "cst").is_empty());
    assert!(slots(&index, "crat").contains(&1), "as a beginning");
    assert!(slots(&index, "crte ").is_empty());
    assert_eq!(slots(&index, "crqte"), [1]);
    assert_eq!(slots(&index, "carte"), [1]);
    assert!(slots(&index, "crxyz").is_empty());
    assert_eq!(slots(&index, "incepton"), [2]);
    assert_eq!(slots(&index, "incetpoin"), [2]);
    assert!(slots(&index, "imcetpoim").is_empty());
}

#[test]
fn a_word_that_is_known_is_taken_at_its_word() {
    let index = index(&["Alien", "Allen", "Aliens"]);
    let found = find(&index, "alien ");
    assert_eq!(
        found.hits.iter().map(|hit| hit.slot).collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(found.corrected, None);
    assert_eq!(find(&index, "alein").corrected.as_deref(), Some("alien"));
}

#[test]
fn the_last_word_may_be_a_beginning_unless_a_space_ends_it() {
    let index = index(&["The Godfather", "Wrath of God", "Godzilla"]);
    assert_eq!(slots(&index, "god")[0], 1, "the very word first");
    assert_eq!(slots(&index, "god").len(), 3);
    assert_eq!(slots(&index, "god "), [1]);
    assert_eq!(slots(&index, "the godf"), [0]);
}

#[test]
fn two_words_must_both_be_there_and_of_three_two() {
    let index = index(&["red car", "red house", "blue car", "red car house"]);
    assert_eq!(slots(&index, "red car "), [0, 3]);
    assert_eq!(slots(&index, "red car house ").len(), 3);
    assert_eq!(slots(&index, "red car house ")[0], 3);
    // Nothing says both: either will do.
    let found = find(&index, "blue house ");
    assert_eq!(found.match_mode, MatchMode::AnyWord);
    assert_eq!(found.hits.len(), 3);
    // A word that nobody says does not stand in the way.
    assert_eq!(slots(&index, "blue xqzwvy "), [2]);
}

#[test]
fn the_whole_title_and_the_phrase_come_first() {
    let index = index(&["Wars of the Star", "Star Wars Holiday", "Star Wars"]);
    assert_eq!(slots(&index, "star wars"), [2, 1, 0]);
}

#[test]
fn function_words_help_and_never_hinder() {
    let index = index(&["The Thing", "Thing", "It", "Who's That Knocking"]);
    assert_eq!(slots(&index, "the thing"), [0, 1]);

    assert_eq!(slots(&index, "it"), [2]);
}

#[test]
fn what_was_taken_out_is_neither_found_nor_told_of() {
    let index = index(&["Inception", "Interstellar"]);
    index.put(Vec::new(), &[0]).unwrap();
    index.commit().unwrap();
    assert!(slots(&index, "inception").is_empty());
    let found = find(&index, "incepton");
    assert_eq!((found.hits.len(), found.corrected), (0, None));
}

#[test]
fn an_item_put_in_again_is_there_once() {
    let index = index(&["Solaris"]);
    let texts = ItemTexts {
        title: "Stalker".to_owned(),
        ..ItemTexts::default()
    };
    index.put(vec![(0, texts)], &[]).unwrap();
    index.commit().unwrap();
    assert!(slots(&index, "solaris").is_empty());
    assert_eq!(slots(&index, "stalker"), [0]);
}

#[test]
fn the_words_behind_one_letter_are_those_of_the_index_as_it_is() {
    let begun = |index: &LexicalIndex| {
        let typed = LexicalQuery {
            text: "a".to_owned(),
            open: true,
        };
        let hits = with_all(|context| index.titles(&typed, context))
            .unwrap()
            .hits;
        let mut slots: Vec<u32> = hits.iter().map(|hit| hit.slot).collect();
        slots.sort_unstable();
        slots
    };
    let index = index(&["Alien", "Brazil"]);
    assert_eq!(begun(&index), [0]);
    assert_eq!(begun(&index), [0]);
    let texts = ItemTexts {
        title: "Arrival".to_owned(),
        ..ItemTexts::default()
    };
    index.put(vec![(2, texts)], &[0]).unwrap();
    index.commit().unwrap();
    assert_eq!(begun(&index), [2]);
}

/// A film with labels, a year and a language.
fn film(title: &str, labels: &[&str], year: i32, language: &str) -> ItemTexts {
    ItemTexts {
        kind: Some(ContentKind::Movie),
        title: title.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        year: Some(year),
        language: Some(language.to_owned()),
        ..ItemTexts::default()
    }
}

#[test]
fn items_with_all_words_are_told_from_items_with_some() {
    let index = index(&["red car house", "red car", "blue house"]);
    let all = |text: &str| -> Vec<(u32, bool)> {
        let hits = find(&index, text).hits;
        hits.iter().map(|hit| (hit.slot, hit.all_words)).collect()
    };
    assert_eq!(all("red car house "), [(0, true), (1, false)]);
    assert_eq!(all("red car "), [(1, true), (0, true)]);
    // A word that nobody says is not there.
    assert_eq!(all("blue xqzwvy "), [(2, false)]);
}

#[test]
fn numbers_and_first_letters_are_not_mistyped() {
    let index = index(&[
        "1944",
        "Ocean 2000",
        "Cary Grant",
        "Fanny",
        "Item 4006381333931",
    ]);
    for typed in ["1994", "2003 ", "scary", "funny", "4006381333930"] {
        let found = find(&index, typed);
        assert!(
            found.hits.is_empty() && found.corrected.is_none(),
            "{typed}: {found:?}"
        );
    }
    assert_eq!(slots(&index, "4006381333931"), [4]);
}

#[test]
fn roman_and_arabic_numerals_are_one() {
    let index = index(&["Rocky", "Rocky II", "Arthur 2: On the Rocks", "Part 3"]);
    assert_eq!(slots(&index, "rocky 2"), [1]);
    assert_eq!(slots(&index, "rocky ii"), [1]);
    assert_eq!(slots(&index, "part iii"), [3]);
    // A word is dropped before a known one is bent into another.
    let found = find(&index, "rocky 3");
    assert_eq!(found.match_mode, MatchMode::AnyWord);
    assert!(found.hits.iter().all(|hit| hit.slot != 2), "{found:?}");
}

#[test]
fn a_typing_error_is_put_right_by_the_words_beside_it() {
    let index = index(&[
        "Harry Potter",
        "Harry Potter II",
        "Peter Pan",
        "Peter",
        "Peter and Harry",
        "Seven Samurai",
        "Sevn",
    ]);
    let right = |text: &str| find(&index, text).corrected;
    assert_eq!(right("harry poter").as_deref(), Some("harry potter"));
    assert_eq!(
        right("poter").as_deref(),
        Some("peter"),
        "alone the more frequent one"
    );
    // A short word only where the words beside it tell what was meant.
    assert_eq!(right("hary potter").as_deref(), Some("harry potter"));
    assert_eq!(right("hary"), None);
}

#[test]
fn only_words_on_offer_are_told_of() {
    let index = index(&["Fanny", "Funnel", "Fannel"]);
    let wanted = |text: &str| LexicalQuery {
        text: text.to_owned(),
        open: true,
    };
    let offered = |slot: u32| slot == 1;
    for typed in ["fanny", "fanxy", "fannel", "fan"] {
        let found = with_offered(&offered, |context| index.find(&wanted(typed), context)).unwrap();
        let told = found.corrected.clone().unwrap_or_default();
        assert!(!told.contains("fan"), "{typed}: {found:?}");
        let words: Vec<&String> = found
            .words
            .iter()
            .filter(|word| word.starts_with("fan"))
            .collect();
        assert!(words.is_empty(), "{typed}: {words:?}");
    }
    let found = with_offered(&offered, |context| index.find(&wanted("fannel"), context)).unwrap();
    assert_eq!(found.corrected.as_deref(), Some("funnel"));
}

#[test]
fn words_typed_together_or_apart_are_the_same() {
    let index = index(&[
        "Ultraboost Shoes",
        "Ultra Boost Light",
        "iPhone 12",
        "Boost Ultra",
    ]);
    for typed in ["ultra boost ", "ultra-boost ", "ultraboost "] {
        let mut found = slots(&index, typed);
        found.truncate(2);
        found.sort_unstable();
        assert_eq!(found, [0, 1], "{typed}");
    }
    assert_eq!(slots(&index, "iphone12"), [2]);
    assert_eq!(slots(&index, "i phone 12"), [2]);
}

#[test]
fn a_word_is_found_at_the_end_of_a_compound() {
    let index = index(&[
        "Kinderfahrradhelm blau",
        "Help!",
        "Breaking Bad",
        "King Kong",
        "Bathroom Mirror",
        "Bath",
        "Room",
    ]);
    let found = find(&index, "helm");
    assert_eq!((slots(&index, "helm"), found.corrected), (vec![0], None));
    // Where items say the word, what stands before it must be one too.
    assert_eq!(slots(&index, "king "), [3]);
    assert_eq!(slots(&index, "room "), [6, 4]);
}

#[test]
fn c_and_its_kin_and_emoji_are_words() {
    let index = index(&["Learn C++", "Learn C#", "Learn C", "Pizza 🍕"]);
    for (typed, slot) in [
        ("c++", 0),
        ("c# ", 1),
        ("c ", 2),
        ("learn c#", 1),
        ("🍕", 3),
    ] {
        assert_eq!(slots(&index, typed), [slot], "{typed}");
    }
}

#[test]
fn years_decades_languages_and_kinds_are_understood() {
    let index = index_of(vec![
        film("Alpha", &["Drama"], 1994, "fr"),
        film("Beta", &["Science Fiction"], 1965, "de"),
        film("Gamma", &["Drama"], 1966, "ja"),
        film("Delta 1994", &["Horror"], 2001, "es"),
        ItemTexts {
            title: "Alpha the book".to_owned(),
            kind: Some(ContentKind::Text),
            ..ItemTexts::default()
        },
    ]);
    for (typed, expected) in [
        ("1994", &[0, 3][..]),
        ("1960s", &[1, 2]),
        ("60er jahre", &[1, 2]),
        ("films des années 60", &[1, 2]),
        ("películas de los años 60", &[1, 2]),
        ("60年代の映画", &[1, 2]),
        ("french films", &[0]),
        ("japanische Filme", &[2]),
        ("films allemands", &[1]),
        ("películas españolas", &[3]),
        ("日本の映画", &[2]),
        ("japanese drama 1966", &[2]),
        ("alpha film", &[0]),
        ("sci-fi", &[1]),
        ("scifi movies", &[1]),
        ("scary", &[3]),
        ("gruselig", &[3]),
    ] {
        let mut found: Vec<u32> = find(&index, typed)
            .hits
            .iter()
            .filter(|hit| hit.all_words)
            .map(|hit| hit.slot)
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{typed}");
    }
    // A kind by itself says too little where another word was not found.
    assert!(slots(&index, "xqzwvy movies").is_empty());
}

#[test]
fn names_count_the_same_however_many_stand_beside_them() {
    let texts = |people: &[&str]| ItemTexts {
        title: "Film".to_owned(),
        people: people.iter().map(|name| (*name).to_owned()).collect(),
        ..ItemTexts::default()
    };
    let many = [
        "Tom Hanks",
        "Ann Lee",
        "Bo Dee",
        "Cy Fox",
        "Di Gray",
        "Ed Hill",
    ];
    let index = index_of(vec![texts(&many), texts(&["Tom Hanks"])]);
    let found = find(&index, "tom hanks").hits;
    assert!((found[0].score - found[1].score).abs() < 1e-6, "{found:?}");
}

#[test]
fn markup_in_a_description_is_not_text() {
    let index = index_of(vec![ItemTexts {
        title: "Shoe".to_owned(),
        description: "<strong>Light</strong> &amp; warm".to_owned(),
        ..ItemTexts::default()
    }]);
    assert!(slots(&index, "strong ").is_empty() && slots(&index, "amp ").is_empty());
    assert_eq!(slots(&index, "light warm "), [0]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    #[test]
    fn no_query_fails(text in proptest::prelude::prop_oneof![
        proptest::arbitrary::any::<String>(),
        "[a-z\"'+\\-!(){}\\[\\]^~*?:\\\\/&|]{0,60}",
    ]) {
        use std::sync::LazyLock;
        static INDEX: LazyLock<LexicalIndex> =
            LazyLock::new(|| index(&["Star Wars", "Amélie", "七人の侍", "a b c d"]));
        find(&INDEX, &text);
        let typed = LexicalQuery { text, open: true };
        with_all(|context| INDEX.titles(&typed, context)).unwrap();
        with_all(|context| INDEX.people(&typed, context)).unwrap();
    }
}
