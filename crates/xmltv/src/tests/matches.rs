use super::*;

fn film(key: u32, title: &str, year: i32, minutes: i32) -> CatalogueTitle<u32> {
    CatalogueTitle {
        key,
        title: title.to_owned(),
        year: Some(year),
        minutes: Some(minutes),
    }
}

fn catalogue() -> TitleIndex<u32> {
    TitleIndex::new([
        film(1, "Matrix, The", 1999, 136),
        film(2, "Grudge, The", 2004, 91),
        film(3, "The Grudge", 2020, 94),
        film(4, "Fargo", 1996, 98),
        film(5, "Amélie", 2001, 122),
        film(6, "Rocky II", 1979, 119),
        film(7, "Fast & Furious", 2009, 107),
        film(8, "Solaris", 1972, 167),
        film(9, "Solaris", 2002, 99),
    ])
}

fn find(title: &str, year: Option<i32>, minutes: i64, kind: ProgrammeKind) -> Option<(u32, f32)> {
    let query = TitleQuery {
        titles: vec![title],
        year,
        minutes,
        kind,
    };
    let found = catalogue().find(&query)?;
    Some((found.key, (found.confidence * 1000.0).round() / 1000.0))
}

use ProgrammeKind::{Episode, Film, Unknown};

#[test]
fn titles_are_compared_without_articles_marks_punctuation_and_roman_numerals() {
    for (a, b) in [
        ("The Matrix", "Matrix, The"),
        ("Amélie", "AMELIE"),
        ("Rocky II", "Rocky 2"),
        ("Fast & Furious", "Fast and Furious"),
        ("Ocean's Eleven", "Ocean’s Eleven"),
        ("Spider-Man: Homecoming", "Spider Man – Homecoming"),
        ("WALL·E", "wall e"),
        ("L'Avventura", "LAvventura"),
        ("Das Boot", "Boot, Das"),
    ] {
        assert_eq!(normalise(a), normalise(b), "{a} and {b}");
    }
    for (a, b) in [("Rocky", "Rocky II"), ("X", "10"), ("The The", "")] {
        assert_ne!(normalise(a), normalise(b), "{a} and {b}");
    }
}

#[test]
fn the_confidence_is_the_product_of_the_table() {
    assert_eq!(find("The Matrix", Some(1999), 150, Film), Some((1, 1.0)));
    assert_eq!(find("The Matrix", Some(2000), 150, Film), Some((1, 0.95)));
    assert_eq!(find("The Matrix", Some(1998), 150, Film), Some((1, 0.95)));
    assert_eq!(find("The Matrix", Some(2001), 150, Film), None);
    assert_eq!(find("The Matrix", None, 150, Film), Some((1, 0.85)));
    assert_eq!(find("The Matrix", Some(1999), 150, Unknown), Some((1, 0.6)));
    assert_eq!(find("The Matrix", None, 150, Unknown), Some((1, 0.51)));
    assert_eq!(find("The Matrix", None, 110, Film), Some((1, 0.595)));
    assert_eq!(find("The Matrix", None, 60, Film), None);
    assert_eq!(find("The Matrices", Some(1999), 150, Film), None);
}

#[test]
fn an_episode_of_a_series_is_not_the_film_of_the_same_name() {
    assert_eq!(find("Fargo", None, 60, Episode), None);
    assert_eq!(find("Fargo", Some(1996), 98, Episode), None);
    assert_eq!(find("Fargo", None, 60, Unknown), None);
    assert_eq!(find("Fargo", None, 110, Film), Some((4, 0.85)));
}

#[test]
fn of_two_films_of_one_title_the_year_or_the_duration_decides_or_nobody() {
    assert_eq!(find("The Grudge", Some(2004), 105, Film), Some((2, 1.0)));
    assert_eq!(find("The Grudge", Some(2020), 105, Film), Some((3, 1.0)));
    assert_eq!(find("The Grudge", None, 105, Film), None);
    assert_eq!(find("Solaris (1972)", None, 170, Film), Some((8, 1.0)));
    // 1.1 times 167 minutes, 1.9 times 99: .85 less half of .85 times .7.
    assert_eq!(find("Solaris", None, 184, Film), Some((8, 0.553)));
}

#[test]
fn labels_and_second_titles_of_guides_are_understood() {
    for title in [
        "Movie: Amelie",
        "Amélie - Movie",
        "FILM: Amelie",
        "Amélie [HD]",
        "Amelie (2001)",
    ] {
        assert_eq!(
            find(title, Some(2001), 130, Film),
            Some((5, 1.0)),
            "{title}"
        );
    }
    let second = "Le fabuleux destin d'Amélie Poulain (Amelie)";
    assert_eq!(find(second, Some(2001), 130, Film), Some((5, 1.0)));
    assert_eq!(find("Rocky 2", Some(1979), 130, Film), Some((6, 1.0)));
}

#[test]
fn any_of_several_titles_may_match() {
    let query = TitleQuery {
        titles: vec!["Die fabelhafte Welt", "Amelie"],
        year: Some(2001),
        minutes: 130,
        kind: Film,
    };
    assert_eq!(catalogue().find(&query).unwrap().key, 5);
}

#[test]
fn a_film_with_two_titles_is_no_rival_of_itself() {
    let index = TitleIndex::new([film(1, "Amélie", 2001, 122), film(1, "Amelie", 2001, 122)]);
    let query = TitleQuery {
        titles: vec!["Amelie"],
        year: Some(2001),
        minutes: 122,
        kind: Film,
    };
    let found = index.find(&query).unwrap();
    assert!((found.confidence - 1.0).abs() < 1e-6);
}

#[test]
fn a_title_alone_is_not_enough_unless_the_guide_says_that_it_is_a_film() {
    let bare = CatalogueTitle {
        key: 1,
        title: "Heat".to_owned(),
        year: None,
        minutes: None,
    };
    let index = TitleIndex::new([bare]);
    let found = |kind| {
        let query = TitleQuery {
            titles: vec!["Heat"],
            year: None,
            minutes: 60,
            kind,
        };
        index.find(&query).is_some()
    };
    assert!(found(Film));
    assert!(!found(Unknown) && !found(Episode));
}
