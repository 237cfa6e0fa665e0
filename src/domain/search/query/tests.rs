//! What queries mean.

use super::*;

fn meant(text: &str) -> Vec<Concept> {
    let parts = Interpretation::new(text, &Synonyms::default()).parts;
    parts.into_iter().flat_map(|part| part.concepts).collect()
}

#[test]
fn decades_and_years_are_read_in_several_languages() {
    for text in [
        "1960s",
        "60s",
        "the '60s",
        "1960's",
        "sixties",
        "60er",
        "60er Jahre",
        "1960er Jahre",
        "sechziger Jahre",
        "années 60",
        "années 1960",
        "años 60",
        "años sesenta",
        "década de 1960",
        "anni 60",
        "anni sessanta",
        "anos sessenta",
        "1960年代",
        "60年代",
    ] {
        assert_eq!(meant(text), [Concept::Decade(1960)], "{text}");
    }
    for text in ["1994", "1994年"] {
        assert_eq!(meant(text), [Concept::Year(1994)], "{text}");
    }
    for text in ["007", "300", "2500", "65s", "s", "19s4"] {
        assert_eq!(meant(text), [], "{text}");
    }
}

#[test]
fn french_decades_are_counted() {
    for (text, decade) in [
        ("années soixante", 1960),
        ("années soixante-dix", 1970),
        ("années quatre-vingt", 1980),
        ("années quatre-vingt-dix", 1990),
    ] {
        assert_eq!(meant(text), [Concept::Decade(decade)], "{text}");
    }
}

#[test]
fn a_german_compound_with_film_is_a_film_about_its_head() {
    let synonym = |text: &str| Concept::Synonym(text.to_owned());
    assert!(meant("Gangsterfilme").contains(&synonym("gangster")));
    assert!(meant("Kriegsfilme").contains(&synonym("war")));
    assert!(meant("Animationsfilm").contains(&synonym("animation")));
    assert_eq!(meant("Spielfilm"), [Concept::Kind(ContentKind::Movie)]);
}

#[test]
fn languages_and_kinds_are_read_in_several_languages() {
    for text in [
        "French film",
        "französischer Film",
        "film français",
        "película francesa",
        "フランス映画",
        "französische Filme",
    ] {
        let mut meant = meant(text);
        meant.sort_by_key(|concept| matches!(concept, Concept::Kind(_)));
        let expected = [Concept::Language("fr"), Concept::Kind(ContentKind::Movie)];
        assert_eq!(meant, expected, "{text}");
    }
    assert_eq!(meant("日本"), [Concept::Language("ja")]);
    for (text, code) in [
        ("polnische", "pl"),
        ("South Korea", "ko"),
        ("américaines", "en"),
        ("koreanischer", "ko"),
        ("Niederlande", "nl"),
        ("mexicanas", "es"),
    ] {
        assert_eq!(meant(text), [Concept::Language(code)], "{text}");
    }
    assert!(meant("hong kong").contains(&Concept::Language("zh")));
}

#[test]
fn every_word_is_in_one_part_and_the_longest_term_counts() {
    let read = Interpretation::new("scary world war ii movies", &Synonyms::default());
    let lengths: Vec<usize> = read.parts.iter().map(|part| part.words.len()).collect();
    assert_eq!(lengths, [1, 3, 1]);
    let synonyms: Vec<&str> = read.synonyms().collect();
    assert!(synonyms.contains(&"horror") && synonyms.contains(&"wwii"));
    for text in ["sci-fi", "scifi", "sf"] {
        assert!(
            meant(text).contains(&Concept::Synonym("science fiction".to_owned())),
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let read = Interpretation::new(&text, &Synonyms::default());
        let mut at = 0;
        for part in &read.parts {
            proptest::prop_assert_eq!(part.words.start, at);
            proptest::prop_assert!(!part.words.is_empty());
            at = part.words.end;
        }
        proptest::prop_assert_eq!(at, read.words.len());
        let _ = likeness(&text);
    }
}
