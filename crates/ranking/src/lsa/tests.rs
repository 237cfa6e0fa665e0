use std::ops::ControlFlow;

use super::*;

fn fit(documents: &[Document], settings: &LsaSettings) -> Lsa {
    Lsa::fit(documents, settings, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn texts(texts: &[&str]) -> Vec<Document> {
    let document = |text: &&str| Document::new().text(*text, 1.0);
    texts.iter().map(document).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_near(got: &[f32], wanted: &[f32], within: f32) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < within, "{got} is not {wanted}");
    }
}

/// Six small documents of two worlds.
fn worlds() -> Vec<Document> {
    texts(&[
        "robot robot moon",
        "robot rocket",
        "moon rocket",
        "duke castle",
        "castle duel duke",
        "duel castle robot",
    ])
}

#[test]
fn the_decomposition_is_that_of_scikit_learn() {
    // `A[r, c] = ((3r + 2c) mod 7 + 1) / 4` where `(7r + 5c + rc) mod 11 < 2`, else 0, of 40 × 30.
    // `TruncatedSVD(4, algorithm="arpack")` of scikit-learn 1.9; the largest entry of each
    // component made positive.
    let entries = (0..40_u32).flat_map(|row| (0..30_u32).map(move |column| (row, column)));
    let entries = entries
        .filter(|(row, column)| (row * 7 + column * 5 + row * column) % 11 < 2)
        .map(|(row, column)| (row, column, ((row * 3 + column * 2) % 7 + 1) as f32 / 4.0));
    let table = Interactions::from_triplets(40, 30, entries, Repeats::Sum).unwrap();
    let found = svd::truncated(&table, 4, 8, 1, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_near(
        &found.strengths,
        &[6.595_101, 6.468_826, 6.009_524, 5.327_736],
        1e-4,
    );
    let wanted = [
        [0.075_096, 0.140_572, 0.155_558, 0.295_997, 0.0, 0.088_283],
        [0.062_2, 0.358_423, 0.377_994, -0.141_443, 0.0, 0.176_362],
        [
            0.208_766, -0.008_976, -0.090_172, -0.218_437, 0.0, 0.129_262,
        ],
        [0.307_954, 0.005_06, -0.226_941, 0.150_119, 0.0, 0.341_253],
    ];
    for (direction, wanted) in wanted.iter().enumerate() {
        let got: Vec<f32> = (0..6).map(|row| found.right.row(row)[direction]).collect();
        assert_near(&got, wanted, 1e-3);
    }
}

#[test]
fn the_vectors_are_those_of_numpy() {
    // numpy 2: rows of `log1p(count) · log(1 + N/df)` brought to length 1, `svd`, the first three
    // directions times `(σ/σ₁)^-0.25`.
    let settings = LsaSettings {
        dimensions: 3,
        exponent: 0.25,
        ..LsaSettings::default()
    };
    let documents = worlds();
    let space = fit(&documents, &settings);
    assert_near(space.strengths(), &[1.542_356, 1.387_185, 0.898_564], 1e-4);
    let vectors: Vec<Vec<f32>> = documents
        .iter()
        .filter_map(|one| space.embed(one))
        .collect();
    let to = |one: &[f32]| -> Vec<f32> { vectors.iter().map(|v| cosine(v, one)).collect() };
    let first = [1.0, 0.890_18, 0.464_9, -0.188, 0.003_37, 0.620_84];
    assert_near(&to(&vectors[0]), &first, 1e-3);
    let query = space.query("a story about the moon and a duel").unwrap();
    let wanted = [0.829_92, 0.797_93, 0.470_74, 0.390_18, 0.545_96, 0.806_59];
    assert_near(&to(&query), &wanted, 1e-3);
}

#[test]
fn words_in_like_company_are_near_without_being_shared() {
    let documents = texts(&[
        "an android and a spaceship",
        "a robot and a spaceship",
        "an android repairs a rocket",
        "a robot repairs a rocket",
        "the duke loves the countess",
        "a countess leaves the castle",
        "the duke sells the castle",
    ]);
    let settings = LsaSettings {
        dimensions: 3,
        ..LsaSettings::default()
    };
    let space = fit(&documents, &settings);
    let of = |text: &str| space.query(text).unwrap();
    assert!(cosine(&of("android"), &of("robot")) > 0.9);
    assert!(cosine(&of("android"), &of("countess")) < 0.1);
}

#[test]
fn a_name_is_one_thing_wherever_it_stands() {
    let documents = vec![
        Document::new()
            .name("film noir", 1.0, 0.0)
            .text("a detective", 1.0),
        Document::new()
            .name("Film Noir", 1.0, 0.0)
            .text("a blonde", 1.0),
        Document::new().text("a black cat", 1.0),
        Document::new().text("a cat sleeps", 1.0),
    ];
    let space = fit(&documents, &LsaSettings::default());
    // `film` says nothing, and `noir` was never a word of its own.
    let query = space.query("the best of Film Noir").unwrap();
    let near = |index: usize| cosine(&query, &space.embed(&documents[index]).unwrap());
    assert!(near(0) > 0.5 && near(1) > 0.5, "{} {}", near(0), near(1));
    assert!(near(2).abs() < 1e-3);
    assert_eq!(space.query("noir"), None);
}

#[test]
fn what_says_nothing_has_no_vector() {
    let space = fit(&worlds(), &LsaSettings::default());
    for text in ["", "the and of", "zyzzyva", "\u{0}", "🤖"] {
        assert_eq!(space.query(text), None, "{text:?}");
    }
    let weightless = Document::new()
        .text("robot", 0.0)
        .name("moon rocket", 0.0, 0.0);
    assert_eq!(space.embed(&weightless), None);
}

#[test]
fn a_small_world_has_fewer_directions() {
    let many: Vec<String> = (0..100)
        .map(|n| format!("w{n} v{} u{}", n / 2, n / 3))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(fit(&texts(&many), &LsaSettings::default()).dimensions(), 20);

    let space = fit(&texts(&["moon", "moon", "duke"]), &LsaSettings::default());
    assert_eq!(
        (space.dimensions(), space.terms(), space.documents()),
        (2, 2, 3)
    );
}

#[test]
fn nothing_to_learn_from_and_wrong_settings_are_told() {
    let nothing = Lsa::fit(
        &texts(&["", "of the"]),
        &LsaSettings::default(),
        &mut |_| ControlFlow::Continue(()),
    );
    assert_eq!(nothing, Err(LsaError::NoWords));
    let none = Lsa::fit(&[], &LsaSettings::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(none, Err(LsaError::NoWords));
    for settings in [
        LsaSettings {
            dimensions: 0,
            ..LsaSettings::default()
        },
        LsaSettings {
            dimensions: 513,
            ..LsaSettings::default()
        },
        LsaSettings {
            vocabulary: 0,
            ..LsaSettings::default()
        },
        LsaSettings {
            least_documents: 0,
            ..LsaSettings::default()
        },
        LsaSettings {
            largest_share: f32::NAN,
            ..LsaSettings::default()
        },
        LsaSettings {
            exponent: 1.5,
            ..LsaSettings::default()
        },
        LsaSettings {
            iterations: 0,
            ..LsaSettings::default()
        },
    ] {
        assert!(
            matches!(settings.check(), Err(LsaError::Settings(_))),
            "{settings:?}"
        );
    }
}

#[test]
fn it_stops_wherever_it_is_told_to() {
    let mut heard = Vec::new();
    let dense = Lsa::fit(&worlds(), &LsaSettings::default(), &mut |at| {
        heard.push(at);
        ControlFlow::Continue(())
    });
    assert!(dense.is_ok());
    let of = heard.len();
    assert!(
        heard
            .iter()
            .zip(1..)
            .all(|(at, done)| *at == done as f32 / of as f32)
    );
    for stop in 1..=of {
        let stopped = Lsa::fit(&worlds(), &LsaSettings::default(), &mut |at| {
            if at == stop as f32 / of as f32 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(stopped, Err(LsaError::Stopped), "at {stop}");
    }
}

#[test]
fn equal_seeds_give_equal_spaces_and_bytes_bring_them_back() {
    let space = fit(&worlds(), &LsaSettings::default());
    assert_eq!(space, fit(&worlds(), &LsaSettings::default()));
    let bytes = space.to_bytes();
    assert_eq!(Lsa::from_bytes(&bytes), Ok(space));
    assert_eq!(
        Lsa::from_bytes(b"PK\x03\x04 something else"),
        Err(LsaBytesError::Foreign)
    );
    let mut newer = bytes.clone();
    newer[8] = 9;
    assert_eq!(Lsa::from_bytes(&newer), Err(LsaBytesError::Version(9)));
    for cut in 0..bytes.len() {
        assert!(Lsa::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_is_noticed(index: proptest::sample::Index, flip in 1_u8..) {
        let mut bytes = fit(&worlds(), &LsaSettings::default()).to_bytes();
        let index = index.index(bytes.len());
        bytes[index] ^= flip;
        proptest::prop_assert!(Lsa::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_an_error_and_no_panic(body in proptest::collection::vec(0_u8.., 0..200)) {
        // Also behind a good beginning and with a good sum.
        let mut bytes = b"MARQ-LSA\x01\0\0\0".to_vec();
        bytes.extend(&body);
        bytes.extend(xxhash_rust::xxh3::xxh3_64(&bytes).to_le_bytes());
        let _ = Lsa::from_bytes(&bytes);
        let _ = Lsa::from_bytes(&body);
    }

    #[test]
    fn every_vector_has_length_one(
        texts in proptest::collection::vec("[a-f]{1,2}( [a-f]{1,2}){0,6}", 1..30),
        dimensions in 1_usize..20,
        exponent in 0.0_f32..=1.0,
    ) {
        let documents: Vec<Document> =
            texts.iter().map(|text| Document::new().text(text.as_str(), 1.0)).collect();
        let settings = LsaSettings { dimensions, exponent, ..LsaSettings::default() };
        if let Ok(space) = Lsa::fit(&documents, &settings, &mut |_| ControlFlow::Continue(())) {
            proptest::prop_assert!(space.dimensions() <= dimensions);
            for vector in space.embed_all(&documents).into_iter().flatten() {
                proptest::prop_assert_eq!(vector.len(), space.dimensions());
                proptest::prop_assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn the_order_of_the_parts_says_nothing(text in "[a-d]{1,3}( [a-d]{1,3}){0,5}") {
        let space = fit(&worlds(), &LsaSettings::default());
        let one = Document::new().text("robot moon", 1.0).name("duke", 1.0, 0.5).text(text.as_str(), 1.0);
        let other = Document::new().text(text.as_str(), 1.0).name("duke", 1.0, 0.5).text("robot moon", 1.0);
        proptest::prop_assert_eq!(space.embed(&one), space.embed(&other));
    }
}
