//! What the search promises.

mod lattice;
mod time;

use std::ops::ControlFlow;

use super::super::collaborative::Part;
use super::super::matrix::{Entry, Interactions, Repeats};
use super::*;

/// Two groups with tastes of their own.
fn taste() -> Interactions {
    let pairs = (0_u32..60).flat_map(|user| (0_u32..30).map(move |item| (user, item, 1.0)));
    let liked =
        pairs.filter(|(user, item, _)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 != 0);
    Interactions::from_triplets(60, 30, liked.collect::<Vec<_>>(), Repeats::Max).unwrap()
}

/// Nobody has a taste: the smaller an item's number, the more take it, and that is all.
fn fashion() -> Interactions {
    let pairs = (0_u32..50).flat_map(|user| (0_u32..40).map(move |item| (user, item)));
    let held_out = pairs.filter(|(user, item)| {
        // A scrambled number from 0 to 99 that no user shares with another.
        let luck = (user * 40 + item).wrapping_mul(2_654_435_761) >> 16;
        luck % 100 < 60 / (1 + item)
    });
    let triplets: Vec<_> = held_out.map(|(user, item)| (user, item, 1.0)).collect();
    Interactions::from_triplets(50, 40, triplets, Repeats::Max).unwrap()
}

fn plan(families: Vec<Family>) -> Plan {
    Plan {
        families,
        reference: Recipe::default(),
        compare: true,
        budget: 30.0,
        trials: 4,
        given: Given {
            factors: Some(16),
            sweeps: Some(3),
            ..Given::default()
        },
        seed: 3,
    }
}

fn run(folds: &[Fold], plan: &Plan) -> Choice {
    choose(folds, plan, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn choose_on(folds: &[Fold], families: Vec<Family>) -> Choice {
    run(folds, &plan(families))
}

fn split(table: &Interactions) -> [Fold; 2] {
    [1, 2].map(|seed| Fold::at_random(table, 0.25, seed).unwrap())
}

const ALL: [Family; 3] = [Family::Ials, Family::Edlae, Family::Graph];

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

    let choice = choose_on(&folds, ALL.to_vec());

    assert_eq!(choice, choose_on(&folds, ALL.to_vec()));
    assert!(choice.quality > 1.5 * choice.popularity.unwrap());
    assert_eq!(choice.leaders.len(), 3);
    let weights: f32 = choice.recipe.parts.iter().map(|part| part.weight).sum();
    assert!((weights - 1.0).abs() < 1e-6);
}

#[test]
fn one_thread_and_two_make_the_same_choice() {
    let folds = split(&taste());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| choose_on(&folds, ALL.to_vec()))
    };

    assert_eq!(with(1), with(2));
}

#[test]
fn the_usual_recipe_is_a_candidate_as_a_whole_and_nothing_worse_is_chosen() {
    for table in [taste(), fashion()] {
        let folds = split(&table);

        let choice = choose_on(&folds, ALL.to_vec());

        let (usual, popular) = (choice.reference.unwrap(), choice.popularity.unwrap());
        assert!(choice.quality >= usual, "{choice:?}");
        assert!(choice.quality >= popular, "{choice:?}");
        // It is judged as a model of the same recipe would be, but for how sums are rounded and
        // so for the order of equals, of which such small tables have many.
        let mut sum = 0.0;
        for fold in &folds {
            let recipe = Recipe::default();
            let stop = &mut |_| ControlFlow::Continue(());
            let model = super::super::collaborative::Model::fit(&recipe, fold.seen(), stop);
            let model = model.unwrap();
            let of_user = |user: &u32| {
                let scored = model.scores(&fold.entries(*user)).unwrap();
                fold::quality(&fold.judge_one(*user, &scored.scores))
            };
            let each: Vec<f64> = fold.users().iter().map(of_user).collect();
            sum += mean(&each);
        }
        assert!((sum / 2.0 - usual).abs() < 0.02, "{} {usual}", sum / 2.0);
    }
}

#[test]
fn popularity_wins_where_nobody_has_a_taste() {
    let choice = choose_on(&split(&fashion()), ALL.to_vec());

    assert!(choice.quality >= choice.popularity.unwrap());
    assert!(choice.popularity.unwrap() > choice.reference.unwrap());
}

#[test]
fn no_setting_is_tried_twice() {
    let choice = run(
        &split(&taste()),
        &Plan {
            trials: 40,
            ..plan(ALL.to_vec())
        },
    );

    for stage in [Stage::Exploration, Stage::Confirmation] {
        let of_stage = choice.trials.iter().filter(|trial| trial.stage == stage);
        // What was chosen is shown last, be it one that was tried before.
        let tried: Vec<&Trial> = of_stage.collect();
        let tried = &tried[..tried.len() - usize::from(stage == Stage::Confirmation)];
        for (at, trial) in tried.iter().enumerate() {
            let before = &tried[..at];
            assert!(
                before.iter().all(|other| other.recipe != trial.recipe),
                "{trial:?}"
            );
        }
        assert!(!tried.is_empty());
    }
}

#[test]
fn more_budget_buys_more_trials_and_even_the_smallest_buys_a_choice() {
    let folds = split(&taste());
    let trials = |budget: f64| {
        let plan = Plan {
            budget,
            trials: 1000,
            ..plan(ALL.to_vec())
        };
        run(&folds, &plan).trials.len()
    };

    let (none, some, plenty) = (trials(1e-9), trials(0.05), trials(60.0));
    assert!(
        none >= 3 && none <= some && some <= plenty,
        "{none} {some} {plenty}"
    );
    assert!(none < plenty);
}

#[test]
fn what_is_given_is_not_searched() {
    let folds = [Fold::at_random(&taste(), 0.25, 1).unwrap()];
    let plan = Plan {
        compare: false,
        ..plan(vec![Family::Ials])
    };

    let choice = run(&folds, &plan);

    assert_eq!((choice.reference, choice.popularity), (None, None));
    for trial in &choice.trials {
        let parts = trial.recipe.parts.as_slice();
        match parts {
            [
                Part {
                    kind: Kind::Ials(settings),
                    ..
                },
            ] => assert_eq!(
                (settings.factors, settings.sweeps, settings.seed),
                (16, 3, 3)
            ),
            // What decides where factors say nothing.
            [
                Part {
                    kind: Kind::Popular,
                    ..
                },
            ] => {}
            _ => panic!("{trial:?}"),
        }
    }
    assert!(matches!(choice.recipe.parts[0].kind, Kind::Ials(_)));
}

#[test]
fn a_search_stops_wherever_it_is_asked_to_and_asks_no_more() {
    let folds = [Fold::at_random(&taste(), 0.25, 1).unwrap()];
    let plan = Plan {
        trials: 1,
        ..plan(ALL.to_vec())
    };
    let mut told = Vec::new();
    let dense = choose(&folds, &plan, &mut |done| {
        told.push(done);
        ControlFlow::Continue(())
    });
    assert!(dense.is_ok());
    assert!(told.is_sorted(), "{told:?}");
    assert!((told.last().unwrap() - 1.0).abs() < 1e-5, "{told:?}");

    for stop in (1..=told.len()).step_by(told.len().div_ceil(60)) {
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
    let folds = split(&taste());
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
        let of_family = |trial: &&Trial| trial.stage == Stage::Exploration;
        let trials = choice.unwrap().trials.iter().filter(of_family).count();
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
    assert!(on(std::slice::from_ref(&fold), vec![]).is_err());
    assert!(!nothing.is_useful() && on(&[nothing], vec![Family::Graph]).is_err());
    // Without times there is no next.
    assert!(on(&[fold], vec![Family::Sequential]).is_err());
}
