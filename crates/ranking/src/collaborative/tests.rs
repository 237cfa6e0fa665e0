//! What the blend promises, on small made-up data.

mod explaining;
mod kinds;

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::als::IalsSettings;
use super::super::ease::EaseSettings;
use super::super::graph::GraphSettings;
use super::super::item_weights::ItemWeights;
use super::super::{ease, kernel, popularity, symmetric};
use super::scaling::{range, spread};
use super::*;

const GOES_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

/// 40 users and 30 items in two groups with tastes of their own; the last item has nothing.
fn taste() -> Interactions {
    let pairs = (0_u32..40).flat_map(|user| (0_u32..29).map(move |item| (user, item, 1.0)));
    let liked =
        pairs.filter(|(user, item, _)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 != 0);
    Interactions::from_triplets(40, 30, liked.collect::<Vec<_>>(), Repeats::Max).unwrap()
}

fn recipe() -> Recipe {
    let part = |weight, kind| Part { weight, kind };
    Recipe {
        parts: vec![
            part(
                0.5,
                Kind::Ials(IalsSettings {
                    factors: 8,
                    sweeps: 3,
                    ..IalsSettings::default()
                }),
            ),
            part(
                0.3,
                Kind::Ease(EaseSettings {
                    regularisation: 5.0,
                    ..EaseSettings::default()
                }),
            ),
            part(0.1, Kind::Graph(GraphSettings::default())),
            part(0.1, Kind::Popular),
        ],
    }
}

/// Entries of unknown time.
fn known(pairs: &[(u32, f32)]) -> Vec<Entry> {
    pairs.iter().copied().map(Entry::from).collect()
}

fn model() -> Model {
    Model::fit(&recipe(), &taste(), &mut { GOES_ON }).unwrap()
}

fn small() -> Interactions {
    let pairs = [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
        (3, 0),
        (3, 3),
        (4, 2),
        (4, 3),
    ];
    let triplets = pairs.map(|(user, item)| (user, item, 1.0));
    Interactions::from_triplets(5, 4, triplets, Repeats::Max).unwrap()
}

fn assert_weights(lists: &ItemWeights, wanted: [[f32; 4]; 4]) {
    for (source, row) in (0..).zip(wanted) {
        for (target, wanted) in (0..).zip(row) {
            let got = lists.weight(source, target);
            assert!((got - wanted).abs() < 1e-5, "{source} for {target}: {got}");
        }
    }
}

/// The weights come from numpy's `inv` and the formulas of the papers.
#[test]
fn linear_models_give_the_weights_that_numpy_gives() {
    let fit = |regularisation, dropout| {
        let settings = EaseSettings {
            regularisation,
            dropout,
            ..EaseSettings::default()
        };
        // Kept as lists: whole weights are rounded.
        ease::fit_within(&small(), &settings, 0, &mut { GOES_ON }).unwrap()
    };

    assert_weights(
        &fit(2.0, 0.0),
        [
            [0.0, 0.363_636_4, -0.012_658_2, 0.227_272_7],
            [0.405_063_3, 0.0, 0.405_063_3, -0.181_818_2],
            [-0.012_658_2, 0.363_636_4, 0.0, 0.227_272_7],
            [0.253_164_6, -0.181_818_2, 0.253_164_6, 0.0],
        ],
    );
    assert_weights(
        &fit(1.0, 0.5),
        [
            [0.0, 0.263_157_9, 0.036_697_2, 0.145_833_3],
            [0.275_229_4, 0.0, 0.275_229_4, -0.083_333_3],
            [0.036_697_2, 0.263_157_9, 0.0, 0.145_833_3],
            [0.192_660_6, -0.105_263_2, 0.192_660_6, 0.0],
        ],
    );
}

#[test]
fn the_graph_gives_the_weights_that_numpy_gives() {
    let settings = GraphSettings {
        user_exponent: 0.5,
        source_exponent: 0.7,
        target_exponent: 0.4,
        shrinkage: 2.0,
        keep: 10,
        confidence: 0.0,
    };

    assert_weights(
        &ItemWeights::Lists(graph::fit(&small(), &settings, &mut { GOES_ON }).unwrap()),
        [
            [0.0, 0.218_701_9, 0.098_304_3, 0.131_638_2],
            [0.218_701_9, 0.0, 0.218_701_9, 0.0],
            [0.098_304_3, 0.218_701_9, 0.0, 0.131_638_2],
            [0.140_752_1, 0.0, 0.140_752_1, 0.0],
        ],
    );
}

/// Across several blocks, of which the last is not full: a matrix times its inverse is one.
#[test]
fn a_large_inverse_undoes_its_matrix() {
    let size = 2 * kernel::BLOCK + 37;
    let triplets = (0..900_u32)
        .flat_map(|user| (0..20).map(move |k| (user, (user * 31 + k * k * 7) % size as u32, 1.0)));
    let table =
        Interactions::from_triplets(900, size, triplets.collect::<Vec<_>>(), Repeats::Max).unwrap();
    let mut matrix = symmetric::Symmetric::gramian(&table, &mut { GOES_ON }).unwrap();
    for at in 0..size {
        matrix.add_to_diagonal(at, 3.0);
    }
    let mut inverse = matrix.clone();
    inverse.invert(&mut { GOES_ON }).unwrap();

    let (mut row, mut other) = (Vec::new(), Vec::new());
    for at in 0..size {
        matrix.row(at, &mut row);
        for beside in (0..size).step_by(7).chain([at]) {
            inverse.row(beside, &mut other);
            let both = row.iter().zip(&other);
            let product: f64 = both.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let wanted = if at == beside { -1.0 } else { 0.0 };
            assert!(
                (product - wanted).abs() < 1e-4,
                "({at}, {beside}): {product}"
            );
        }
    }
}

#[test]
fn the_like_minded_decide_and_scores_lie_from_0_to_1() {
    let (model, table) = (model(), taste());
    for user in [0, 1] {
        let (items, _) = table.row(user);
        let entries: Vec<Entry> = table.entries(user).collect();
        let scores = model.scores(&entries).unwrap().scores;

        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        assert!(scores.contains(&1.0) && scores.contains(&0.0));
        let list = top::best(&scores, 3, items);
        assert!(
            list.iter().all(|(item, _)| *item as usize % 2 == user),
            "{list:?}"
        );
    }
}

#[test]
fn somebody_without_entries_gets_what_is_popular_and_otherwise_nothing() {
    let scores = model().scores(&[]).unwrap().scores;
    let counts = popularity::counts(&taste());
    assert_eq!(
        top::best(&scores, 1, &[])[0].0,
        top::best(&counts, 1, &[])[0].0
    );

    let graph = Recipe::of(Kind::Graph(GraphSettings::default()));
    let model = Model::fit(&graph, &taste(), &mut { GOES_ON }).unwrap();
    let nothing = model.scores(&[]).unwrap();
    assert!(nothing.scores.iter().all(|score| *score == 0.0));
    assert!(
        model
            .explain(&[], &nothing, &[1], |_| true)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn items_taken_together_are_neighbours() {
    let model = model();
    let near = model.neighbours(4, 5);

    assert_eq!(near.len(), 5);
    assert!(
        near.iter()
            .all(|(item, weight)| item % 2 == 0 && *item != 4 && *weight > 0.0)
    );
    assert!(model.neighbours(29, 5).is_empty() && model.neighbours(999, 5).is_empty());
}

#[test]
fn unknown_items_and_wrong_recipes_are_refused() {
    let refused = |outcome| matches!(outcome, Err(CollaborativeError::Entry(_)));
    let scores = |entry| model().scores(&known(&[entry])).map(|_| ());
    assert!(refused(scores((30, 1.0))));
    assert!(refused(scores((1, f32::NAN))));
    let entries = known(&[(1, 1.0)]);
    let scored = model().scores(&entries).unwrap();
    let explained = model().explain(&entries, &scored, &[30], |_| true);
    assert!(refused(explained.map(|_| ())));

    let wrong = |kind| {
        let outcome = Model::fit(&Recipe::of(kind), &taste(), &mut { GOES_ON });
        assert!(matches!(outcome, Err(CollaborativeError::Recipe(_))));
    };
    let ease = EaseSettings::default();
    wrong(Kind::Ease(EaseSettings {
        dropout: 1.0,
        ..ease.clone()
    }));
    wrong(Kind::Ease(EaseSettings {
        most_items: 40_001,
        ..ease.clone()
    }));
    wrong(Kind::Ease(EaseSettings {
        regularisation: f32::INFINITY,
        ..ease
    }));
    wrong(Kind::Graph(GraphSettings {
        shrinkage: f32::NAN,
        ..GraphSettings::default()
    }));
    wrong(Kind::Ials(IalsSettings {
        factors: 0,
        ..IalsSettings::default()
    }));
    assert!(Recipe { parts: vec![] }.check().is_err());
}

#[test]
fn training_tells_how_far_it_is_and_stops_when_it_is_asked_to() {
    let mut heard = Vec::new();
    Model::fit(&recipe(), &taste(), &mut |done| {
        heard.push(done);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(heard.is_sorted() && heard.last() == Some(&1.0));

    for stop_at in 0..heard.len() {
        let mut calls = 0;
        let outcome = Model::fit(&recipe(), &taste(), &mut |_| {
            calls += 1;
            if calls > stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(outcome.unwrap_err(), CollaborativeError::Stopped);
        assert_eq!(calls, stop_at + 1);
    }
}

#[test]
fn the_number_of_threads_does_not_show_in_the_model() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| model().to_bytes())
    };

    assert_eq!(with(1), with(2));
}

#[test]
fn a_model_comes_back_from_its_bytes() {
    let model = model();
    let bytes = model.to_bytes();
    let again = Model::from_bytes(&bytes).unwrap();

    assert_eq!(again.recipe(), &recipe());
    assert_eq!(again.to_bytes(), bytes);
    let scores = |model: &Model| model.scores(&known(&[(3, 1.0), (5, 1.0)])).unwrap().scores;
    assert_eq!(scores(&model), scores(&again));
}

#[test]
fn bytes_that_were_cut_changed_or_never_a_model_are_refused() {
    let bytes = model().to_bytes();
    for end in (0..bytes.len()).step_by(11) {
        assert!(Model::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in (0..bytes.len()).step_by(13) {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        assert!(Model::from_bytes(&changed).is_err(), "changed at {at}");
    }
    let mut newer = bytes;
    newer[8] = 3;
    assert_eq!(
        Model::from_bytes(&newer).unwrap_err(),
        BytesError::Version(3)
    );
    assert_eq!(Model::from_bytes(b"PK").unwrap_err(), BytesError::NotAModel);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Even with the checksum put right, so that the reading itself is reached.
    #[test]
    fn no_bytes_whatever_make_it_panic(at in 20_usize..4000, value in any::<u8>(), cut in 0_usize..4000) {
        let mut bytes = model().to_bytes();
        let (at, cut) = (at.min(bytes.len() - 1), cut.min(bytes.len() - 20));
        bytes[at] = value;
        bytes.truncate(bytes.len() - cut);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes[20..]);
        bytes[12..20].copy_from_slice(&sum.to_le_bytes());
        if let Ok(model) = Model::from_bytes(&bytes) {
            model.scores(&known(&[(1, 1.0)])).ok();
        }
    }

    #[test]
    fn shuffling_the_interactions_never_changes_the_model(
        (pairs, shuffled) in prop::collection::vec((0_u32..12, 0_u32..9), 1..60)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let trained = |pairs: Vec<(u32, u32)>| {
            let triplets = pairs.into_iter().map(|(user, item)| (user, item, 1.0));
            let table = Interactions::from_triplets(12, 9, triplets, Repeats::Max).unwrap();
            Model::fit(&recipe(), &table, &mut { GOES_ON }).unwrap().to_bytes()
        };
        prop_assert_eq!(trained(pairs), trained(shuffled));
    }
}

#[test]
fn fewer_neighbours_of_each_are_kept_where_items_are_many_and_never_less_than_the_least() {
    assert_eq!(affordable(100, 0), 100);
    assert_eq!(affordable(100, 300_000), 100);
    assert_eq!(affordable(100, 1_000_000), 33);
    assert_eq!(affordable(300, 1_000_000_000), LEAST_NEIGHBOURS);
    assert_eq!(affordable(5, 1_000_000_000), 5);
}

#[test]
fn users_who_are_scored_together_have_the_scores_that_each_has_alone() {
    // More items than are read at once, and a last block that is not full.
    let liked = (0_u32..30).flat_map(|user| {
        (0_u32..60).map(move |at| (user, (user * 131 + at * at * 37) % 2_500, 1.0))
    });
    let table = Interactions::from_triplets(30, 2_500, liked, Repeats::Max).unwrap();
    let model = Model::fit(&recipe(), &table, &mut { GOES_ON }).unwrap();
    let users: Vec<Vec<Entry>> = (0..11)
        .map(|user| known(&[(user, 1.0), (user * 200 + 7, 0.5)]))
        .chain([Vec::new()])
        .collect();

    let together = model.scores_of_each(&users).unwrap();

    assert_eq!(together.len(), users.len());
    for (entries, scored) in users.iter().zip(together) {
        assert_eq!(model.scores(entries).unwrap().scores, scored.scores);
    }
    assert!(model.scores_of_each::<&[Entry]>(&[]).unwrap().is_empty());
}

#[test]
fn a_difference_of_scores_is_the_sum_of_what_the_parts_make_of_it() {
    let model = model();
    let entries = known(&[(0, 1.0), (2, 0.5), (6, 2.0)]);
    let items: Vec<u32> = (0..30).collect();
    let among = [28, 3, 8, 4, 17];
    for scored in [
        model.scores(&entries).unwrap(),
        model.scores_among(&entries, &among).unwrap(),
    ] {
        let parts = scored.parts_among(&items);
        assert_eq!(parts.len(), recipe().parts.len());
        for (first, second) in among.iter().zip(&among[1..]) {
            let difference = |scores: &[f32]| scores[*first as usize] - scores[*second as usize];
            let own = parts.iter().flatten().map(|own| difference(own));
            let sum: f32 = own
                .zip(&scored.worths)
                .map(|(own, worth)| own * worth)
                .sum();
            assert!((sum - difference(&scored.scores)).abs() < 1e-4, "{sum}");
        }
    }
    // Nothing is known of them, so no part can tell them apart.
    let few = model.scores_among(&entries, &among).unwrap();
    assert!(few.parts_among(&[0, 1]).iter().all(Option::is_none));
}

#[test]
fn some_items_alone_stand_in_the_order_in_which_all_have_them_by_each_part() {
    for part in recipe().parts {
        let recipe = Recipe::of(part.kind);
        let model = Model::fit(&recipe, &taste(), &mut { GOES_ON }).unwrap();
        let entries = known(&[(0, 1.0), (2, 0.5), (6, 2.0)]);
        let among = [28, 3, 8, 4, 17, 4];

        let all = model.scores(&entries).unwrap().scores;
        let some = model.scores_among(&entries, &among).unwrap().scores;

        for (item, score) in some.iter().enumerate() {
            assert_eq!(score.is_nan(), !among.contains(&(item as u32)));
        }
        let order = |scores: &[f32]| {
            let scored = [3_u32, 4, 8, 17, 28].map(|item| (item, scores[item as usize]));
            let best = top::best_of(scored, 5).into_iter();
            best.map(|(item, _)| item).collect::<Vec<_>>()
        };
        assert_eq!(order(&some), order(&all));
        let some: Vec<f32> = some.into_iter().filter(|score| !score.is_nan()).collect();
        assert_eq!(range(&some), (0.0, 1.0));
    }
    let unknown = model().scores_among(&known(&[(1, 1.0)]), &[30]);
    assert!(matches!(unknown, Err(CollaborativeError::Entry(_))));
    let nothing = model().scores_among(&known(&[(1, 1.0)]), &[]).unwrap();
    assert!(nothing.scores.iter().all(|score| score.is_nan()));
}

proptest! {
    #[test]
    fn mean_deviation_and_range_are_those_of_counting_one_by_one(
        scores in prop::collection::vec(-100_f32..100.0, 1..200),
    ) {
        let exact: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        let squares = exact.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
        let deviation = (squares / exact.len() as f64).sqrt();
        let (got_mean, got_deviation) = spread(&scores);
        prop_assert!((f64::from(got_mean) - mean).abs() < 1e-4);
        prop_assert!((f64::from(got_deviation) - deviation).abs() < 1e-4);
        let sorted = { let mut all = scores.clone(); all.sort_by(f32::total_cmp); all };
        prop_assert_eq!(range(&scores), (sorted[0], sorted[sorted.len() - 1]));
    }
}
