//! What the search promises.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::matrix::Repeats;
use super::walk::Walk;
use super::*;

/// Two groups with tastes of their own.
fn taste() -> Interactions {
    let pairs = (0_u32..60).flat_map(|user| (0_u32..30).map(move |item| (user, item, 1.0)));
    let liked =
        pairs.filter(|(user, item, _)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 != 0);
    Interactions::from_triplets(60, 30, liked.collect::<Vec<_>>(), Repeats::Max).unwrap()
}

fn plan(families: Vec<Family>) -> Plan {
    Plan {
        families,
        trials: 4,
        given: Given {
            factors: Some(16),
            sweeps: Some(3),
            ..Given::default()
        },
        seed: 3,
    }
}

fn choose_on(folds: &[Fold], families: Vec<Family>) -> Choice {
    choose(folds, &plan(families), &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn what_is_held_out_and_what_is_left_are_the_table() {
    let table = taste();
    let fold = Fold::at_random(&table, 0.25, 1).unwrap();
    let other = Fold::at_random(&table, 0.25, 2).unwrap();

    let left = fold.seen().len() as f64 / table.len() as f64;
    assert!((0.65..0.85).contains(&left), "{left}");
    assert_ne!(fold.seen(), other.seen());
    assert_eq!(
        fold.seen(),
        Fold::at_random(&table, 0.25, 1).unwrap().seen()
    );
    assert!(
        fold.seen()
            .triplets()
            .all(|entry| table.triplets().any(|all| all == entry))
    );
}

#[test]
fn the_choice_is_the_same_each_time_and_beats_popularity() {
    let folds = [Fold::at_random(&taste(), 0.25, 1).unwrap()];
    let all = vec![Family::Ials, Family::Edlae, Family::Graph];

    let choice = choose_on(&folds, all.clone());
    let popular = choose_on(&folds, vec![Family::Popular]);

    assert_eq!(choice, choose_on(&folds, all));
    assert!(choice.quality > 1.5 * popular.quality);
    assert_eq!(choice.leaders.len(), 3);
    let weights: f32 = choice.recipe.parts.iter().map(|part| part.weight).sum();
    assert!((weights - 1.0).abs() < 1e-6);
    assert!(choice.trials.len() <= 3 * 4 + 1);
}

#[test]
fn what_is_given_is_not_searched() {
    let folds = [Fold::at_random(&taste(), 0.25, 1).unwrap()];

    let choice = choose_on(&folds, vec![Family::Ials]);

    for trial in &choice.trials {
        let [
            Part {
                kind: Kind::Ials(settings),
                ..
            },
        ] = trial.recipe.parts.as_slice()
        else {
            panic!("{trial:?}");
        };
        assert_eq!(
            (settings.factors, settings.sweeps, settings.seed),
            (16, 3, 3)
        );
    }
}

#[test]
fn a_search_stops_wherever_it_is_asked_to_and_asks_no_more() {
    let folds = [Fold::at_random(&taste(), 0.25, 1).unwrap()];
    let plan = Plan {
        trials: 1,
        ..plan(vec![Family::Ials, Family::Edlae, Family::Graph])
    };
    let mut told = Vec::new();
    let whole = choose(&folds, &plan, &mut |done| {
        told.push(done);
        ControlFlow::Continue(())
    });
    assert!(whole.is_ok());
    assert!(told.is_sorted(), "{told:?}");
    assert!((told.last().unwrap() - 1.0).abs() < 1e-5, "{told:?}");

    for stop in 1..=told.len() {
        let mut asked = 0;
        let outcome = choose(&folds, &plan, &mut |_| {
            asked += 1;
            if asked < stop {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        assert_eq!(outcome.unwrap_err(), CollaborativeError::Stopped);
        assert_eq!(asked, stop);
    }
}

#[test]
fn a_search_asks_within_every_fit_and_every_judging_not_just_between_trials() {
    let folds = [1, 2].map(|seed| Fold::at_random(&taste(), 0.25, seed).unwrap());
    let sweeps = plan(Vec::new()).given.sweeps.unwrap();
    // Per fold: sweeps; the sums, the inverse and its reading; one group of targets; a judging.
    for (family, least) in [
        (Family::Ials, sweeps + 1),
        (Family::Edlae, 3 + 1),
        (Family::Graph, 1 + 1),
    ] {
        let mut asked = 0;
        let choice = choose(&folds, &plan(vec![family]), &mut |_| {
            asked += 1;
            ControlFlow::Continue(())
        });
        let trials = choice.unwrap().trials.len();
        assert!(asked >= trials * folds.len() * least, "{family:?}: {asked}");
    }
}

#[test]
fn nothing_to_judge_by_is_an_error() {
    let on = |folds: &[Fold], families| {
        choose(folds, &plan(families), &mut |_| ControlFlow::Continue(()))
    };
    let fold = Fold::at_random(&taste(), 0.25, 1).unwrap();
    let nothing = Fold::at_random(&taste(), 1.0, 1).unwrap();

    assert!(on(&[], vec![Family::Graph]).is_err());
    assert!(on(&[fold], vec![]).is_err());
    assert!(!nothing.is_useful() && on(&[nothing], vec![Family::Graph]).is_err());
}

proptest! {
    #[test]
    fn a_walk_finds_the_top_of_a_hill_and_tries_no_place_twice(x in -3_i8..4, y in -3_i8..4) {
        let (x, y) = (f32::from(x) / 2.0, f32::from(y) / 2.0);
        let mut walk = Walk::new(vec![0.0, 0.0], 200);
        let mut tried: Vec<Vec<f32>> = Vec::new();
        while let Some(at) = walk.next(&[&[1.0, 1.0], &[0.5, 0.5]]) {
            prop_assert!(!tried.contains(&at));
            tried.push(at.clone());
            let quality = -f64::from((at[0] - x).abs() + (at[1] - y).abs());
            walk.heard(at, quality);
        }
        prop_assert_eq!(walk.best(), (vec![x, y], 0.0));
    }
}
