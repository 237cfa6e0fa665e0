//! In worlds where the preference of the programmer is known.

use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::super::tests::any_film;
use super::*;

const GENRES: [&str; 4] = ["Horror", "Comedy", "Drama", "War"];

fn catalogue(films: usize) -> Vec<FilmFeatures> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let film = |at: usize| FilmFeatures {
        year: Some(random.random_range(1950..2024)),
        language: Some(["en", "fr"][at % 2].to_owned()),
        genres: vec![GENRES[random.random_range(0..4)].to_owned()],
        duration_minutes: Some(random.random_range(80.0..160.0)),
        rating: Some(random.random_range(0.0..10.0)),
        votes: None,
        popularity: Some(random.random_range(0.0..100.0)),
        revenue: (!at.is_multiple_of(3)).then(|| random.random_range(0.0..1e8)),
    };
    (0..films).map(film).collect()
}

fn occasion(hour: u8) -> BroadcastContext {
    BroadcastContext {
        year: 2024,
        month: 5,
        weekday: 4,
        hour,
        holiday: false,
        channel: "one".to_owned(),
    }
}

/// How much a programmer likes a film: horror at night, comedies in the afternoon, good ones always.
fn utility(film: &FilmFeatures, hour: u8) -> f64 {
    let wanted = if hour >= 22 { "Horror" } else { "Comedy" };
    let fits = f64::from(u8::from(film.genres[0] == wanted));
    2.5 * fits + 0.3 * film.rating.unwrap_or(5.0)
}

/// Picks by a conditional logit on [`utility`] among the films that are left.
fn picks(catalogue: &[FilmFeatures], count: usize) -> Vec<PastPick> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut left: Vec<u32> = (0..catalogue.len() as u32).collect();
    let mut picks = Vec::new();
    for time in 0..count {
        let hour = [15, 23][time % 2];
        // The largest of utilities with Gumbel noise is a draw of the logit.
        let mut noisy = |film: u32| {
            let noise = -(-random.random_range(1e-12..1.0_f64).ln()).ln();
            utility(&catalogue[film as usize], hour) + noise
        };
        let utilities: Vec<f64> = left.iter().map(|film| noisy(*film)).collect();
        let best = (0..left.len()).max_by(|a, b| utilities[*a].total_cmp(&utilities[*b]));
        picks.push(PastPick {
            time: time as i64 * 3600,
            film: left.swap_remove(best.unwrap()),
            context: occasion(hour),
        });
    }
    picks
}

fn trained() -> (Vec<FilmFeatures>, Vec<PastPick>, CuratorModel) {
    let catalogue = catalogue(2_000);
    let picks = picks(&catalogue, 300);
    let model = CuratorModel::train(&catalogue, &picks, &CuratorSettings::default()).unwrap();
    (catalogue, picks, model)
}

#[test]
fn the_model_recovers_what_the_programmer_prefers_and_when() {
    let (_, _, model) = trained();
    let film = |genre: &str, rating: f64| FilmFeatures {
        year: Some(1990),
        genres: vec![genre.to_owned()],
        rating: Some(rating),
        ..FilmFeatures::default()
    };
    let films = [
        film("Horror", 7.0),
        film("Comedy", 7.0),
        film("Comedy", 2.0),
    ];
    let night = model.signals(&occasion(23), &films);
    let afternoon = model.signals(&occasion(15), &films);
    assert!(night[0] > 2.0 * night[1], "{night:?}");
    assert!(afternoon[1] > 2.0 * afternoon[0], "{afternoon:?}");
    assert!(afternoon[1] > 1.5 * afternoon[2], "{afternoon:?}");
}

#[test]
fn the_model_beats_the_share_of_picks_on_picks_that_it_has_not_seen() {
    let (_, _, model) = trained();
    let found = model.evaluation();
    assert_eq!((found.training_picks, found.held_out_picks), (240, 60));
    assert!((found.base_rate - 1.0 / 6.0).abs() < 1e-12);
    // ln 6 − 5/6 ln 5, the entropy of one in six.
    assert!((found.base_log_loss - 0.450_561_209).abs() < 1e-9);
    assert!(found.auc > 0.8, "{found:?}");
    assert!(found.log_loss < 0.9 * found.base_log_loss, "{found:?}");
}

#[test]
fn picks_at_random_teach_nothing_and_the_evaluation_says_so() {
    let catalogue = catalogue(2_000);
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let at_random: Vec<PastPick> = (0..300)
        .map(|time| PastPick {
            time,
            film: random.random_range(0..2_000),
            context: occasion([15, 23][time as usize % 2]),
        })
        .collect();
    let settings = CuratorSettings::default();
    let model = CuratorModel::train(&catalogue, &at_random, &settings).unwrap();
    let found = model.evaluation();
    assert!((found.auc - 0.5).abs() < 0.1, "{found:?}");
    assert!(found.log_loss > 0.98 * found.base_log_loss, "{found:?}");
}

#[test]
fn the_corrected_probabilities_of_an_occasion_sum_to_about_one_pick() {
    let (catalogue, picks, model) = trained();
    for (at, hour) in [(150, 15), (151, 23)] {
        let taken: Vec<u32> = picks[..at].iter().map(|pick| pick.film).collect();
        let candidates: Vec<&FilmFeatures> = (0..2_000_u32)
            .filter(|film| !taken.contains(film))
            .map(|film| &catalogue[film as usize])
            .collect();
        let sum: f64 = model
            .probabilities(&occasion(hour), &candidates)
            .iter()
            .sum();
        assert!((0.7..1.4).contains(&sum), "{sum}");
        // As among the examples, the sum is far above one: that is what the correction takes away.
        let raw: f64 = model.signals(&occasion(hour), &candidates).iter().sum();
        assert!(raw > 100.0, "{raw}");
    }
}

#[test]
fn the_correction_is_the_prior_correction_of_king_and_zeng() {
    let (catalogue, picks, model) = trained();
    // 300 occasions, from 1,999 films left after the pick down to 1,700; 1,500 drawn.
    let available: f64 = (1_700..2_000).map(f64::from).sum();
    let (tau, share) = (300.0 / (300.0 + available), 300.0 / 1_800.0);
    let wanted = -((1.0 - tau) / tau * (share / (1.0 - share))).ln();
    assert_eq!(picks.len(), 300);
    let film = &catalogue[..1];
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let raw = logit(model.signals(&occasion(15), film)[0]);
    let corrected = logit(model.probabilities(&occasion(15), film)[0]);
    assert!((corrected - raw - wanted).abs() < 1e-9);
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_picks() {
    let (catalogue, mut picks, model) = trained();
    picks.reverse();
    picks.swap(3, 70);
    picks.push(picks[9].clone());
    let again = CuratorModel::train(&catalogue, &picks, &CuratorSettings::default()).unwrap();
    assert_eq!(again, model);
    assert!(again.to_bytes() == model.to_bytes());
    let other = CuratorSettings {
        seed: 1,
        ..CuratorSettings::default()
    };
    let other = CuratorModel::train(&catalogue, &picks, &other).unwrap();
    assert!(other.to_bytes() != model.to_bytes());
}

#[test]
fn each_pick_is_compared_with_films_that_no_pick_had_taken_until_then() {
    let catalogue = catalogue(400);
    let picks = picks(&catalogue, 100);
    let sorted: Vec<&PastPick> = picks.iter().collect();
    for (at, comparison) in sampling::compare(400, &sorted, 1).iter().enumerate() {
        assert_eq!(comparison.unpicked.len(), UNPICKED_PER_PICK);
        assert_eq!(comparison.available, 400 - at - 1);
        let until_then = &picks[..=at];
        for film in &comparison.unpicked {
            assert!(until_then.iter().all(|pick| pick.film != *film));
            let times = comparison.unpicked.iter().filter(|other| *other == film);
            assert_eq!(times.count(), 1);
        }
    }
}

#[test]
fn where_all_films_have_been_shown_picks_are_compared_with_others_of_that_time() {
    let pick = |time: i64, film: u32| PastPick {
        time,
        film,
        context: occasion(20),
    };
    let picks: Vec<PastPick> = (0..40).map(|time| pick(time, time as u32 % 8)).collect();
    let mut sorted: Vec<&PastPick> = picks.iter().collect();
    let at_the_same_time = pick(39, 3);
    sorted.push(&at_the_same_time);
    let comparisons = sampling::compare(8, &sorted, 1);
    for comparison in &comparisons[8..39] {
        assert_eq!((comparison.unpicked.len(), comparison.available), (5, 7));
        assert!(!comparison.unpicked.contains(&comparison.pick.film));
    }
    for comparison in &comparisons[39..] {
        assert_eq!((comparison.unpicked.len(), comparison.available), (5, 6));
        assert!(!comparison.unpicked.contains(&7) && !comparison.unpicked.contains(&3));
    }
    // With a single film there is nothing to compare with.
    let alone: Vec<PastPick> = (0..60).map(|time| pick(time, 0)).collect();
    let refused = CuratorModel::train(&catalogue(1), &alone, &CuratorSettings::default());
    assert!(matches!(
        refused,
        Err(TrainingError::TooFew { found: 0, .. })
    ));
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let catalogue = catalogue(300);
    let picks = picks(&catalogue, 60);
    let settings = CuratorSettings::default();
    let train = |picks: &[PastPick]| CuratorModel::train(&catalogue, picks, &settings);
    assert!(train(&picks[..50]).is_ok());
    let error = train(&picks[..49]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "49 picks are too few to learn from; 50 are needed: import more"
    );
    // Fifty times the same pick is one pick.
    assert!(train(&vec![picks[0].clone(); 50]).is_err());

    let mut at_once = picks.clone();
    at_once.iter_mut().for_each(|pick| pick.time = 4);
    assert_eq!(train(&at_once), Err(TrainingError::OneTime(PICKS)));

    let mut unknown = picks.clone();
    unknown[7].film = 300;
    let wanted = TrainingError::UnknownFilm {
        film: 300,
        films: 300,
    };
    assert_eq!(train(&unknown), Err(wanted));

    for l2 in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = CuratorModel::train(&catalogue, &picks, &CuratorSettings { l2, seed: 0 });
        assert!(matches!(refused, Err(TrainingError::Settings(_))), "{l2}");
    }
}

#[test]
fn a_model_comes_back_from_its_bytes_and_damaged_bytes_are_refused() {
    let (_, _, model) = trained();
    let bytes = model.to_bytes();
    assert_eq!(CuratorModel::from_bytes(&bytes), Ok(model));
    for length in 0..bytes.len().min(64) {
        assert!(CuratorModel::from_bytes(&bytes[..length]).is_err());
    }
    for at in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(CuratorModel::from_bytes(&damaged).is_err(), "{at}");
    }
    let mut newer = bytes;
    newer[8] = 2;
    assert_eq!(
        CuratorModel::from_bytes(&newer),
        Err(ArtifactError::Version(2))
    );
}

#[test]
fn forged_bytes_with_a_right_checksum_predict_within_0_to_1_or_are_refused() {
    let (catalogue, _, model) = trained();
    let bytes = model.to_bytes();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..300 {
        let mut forged = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(20..forged.len());
            forged[at] = random.random_range(0..=u8::MAX);
        }
        let checksum = xxhash_rust::xxh3::xxh3_64(&forged[20..]);
        forged[12..20].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(model) = CuratorModel::from_bytes(&forged) {
            let signals = model.signals(&occasion(23), &catalogue[..20]);
            assert!(signals.iter().all(|signal| (0.0..=1.0).contains(signal)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn whatever_films_there_are_signals_are_from_0_to_1(
        films in prop::collection::vec(any_film(), 6..30),
        picked in prop::collection::vec(0_usize..30, 50..60),
        (year, month, weekday, hour) in any::<(i32, u8, u8, u8)>(),
    ) {
        let context = BroadcastContext { year, month, weekday, hour, ..occasion(0) };
        let picks: Vec<PastPick> = (0..).zip(&picked).map(|(time, film)| PastPick {
            time,
            film: (*film % films.len()) as u32,
            context: context.clone(),
        }).collect();
        let model = CuratorModel::train(&films, &picks, &CuratorSettings::default()).unwrap();
        let unit = 0.0..=1.0;
        prop_assert!(model.signals(&context, &films).iter().all(|it| unit.contains(it)));
        prop_assert!(model.probabilities(&context, &films).iter().all(|it| unit.contains(it)));
        let found = model.evaluation();
        prop_assert!(unit.contains(&found.auc) && found.log_loss.is_finite());
    }
}
