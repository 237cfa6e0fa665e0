//! What training, folding in and explaining promise, on small made-up data.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;

const GOES_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

/// 60 users and 40 items in two groups with tastes of their own; weights from 1 to 3. The last
/// user and the last item have nothing.
fn taste() -> Interactions {
    let pairs = (0_u32..59).flat_map(|user| (0_u32..39).map(move |item| (user, item)));
    let triplets = pairs
        .filter(|(user, item)| user % 2 == item % 2 && (user * 7 + item * 5) % 3 != 0)
        .map(|(user, item)| (user, item, 1.0 + ((user + item) % 3) as f32));
    Interactions::from_triplets(60, 40, triplets.collect::<Vec<_>>(), Repeats::Max).unwrap()
}

fn settings() -> IalsSettings {
    IalsSettings {
        factors: 20,
        sweeps: 4,
        seed: 7,
        ..IalsSettings::default()
    }
}

fn fit(table: &Interactions, settings: &IalsSettings) -> Factors {
    Ials::fit(table, settings, &mut { GOES_ON }).unwrap()
}

fn entries(table: &Interactions, user: usize) -> Vec<(u32, f32)> {
    let (items, weights) = table.row(user);
    items.iter().copied().zip(weights.iter().copied()).collect()
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

/// The derivative of the loss, written out in f64 straight from its formula.
#[test]
fn after_a_sweep_every_user_satisfies_the_normal_equations() {
    let table = taste();
    for method in [Method::Exact, Method::Steps(3)] {
        let settings = IalsSettings {
            method,
            ..settings()
        };
        let factors = fit(&table, &settings);
        let (alpha, items) = (f64::from(settings.unobserved_weight), factors.items());
        for user in 0..table.rows() {
            let x = factors.users().row(user);
            let (positives, weights) = table.row(user);
            let frequency = product(weights, &vec![1.0; weights.len()]) + alpha * 40.0;
            let ridge =
                f64::from(settings.regularisation) * frequency.powf(settings.exponent.into());
            for at in 0..settings.factors {
                let mut slope = ridge * f64::from(x[at]);
                for item in 0..items.rows() {
                    let y = items.row(item);
                    slope += alpha * product(x, y) * f64::from(y[at]);
                }
                for (item, weight) in positives.iter().zip(weights) {
                    let y = items.row(*item as usize);
                    slope += f64::from(*weight) * (product(x, y) - 1.0) * f64::from(y[at]);
                }
                assert!(slope.abs() < 1e-4, "user {user}, factor {at}: {slope}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_show_in_the_factors() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| fit(&taste(), &settings()))
    };

    assert_eq!(with(1), with(2));
}

#[test]
fn another_seed_gives_other_factors_and_the_same_seed_the_same() {
    let again = |seed| fit(&taste(), &IalsSettings { seed, ..settings() });

    assert_eq!(again(1), again(1));
    assert_ne!(again(1), again(2));
}

#[test]
fn a_few_steps_of_descent_come_near_the_exact_scores() {
    let table = taste();
    let trained = |method| {
        fit(
            &table,
            &IalsSettings {
                method,
                sweeps: 16,
                ..settings()
            },
        )
    };
    let (exact, quick) = (trained(Method::Exact), trained(Method::Steps(3)));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for user in 0..table.rows() {
        exact.score_all(exact.users().row(user), &mut a);
        quick.score_all(quick.users().row(user), &mut b);
        assert!(
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.02),
            "user {user}"
        );
    }
}

#[test]
fn lists_hold_what_the_like_minded_took() {
    let table = taste();
    let lists = fit(&table, &settings()).best_of_each(&[0, 1], &table, 5);

    for (user, list) in (0..).zip(&lists) {
        assert_eq!(list.len(), 5);
        assert!(list.iter().all(|(item, _)| item % 2 == user), "{list:?}");
        assert!(
            list.iter()
                .all(|(item, _)| !table.row(user as usize).0.contains(item))
        );
    }
}

#[test]
fn who_has_nothing_gets_zeros() {
    let factors = fit(&taste(), &settings());

    assert!(factors.users().row(59).iter().all(|value| *value == 0.0));
    assert!(factors.items().row(39).iter().all(|value| *value == 0.0));
}

#[test]
fn folding_in_a_trained_user_gives_the_stored_vector() {
    let table = taste();
    let factors = fit(&table, &settings());
    let fold_in = FoldIn::new(factors.items(), &settings()).unwrap();
    for user in [0, 1, 30, 59] {
        let folded = fold_in.user(&entries(&table, user)).unwrap();
        let stored = factors.users().row(user);
        assert!(
            folded.iter().zip(stored).all(|(a, b)| (a - b).abs() < 1e-4),
            "user {user}"
        );
    }
}

/// Three items in two dimensions, solved by hand with exact fractions (Python's `fractions`).
fn by_hand() -> (FoldIn, [(u32, f32); 2]) {
    let items = Matrix::from_values(3, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap();
    let settings = IalsSettings {
        factors: 2,
        unobserved_weight: 0.5,
        regularisation: 0.1,
        exponent: 1.0,
        ..IalsSettings::default()
    };
    (
        FoldIn::new(&items, &settings).unwrap(),
        [(2, 2.0), (0, 1.0)],
    )
}

#[test]
fn folding_in_gives_what_fractions_give() {
    let (fold_in, entries) = by_hand();

    let user = fold_in.user(&entries).unwrap();

    assert!((user[0] - 0.587_750_6).abs() < 1e-6);
    assert!((user[1] - 0.153_803_9).abs() < 1e-6);
}

#[test]
fn an_explanation_names_the_past_item_that_speaks_loudest() {
    let (fold_in, entries) = by_hand();

    let reasons = fold_in.explain(&entries, &[1]).unwrap();

    assert_eq!((reasons[0].item, reasons[0].because), (1, 2));
    assert!((reasons[0].contribution - 0.428_453_7).abs() < 1e-6);
    assert!((reasons[0].score - 0.153_803_9).abs() < 1e-6);
}

#[test]
fn explanations_add_up_to_the_scores() {
    let table = taste();
    let factors = fit(&table, &settings());
    let fold_in = FoldIn::new(factors.items(), &settings()).unwrap();
    let list = &factors.best_of_each(&[3], &table, 10)[0];
    let items: Vec<u32> = list.iter().map(|(item, _)| *item).collect();

    let reasons = fold_in.explain(&entries(&table, 3), &items).unwrap();

    for ((item, score), reason) in list.iter().zip(&reasons) {
        assert_eq!(*item, reason.item);
        assert!((score - reason.score).abs() < 1e-4);
        assert!(reason.contribution > 0.0 && table.row(3).0.contains(&reason.because));
    }
}

#[test]
fn a_newcomer_without_entries_has_no_taste_and_no_reasons() {
    let (fold_in, _) = by_hand();

    assert_eq!(fold_in.user(&[]).unwrap(), [0.0, 0.0]);
    assert!(fold_in.explain(&[], &[1]).unwrap().is_empty());
}

#[test]
fn unknown_items_are_refused() {
    let (fold_in, entries) = by_hand();

    assert!(matches!(
        fold_in.user(&[(3, 1.0)]),
        Err(IalsError::Table(_))
    ));
    assert!(matches!(
        fold_in.explain(&entries, &[3]),
        Err(IalsError::Table(_))
    ));
}

#[test]
fn training_stops_when_it_is_asked_to() {
    let mut heard = Vec::new();
    let outcome = Ials::fit(&taste(), &settings(), &mut |done| {
        heard.push(done);
        if done == 0.5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });

    assert_eq!(outcome.unwrap_err(), IalsError::Stopped(2));
    assert_eq!(heard, [0.25, 0.5]);
}

#[test]
fn settings_out_of_range_are_refused_before_any_work() {
    let refused = |settings: IalsSettings| {
        let outcome = Ials::fit(&taste(), &settings, &mut { GOES_ON });
        assert!(
            matches!(outcome, Err(IalsError::Settings(_))),
            "{settings:?}"
        );
    };
    refused(IalsSettings {
        factors: 0,
        ..settings()
    });
    refused(IalsSettings {
        factors: 1025,
        ..settings()
    });
    refused(IalsSettings {
        sweeps: 0,
        ..settings()
    });
    refused(IalsSettings {
        unobserved_weight: 0.0,
        ..settings()
    });
    refused(IalsSettings {
        regularisation: f32::NAN,
        ..settings()
    });
    refused(IalsSettings {
        exponent: -0.1,
        ..settings()
    });
    refused(IalsSettings {
        deviation: 0.0,
        ..settings()
    });
    refused(IalsSettings {
        method: Method::Steps(0),
        ..settings()
    });
}

#[test]
fn nothing_to_learn_from_and_numbers_too_large_are_errors() {
    let nothing = Interactions::from_triplets(2, 2, [], Repeats::Max).unwrap();
    let outcome = Ials::fit(&nothing, &settings(), &mut { GOES_ON });
    assert_eq!(outcome.unwrap_err(), IalsError::NoInteractions);

    let huge = [(0, 0, f32::MAX), (0, 1, f32::MAX), (1, 1, f32::MAX)];
    let huge = Interactions::from_triplets(2, 2, huge, Repeats::Max).unwrap();
    let outcome = Ials::fit(&huge, &settings(), &mut { GOES_ON });
    assert_eq!(outcome.unwrap_err(), IalsError::Diverged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn shuffling_the_interactions_never_changes_the_factors(
        (triplets, shuffled) in prop::collection::vec((0_u32..12, 0_u32..9, 0.5_f32..2.0), 1..60)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let settings = IalsSettings { sweeps: 2, ..settings() };
        let trained = |triplets: Vec<(u32, u32, f32)>| {
            fit(&Interactions::from_triplets(12, 9, triplets, Repeats::Sum).unwrap(), &settings)
        };
        prop_assert_eq!(trained(triplets), trained(shuffled));
    }
}
