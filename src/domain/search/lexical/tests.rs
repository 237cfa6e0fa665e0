//! The index of words by itself.

use super::*;

fn index(titles: &[&str]) -> LexicalIndex {
    let index = LexicalIndex::new().unwrap();
    let items = titles.iter().zip(0..).map(|(title, slot)| {
        let texts = ItemTexts {
            title: (*title).to_owned(),
            ..ItemTexts::default()
        };
        (slot, texts)
    });
    index.put(items.collect(), &[]).unwrap();
    index.commit().unwrap();
    index
}

fn find(index: &LexicalIndex, text: &str) -> LexicalMatches {
    let wanted = LexicalQuery {
        text: text.to_owned(),
        open: true,
    };
    let mut found = index.find(&wanted).unwrap();
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
    // Up to 3 letters none, up to 7 one, above two; a swap of neighbours is one.
    assert!(slots(&index, "cst").is_empty());
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
        let hits = index.titles(&typed).unwrap().hits;
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
        INDEX.titles(&typed).unwrap();
        INDEX.people(&typed).unwrap();
    }
}
