use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::catalogue::{ContentFilter, ItemRow, Unavailable};
use crate::eligibility::Rules;
use crate::provenance::{Provenance, Ranking, Versions};
use crate::request::{Boost, Pin};
use crate::score::{GivenScores, WeightedBlend};
use foundation::filter::{Comparison, TextList};
use foundation::{Id, id};

type Content = Id<id::Content>;

fn content(number: u32) -> Content {
    Uuid::from_u128(u128::from(number) + 1).into()
}

/// Twenty items; odd ones are westerns, item 19 is deleted, and 18 is sold out.
pub(crate) fn catalogue() -> Catalogue {
    long_catalogue(20)
}

/// The same with so many items.
fn long_catalogue(items: u32) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for number in 0..items {
        let genre = if number % 2 == 1 { "Western" } else { "Drama" };
        catalogue.put(ItemRow {
            deleted: items == 20 && number == 19,
            genres: vec![genre.to_owned()],
            year: Some(1950 + number as i32),
            popularity: f64::from(number),
            stock: (items == 20 && number == 18).then_some(0),
            ..ItemRow::new(content(number).uuid(), number.to_string())
        });
    }
    catalogue
}

/// Slots are given in the order of putting: item 7 is in slot 7.
fn from(source: Source, weight: f32, scored: &[(u32, f32)]) -> Candidates {
    Candidates::new(source, weight, scored.to_vec())
}

fn ranked(
    request: &RecommendationRequest,
    candidates: &[Candidates],
    seen: &[u32],
    fallback: &NonPersonalised,
) -> RankedList {
    let catalogue = catalogue();
    let excluded = request.exclude.iter().copied().collect();
    let seen = seen.iter().map(|number| content(*number)).collect();
    let day = DateTime::UNIX_EPOCH.date_naive();
    let rules = Rules::on(day).matching(&request.filter).within(&catalogue);
    let rules = rules.without(&excluded).without_seen(&seen);
    let input = RankingInput {
        rules: &rules,
        candidates,
        scorer: &WeightedBlend,
        fallback,
        similarity: &|a, b| f32::from(u8::from((a ^ b) & 1 == 0)),
        length: 10,
    };
    rank(request, &input)
}

fn popular(numbers: &[u32]) -> NonPersonalised {
    NonPersonalised {
        popular: numbers.iter().map(|number| (*number, 0.5)).collect(),
        newest: Vec::new(),
    }
}

fn only(fallback: &[Source]) -> RecommendationRequest {
    RecommendationRequest {
        fallback: fallback.to_vec(),
        ..RecommendationRequest::default()
    }
}

fn numbers(list: &RankedList) -> Vec<u32> {
    list.items.iter().map(|item| item.slot).collect()
}

#[test]
fn the_weights_used_are_told_and_the_parts_add_up() {
    let sources = [
        from(Source::Collaborative, 0.7, &[(1, 9.0), (2, 8.0)]),
        from(Source::Interests, 0.2, &[(2, 0.1), (3, 0.9)]),
        from(Source::Session, 0.1, &[]),
    ];
    let list = ranked(&only(&[]), &sources, &[], &popular(&[]));
    let (_, first) = list.blend[0];
    assert_eq!(list.blend.len(), 2, "who says nothing has no weight");
    assert!((first - 0.7 / 0.9).abs() < 1e-6);
    for item in &list.items {
        let sum: f32 = item.parts.iter().sum();
        assert!((sum - item.score).abs() < 1e-5, "{item:?}");
        for (part, (_, weight)) in item.parts.iter().zip(&list.blend) {
            assert!((0.0..=1.0 + 1e-6).contains(&(part / weight)));
        }
    }
    // Item 2 is the second of both, item 1 the best of the heavier one alone.
    assert_eq!(numbers(&list), [2, 1, 3]);
}

#[test]
fn with_one_source_empty_the_other_carries() {
    let empty = from(Source::Collaborative, 0.7, &[]);
    let full = from(Source::Interests, 0.3, &[(4, 0.4), (5, 0.2)]);
    let list = ranked(&only(&[]), &[empty, full], &[], &popular(&[]));
    assert_eq!(list.blend, [(Source::Interests, 1.0)]);
    assert_eq!((list.items[0].score, numbers(&list)), (1.0, vec![4, 5]));
}

#[test]
fn every_candidate_that_is_left_out_keeps_its_reason() {
    let all: Vec<(u32, f32)> = (0..20).map(|number| (number, number as f32)).collect();
    let request = RecommendationRequest {
        exclude: vec![content(17)],
        filter: ContentFilter {
            year: Comparison {
                gte: Some(1952),
                ..Comparison::default()
            },
            ..ContentFilter::default()
        },
        min_score: 0.635,
        ..only(&[])
    };
    let list = ranked(
        &request,
        &[from(Source::Collaborative, 1.0, &all)],
        &[16],
        &popular(&[]),
    );
    let reason = |number| {
        let mut reasons = list.dropped.iter();
        reasons
            .find(|(dropped, _)| *dropped == number)
            .map(|(_, reason)| *reason)
    };
    let ineligible = |why| Some(DropReason::Ineligible(why));
    let unavailable = |why| ineligible(Ineligible::Unavailable(why));
    assert_eq!(reason(19), unavailable(Unavailable::Deleted));
    assert_eq!(reason(18), unavailable(Unavailable::SoldOut));
    assert_eq!(reason(17), ineligible(Ineligible::Excluded));
    assert_eq!(reason(16), ineligible(Ineligible::Seen));
    assert_eq!(reason(0), ineligible(Ineligible::Filtered));
    // 1 − ln 13 / ln 1001 is .629, the twelfth of those that may come has .640.
    assert_eq!(reason(3), Some(DropReason::BelowMinimum));
    assert_eq!(reason(5), Some(DropReason::BeyondLength));
    assert_eq!(numbers(&list), (6..16).rev().collect::<Vec<_>>());
    assert_eq!(list.items.len() + list.dropped.len(), 20);
}

#[test]
fn what_fills_a_list_up_is_what_fits_and_notes_nothing_of_the_rest() {
    let request = RecommendationRequest {
        filter: ContentFilter {
            genres: TextList {
                has: Some("Western".to_owned()),
                ..TextList::default()
            },
            ..ContentFilter::default()
        },
        fallback: vec![Source::Popular, Source::Any],
        ..RecommendationRequest::default()
    };
    let list = ranked(
        &request,
        &[from(Source::Collaborative, 1.0, &[(1, 1.0)])],
        &[7],
        &popular(&[2, 3, 5]),
    );
    // What users took first, then the rest by popularity; 7 was taken, 19 is deleted.
    assert_eq!(numbers(&list), [1, 3, 5, 17, 15, 13, 11, 9]);
    assert_eq!(list.dropped, []);
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
    let request = RecommendationRequest {
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
    let list = ranked(
        &request,
        &[from(Source::Collaborative, 1.0, &scored)],
        &[8],
        &popular(&[]),
    );
    let numbers = numbers(&list);
    assert_eq!(numbers[1], 8, "pinned, though the user has it");
    assert!(!numbers.contains(&19), "deleted, though pinned");
    // Odd ones count three times as much: more than 0, which was the best.
    assert_eq!(numbers[..5], [1, 8, 3, 5, 7]);
    assert!(list.items.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn what_is_missing_comes_from_the_fallbacks_in_their_order() {
    let source = from(Source::Collaborative, 1.0, &[(1, 1.0)]);
    let common = NonPersonalised {
        newest: vec![6, 4],
        ..popular(&[4, 1])
    };
    let sources = |list: &RankedList| -> Vec<Sources> {
        list.items.iter().map(|item| item.sources).collect()
    };
    let all = [Source::Popular, Source::New, Source::Any];
    let list = ranked(&only(&all), std::slice::from_ref(&source), &[], &common);
    assert_eq!(numbers(&list)[..3], [1, 4, 6]);
    // Then what its source calls popular: 17, 16 and so on.
    assert_eq!(numbers(&list)[3..5], [17, 16]);
    assert_eq!(
        sources(&list)[..4],
        [
            Source::Collaborative,
            Source::Popular,
            Source::New,
            Source::Any
        ]
        .map(Sources::from)
    );
    let list = ranked(&only(&[Source::New]), &[source], &[], &common);
    assert_eq!(numbers(&list), [1, 6, 4]);
}

#[test]
fn diversity_puts_unlike_items_side_by_side() {
    // By score: four of one sort, then one of the other.
    let scored = [(0, 1.0), (2, 0.9), (4, 0.8), (6, 0.7), (1, 0.6)];
    let source = [from(Source::Collaborative, 1.0, &scored)];
    let plain = ranked(&only(&[]), &source, &[], &popular(&[]));
    assert_eq!(numbers(&plain), [0, 2, 4, 6, 1]);
    let request = RecommendationRequest {
        diversity: 0.7,
        ..only(&[])
    };
    assert_eq!(
        numbers(&ranked(&request, &source, &[], &popular(&[])))[..2],
        [0, 1]
    );
}

#[test]
fn what_a_list_was_made_of_is_read_back_from_its_bytes() {
    let candidates = [
        from(Source::Collaborative, 0.7, &[(1, 9.0), (2, 8.0), (16, 7.0)]),
        from(Source::Interests, 0.3, &[(2, 0.1), (3, 0.9), (19, 1.0)]),
    ];
    let list = ranked(&only(&[]), &candidates, &[16], &popular(&[]));
    let versions = Versions {
        catalogue: 1,
        settings: 7,
    };

    let provenance = Provenance::new(&Ranking {
        request: &only(&[]),
        candidates: &candidates,
        ranker: None,
        fallback: &popular(&[]),
        length: 10,
        list: &list,
        catalogue: &catalogue(),
        versions,
    });
    let listed: Vec<Content> = list.items.iter().map(|item| content(item.slot)).collect();
    let provenance = Provenance::from_bytes(provenance.bytes().to_vec());
    let read = provenance.read(&listed).unwrap();

    assert_eq!(read.versions, versions);
    let dropped: Vec<_> = list
        .dropped
        .iter()
        .map(|(number, why)| (content(*number), *why))
        .collect();
    assert_eq!(read.dropped, dropped);
    let said = |at: usize, number: u32| {
        let mut scores = read.signals[at].scores.iter();
        scores
            .find(|score| score.content == content(number))
            .map(|score| (score.raw, score.calibrated))
    };
    assert_eq!(said(0, 1), Some((9.0, Some(1.0))));
    assert_eq!(
        said(0, 16),
        Some((7.0, None)),
        "seen: it takes nobody's rank"
    );
    assert_eq!(said(1, 3), Some((0.9, Some(1.0))));
    assert_eq!(said(1, 1), None);
    assert_eq!(read.signals[0].source, Source::Collaborative);
    assert_eq!(Provenance::from_bytes(vec![1, 2, 3]).read(&listed), None);
    assert_eq!(provenance.read(&listed[1..]), None, "another list");
}

proptest! {
    #[test]
    fn shuffled_material_gives_the_same_list(
        (plain, shuffled) in prop::collection::btree_map(0_u32..20, (0_u8..5).prop_map(f32::from), 0..20)
            .prop_map(|scored| scored.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|scored| (Just(scored.clone()), Just(scored).prop_shuffle())),
        diversity in prop::sample::select(vec![0.0_f32, 0.5]),
    ) {
        let request = RecommendationRequest { diversity, ..RecommendationRequest::default() };
        let source = |scored: &[(u32, f32)]| [from(Source::Collaborative, 0.7, scored)];
        let first = ranked(&request, &source(&plain), &[3], &popular(&[]));
        let second = ranked(&request, &source(&shuffled), &[3], &popular(&[]));
        prop_assert_eq!(&first, &second);
        // Equal scores stand in the order of the ids.
        if diversity == 0.0 {
            let offered = first.items.iter().filter(|item| item.sources.has(Source::Collaborative));
            let offered: Vec<_> = offered.collect();
            let in_order = offered.is_sorted_by(|a, b| {
                a.score > b.score || a.score == b.score && a.slot < b.slot
            });
            prop_assert!(in_order);
        }
    }
}

/// An item that suits the user is not recommended because it is like the one that the list is about.
#[test]
fn evidence_is_that_of_the_source_that_adds_most() {
    let about = |slot: u32| [(slot, 7)].into_iter().collect();
    let sources = [
        Candidates {
            because: about(1),
            ..from(
                Source::Similar,
                0.3,
                &[(1, 0.1), (2, 0.9), (3, 0.8), (4, 0.7)],
            )
        },
        from(Source::Interests, 0.7, &[(1, 0.9)]),
    ];
    let because = |sources: &[Candidates]| {
        let list = ranked(&only(&[]), sources, &[], &popular(&[]));
        let item = list.items.iter().find(|item| item.slot == 1).unwrap();
        item.because
    };
    assert_eq!(because(&sources), None);
    assert_eq!(because(&sources[..1]), Some(7));
}

#[test]
fn an_item_that_is_pinned_twice_stands_once() {
    let pin = |rank| Pin {
        content: content(4),
        rank,
    };
    let request = RecommendationRequest {
        pin: vec![pin(1), pin(3)],
        ..only(&[])
    };
    let source = [from(
        Source::Collaborative,
        1.0,
        &[(1, 3.0), (2, 2.0), (4, 1.0)],
    )];
    assert_eq!(
        numbers(&ranked(&request, &source, &[], &popular(&[]))),
        [4, 1, 2]
    );
}

#[test]
fn what_pins_push_over_the_end_is_dropped_with_its_reason() {
    let scored: Vec<(u32, f32)> = (0..10).map(|slot| (slot, 10.0 - slot as f32)).collect();
    let request = RecommendationRequest {
        pin: vec![Pin {
            content: content(12),
            rank: 1,
        }],
        ..only(&[])
    };
    let source = [from(Source::Collaborative, 1.0, &scored)];
    let list = ranked(&request, &source, &[], &popular(&[]));
    assert_eq!(numbers(&list), [12, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(list.dropped, [(9, DropReason::BeyondLength)]);
}

/// Only the head of a long list is sorted; a list of all its candidates is sorted throughout.
#[test]
fn what_is_beyond_the_length_of_a_long_list_is_dropped_with_its_reason() {
    let catalogue = long_catalogue(600);
    let scored: Vec<(u32, f32)> = (0..600)
        .map(|slot| (slot, (slot * 7 % 600) as f32 / 600.0))
        .collect();
    let candidates = [Candidates::given(Source::Popular, scored.clone())];
    let rules = Rules::on(DateTime::UNIX_EPOCH.date_naive()).within(&catalogue);
    let request = RecommendationRequest {
        min_score: 0.5,
        ..RecommendationRequest::uncontrolled()
    };
    let input = RankingInput::plain(&rules, &candidates, &GivenScores, 10);
    let list = rank(&request, &input);
    let mut sorted = scored.clone();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let got: Vec<(u32, f32)> = list
        .items
        .iter()
        .map(|item| (item.slot, item.score))
        .collect();
    assert_eq!(got, sorted[..10]);
    assert_eq!(list.dropped.len(), 590);
    for (slot, why) in list.dropped {
        let low = scored[slot as usize].1 < 0.5;
        let wanted = if low {
            DropReason::BelowMinimum
        } else {
            DropReason::BeyondLength
        };
        assert_eq!(why, wanted, "{slot}");
    }
}

#[test]
fn given_scores_are_kept_as_they_are_and_nothing_fills_the_list() {
    let catalogue = catalogue();
    let rules = Rules::on(DateTime::UNIX_EPOCH.date_naive()).within(&catalogue);
    let candidates = [Candidates::given(
        Source::Similar,
        vec![(3, 0.25), (19, 0.9), (2, 0.5), (1, 0.25)],
    )];
    let list = best(&RankingInput::plain(&rules, &candidates, &GivenScores, 10));
    assert_eq!(
        list.contents(&catalogue),
        [(content(2), 0.5), (content(1), 0.25), (content(3), 0.25)],
    );
    assert_eq!(list.blend, [(Source::Similar, 1.0)]);
}
