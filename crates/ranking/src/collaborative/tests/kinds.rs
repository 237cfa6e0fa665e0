//! What holds for parts of every kind.

use super::*;
use crate::sequential::SequentialSettings;
use crate::slim::SlimSettings;
use crate::spectral::SpectralSettings;

/// The interactions of [`taste`], each user taking the items in ascending order.
fn timed() -> Interactions {
    let table = taste();
    let events = table.events().map(|(user, entry)| {
        let time = Some(i64::from(entry.item));
        (user, Entry { time, ..entry })
    });
    let events: Vec<_> = events.collect();
    Interactions::from_events(table.rows(), table.columns(), events, Repeats::Max).unwrap()
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::Ials(IalsSettings {
            factors: 8,
            sweeps: 3,
            confidence: 0.5,
            ..IalsSettings::default()
        }),
        Kind::Ease(EaseSettings {
            recency: 4.0,
            ..EaseSettings::default()
        }),
        Kind::Slim(SlimSettings {
            recency: 4.0,
            ..SlimSettings::default()
        }),
        Kind::Graph(GraphSettings {
            confidence: 1.0,
            ..GraphSettings::default()
        }),
        Kind::Spectral(SpectralSettings {
            vectors: 5,
            ..SpectralSettings::default()
        }),
        Kind::Sequential(SequentialSettings::default()),
        Kind::Popular,
    ]
}

fn of_times(items: &[(u32, f32, i64)]) -> Vec<Entry> {
    let entry = |&(item, weight, time): &(u32, f32, i64)| Entry {
        item,
        weight,
        time: Some(time),
    };
    items.iter().map(entry).collect()
}

#[test]
fn each_kind_comes_back_from_its_bytes_and_explains_all_of_its_scores() {
    let entries = of_times(&[(2, 1.0, 5), (4, 0.5, 9), (10, 2.0, 7)]);
    let items: Vec<u32> = (0..30).collect();
    for kind in kinds() {
        let model = Model::fit(&Recipe::of(kind.clone()), &timed(), &mut { GOES_ON }).unwrap();
        let again = Model::from_bytes(&model.to_bytes()).unwrap();
        let scored = model.scores(&entries).unwrap();

        assert_eq!(scored.scores, again.scores(&entries).unwrap().scores);
        assert_eq!(again.recipe(), model.recipe());
        assert!(
            scored.scores.contains(&1.0) && scored.scores.contains(&0.0),
            "{kind:?}"
        );
        if kind == Kind::Popular {
            continue;
        }
        let part = &model.parts[0];
        let mut sums = vec![0.0; items.len() * entries.len()];
        part.add_contributions(&entries, &[0, 1, 2], &items, 1.0, &mut sums)
            .unwrap();
        let own = &part.scores(30, std::slice::from_ref(&entries)).unwrap()[0];
        for (sums, score) in sums.chunks_exact(entries.len()).zip(own) {
            let sum: f32 = sums.iter().sum();
            assert!((sum - score).abs() < 1e-4, "{kind:?}: {sum} is not {score}");
        }
    }
}

#[test]
fn what_came_last_decides_where_order_counts_and_says_nothing_where_it_is_not_known() {
    let model = |kind| Model::fit(&Recipe::of(kind), &timed(), &mut { GOES_ON }).unwrap();
    let sequential = model(Kind::Sequential(SequentialSettings::default()));
    let best = |entries: &[Entry]| {
        let scores = sequential.scores(entries).unwrap().scores;
        top::best(&scores, 1, &[])[0].0
    };

    let (even, odd) = (
        of_times(&[(7, 1.0, 1), (8, 1.0, 90)]),
        of_times(&[(8, 1.0, 1), (7, 1.0, 90)]),
    );
    assert_eq!(best(&even) % 2, 0);
    assert_eq!(best(&odd) % 2, 1);

    let untimed = known(&[(7, 1.0), (8, 1.0)]);
    let popular = model(Kind::Popular).scores(&untimed).unwrap().scores;
    assert_eq!(sequential.scores(&untimed).unwrap().scores, popular);
}

#[test]
fn settings_of_the_new_kinds_out_of_range_are_refused() {
    let refused = |kind| assert!(Recipe::of(kind).check().is_err());
    let (spectral, sequential) = (SpectralSettings::default(), SequentialSettings::default());
    for vectors in [0, 1025] {
        refused(Kind::Spectral(SpectralSettings {
            vectors,
            ..spectral.clone()
        }));
    }
    for wrong in [-1.0, f32::NAN, f32::INFINITY] {
        refused(Kind::Spectral(SpectralSettings {
            low_pass: wrong,
            ..spectral.clone()
        }));
        refused(Kind::Sequential(SequentialSettings {
            recency: wrong,
            ..sequential.clone()
        }));
        refused(Kind::Sequential(SequentialSettings {
            together: wrong,
            ..sequential.clone()
        }));
        refused(Kind::Ease(EaseSettings {
            recency: wrong,
            ..EaseSettings::default()
        }));
        refused(Kind::Slim(SlimSettings {
            ridge: wrong,
            ..SlimSettings::default()
        }));
        refused(Kind::Slim(SlimSettings {
            lasso: wrong,
            ..SlimSettings::default()
        }));
        refused(Kind::Graph(GraphSettings {
            confidence: wrong,
            ..GraphSettings::default()
        }));
        refused(Kind::Ials(IalsSettings {
            confidence: wrong,
            ..IalsSettings::default()
        }));
    }
}

#[test]
fn a_recipe_of_before_is_read_with_what_it_does_not_say_as_usual() {
    let recipe: Recipe = serde_json::from_str(
        r#"{"parts": [{"weight": 1.0, "kind": {"ease": {"regularisation": 7.0}}}]}"#,
    )
    .unwrap();

    let usual = Kind::Ease(EaseSettings {
        regularisation: 7.0,
        ..EaseSettings::default()
    });
    assert_eq!(recipe, Recipe::of(usual));
}

#[test]
fn a_part_that_cannot_tell_items_apart_leaves_the_list_to_the_others() {
    let collapsed = Kind::Ials(IalsSettings {
        factors: 8,
        regularisation: 1e6,
        ..IalsSettings::default()
    });
    let ease = Kind::Ease(EaseSettings::default());
    let part = |weight, kind| Part { weight, kind };
    let blend = Recipe {
        parts: vec![part(0.9, collapsed.clone()), part(0.1, ease.clone())],
    };
    let entries = known(&[(2, 1.0), (4, 1.0)]);
    let scores = |recipe: &Recipe| {
        let model = Model::fit(recipe, &taste(), &mut { GOES_ON }).unwrap();
        model.scores(&entries).unwrap().scores
    };

    let alone = scores(&Recipe::of(ease));
    for (got, wanted) in scores(&blend).iter().zip(&alone) {
        assert!((got - wanted).abs() < 1e-5);
    }
    assert_eq!(
        scores(&Recipe::of(collapsed)),
        scores(&Recipe::of(Kind::Popular))
    );
}

#[test]
fn nobody_who_is_known_gets_an_empty_list_however_little_there_is_to_learn_from() {
    let few = (0..20_u32)
        .flat_map(|user| (0..5_u32).map(move |at| (user, (user * 7 + at * at * 3 + at) % 30, 1.0)));
    let few = Interactions::from_triplets(20, 30, few, Repeats::Max).unwrap();
    let apart = (0..3_000_u32).map(|user| (user, user, 1.0));
    let apart = Interactions::from_triplets(3_000, 3_000, apart, Repeats::Max).unwrap();

    for (table, told_apart) in [(few, true), (apart, false)] {
        let model = Model::fit(&Recipe::default(), &table, &mut { GOES_ON }).unwrap();
        for user in (0..table.rows()).step_by(19) {
            let entries: Vec<Entry> = table.entries(user).collect();
            let seen = table.row(user).0;
            let scores = model.scores(&entries).unwrap().scores;
            let among: Vec<u32> = (0..30).collect();
            let some = model.scores_among(&entries, &among).unwrap().scores;

            assert_eq!(top::best(&scores, 10, seen).len(), 10);
            assert_eq!(top::best(&some, 10, seen).len(), 10);
            assert!(!told_apart || scores.iter().any(|score| *score != scores[0]));
        }
    }
}

#[test]
fn factors_of_512_numbers_are_trained_and_served() {
    let wide = Kind::Ials(IalsSettings {
        factors: 512,
        sweeps: 2,
        ..IalsSettings::default()
    });
    let model = Model::fit(&Recipe::of(wide), &taste(), &mut { GOES_ON }).unwrap();
    for user in [0, 1] {
        let entries: Vec<Entry> = taste().entries(user).collect();
        let scores = model.scores(&entries).unwrap().scores;
        let list = top::best(&scores, 3, taste().row(user).0);
        assert!(
            list.iter().all(|(item, _)| *item as usize % 2 == user),
            "{list:?}"
        );
    }
}

#[test]
fn weights_that_are_kept_whole_are_those_of_the_lists_in_half_precision() {
    let settings = EaseSettings {
        keep: 30,
        ..EaseSettings::default()
    };
    let within = |most| ease::fit_within(&taste(), &settings, most, &mut { GOES_ON }).unwrap();
    let (lists, dense) = (within(28), within(29));

    assert!(matches!(lists, ItemWeights::Lists(_)) && matches!(dense, ItemWeights::Dense(_)));
    for source in 0..31 {
        for target in 0..31 {
            let (wanted, got) = (lists.weight(source, target), dense.weight(source, target));
            assert!((got - wanted).abs() <= wanted.abs() / 2000.0 + 1e-8);
        }
    }
}
