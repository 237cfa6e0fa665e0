//! The formulas of the four signals that nothing is learned for, and the normaliser.
//!
//! Expected numbers are worked out by hand from the tables of the formulas; those of the exponential with
//! Python to nine digits.

use proptest::prelude::*;

use super::vocabulary::Vocabulary;
use super::*;
use super::{metrics, time_split};

fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 1e-9, "{got} is not {wanted}");
}

#[test]
fn competition_of_one_rival_showing_follows_the_table_at_each_boundary() {
    for (d, wanted) in [
        (i64::MIN, 0.2),
        (-22, 0.2),
        (-21, 0.2),
        // .4 + .6 (e^.25 − 1) / (e^4.25 − 1)
        (-20, 0.402_466_019),
        // .4 + .6 (e^4 − 1) / (e^4.25 − 1)
        (-5, 0.865_359_932),
        (-4, 1.0),
        (-1, 1.0),
        (0, 0.0),
        (183, 0.0),
        // .2 · 1 / 183
        (184, 0.001_092_896),
        // .2 · 182 / 183
        (365, 0.198_907_104),
        (366, 0.2),
        (i64::MAX, 0.2),
    ] {
        let got = competition([d]);
        assert!((got - wanted).abs() < 1e-9, "{d}: {got} is not {wanted}");
    }
}

#[test]
fn competition_is_the_capped_sum_and_a_fifth_where_no_rival_shows_the_film() {
    near(competition([]), 0.2);
    near(competition([10, 20]), 0.0);
    near(competition([-21, 30, 366]), 0.4);
    near(competition([-3, -2]), 1.0);
    near(competition([-20, -5]), 1.0);
    near(competition([-20, 400]), 0.602_466_019);
}

#[test]
fn competition_counts_what_comes_after_us_and_not_what_came_before() {
    // Their showing three days after ours is at our date − their date = −3.
    let (our_day, their_day) = (20_000, 20_003);
    near(competition([our_day - their_day]), 1.0);
    near(competition([their_day - our_day]), 0.0);
}

#[test]
fn rights_follow_the_table_at_each_boundary() {
    for (days, wanted) in [
        (i64::MIN, 0.0),
        (-1, 0.0),
        (0, 1.0),
        (30, 1.0),
        (31, 0.8),
        (90, 0.8),
        (91, 0.6),
        (181, 0.6),
        (182, 0.3),
        (364, 0.3),
        (365, 0.1),
        (729, 0.1),
        (730, 0.0),
        (i64::MAX, 0.0),
    ] {
        assert_eq!(rights(days), wanted, "{days} days left");
    }
}

#[test]
fn novelty_follows_the_rule_for_own_and_rival_channels() {
    const NONE: [i64; 0] = [];
    let cases: [(&[i64], &[i64], f64); 10] = [
        (&NONE, &NONE, 1.0),
        // (.75 · 1 + 1) / 2
        (&[365], &NONE, 0.875),
        (&[366], &NONE, 0.875),
        // (.75 · 73 / 365 + 1) / 2
        (&[73], &NONE, 0.575),
        // The last of two showings counts, and both as showings: (.5 · .2 + 1) / 2
        (&[73, 730], &NONE, 0.55),
        // Four showings leave nothing.
        (&[400, 500, 600, 700], &NONE, 0.5),
        (&[400, 500, 600, 700, 800], &[400, 401, 402, 403], 0.0),
        // Shown today: (0 + 1) / 2
        (&[0], &NONE, 0.5),
        // What is still to come does not count.
        (&[-1, -30], &[-7], 1.0),
        // Rivals count as much as we: (1 + .75 · .2) / 2
        (&NONE, &[73, -5], 0.575),
    ];
    for (own, rivals, wanted) in cases {
        near(
            novelty(own.iter().copied(), rivals.iter().copied(), true),
            wanted,
        );
    }
    near(novelty(NONE, [3], false), 0.75);
}

/// Five films whose years, ratings and revenues have the ranks 0, ¼, ½, ¾ and 1.
fn five_films() -> Vec<FilmFeatures> {
    let numbers = [1.0, 2.0, 3.0, 4.0, 5.0];
    let film = |n: f64| FilmFeatures {
        year: Some(1990 + n as i32),
        language: Some("en".to_owned()),
        genres: vec!["Drama".to_owned()],
        rating: Some(n),
        revenue: Some(n * 1e6),
        ..FilmFeatures::default()
    };
    numbers.map(film).to_vec()
}

fn compared(films: &[FilmFeatures]) -> Vec<DiversityFeatures> {
    let scales = DiversityScales::fit(&five_films());
    let films = films.iter();
    films
        .map(|film| DiversityFeatures::of(film, &scales))
        .collect()
}

#[test]
fn diversity_is_the_decayed_mean_of_five_distances() {
    let mut films = five_films();
    films[0].genres = vec!["Drama".to_owned(), "War".to_owned(), "War".to_owned()];
    films[2].language = Some("fr".to_owned());
    let compared = compared(&films);
    // Against film 4 (rank 1): genres 1 − 1/2, language 0, three ranks 1 apart → 3.5 / 5 = .7.
    // Against film 2 (rank ½): genres 1/2, language 1, three ranks ½ apart → 3 / 5 = .6.
    let programmed = [compared[4].clone(), compared[2].clone()];
    near(
        diversity(&compared[0], &programmed),
        (0.7 + 0.9 * 0.6) / 1.9,
    );
    // The latest counts most, so the order matters.
    let other_way = [compared[2].clone(), compared[4].clone()];
    near(diversity(&compared[0], &other_way), (0.6 + 0.9 * 0.7) / 1.9);
}

#[test]
fn diversity_is_0_for_the_same_film_again_and_1_for_one_that_differs_in_everything() {
    let mut films = five_films();
    films[4].genres = vec!["Horror".to_owned()];
    films[4].language = Some("ja".to_owned());
    let compared = compared(&films);
    let first = || vec![compared[0].clone(); 2];
    near(diversity(&compared[0], &first()), 0.0);
    near(diversity(&compared[4], &first()), 1.0);
}

#[test]
fn diversity_of_a_missing_field_is_half_and_of_a_short_memory_three_tenths() {
    let mut films = five_films();
    films.push(FilmFeatures::default());
    let compared = compared(&films);
    let unknown = compared[5].clone();
    near(diversity(&unknown, &compared[..3]), 0.5);
    near(
        diversity(&unknown, &[unknown.clone(), unknown.clone()]),
        0.5,
    );
    near(diversity::<DiversityFeatures>(&compared[0], &[]), 0.3);
    near(diversity(&compared[0], &compared[4..5]), 0.3);
}

#[test]
fn diversity_looks_at_the_last_24_films_only() {
    let compared = compared(&five_films());
    let mut programmed = vec![compared[0].clone(); 24];
    programmed.push(compared[4].clone());
    near(diversity(&compared[0], &programmed), 0.0);
    programmed.swap(23, 24);
    assert!(diversity(&compared[0], &programmed) > 0.0);
}

#[test]
fn ranks_are_mean_ranks_and_values_in_between_are_interpolated() {
    let values = [3.0, 1.0, 2.0, 2.0, 5.0].map(Some);
    let ranks = Normaliser::fit(values, Scale::Linear);
    // 1 has rank 0 of 4, the two 2s 1.5 of 4, 3 has 3 of 4.
    for (value, wanted) in [
        (1.0, 0.0),
        (2.0, 0.375),
        (3.0, 0.75),
        (5.0, 1.0),
        (1.5, 0.1875),
        (4.0, 0.875),
        (-7.0, 0.0),
        (9.0, 1.0),
    ] {
        near(ranks.rank(Some(value)), wanted);
    }
}

#[test]
fn a_missing_value_has_the_rank_of_the_median() {
    let with_gaps = [
        None,
        Some(10.0),
        None,
        Some(30.0),
        Some(f64::NAN),
        Some(20.0),
    ];
    let ranks = Normaliser::fit(with_gaps, Scale::Linear);
    near(ranks.rank(None), 0.5);
    near(ranks.rank(Some(f64::INFINITY)), 0.5);
    near(ranks.rank(Some(30.0)), 1.0);
    // Of 0, 0, 0, 9 the median is 0, whose mean rank is 1 of 3.
    let ranks = Normaliser::fit([0.0, 0.0, 0.0, 9.0].map(Some), Scale::Linear);
    near(ranks.rank(None), 1.0 / 3.0);
    near(Normaliser::fit([], Scale::Log1p).rank(Some(3.0)), 0.5);
    near(
        Normaliser::fit([Some(7.0)], Scale::Log1p).rank(Some(3.0)),
        0.5,
    );
}

#[test]
fn between_fitted_values_a_logarithmic_scale_is_halved_at_the_geometric_mean() {
    let ranks = Normaliser::fit([Some(0.0), Some(99.0)], Scale::Log1p);
    // ln(1 + 9) is half of ln(1 + 99).
    near(ranks.rank(Some(9.0)), 0.5);
    near(ranks.rank(Some(-5.0)), 0.0);
}

#[test]
fn a_large_table_keeps_few_knots_and_is_exact_to_a_thousandth() {
    // 0 for a third of the values, then all different but for one that many share.
    let value = |at: usize| match at {
        0..10_000 => 0.0,
        20_000..23_000 => 20_000.5,
        _ => at as f64,
    };
    let values: Vec<f64> = (0..30_000).map(value).collect();
    let ranks = Normaliser::fit(values.iter().copied().map(Some), Scale::Linear);
    for at in (0..30_000).step_by(7) {
        let less = values.partition_point(|other| *other < values[at]);
        let not_more = values.partition_point(|other| *other <= values[at]);
        let exact = (less + not_more - 1) as f64 / 2.0 / 29_999.0;
        let got = ranks.rank(Some(values[at]));
        assert!((got - exact).abs() < 1.0 / 1024.0, "{at}: {got} {exact}");
    }
    let written = serde_json::to_string(&ranks).unwrap();
    assert!(written.matches(',').count() < 4_200);
}

#[test]
fn a_normaliser_comes_back_from_its_text_and_a_damaged_one_does_not() {
    let ranks = Normaliser::fit([1.0, 2.0, 4.0].map(Some), Scale::Linear);
    let text = serde_json::to_string(&ranks).unwrap();
    assert_eq!(serde_json::from_str::<Normaliser>(&text).unwrap(), ranks);
    for (from, to) in [
        ("[1.0,2.0,4.0]", "[1.0,1.0,4.0]"),
        ("[1.0,2.0,4.0]", "[1.0,2.0]"),
        ("[1.0,2.0,4.0]", "[1.0,2.0,4e300]"),
        ("[0.0,0.5,1.0]", "[0.0,0.5,1.5]"),
        ("[0.0,0.5,1.0]", "[0.5,0.0,1.0]"),
        ("\"median_rank\":0.5", "\"median_rank\":-1"),
    ] {
        let damaged = text.replace(from, to);
        assert_ne!(damaged, text, "{from}");
        assert!(
            serde_json::from_str::<Normaliser>(&damaged).is_err(),
            "{to}"
        );
    }
}

#[test]
fn the_day_has_its_slots_and_the_year_its_seasons() {
    let at = |hour: u8, month: u8| BroadcastContext {
        hour,
        month,
        ..BroadcastContext::default()
    };
    let slots = [5, 6, 13, 14, 18, 19, 21, 22, 23, 0, 200].map(|hour| at(hour, 1).slot());
    assert_eq!(slots, [3, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3]);
    let seasons = [2, 3, 5, 6, 8, 9, 11, 12, 1, 0, 99].map(|month| at(0, month).season());
    assert_eq!(seasons, [3, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3]);
    let hours = [6, 23, 0, 5, 255].map(|hour| at(hour, 1).hours_since_six());
    assert_eq!(hours, [0, 17, 18, 23, 17]);
}

#[test]
fn the_latest_fifth_is_held_out_and_no_time_is_on_both_sides() {
    let times: Vec<i64> = (0..10).rev().collect();
    assert_eq!(time_split::held_out_from(&times, "picks"), Ok(8));
    let many_alike = [1, 2, 3, 7, 7, 7, 7, 7, 7, 7];
    assert_eq!(time_split::held_out_from(&many_alike, "picks"), Ok(7));
    let early_alike = [7, 7, 7, 7, 7, 7, 7, 7, 7, 9];
    assert_eq!(time_split::held_out_from(&early_alike, "picks"), Ok(9));
    let one_time = TrainingError::OneTime("picks");
    assert_eq!(
        time_split::held_out_from(&[3; 9], "picks"),
        Err(one_time.clone())
    );
    assert_eq!(time_split::held_out_from(&[], "picks"), Err(one_time));
}

#[test]
fn of_too_many_only_the_latest_are_kept_and_a_time_wholly_or_not() {
    assert_eq!(time_split::latest_from(&mut [4, 1, 3], 3), None);
    assert_eq!(time_split::latest_from(&mut [4, 1, 3], 2), Some(3));
    assert_eq!(time_split::latest_from(&mut [5, 3, 3, 3, 4], 3), Some(4));
}

#[test]
fn a_vocabulary_keeps_the_most_frequent_names() {
    let names = ["b", "a", "c", "c", "", "a", "d"];
    let vocabulary = Vocabulary::fit(names, 3);
    assert_eq!(vocabulary.len(), 3);
    let indices = ["a", "b", "c", "d", ""].map(|name| vocabulary.index(name));
    assert_eq!(indices, [Some(0), Some(1), Some(2), None, None]);
    assert!(vocabulary.is_valid(3) && !vocabulary.is_valid(2));
    let long = "x".repeat(300);
    assert_eq!(Vocabulary::fit([long.as_str()], 3).len(), 0);
}

/// By scikit-learn's and scipy's definitions, worked out by hand.
#[test]
fn the_measures_of_error_are_what_they_say() {
    let outcomes = [true, false, true, false];
    // Of the four pairs the true one is higher in two and equal in one.
    near(metrics::auc(&[0.9, 0.5, 0.5, 0.8], &outcomes), 2.5 / 4.0);
    near(metrics::auc(&[0.1, 0.2], &[true, true]), 0.5);
    let loss = -(0.9_f64.ln() + 0.5_f64.ln() + 0.5_f64.ln() + 0.2_f64.ln()) / 4.0;
    near(metrics::log_loss(&[0.9, 0.5, 0.5, 0.8], &outcomes), loss);
    // 1 − 6 Σd² / (n (n² − 1)) with d = 0, 1, −1, 0.
    near(
        metrics::spearman(&[1.0, 2.0, 3.0, 4.0], &[10.0, 30.0, 20.0, 90.0]),
        0.8,
    );
    near(metrics::spearman(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    // Squared errors 1 of 5 in all.
    near(
        metrics::r_squared(&[1.0, 2.0, 3.0, 5.0], &[1.0, 2.0, 3.0, 4.0]),
        0.8,
    );
    near(metrics::mean_absolute_error(&[1.0, 5.0], &[2.0, 2.0]), 2.0);
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        4 => prop::num::f64::ANY.prop_map(Some),
        4 => (-5_i32..50).prop_map(|number| Some(f64::from(number))),
    ]
}

pub(super) fn any_film() -> impl Strategy<Value = FilmFeatures> {
    let names = || prop::sample::select(vec!["a", "b", "c", "", "d"]).prop_map(str::to_owned);
    (
        prop::option::of(prop_oneof![any::<i32>(), 1900..2030]),
        prop::option::of(names()),
        prop::collection::vec(names(), 0..40),
        [
            any_number(),
            any_number(),
            any_number(),
            any_number(),
            any_number(),
        ],
    )
        .prop_map(|(year, language, genres, numbers)| {
            let [duration_minutes, rating, votes, popularity, revenue] = numbers;
            FilmFeatures {
                year,
                language,
                genres,
                duration_minutes,
                rating,
                votes,
                popularity,
                revenue,
            }
        })
}

fn offsets() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![any::<i64>(), -400_i64..800], 0..12)
}

proptest! {
    #[test]
    fn every_formula_is_in_0_to_1_whatever_comes_in(
        own in offsets(),
        rivals in offsets(),
        programmed in any::<bool>(),
        films in prop::collection::vec(any_film(), 1..30),
    ) {
        let unit = 0.0..=1.0;
        prop_assert!(unit.contains(&competition(rivals.iter().copied())));
        let fresh = novelty(own.iter().copied(), rivals.iter().copied(), programmed);
        prop_assert!(unit.contains(&fresh));
        prop_assert!(own.iter().all(|days| unit.contains(&rights(*days))));
        let scales = DiversityScales::fit(&films);
        let compared: Vec<DiversityFeatures> =
            films.iter().map(|film| DiversityFeatures::of(film, &scales)).collect();
        for film in &compared {
            prop_assert!(unit.contains(&diversity(film, &compared)));
        }
    }

    #[test]
    fn one_more_rival_showing_never_lowers_competition_where_there_is_one_already(
        rivals in prop::collection::vec(-400_i64..800, 1..12),
        more in -400_i64..800,
    ) {
        let all = rivals.iter().copied().chain([more]);
        prop_assert!(competition(all) >= competition(rivals.iter().copied()));
    }

    #[test]
    fn a_showing_sooner_after_us_competes_no_less(d in -20_i64..-1) {
        prop_assert!(competition([d + 1]) >= competition([d]));
    }

    #[test]
    fn one_more_showing_never_makes_a_film_newer(own in offsets(), more in 0_i64..800) {
        let all = own.iter().copied().chain([more]);
        prop_assert!(novelty(all, [], true) <= novelty(own.iter().copied(), [], true));
    }

    #[test]
    fn each_day_that_passes_makes_a_film_newer_or_as_new(days in 0_i64..1000, times in 1_usize..5) {
        let shown = |days: i64| novelty(vec![days; times], [], true);
        prop_assert!(shown(days + 1) >= shown(days));
    }

    #[test]
    fn rights_never_get_less_urgent_as_they_run_out(days in 0_i64..2000) {
        prop_assert!(rights(days) >= rights(days + 1));
    }

    #[test]
    fn ranks_are_in_0_to_1_monotone_and_independent_of_the_order(
        values in prop::collection::vec(any_number(), 0..60),
        asked in prop::collection::vec(any_number(), 2..20),
        log in any::<bool>(),
    ) {
        let scale = if log { Scale::Log1p } else { Scale::Linear };
        let ranks = Normaliser::fit(values.iter().copied(), scale);
        let reversed = Normaliser::fit(values.iter().rev().copied(), scale);
        prop_assert_eq!(&ranks, &reversed);
        prop_assert!(asked.iter().all(|value| (0.0..=1.0).contains(&ranks.rank(*value))));
        let mut known: Vec<f64> = asked.into_iter().flatten().filter(|v| v.is_finite()).collect();
        known.sort_unstable_by(f64::total_cmp);
        for pair in known.windows(2) {
            prop_assert!(ranks.rank(Some(pair[0])) <= ranks.rank(Some(pair[1])));
        }
    }

    #[test]
    fn fitted_values_have_their_mean_rank(
        values in prop::collection::vec(-9_i32..9, 2..40),
    ) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let ranks = Normaliser::fit(values.iter().copied().map(Some), Scale::Linear);
        for value in &values {
            let less = values.iter().filter(|other| *other < value).count() as f64;
            let equal = values.iter().filter(|other| *other == value).count() as f64;
            let wanted = (less + (equal - 1.0) / 2.0) / (values.len() - 1) as f64;
            prop_assert!((ranks.rank(Some(*value)) - wanted).abs() < 1e-9);
        }
    }
}
