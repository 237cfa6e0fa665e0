//! In worlds where the audience is known.

use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::super::tests::any_film;
use super::forest::{BINS, MOST_FEATURES};
use super::*;

const GENRES: [&str; 4] = ["Horror", "Comedy", "Drama", "War"];

fn catalogue(films: usize) -> Vec<FilmFeatures> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let film = |at: usize| FilmFeatures {
        year: Some(random.random_range(1950..2024)),
        language: Some(["en", "fr"][at % 2].to_owned()),
        genres: vec![GENRES[random.random_range(0..4)].to_owned()],
        duration_minutes: Some(random.random_range(80.0..160.0)),
        votes: Some(random.random_range(0.0..1e5)),
        popularity: (!at.is_multiple_of(5)).then(|| random.random_range(0.0..100.0)),
        ..FilmFeatures::default()
    };
    (0..films).map(film).collect()
}

fn occasion(hour: u8, channel: &str) -> BroadcastContext {
    BroadcastContext {
        year: 2024,
        month: 5,
        weekday: 4,
        hour,
        holiday: false,
        channel: channel.to_owned(),
    }
}

/// The expected logarithm of the audience.
fn truth(film: &FilmFeatures, context: &BroadcastContext) -> f64 {
    let yes = |holds: bool| f64::from(u8::from(holds));
    7.0 + 1.5 * yes((19..22).contains(&context.hour))
        + 0.7 * yes(context.channel == "big")
        + film.popularity.unwrap_or(50.0) / 50.0
        + 0.8 * yes(film.genres[0] == "Comedy")
        + 0.6 * yes(context.weekend())
}

/// One every day, with a deviation of .3 in the logarithm.
fn airings(catalogue: &[FilmFeatures], count: usize) -> Vec<Airing> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let airing = |day: usize| {
        let film = random.random_range(0..catalogue.len());
        let hour = [10, 15, 20, 21, 23][random.random_range(0..5)];
        let context = BroadcastContext {
            weekday: (day % 7) as u8,
            month: (day / 30 % 12) as u8 + 1,
            ..occasion(hour, ["big", "small"][random.random_range(0..2)])
        };
        let noise = 0.3 * 3.0_f64.sqrt() * random.random_range(-1.0..1.0);
        Airing {
            time: day as i64,
            film: film as u32,
            viewers: (truth(&catalogue[film], &context) + noise).exp(),
            context,
        }
    };
    (0..count).map(airing).collect()
}

fn settings() -> AudienceSettings {
    AudienceSettings {
        trees: 40,
        ..AudienceSettings::default()
    }
}

fn trained() -> (Vec<FilmFeatures>, Vec<Airing>, AudienceModel) {
    let catalogue = catalogue(300);
    let airings = airings(&catalogue, 1_000);
    let model = AudienceModel::train(&catalogue, &airings, &settings()).unwrap();
    (catalogue, airings, model)
}

#[test]
fn the_forest_beats_the_mean_on_airings_that_it_has_not_seen() {
    let (_, _, model) = trained();
    let found = model.evaluation();
    assert_eq!((found.training_airings, found.held_out_airings), (800, 200));
    // The variance of the truth is about 1.1, that of the noise .09: no model has more than about .93.
    assert!(found.r_squared > 0.6, "{found:?}");
    assert!(found.spearman > 0.75, "{found:?}");
    assert!(
        found.mean_absolute_error < 0.6 * found.base_mean_absolute_error,
        "{found:?}"
    );
}

#[test]
fn predictions_follow_hour_channel_weekday_popularity_and_genre() {
    let (_, _, model) = trained();
    let film = |genre: &str, popularity: f64| FilmFeatures {
        year: Some(1990),
        genres: vec![genre.to_owned()],
        duration_minutes: Some(100.0),
        popularity: Some(popularity),
        ..FilmFeatures::default()
    };
    let films = [
        film("Drama", 5.0),
        film("Drama", 95.0),
        film("Comedy", 95.0),
    ];
    let viewers = |context: &BroadcastContext| {
        let estimates = model.predict(context, &films);
        estimates
            .into_iter()
            .map(|it| it.viewers)
            .collect::<Vec<f64>>()
    };
    let morning = viewers(&occasion(10, "small"));
    let evening = viewers(&occasion(20, "small"));
    let big = viewers(&occasion(20, "big"));
    let weekend = viewers(&BroadcastContext {
        weekday: 5,
        ..occasion(20, "big")
    });
    assert!(morning[1] > 2.0 * morning[0], "{morning:?}");
    assert!(evening[1] > 2.0 * morning[1], "{evening:?} {morning:?}");
    assert!(big[1] > 1.3 * evening[1], "{big:?} {evening:?}");
    assert!(weekend[1] > 1.2 * big[1], "{weekend:?} {big:?}");
    assert!(big[2] > 1.4 * big[1], "{big:?}");
    // e^(7 + 1.5 + .7 + 1.9), within what a forest shrinks towards the middle.
    let wanted = 11.1_f64.exp();
    assert!((0.6..1.4).contains(&(big[1] / wanted)), "{big:?}");
}

#[test]
fn the_signal_is_the_rank_of_the_prediction_among_those_of_past_airings() {
    let (catalogue, airings, model) = trained();
    let mut estimates: Vec<AudienceEstimate> = airings
        .iter()
        .map(|airing| {
            let film = &catalogue[airing.film as usize];
            model.predict(&airing.context, &[film])[0]
        })
        .collect();
    estimates.sort_by(|a, b| a.viewers.total_cmp(&b.viewers));
    assert!(
        estimates
            .windows(2)
            .all(|pair| pair[0].signal <= pair[1].signal)
    );
    for (at, wanted) in [(100, 0.1), (500, 0.5), (900, 0.9)] {
        assert!((estimates[at].signal - wanted).abs() < 0.05, "{at}");
    }
}

#[test]
fn an_audience_that_nothing_explains_is_not_explained() {
    let catalogue = catalogue(300);
    let mut airings = airings(&catalogue, 600);
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for airing in &mut airings {
        airing.viewers = random.random_range(4.0..10.0_f64).exp();
    }
    let model = AudienceModel::train(&catalogue, &airings, &settings()).unwrap();
    let found = model.evaluation();
    assert!(found.r_squared < 0.05, "{found:?}");
    assert!(found.spearman.abs() < 0.25, "{found:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_any_order_and_with_any_number_of_threads() {
    let (catalogue, mut airings, model) = trained();
    airings.shuffle(&mut ChaCha8Rng::seed_from_u64(2));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let again = pool.install(|| AudienceModel::train(&catalogue, &airings, &settings()).unwrap());
    assert_eq!(again, model);
    assert!(again.to_bytes() == model.to_bytes());
    let other = AudienceSettings {
        seed: 1,
        ..settings()
    };
    let other = AudienceModel::train(&catalogue, &airings, &other).unwrap();
    assert!(other.to_bytes() != model.to_bytes());
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let catalogue = catalogue(50);
    let airings = airings(&catalogue, 102);
    let train = |airings: &[Airing]| AudienceModel::train(&catalogue, airings, &settings());
    assert!(train(&airings[..100]).is_ok());
    let error = train(&airings[..99]).unwrap_err();
    let wanted = "99 airings with audience figures are too few to learn from; 100 are needed: \
        import more";
    assert_eq!(error.to_string(), wanted);

    // Figures that are none do not count.
    let mut odd = airings.clone();
    (odd[0].viewers, odd[1].viewers, odd[2].viewers) = (f64::NAN, -1.0, f64::INFINITY);
    assert!(matches!(
        train(&odd),
        Err(TrainingError::TooFew { found: 99, .. })
    ));

    let mut at_once = airings.clone();
    at_once.iter_mut().for_each(|airing| airing.time = 4);
    assert_eq!(train(&at_once), Err(TrainingError::OneTime(AIRINGS)));

    let mut unknown = airings.clone();
    unknown[7].film = 50;
    let wanted = TrainingError::UnknownFilm {
        film: 50,
        films: 50,
    };
    assert_eq!(train(&unknown), Err(wanted));

    let default = AudienceSettings::default;
    for wrong in [
        AudienceSettings {
            trees: 0,
            ..default()
        },
        AudienceSettings {
            trees: 401,
            ..default()
        },
        AudienceSettings {
            depth: 0,
            ..default()
        },
        AudienceSettings {
            depth: 15,
            ..default()
        },
        AudienceSettings {
            least_leaf: 0,
            ..default()
        },
        AudienceSettings {
            least_leaf: usize::MAX,
            ..default()
        },
        AudienceSettings {
            feature_share: 0.0,
            ..default()
        },
        AudienceSettings {
            feature_share: f64::NAN,
            ..default()
        },
        AudienceSettings {
            feature_share: 1.1,
            ..default()
        },
    ] {
        let refused = AudienceModel::train(&catalogue, &airings, &wrong);
        assert!(
            matches!(refused, Err(TrainingError::Settings(_))),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_model_comes_back_from_its_bytes_and_damaged_bytes_are_refused() {
    let (_, _, model) = trained();
    let bytes = model.to_bytes();
    assert_eq!(AudienceModel::from_bytes(&bytes), Ok(model));
    for length in 0..64 {
        assert!(AudienceModel::from_bytes(&bytes[..length]).is_err());
    }
    assert!(AudienceModel::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    for at in (0..bytes.len()).step_by(1_009) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(AudienceModel::from_bytes(&damaged).is_err(), "{at}");
    }
    let not_ours = CuratorBytes::of(&bytes);
    assert_eq!(
        AudienceModel::from_bytes(&not_ours.0),
        Err(ArtifactError::NotAModel)
    );
}

/// The same bytes under the name of another kind.
struct CuratorBytes(Vec<u8>);

impl CuratorBytes {
    fn of(bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes[..8].copy_from_slice(b"MARQUEEK");
        Self(bytes)
    }
}

#[test]
fn forged_bytes_with_a_right_checksum_predict_or_are_refused_and_never_panic() {
    let catalogue = catalogue(30);
    let small = AudienceSettings {
        trees: 3,
        ..settings()
    };
    let model = AudienceModel::train(&catalogue, &airings(&catalogue, 150), &small).unwrap();
    let bytes = model.to_bytes();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let mut forged = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(20..forged.len());
            forged[at] = random.random_range(0..=u8::MAX);
        }
        let checksum = xxhash_rust::xxh3::xxh3_64(&forged[20..]);
        forged[12..20].copy_from_slice(&checksum.to_le_bytes());
        match AudienceModel::from_bytes(&forged) {
            Ok(model) => {
                let estimates = model.predict(&occasion(20, "big"), &catalogue);
                let unit = |it: &AudienceEstimate| (0.0..=1.0).contains(&it.signal);
                assert!(estimates.iter().all(unit));
                read += 1;
            }
            Err(error) => {
                assert_eq!(error, ArtifactError::Damaged);
                refused += 1;
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} {refused}");
}

/// Rows of six features, the target a step of the second plus a slope of the fifth.
fn coded(rows: usize) -> (Vec<Codes>, Vec<f64>) {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut row = || {
        let mut codes = [0; MOST_FEATURES];
        for code in &mut codes[..6] {
            *code = random.random_range(0..BINS as u8);
        }
        codes
    };
    let rows: Vec<Codes> = (0..rows).map(|_| row()).collect();
    let target = |row: &Codes| f64::from(u8::from(row[1] > 20)) * 4.0 + f64::from(row[4]) / 64.0;
    let targets = rows.iter().map(target).collect();
    (rows, targets)
}

fn grown(rows: &[Codes], targets: &[f64], trees: usize) -> (Forest, Vec<Option<f64>>) {
    let limits = TreeLimits {
        depth: 8,
        least_leaf: 3,
        features: 3,
    };
    let table = Table::new(rows, targets.to_vec(), 6);
    Forest::grow(rows, &table, trees, &limits, 7)
}

#[test]
fn trees_find_the_step_and_the_slope() {
    let (rows, targets) = coded(800);
    let (forest, _) = grown(&rows, &targets, 30);
    let at = |second: u8, fifth: u8| {
        let mut codes = [0; MOST_FEATURES];
        codes[..6].copy_from_slice(&[30, second, 30, 30, fifth, 30]);
        forest.predict(&[codes])[0]
    };
    assert!((at(10, 32) - 0.5).abs() < 0.4, "{}", at(10, 32));
    assert!((at(21, 32) - 4.5).abs() < 0.6, "{}", at(21, 32));
    assert!(at(40, 60) > at(40, 4) + 0.3);
}

#[test]
fn out_of_bag_predictions_are_those_of_the_trees_that_have_not_seen_the_row() {
    let (rows, targets) = coded(200);
    let (forest, out_of_bag) = grown(&rows, &targets, 1);
    let predicted = forest.predict(&rows);
    let unseen = out_of_bag.iter().zip(&predicted);
    let unseen: Vec<_> = unseen.filter(|(of_bag, _)| of_bag.is_some()).collect();
    // A bootstrap sample leaves out (1 − 1/n)^n of the rows, about e⁻¹.
    assert!((60..90).contains(&unseen.len()), "{}", unseen.len());
    assert!(
        unseen
            .iter()
            .all(|(of_bag, predicted)| **of_bag == Some(**predicted))
    );
    let (_, out_of_bag) = grown(&rows, &targets, 50);
    assert!(out_of_bag.iter().all(Option::is_some));
}

#[test]
fn a_target_that_does_not_vary_is_predicted_as_it_is() {
    let (rows, _) = coded(50);
    let (forest, _) = grown(&rows, &[3.25; 50], 5);
    assert_eq!(forest.predict(&rows), [3.25; 50]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_forest_for_given_first_codes_predicts_what_the_whole_forest_does(
        first in prop::collection::vec(0_u8..BINS as u8, 0..=6),
    ) {
        let (mut rows, targets) = coded(150);
        let (forest, _) = grown(&rows, &targets, 5);
        for row in &mut rows {
            row[..first.len()].copy_from_slice(&first);
        }
        prop_assert_eq!(forest.given(&first).predict(&rows), forest.predict(&rows));
        prop_assert!(forest.given(&first).is_valid(6, 5));
    }

    #[test]
    fn predictions_do_not_depend_on_the_rows_beside_them(count in 0_usize..40) {
        let (rows, targets) = coded(60);
        let (forest, _) = grown(&rows, &targets, 3);
        let all = forest.predict(&rows);
        prop_assert_eq!(&forest.predict(&rows[..count])[..], &all[..count]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn whatever_films_and_figures_there_are_estimates_are_finite_and_signals_in_0_to_1(
        films in prop::collection::vec(any_film(), 1..20),
        figures in prop::collection::vec(0.0_f64..1e10, 100..120),
        (year, month, weekday, hour, holiday) in any::<(i32, u8, u8, u8, bool)>(),
    ) {
        let context = BroadcastContext {
            year, month, weekday, hour, holiday, channel: "one".to_owned(),
        };
        let airings: Vec<Airing> = (0..).zip(&figures).map(|(time, viewers)| Airing {
            time,
            film: (time as usize % films.len()) as u32,
            context: context.clone(),
            viewers: *viewers,
        }).collect();
        let few = AudienceSettings { trees: 3, ..AudienceSettings::default() };
        let model = AudienceModel::train(&films, &airings, &few).unwrap();
        for estimate in model.predict(&context, &films) {
            prop_assert!((0.0..=1.0).contains(&estimate.signal));
            prop_assert!((0.0..=1e10).contains(&estimate.viewers));
        }
    }
}
