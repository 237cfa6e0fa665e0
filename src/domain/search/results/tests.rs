//! The order of a search against a calculation that knows nothing of the pipeline.

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::search::lexical::LexicalHit;
use crate::engine::catalogue::ItemRow;

/// Items of the catalogue; the last one is deleted.
const ITEMS: u32 = 30;

/// Three of four items are as popular as others; ids fall with the slots.
fn popularity(slot: u32) -> f64 {
    f64::from(slot % 4)
}

fn id(slot: u32) -> Uuid {
    Uuid::from_u128(1_000 - u128::from(slot))
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for slot in 0..ITEMS {
        let title = match slot % 10 {
            3 => "Mirror".to_owned(),
            _ => format!("Item {slot}"),
        };
        catalogue.put(ItemRow {
            deleted: slot == ITEMS - 1,
            year: Some(1950 + (slot % 7) as i32),
            popularity: popularity(slot),
            ..ItemRow::new(id(slot), title)
        });
    }
    catalogue
}

type Scored = Vec<(u32, f32)>;

/// What words, meaning and affinity say, with many equal scores.
#[derive(Clone, Debug)]
struct Said {
    words: Scored,
    /// Which of them have all words.
    all: Vec<u32>,
    match_mode: MatchMode,
    meaning: Scored,
    affinity: Option<Scored>,
    query: &'static str,
    order: Option<(ContentOrder, bool)>,
}

fn results(said: &Said) -> SearchResults {
    let hits = said.words.iter();
    let hits = hits.map(|(slot, score)| LexicalHit {
        slot: *slot,
        score: *score,
        all_words: said.all.contains(slot),
    });
    let request = SearchRequest {
        order: said.order,
        ..SearchRequest::new(said.query)
    };
    let input = SearchInput {
        request: &request,
        found: Some(LexicalMatches {
            hits: hits.collect(),
            match_mode: said.match_mode,
            ..LexicalMatches::default()
        }),
        meant: said.meaning.clone(),
        affinity: said.affinity.clone(),
        query_weight: 0.7,
        popularity: &PopularityTable::default(),
        day: DateTime::UNIX_EPOCH.date_naive(),
    };
    SearchResults::new(1, &catalogue(), input)
}

/// The more popular first, then the smaller id.
fn before(a: u32, b: u32) -> bool {
    (-popularity(a), id(a)) < (-popularity(b), id(b))
}

/// What the search should give, slot by slot: quadratic, by the definitions in `docs/search.md`.
fn expected(said: &Said) -> Vec<(u32, f32)> {
    let offered = |side: &Scored| -> Scored {
        let side = side.iter().copied();
        side.filter(|(slot, _)| *slot != ITEMS - 1).collect()
    };
    let (words, meaning) = (offered(&said.words), offered(&said.meaning));
    let rank = |side: &Scored, slot: u32| -> Option<usize> {
        let (_, own) = side.iter().find(|(other, _)| *other == slot)?;
        let beat =
            |(other, score): &&(u32, f32)| score > own || (score == own && before(*other, slot));
        Some(1 + side.iter().filter(beat).count())
    };
    let (all, some): (Scored, Scored) = words.iter().partition(|(slot, _)| said.all.contains(slot));
    let value = |rank: Option<usize>| {
        let value = |rank| 1.0 - f64::ln(rank as f64) / f64::ln(1_001.0);
        f64::from(rank.map_or(0.0, value) as f32)
    };
    let mut weights = [
        if said.match_mode == MatchMode::AnyWord {
            0.5
        } else {
            1.0
        },
        1.0,
    ];
    if some.is_empty() {
        weights[0] = 0.0;
    }
    if meaning.is_empty() {
        weights[1] = 0.0;
    }
    let sum: f64 = weights.iter().sum();
    let mut found = Vec::new();
    for slot in 0..ITEMS {
        let (by_all, by_some) = (rank(&all, slot), rank(&some, slot));
        let by_meaning = rank(&meaning, slot);
        if by_all.or(by_some).or(by_meaning).is_none() {
            continue;
        }
        let by_words = by_all.or(by_some);
        let relevance = match by_all {
            Some(_) => 0.65 + 0.35 * value(by_all),
            None => {
                let mean = (value(by_some) * weights[0] + value(by_meaning) * weights[1]) / sum;
                if all.is_empty() { mean } else { 0.35 * mean }
            }
        };
        let mut score = relevance as f32;
        if let Some(affinity) = &said.affinity {
            let known = affinity.iter().find(|(other, _)| *other == slot);
            score = 0.7 * score + (1.0 - 0.7) * known.map_or(0.0, |(_, affinity)| *affinity);
        }
        let exact = said.query == "mirror" && slot % 10 == 3 && by_words.is_some();
        found.push((exact, slot, if exact { 1.0 } else { score }));
    }
    found.sort_by(|a, b| {
        let exact = b.0.cmp(&a.0);
        exact
            .then(b.2.total_cmp(&a.2))
            .then_with(|| match before(a.1, b.1) {
                true => std::cmp::Ordering::Less,
                false => std::cmp::Ordering::Greater,
            })
    });
    found
        .into_iter()
        .map(|(_, slot, score)| (slot, score))
        .collect()
}

fn scored(most: usize) -> impl Strategy<Value = Scored> {
    let score = (0_u8..6).prop_map(|score| f32::from(score) / 5.0);
    prop::collection::btree_map(0..ITEMS, score, 0..most)
        .prop_map(|scored| scored.into_iter().collect::<Scored>())
        .prop_shuffle()
}

fn said() -> impl Strategy<Value = Said> {
    let efforts = prop::sample::select(vec![MatchMode::Plain, MatchMode::AnyWord]);
    let query = prop::sample::select(vec!["mirror", "stalker"]);
    let sides = (
        (scored(30), prop::collection::vec(0..ITEMS, 0..12)),
        efforts,
        scored(12),
        any::<bool>(),
        scored(30),
        query,
    );
    sides.prop_map(
        |((words, all), match_mode, meaning, personal, mut affinity, query)| {
            // Affinity is asked of what was found only.
            affinity
                .retain(|(slot, _)| words.iter().chain(&meaning).any(|(found, _)| found == slot));
            Said {
                words,
                all,
                match_mode,
                meaning,
                affinity: personal.then_some(affinity),
                query,
                order: None,
            }
        },
    )
}

/// What was found, in its order, with the scores.
fn found(results: &SearchResults) -> Vec<(u32, f32)> {
    let hits = results.hits.iter();
    hits.map(|hit| (hit.slot, hit.score)).collect()
}

proptest! {
    #[test]
    fn a_search_is_ordered_as_a_simple_calculation_says(said in said()) {
        let results = results(&said);
        let expected = expected(&said);
        let got = found(&results);
        prop_assert_eq!(results.total(), expected.len());
        let slots = |list: &[(u32, f32)]| list.iter().map(|(slot, _)| *slot).collect::<Vec<_>>();
        prop_assert_eq!(slots(&got), slots(&expected));
        for ((_, got), (_, expected)) in got.iter().zip(&expected) {
            prop_assert!((got - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn an_order_by_a_field_keeps_what_was_found(said in said(), ascending: bool) {
        let said = Said { affinity: None, ..said };
        let plain = results(&said);
        let ordered = results(&Said {
            order: Some((ContentOrder::Year, ascending)),
            ..said
        });
        let years: Vec<u32> = ordered.hits.iter().map(|hit| hit.slot % 7).collect();
        let in_order = years.is_sorted_by(|a, b| if ascending { a <= b } else { a >= b });
        prop_assert!(in_order);
        let slots = |results: &SearchResults| {
            let mut slots: Vec<u32> = results.hits.iter().map(|hit| hit.slot).collect();
            slots.sort_unstable();
            slots
        };
        prop_assert_eq!(slots(&plain), slots(&ordered));
    }
}

#[test]
fn an_empty_query_lists_what_is_on_offer_the_most_popular_first() {
    let request = SearchRequest::new(" ");
    let input = SearchInput {
        request: &request,
        found: None,
        meant: Vec::new(),
        affinity: None,
        query_weight: 0.7,
        popularity: &PopularityTable::default(),
        day: DateTime::UNIX_EPOCH.date_naive(),
    };
    let results = SearchResults::new(1, &catalogue(), input);
    assert_eq!(results.total(), ITEMS as usize - 1);
    let listed = found(&results);
    let popularities = listed.iter().map(|(slot, _)| popularity(*slot));
    assert!(popularities.is_sorted_by(|a, b| a >= b));
    assert!(
        listed
            .iter()
            .map(|(_, score)| score)
            .is_sorted_by(|a, b| a > b)
    );
    assert!((listed[0].1 - 1.0).abs() < f32::EPSILON);
}
