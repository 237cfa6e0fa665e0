use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::content::{ContentFilter, ContentKind, Visibility};
use crate::domain::recommendations::ask::{Boost, Pin};
use crate::engine::catalogue::ItemRow;
use crate::foundation::filter::{Comparison, TextList};

fn content(number: u32) -> Content {
    Uuid::from_u128(u128::from(number) + 1).into()
}

/// Twenty items; odd ones are westerns, item 19 is deleted, and 18 is sold out.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for number in 0..20 {
        let genre = if number % 2 == 1 { "Western" } else { "Drama" };
        catalogue.put(ItemRow {
            id: content(number).uuid(),
            kind: ContentKind::Movie,
            visibility: Visibility::Public,
            deleted: number == 19,
            title: number.to_string(),
            genres: vec![genre.to_owned()],
            tags: Vec::new(),
            category_path: Vec::new(),
            people: Vec::new(),
            year: Some(1950 + number as i32),
            duration_minutes: None,
            language: None,
            rating_average: None,
            rating_count: None,
            popularity: f64::from(number),
            brand: None,
            merchant: None,
            price: None,
            currency: None,
            stock: (number == 18).then_some(0),
            color: None,
            rights_from: None,
            rights_until: None,
            creator: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            changed_in: 1,
        });
    }
    catalogue
}

fn from(source: Source, weight: f32, scored: &[(u32, f32)]) -> Candidates {
    let scored = scored
        .iter()
        .map(|(number, score)| (content(*number), *score));
    Candidates {
        source,
        weight,
        scored: scored.collect(),
        because: FxHashMap::default(),
    }
}

fn drawn_of(ask: &Ask, sources: &[Candidates], taken: &[u32], common: &[(u32, Source)]) -> Drawn {
    let common: Vec<_> = common
        .iter()
        .map(|(number, source)| (content(*number), *source, 0.5))
        .collect();
    draw(
        ask,
        &Material {
            catalogue: &catalogue(),
            day: DateTime::UNIX_EPOCH.date_naive(),
            taken: &taken.iter().map(|number| content(*number)).collect(),
            sources,
            common: &common,
            likeness: &|a, b| {
                f32::from(u8::from((a.uuid().as_u128() ^ b.uuid().as_u128()) & 1 == 0))
            },
            length: 10,
        },
    )
}

fn only(fallback: &[Source]) -> Ask {
    Ask {
        fallback: fallback.to_vec(),
        ..Ask::default()
    }
}

fn numbers(drawn: &Drawn) -> Vec<u32> {
    let number = |item: &Item| item.content.uuid().as_u128() as u32 - 1;
    drawn.items.iter().map(number).collect()
}

#[test]
fn the_weights_used_are_told_and_the_parts_add_up() {
    let sources = [
        from(Source::Collaborative, 0.7, &[(1, 9.0), (2, 8.0)]),
        from(Source::Interests, 0.2, &[(2, 0.1), (3, 0.9)]),
        from(Source::Session, 0.1, &[]),
    ];
    let drawn = drawn_of(&only(&[]), &sources, &[], &[]);
    let (_, first) = drawn.blend[0];
    assert_eq!(drawn.blend.len(), 2, "who says nothing has no weight");
    assert!((first - 0.7 / 0.9).abs() < 1e-6);
    for item in &drawn.items {
        let sum: f32 = item.parts.iter().sum();
        assert!((sum - item.score).abs() < 1e-5, "{item:?}");
        for (part, (_, weight)) in item.parts.iter().zip(&drawn.blend) {
            assert!((0.0..=1.0 + 1e-6).contains(&(part / weight)));
        }
    }
    // Item 1: best of the first. Item 2: half of the first and half of the second.
    assert_eq!(numbers(&drawn), [1, 2, 3]);
}

#[test]
fn with_one_source_empty_the_other_carries() {
    let empty = from(Source::Collaborative, 0.7, &[]);
    let full = from(Source::Interests, 0.3, &[(4, 0.4), (5, 0.2)]);
    let drawn = drawn_of(&only(&[]), &[empty, full], &[], &[]);
    assert_eq!(drawn.blend, [(Source::Interests, 1.0)]);
    assert_eq!((drawn.items[0].score, numbers(&drawn)), (1.0, vec![4, 5]));
}

#[test]
fn every_candidate_that_is_left_out_keeps_its_reason() {
    let all: Vec<(u32, f32)> = (0..20).map(|number| (number, number as f32)).collect();
    let ask = Ask {
        exclude: vec![content(17)],
        filter: ContentFilter {
            year: Comparison {
                gte: Some(1952),
                ..Comparison::default()
            },
            ..ContentFilter::default()
        },
        min_score: 0.3,
        ..only(&[])
    };
    let drawn = drawn_of(&ask, &[from(Source::Collaborative, 1.0, &all)], &[16], &[]);
    let reason = |number| {
        let mut reasons = drawn.dropped.iter();
        reasons
            .find(|(dropped, _)| *dropped == content(number))
            .map(|(_, reason)| *reason)
    };
    use crate::engine::catalogue::Ineligible;
    assert_eq!(reason(19), Some(Drop::Ineligible(Ineligible::Deleted)));
    assert_eq!(reason(18), Some(Drop::Ineligible(Ineligible::SoldOut)));
    assert_eq!(reason(17), Some(Drop::Excluded));
    assert_eq!(reason(16), Some(Drop::Taken));
    assert_eq!(reason(0), Some(Drop::Filtered));
    assert_eq!(reason(3), Some(Drop::BelowMinimum));
    assert_eq!(reason(5), Some(Drop::Crowded));
    assert_eq!(numbers(&drawn), (6..16).rev().collect::<Vec<_>>());
    assert_eq!(drawn.items.len() + drawn.dropped.len(), 20);
}

#[test]
fn what_fills_a_list_up_is_what_fits_and_notes_nothing_of_the_rest() {
    let ask = Ask {
        filter: ContentFilter {
            genres: TextList {
                has: Some("Western".to_owned()),
                ..TextList::default()
            },
            ..ContentFilter::default()
        },
        fallback: vec![Source::Popular, Source::Any],
        ..Ask::default()
    };
    let common = [2, 3, 5].map(|number| (number, Source::Popular));
    let drawn = drawn_of(
        &ask,
        &[from(Source::Collaborative, 1.0, &[(1, 1.0)])],
        &[7],
        &common,
    );
    // What users took first, then the rest by popularity; 7 was taken, 19 is deleted.
    assert_eq!(numbers(&drawn), [1, 3, 5, 17, 15, 13, 11, 9]);
    assert_eq!(drawn.dropped, []);
}

#[test]
fn a_boost_lifts_what_fits_and_a_pin_stands_where_it_was_put() {
    let scored: Vec<(u32, f32)> = (0..10)
        .map(|number| (number, 10.0 - number as f32))
        .collect();
    let westerns = ContentFilter {
        genres: TextList {
            has: Some("Western".to_owned()),
            ..TextList::default()
        },
        ..ContentFilter::default()
    };
    let ask = Ask {
        boost: vec![Boost {
            filter: westerns,
            factor: 3.0,
        }],
        pin: vec![
            Pin {
                content: content(8),
                rank: 2,
            },
            Pin {
                content: content(19),
                rank: 1,
            },
        ],
        ..only(&[])
    };
    let drawn = drawn_of(
        &ask,
        &[from(Source::Collaborative, 1.0, &scored)],
        &[8],
        &[],
    );
    let numbers = numbers(&drawn);
    assert_eq!(numbers[1], 8, "pinned, though the user has it");
    assert!(!numbers.contains(&19), "deleted, though pinned");
    // 1, 3 and 5 count three times as much: more than 0, which was the best.
    assert_eq!(numbers[..5], [1, 8, 3, 5, 0]);
    assert!(drawn.items.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn what_is_missing_comes_from_the_fallbacks_in_their_order() {
    let source = from(Source::Collaborative, 1.0, &[(1, 1.0)]);
    let common = [
        (4, Source::Popular),
        (1, Source::Popular),
        (6, Source::New),
        (4, Source::New),
    ];
    let sources = |drawn: &Drawn| -> Vec<Source> {
        let main = drawn.items.iter().map(|item| item.source(&drawn.blend));
        main.collect()
    };
    let all = [Source::Popular, Source::New, Source::Any];
    let drawn = drawn_of(&only(&all), std::slice::from_ref(&source), &[], &common);
    assert_eq!(numbers(&drawn)[..3], [1, 4, 6]);
    // Then what its source calls popular: 17, 16 and so on.
    assert_eq!(numbers(&drawn)[3..5], [17, 16]);
    assert_eq!(
        sources(&drawn)[..4],
        [
            Source::Collaborative,
            Source::Popular,
            Source::New,
            Source::Any
        ]
    );
    let drawn = drawn_of(&only(&[Source::New]), &[source], &[], &common);
    assert_eq!(numbers(&drawn), [1, 6, 4]);
}

#[test]
fn diversity_puts_unlike_items_side_by_side() {
    // By score: four of one sort, then one of the other.
    let scored = [(0, 1.0), (2, 0.9), (4, 0.8), (6, 0.7), (1, 0.6)];
    let source = [from(Source::Collaborative, 1.0, &scored)];
    let plain = drawn_of(&only(&[]), &source, &[], &[]);
    assert_eq!(numbers(&plain), [0, 2, 4, 6, 1]);
    let ask = Ask {
        diversity: 0.7,
        ..only(&[])
    };
    assert_eq!(numbers(&drawn_of(&ask, &source, &[], &[]))[..2], [0, 1]);
}

proptest! {
    #[test]
    fn shuffled_material_gives_the_same_list(
        (plain, shuffled) in prop::collection::btree_map(0_u32..20, (0_u8..5).prop_map(f32::from), 0..20)
            .prop_map(|scored| scored.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|scored| (Just(scored.clone()), Just(scored).prop_shuffle())),
        diversity in prop::sample::select(vec![0.0_f32, 0.5]),
    ) {
        let ask = Ask { diversity, ..Ask::default() };
        let source = |scored: &[(u32, f32)]| [from(Source::Collaborative, 0.7, scored)];
        let first = drawn_of(&ask, &source(&plain), &[3], &[]);
        let second = drawn_of(&ask, &source(&shuffled), &[3], &[]);
        prop_assert_eq!(&first, &second);
        // Equal scores stand in the order of the ids.
        if diversity == 0.0 {
            let offered = first.items.iter().filter(|item| item.sources.has(Source::Collaborative));
            let offered: Vec<_> = offered.collect();
            let in_order = offered.is_sorted_by(|a, b| {
                a.score > b.score || a.score == b.score && a.content < b.content
            });
            prop_assert!(in_order);
        }
    }
}
