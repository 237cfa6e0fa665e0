use proptest::prelude::*;
use proptest::sample::subsequence;
use uuid::Uuid;

use super::*;
use crate::provenance::{Provenance, Ranking, Versions};
use crate::request::{Boost, Pin};
use crate::source::Context;
use foundation::filter::Comparison;

fn content(number: u32) -> Content {
    Uuid::from_u128(u128::from(number) + 1).into()
}

fn number(content: Content) -> u32 {
    u32::try_from(content.uuid().as_u128()).unwrap() - 1
}

/// A source, one of its signals, its weight, and the slots that it offers with their scores.
type Offered = (Source, u8, f32, Vec<(u32, f32)>);

/// What a search found: slots with scores and affinities, and how much the query counted.
#[derive(Clone, Debug)]
struct Search {
    found: Vec<(u32, f32, f32)>,
    query_weight: Option<f32>,
}

impl Search {
    /// The best first; of equals the later slot, which no order by id gives.
    fn order(&self) -> FoundOrder {
        let mut found = self.found.clone();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        let items = found.into_iter().map(|(slot, score, affinity)| FoundItem {
            slot,
            score,
            affinity,
        });
        FoundOrder::new(items, self.query_weight)
    }
}

/// A catalogue, what the sources offer of it and what is asked for.
#[derive(Clone, Debug)]
struct World {
    rows: Vec<ItemRow>,
    candidates: Vec<Offered>,
    /// In the place of the candidates.
    search: Option<Search>,
    learned: Option<Vec<f32>>,
    seen: Vec<u32>,
    request: RecommendationRequest,
    popular: Vec<(u32, f32)>,
    newest: Vec<u32>,
    length: usize,
}

/// What came of a world, as it is stored.
struct Stored {
    items: Vec<(Content, Sources)>,
    scores: Vec<f32>,
    parts: Vec<Parts>,
    blend: Vec<(Source, f32)>,
    composition: Composition,
    bytes: usize,
}

/// How alike two items are; no number of steps of a byte.
fn alike(a: u32, b: u32) -> f32 {
    ((a * 37 + b * 37) as f32 * 0.1).sin()
}

impl World {
    fn list(&self) -> (RankedList, Catalogue, Provenance) {
        let mut catalogue = Catalogue::default();
        self.rows.iter().cloned().for_each(|row| catalogue.put(row));
        let search = self.search.as_ref().map(Search::order);
        let candidates: Vec<Candidates> = match &search {
            Some(search) => search.candidates(),
            None => self
                .candidates
                .iter()
                .map(|(source, part, weight, scored)| Candidates {
                    part: *part,
                    ..Candidates::new(*source, *weight, scored.clone())
                })
                .collect(),
        };
        let learned = self.learned.as_ref().filter(|_| search.is_none());
        let ranker = learned.map(|weights| Ranker {
            weights: self
                .candidates
                .iter()
                .zip(weights)
                .map(|((source, part, ..), weight)| SignalWeight {
                    source: source.as_str().to_owned(),
                    part: *part,
                    weight: *weight,
                })
                .collect(),
        });
        let scorer: &dyn Scorer = match (&search, &ranker) {
            (Some(search), _) => search,
            (None, Some(ranker)) => ranker,
            (None, None) => &WeightedBlend,
        };
        let excluded = self.request.exclude.iter().copied().collect();
        let seen = self.seen.iter().copied().map(content).collect();
        let rules = Rules::on(DAY).matching(&self.request.filter);
        let rules = rules.within(&catalogue).without(&excluded);
        let rules = rules.without_seen(&seen);
        let fallback = NonPersonalised {
            popular: self.popular.clone(),
            newest: self.newest.clone(),
        };
        let input = RankingInput {
            rules: &rules,
            candidates: &candidates,
            scorer,
            fallback: &fallback,
            similarity: &alike,
            length: self.length,
        };
        let list = rank(&self.request, &input);
        let provenance = Provenance::new(&Ranking {
            request: &self.request,
            candidates: &candidates,
            ranker: ranker.as_ref(),
            fallback: &fallback,
            length: self.length,
            list: &list,
            catalogue: &catalogue,
            versions: Versions::default(),
        });
        (list, catalogue, provenance)
    }

    fn stored(&self) -> Stored {
        let (list, catalogue, provenance) = self.list();
        let id = |slot: u32| catalogue.entry(slot).unwrap().id;
        let items = list.items.iter().map(|item| (id(item.slot), item.sources));
        let items: Vec<(Content, Sources)> = items.collect();
        let listed: Vec<Content> = items.iter().map(|(content, _)| *content).collect();
        Stored {
            composition: provenance.read(&listed).unwrap(),
            bytes: provenance.bytes().len(),
            items,
            scores: list.items.iter().map(|item| item.score).collect(),
            parts: list.items.iter().map(|item| item.parts.clone()).collect(),
            blend: list.blend,
        }
    }

    /// What became of an item: its reason where it was dropped.
    fn dropped(&self, item: u32) -> Option<DropReason> {
        let (list, ..) = self.list();
        let mut dropped = list.dropped.iter();
        let dropped = dropped.find(|(slot, _)| *slot == item);
        dropped.map(|(_, why)| *why)
    }

    /// Whether a source offers an item.
    fn offers(&self, item: u32) -> bool {
        match &self.search {
            Some(search) => search.found.iter().any(|(slot, ..)| *slot == item),
            None => {
                let mut offered = self.candidates.iter().flat_map(|(.., scored)| scored);
                offered.any(|(slot, _)| *slot == item)
            }
        }
    }

    fn has(&self, item: u32) -> bool {
        let (list, ..) = self.list();
        list.items.iter().any(|listed| listed.slot == item)
    }

    /// The same without what this reason names.
    fn without(mut self, item: u32, why: DropReason) -> Self {
        let row = &mut self.rows[item as usize];
        match why {
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Deleted)) => {
                row.deleted = false;
            }
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::NotPublic)) => {
                row.visibility = Visibility::Public;
            }
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Rights)) => {
                row.rights_from = None;
            }
            DropReason::Ineligible(Ineligible::Unavailable(Unavailable::SoldOut)) => {
                row.stock = None;
            }
            DropReason::Ineligible(Ineligible::NoBroadcastsLeft) => row.broadcasts_left = None,
            DropReason::Ineligible(Ineligible::Excluded) => {
                self.request.exclude.retain(|other| *other != content(item));
            }
            DropReason::Ineligible(Ineligible::Seen) => self.seen.retain(|other| *other != item),
            DropReason::Ineligible(Ineligible::Filtered) => {
                self.request.filter = ContentFilter::default();
            }
            DropReason::BelowMinimum => self.request.min_score = 0.0,
            DropReason::BeyondLength => self.length = self.rows.len(),
        }
        self
    }
}

impl Stored {
    fn replay(&self, request: &RecommendationRequest, changes: &Changes) -> ReplayedList {
        self.recording(request)
            .rank(changes, &|a, b| alike(number(a), number(b)))
    }

    fn recording<'a>(&'a self, request: &'a RecommendationRequest) -> Recording<'a> {
        Recording {
            request,
            items: &self.items,
            composition: &self.composition,
        }
    }
}

const SOURCES: [(Source, u8); 4] = [
    (Source::Collaborative, 0),
    (Source::Collaborative, 1),
    (Source::Interests, 0),
    (Source::Session, 0),
];
const FALLBACKS: [Source; 3] = [Source::Popular, Source::New, Source::Any];

fn row(number: u32, state: u8, western: bool) -> ItemRow {
    let genre = if western { "Western" } else { "Drama" };
    ItemRow {
        deleted: state == 1,
        visibility: if state == 2 {
            Visibility::Unlisted
        } else {
            Visibility::Public
        },
        rights_from: (state == 3).then(|| DAY.succ_opt()).flatten(),
        stock: (state == 4).then_some(0),
        genres: vec![genre.to_owned()],
        year: Some(1900 + (number % 120) as i32),
        popularity: f64::from(number * 7 % 11),
        ..ItemRow::new(content(number).uuid(), number.to_string())
    }
}

fn by_genre(genre: &str) -> ContentFilter {
    ContentFilter {
        genres: TextList {
            has: Some(genre.to_owned()),
            ..TextList::default()
        },
        ..ContentFilter::default()
    }
}

fn by_year(from: i32) -> ContentFilter {
    ContentFilter {
        year: Comparison {
            gte: Some(from),
            ..Comparison::default()
        },
        ..ContentFilter::default()
    }
}

fn request(items: u32) -> impl Strategy<Value = RecommendationRequest> {
    let filter = prop_oneof![
        3 => Just(ContentFilter::default()),
        1 => Just(by_genre("Western")),
        1 => Just(by_year(1930)),
    ];
    let boost = prop::collection::vec(
        (
            prop_oneof![Just(by_genre("Drama")), Just(by_year(1950))],
            prop::sample::select(vec![0.0_f32, 0.3, 1.7, 10.0]),
        ),
        0..3,
    );
    let pin = prop::collection::btree_map(
        prop::sample::select(vec![1, 2, 5, 9, 30, 100]),
        0..items + 3,
        0..3,
    );
    (
        prop::sample::select(vec![Context::Feed, Context::Category, Context::Search]),
        filter,
        boost,
        prop::collection::vec(0..items, 0..4),
        pin,
        prop::sample::select(vec![0.0_f32, 0.0, 0.3, 1.0]),
        prop::sample::select(vec![0.0_f32, 0.0, 0.4, 0.7]),
        subsequence(FALLBACKS.to_vec(), 0..=3).prop_shuffle(),
    )
        .prop_map(
            |(context, filter, boost, exclude, pin, diversity, min_score, fallback)| {
                let boost = boost.into_iter();
                let pin = pin.into_iter();
                RecommendationRequest {
                    context,
                    filter,
                    boost: boost
                        .map(|(filter, factor)| Boost { filter, factor })
                        .collect(),
                    exclude: exclude.into_iter().map(content).collect(),
                    pin: pin
                        .map(|(rank, item)| Pin {
                            content: content(item),
                            rank,
                        })
                        .collect(),
                    diversity,
                    min_score,
                    fallback,
                    ..RecommendationRequest::default()
                }
            },
        )
}

/// Small catalogues, and some with more items than are made diverse.
fn world() -> impl Strategy<Value = World> {
    prop_oneof![9 => 1_u32..60, 1 => 210_u32..260].prop_flat_map(|items| {
        let rows = prop::collection::vec((0_u8..14, any::<bool>()), items as usize);
        // Coarse scores, so that many are equal.
        let scored = move || {
            let scores = prop::collection::btree_map(0..items, -3_i8..20, 0..items as usize + 1);
            scores.prop_map(|scored| {
                let scored = scored.into_iter();
                scored
                    .map(|(slot, score)| (slot, f32::from(score) / 7.0))
                    .collect::<Vec<_>>()
            })
        };
        let weights = vec![0.0_f32, 0.1, 0.25, 0.7];
        let weight = move || prop::sample::select(weights.clone());
        let signals = subsequence(SOURCES.to_vec(), 0..=4).prop_flat_map(move |sources| {
            let signals = sources.into_iter();
            signals
                .map(|(source, part)| (Just(source), Just(part), weight(), scored()))
                .collect::<Vec<_>>()
        });
        let learned = prop::option::of(prop::collection::vec(
            prop::sample::select(vec![0.0_f32, 0.2, 0.55]),
            4,
        ));
        let popular = prop::collection::btree_map(0..items, 0.0_f32..1.0, 0..15);
        let found = prop::collection::btree_map(0..items, (0_u8..8, 0_u8..5), 1..=items as usize);
        let query_weight = prop::option::of(prop::sample::select(vec![0.0_f32, 0.2, 0.7, 1.0]));
        let search = (found, query_weight).prop_map(|(found, query_weight)| Search {
            found: found
                .into_iter()
                .map(|(slot, (score, affinity))| {
                    (slot, f32::from(score) / 7.0, f32::from(affinity) / 4.0)
                })
                .collect(),
            query_weight,
        });
        let search = prop::option::weighted(0.3, search);
        (
            (rows, signals, search, learned, request(items)),
            prop::collection::vec(0..items, 0..6),
            popular,
            prop::collection::btree_set(0..items, 0..15),
            prop_oneof![1_usize..12, 12_usize..300],
        )
            .prop_map(
                move |(
                    (rows, candidates, search, learned, request),
                    seen,
                    popular,
                    newest,
                    length,
                )| {
                    let mut popular: Vec<(u32, f32)> = popular.into_iter().collect();
                    popular.sort_by(|a, b| b.1.total_cmp(&a.1));
                    World {
                        rows: (0..)
                            .zip(rows)
                            .map(|(number, (state, western))| row(number, state, western))
                            .collect(),
                        candidates,
                        search,
                        learned,
                        seen,
                        request,
                        popular,
                        newest: newest.into_iter().collect(),
                        length,
                    }
                },
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_list_that_is_ranked_again_is_the_same_to_the_last_bit(world in world()) {
        let stored = world.stored();
        let again = stored.recording(&world.request).rank(&Changes::default(), &|_, _| f32::NAN);

        let items: Vec<(Content, Sources)> =
            again.items.iter().map(|item| (item.content, item.sources)).collect();
        prop_assert_eq!(&items, &stored.items);
        let bits = |score: &f32| score.to_bits();
        let scores: Vec<u32> = again.items.iter().map(|item| item.score.to_bits()).collect();
        prop_assert_eq!(scores, stored.scores.iter().map(bits).collect::<Vec<_>>());
        for (item, parts) in again.items.iter().zip(&stored.parts) {
            prop_assert_eq!(&item.parts, parts);
        }
        prop_assert_eq!(&again.blend, &stored.blend);
        // What filled the list and was pushed over its end is no candidate.
        let offered = |content: &Content| {
            let mut scores = stored.composition.signals.iter().flat_map(|signal| &signal.scores);
            scores.any(|score| score.content == *content)
        };
        let dropped = |dropped: &[(Content, DropReason)]| -> Vec<(Content, DropReason)> {
            let mut dropped: Vec<_> =
                dropped.iter().copied().filter(|(content, _)| offered(content)).collect();
            dropped.sort_by_key(|(content, _)| *content);
            dropped
        };
        prop_assert_eq!(dropped(&again.dropped), dropped(&stored.composition.dropped));
    }

    #[test]
    fn with_the_cause_that_is_named_removed_an_item_comes_in(world in world(), pick in any::<prop::sample::Index>()) {
        let stored = world.stored();
        let dropped = &stored.composition.dropped;
        prop_assume!(!dropped.is_empty());
        let (item, why) = dropped[pick.index(dropped.len())];
        let recording = stored.recording(&world.request);
        prop_assert_eq!(recording.outcome(item), Outcome::Dropped(why));
        prop_assert_eq!(
            recording.standing(item).is_some(),
            !matches!(why, DropReason::Ineligible(_))
                && stored.composition.signals.iter().any(|signal| {
                    signal.scores.iter().any(|score| score.content == item)
                })
        );
        let item = number(item);
        // Another cause may stand behind the first; each goes when it is removed.
        let (mut world, mut why) = (world, why);
        for _ in 0..12 {
            world = world.without(item, why);
            if world.has(item) {
                break;
            }
            let Some(next) = world.dropped(item) else {
                // It filled the list before, and others do now.
                prop_assert!(!world.offers(item), "{item} is nowhere");
                return Ok(());
            };
            prop_assert_ne!(next, why, "the cause is removed");
            why = next;
        }
        prop_assert!(world.has(item), "{:?}", why);
    }

    #[test]
    fn what_is_left_out_and_excluded_does_not_come_and_weights_are_those_that_were_asked_for(world in world()) {
        let stored = world.stored();
        let exclude: Vec<Content> = stored.items.iter().map(|(content, _)| *content).take(2).collect();
        let changes = Changes {
            weights: vec![(Source::Interests, 0.9), (Source::Session, 0.1)],
            without: vec![Source::Collaborative, Source::Query, Source::Pinned, Source::Popular],
            exclude: exclude.clone(),
            min_score: Some(0.2),
            diversity: Some(0.5),
        };
        let list = stored.replay(&world.request, &changes);
        for item in &list.items {
            prop_assert!(!exclude.contains(&item.content));
            for source in &changes.without {
                prop_assert!(!item.sources.has(*source));
            }
            prop_assert!(item.score >= 0.2);
        }
        if let [(Source::Interests, interests), (Source::Session, _)] = list.blend[..] {
            prop_assert!((interests - 0.9).abs() < 1e-6);
        }
        // Whatever it dealt with was dealt with then.
        for item in &list.items {
            let known = stored.items.iter().any(|(content, _)| *content == item.content)
                || stored.composition.dropped.iter().any(|(content, _)| *content == item.content);
            prop_assert!(known);
        }
    }

    #[test]
    fn a_request_is_read_back_from_its_json(request in request(20)) {
        let json = serde_json::to_value(&request).unwrap();
        prop_assert_eq!(serde_json::from_value::<RecommendationRequest>(json).unwrap(), request);
    }
}

/// Ten dramas, of which item 8 is a candidate, in a list that popular ones fill.
fn filled(popular: &[(u32, f32)], length: usize, request: RecommendationRequest) -> World {
    World {
        rows: (0..10).map(|number| row(number, 0, false)).collect(),
        candidates: vec![(Source::Interests, 0, 0.3, vec![(8, 0.5)])],
        search: None,
        learned: None,
        seen: Vec::new(),
        request,
        popular: popular.to_vec(),
        newest: Vec::new(),
        length,
    }
}

fn replays_identically(world: &World) {
    let stored = world.stored();
    let again = stored.replay(&world.request, &Changes::default());
    let again = again.items.iter().map(|item| (item.content, item.score));
    let items = stored.items.iter().map(|(content, _)| *content);
    let before = items.zip(stored.scores.iter().copied());
    assert_eq!(again.collect::<Vec<_>>(), before.collect::<Vec<_>>());
}

#[test]
fn a_pin_in_the_place_of_what_it_pushes_out_has_its_score_again() {
    let pin = Pin {
        content: content(4),
        rank: 2,
    };
    let request = RecommendationRequest {
        pin: vec![pin],
        fallback: vec![Source::Popular],
        ..RecommendationRequest::default()
    };
    let world = filled(&[(6, 0.6)], 2, request);
    let stored = world.stored();
    assert_eq!(
        stored.composition.displaced,
        [(content(6), Source::Popular)]
    );
    assert_eq!(stored.scores, [1.0, 0.6]);
    replays_identically(&world);
}

#[test]
fn what_was_too_low_to_fill_a_list_keeps_nothing_else_out_of_it_again() {
    let request = RecommendationRequest {
        min_score: 0.4,
        fallback: vec![Source::Any, Source::Popular],
        ..RecommendationRequest::default()
    };
    // The two that are most popular by their own account are tried and too low.
    let world = filled(&[(5, 0.6)], 3, request);
    let listed = world.stored().items;
    assert_eq!(listed.len(), 2, "any item has a score of 0: {listed:?}");
    replays_identically(&world);
}

/// Twenty shown out of five hundred candidates, three signals that know all of them.
fn twenty_of_five_hundred() -> World {
    let scored = |step: u32| {
        (0..500)
            .map(|slot| (slot, (slot * step % 499) as f32))
            .collect()
    };
    World {
        rows: (0..500).map(|number| row(number, 0, false)).collect(),
        candidates: vec![
            (Source::Collaborative, 0, 0.7, scored(7)),
            (Source::Interests, 0, 0.18, scored(11)),
            (Source::Session, 0, 0.12, scored(13)),
        ],
        search: None,
        learned: None,
        seen: Vec::new(),
        request: RecommendationRequest::default(),
        popular: Vec::new(),
        newest: Vec::new(),
        length: 20,
    }
}

/// The figures of docs/traces.md.
#[test]
fn the_bytes_of_a_list_of_twenty_out_of_five_hundred_candidates_are_those_of_the_documents() {
    let mut world = twenty_of_five_hundred();
    let plain = world.stored().bytes;
    world.request.diversity = 0.3;
    let diverse = world.stored().bytes;
    let documents = include_str!("../../../../docs/traces.md");
    let told = |bytes: usize| format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100);
    for bytes in [plain, diverse] {
        let told = told(bytes);
        assert!(
            documents.contains(&told),
            "docs/traces.md does not say {told}"
        );
    }
}

#[test]
fn an_item_beyond_the_length_stands_behind_those_that_are_listed() {
    let world = twenty_of_five_hundred();
    let stored = world.stored();
    let recording = stored.recording(&world.request);
    for (rank, (content, _)) in (1..).zip(&stored.items) {
        assert_eq!(recording.outcome(*content), Outcome::Listed(rank));
        let score = stored.scores[rank - 1];
        assert_eq!(recording.standing(*content), Some(Standing { rank, score }));
    }
    let (dropped, why) = stored.composition.dropped[0];
    assert_eq!(why, DropReason::BeyondLength);
    let standing = recording.standing(dropped).unwrap();
    assert!(standing.rank > 20 && standing.score <= stored.scores[19]);
    let unknown = content(1_000);
    assert_eq!(recording.outcome(unknown), Outcome::NotACandidate);
    assert_eq!(recording.standing(unknown), None);
}
