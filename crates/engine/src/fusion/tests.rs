use chrono::NaiveDate;

use super::*;
use crate::candidates::Candidates;
use crate::eligibility::Rules;
use crate::rank::tests::catalogue;

fn query(part: u8, scored: &[(u32, f32)]) -> Candidates {
    Candidates {
        part,
        ..Candidates::given(Source::Query, scored.to_vec())
    }
}

fn fused(candidates: &[Candidates], settings: FusionSettings) -> Fusion {
    let catalogue = catalogue();
    let rules = Rules::on(NaiveDate::default()).within(&catalogue);
    Fusion::new(&Pool::new(candidates, &rules), &catalogue, settings)
}

fn plain(depth: usize) -> FusionSettings {
    FusionSettings {
        words_weight: 1.0,
        depth,
        keep_rest: false,
    }
}

#[test]
fn of_equals_the_more_popular_item_has_the_better_rank() {
    // Items of this catalogue are as popular as their slots are large; 19 is deleted.
    let words = query(ALL_WORDS, &[(3, 7.0), (5, 7.0), (4, 9.0), (19, 99.0)]);
    let fusion = fused(&[words], plain(10));
    let rank = |slot| fusion.item(slot).map(|item| item.words);
    assert_eq!([rank(4), rank(5), rank(3)], [Some(1), Some(2), Some(3)]);
    assert_eq!(rank(19), None, "what may not be shown takes no rank");
    assert_eq!(fusion.item(4).map(|item| item.relevance), Some(1.0));
}

#[test]
fn an_item_that_both_sides_find_beats_one_that_a_single_side_puts_first() {
    let words = query(SOME_WORDS, &[(1, 3.0), (2, 2.0)]);
    let meaning = query(MEANING, &[(3, 0.9), (2, 0.5)]);
    let fusion = fused(&[words, meaning], plain(10));
    let relevance = |slot| fusion.item(slot).unwrap().relevance;
    assert!(relevance(2) > relevance(1));
    assert!((relevance(1) - 0.5).abs() < 1e-6 && (relevance(3) - 0.5).abs() < 1e-6);
}

#[test]
fn meaning_fills_up_behind_what_has_all_words() {
    let all = query(ALL_WORDS, &[(1, 3.0), (2, 2.0)]);
    let some = query(SOME_WORDS, &[(3, 9.0), (4, 8.0)]);
    let meaning = query(MEANING, &[(3, 0.9), (4, 0.8), (5, 0.7), (2, 0.6)]);
    let fusion = fused(&[all, some, meaning], plain(10));
    let relevance = |slot| fusion.item(slot).unwrap().relevance;
    assert!([1, 2, 3, 4, 5].is_sorted_by(|a, b| relevance(*a) > relevance(*b)));
    assert!((relevance(1) - 1.0).abs() < 1e-6 && (relevance(3) - 0.35).abs() < 1e-6);
    let ranks = |slot| fusion.item(slot).map(|item| (item.words, item.meaning));
    assert_eq!(
        ranks(3),
        Some((3, 1)),
        "ranks by words go on behind those with all"
    );
    assert_eq!(ranks(2), Some((2, 4)));
}

#[test]
fn what_lies_behind_the_depth_is_kept_only_where_it_is_asked_for() {
    let words = [query(ALL_WORDS, &[(1, 3.0), (2, 2.0), (3, 1.0)])];
    assert_eq!(fused(&words, plain(2)).item(3), None);
    let kept = fused(
        &words,
        FusionSettings {
            keep_rest: true,
            ..plain(2)
        },
    );
    let last = kept.item(3).unwrap();
    assert_eq!((last.words, last.relevance), (3, 0.0));
}

#[test]
fn the_parts_of_a_score_add_up() {
    let candidates = [
        query(ALL_WORDS, &[(1, 3.0), (2, 2.0)]),
        Candidates::given(Source::Interests, vec![(2, 0.5), (7, 0.9)]),
    ];
    let fusion = fused(&candidates, plain(10));
    let scorer = QueryScorer {
        fusion: &fusion,
        query_weight: Some(0.7),
    };
    let scores = scorer.score(&Pool::default());
    assert_eq!(scores.items.len(), 2, "an affinity finds nothing by itself");
    for item in scores.items {
        assert!((item.parts.iter().sum::<f32>() - item.score).abs() < 1e-6);
        assert_eq!(item.sources.has(Source::Interests), item.slot == 2);
    }
}
