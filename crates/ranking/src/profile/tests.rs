use proptest::prelude::*;

use super::*;

const WESTERN: [f32; 2] = [1.0, 0.0];
const MUSICAL: [f32; 2] = [0.0, 1.0];

fn event(item: &[f32], weight: f32, age: f32) -> Event<'_> {
    Event { item, weight, age }
}

fn assert_near(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    let near = got
        .iter()
        .zip(wanted)
        .all(|(got, wanted)| (got - wanted).abs() < 1e-5);
    assert!(near, "{got:?} is not {wanted:?}");
}

#[test]
fn a_session_leans_to_what_was_done_last() {
    let events = [event(&WESTERN, 1.0, 20.0), event(&MUSICAL, 1.0, 0.0)];

    // (e⁻², 1) with norm 1.
    assert_near(&session(2, &events, 10.0), &[0.134_112_1, 0.990_966_1]);
}

#[test]
fn the_order_in_which_events_arrive_does_not_matter() {
    let events = [
        event(&WESTERN, 0.3, 7.0),
        event(&MUSICAL, 1.0, 0.0),
        event(&WESTERN, 0.1, 3.0),
    ];
    let [a, b, c] = events;

    assert_eq!(session(2, &events, 5.0), session(2, &[c, a, b], 5.0));
    assert_eq!(
        Interests::of(2, &events, 5.0),
        Interests::of(2, &[b, c, a], 5.0)
    );
}

#[test]
fn what_was_turned_away_from_is_pushed_away() {
    let mut now = session(2, &[event(&WESTERN, 1.0, 0.0)], 10.0);
    follow_session(&mut now, 0.0, 10.0, &MUSICAL, -0.75);
    assert_near(&now, &[0.8, -0.6]);

    let mut taste = [0.5, 0.5];
    follow_taste(&mut taste, &MUSICAL, -0.2);
    assert_near(&taste, &[0.5, 0.3]);
}

#[test]
fn taking_back_everything_leaves_nothing() {
    let events = [event(&WESTERN, 0.7, 0.0), event(&WESTERN, -1.0, 0.0)];

    // The session has norm 1 after the first event, so a weight of -1 takes back all of it.
    assert_eq!(session(2, &events, 10.0), [0.0, 0.0]);
}

#[test]
fn a_taste_moves_by_the_rate() {
    let mut taste = [0.0, 0.0];

    follow_taste(&mut taste, &[3.0, 0.0], 0.3);
    assert_near(&taste, &[0.3, 0.0]);
    follow_taste(&mut taste, &MUSICAL, 0.05);
    assert_near(&taste, &[0.285, 0.05]);
}

#[test]
fn a_lasting_dislike_does_not_grow_past_norm_1() {
    let mut taste = [0.0, 0.0];
    (0..50).for_each(|_| follow_taste(&mut taste, &WESTERN, -0.3));

    assert_near(&taste, &[-1.0, 0.0]);
}

#[test]
fn two_opposite_tastes_stay_two_interests() {
    let away = [-1.0, 0.0];
    let events: Vec<Event<'_>> = (0..20_u8)
        .map(|at| {
            event(
                if at % 2 == 0 { &WESTERN } else { &away },
                1.0,
                f32::from(at),
            )
        })
        .collect();

    let interests = Interests::of(2, &events, 1e9);

    let mut vectors: Vec<&[f32]> = interests
        .as_slice()
        .iter()
        .map(|interest| &interest.vector[..])
        .collect();
    vectors.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(vectors, [&away, &WESTERN]);
    assert!(
        interests
            .as_slice()
            .iter()
            .all(|interest| (interest.weight - 10.0).abs() < 1e-3)
    );
}

#[test]
fn an_item_within_the_threshold_joins_and_moves_the_mean() {
    // Cosines of .8 and .6 to the west.
    let (near, far) = ([0.8, 0.6], [0.6, -0.8]);

    let one = Interests::of(2, &[event(&WESTERN, 3.0, 1.0), event(&near, 1.0, 0.0)], 0.0);
    let two = Interests::of(2, &[event(&WESTERN, 3.0, 1.0), event(&far, 1.0, 0.0)], 0.0);

    // (3.8, 0.6) with norm 1.
    assert_near(&one.as_slice()[0].vector, &[0.987_762_9, 0.155_962_6]);
    assert_eq!((one.as_slice().len(), one.as_slice()[0].weight), (1, 4.0));
    assert_eq!(two.as_slice().len(), 2);
}

#[test]
fn interests_that_have_come_near_become_one() {
    // 60° apart are two; one between them draws the nearer to within 45° of the other.
    let at = |degrees: f32| [degrees.to_radians().cos(), degrees.to_radians().sin()];
    let (first, second, between) = (at(0.0), at(60.0), at(25.0));
    let mut interests = Interests::default();
    interests.follow(2, &first, 1.0);
    interests.follow(2, &second, 1.0);
    assert_eq!(interests.as_slice().len(), 2);

    interests.follow(2, &between, 2.0);

    assert_eq!(interests.as_slice().len(), 1);
    // (1, 0) + 2 · (cos 25°, sin 25°), brought to length 3, + (cos 60°, sin 60°), with norm 1.
    assert_near(&interests.as_slice()[0].vector, &[0.889_855, 0.456_243_5]);
    assert_eq!(interests.as_slice()[0].weight, 4.0);
}

#[test]
fn a_fifth_interest_takes_the_place_of_the_lightest() {
    let axis = |at: usize| {
        (0..6)
            .map(|i| f32::from(u8::from(i == at)))
            .collect::<Vec<f32>>()
    };
    let mut interests = Interests::default();
    for (at, weight) in [5.0, 0.5, 4.0, 3.0, 0.1, 0.2].into_iter().enumerate() {
        interests.follow(6, &axis(at), weight);
    }

    let held: Vec<(Vec<f32>, f32)> = interests
        .as_slice()
        .iter()
        .map(|i| (i.vector.clone(), i.weight))
        .collect();
    assert_eq!(
        held,
        [
            (axis(0), 5.0),
            (axis(2), 4.0),
            (axis(3), 3.0),
            (axis(5), 0.2)
        ]
    );
}

#[test]
fn an_interest_fades_by_half_lives_until_it_is_forgotten() {
    let mut interests = Interests::of(2, &[event(&WESTERN, 1.0, 30.0)], 15.0);
    assert_near(&[interests.as_slice()[0].weight], &[0.25]);

    interests.fade(300.0, 15.0);
    assert!(interests.as_slice().is_empty());
}

#[test]
fn dislikes_take_an_interest_away() {
    let mut interests = Interests::default();
    interests.follow(2, &WESTERN, 1.0);
    interests.follow(2, &MUSICAL, -5.0);
    assert_eq!(interests.as_slice().len(), 1);

    interests.follow(2, &WESTERN, -0.4);
    assert_near(&[interests.as_slice()[0].weight], &[0.6]);
    interests.follow(2, &WESTERN, -0.7);
    assert!(interests.as_slice().is_empty());
}

#[test]
fn what_was_kept_comes_back_and_what_is_broken_does_not() {
    let events = [event(&WESTERN, 2.0, 1.0), event(&MUSICAL, 1.0, 0.0)];
    let interests = Interests::of(2, &events, 10.0);
    let broken = [
        (vec![f32::NAN, 0.0], 1.0),
        (vec![1.0], 1.0),
        (vec![1.0, 0.0], f32::NAN),
    ]
    .map(|(vector, weight)| Interest { vector, weight });

    let kept = interests.as_slice().iter().cloned().chain(broken);

    assert_eq!(Interests::restore(2, kept), interests);
}

/// Anything a caller could come with.
fn events() -> impl Strategy<Value = Vec<(Vec<f32>, f32, f32)>> {
    let number = prop_oneof![4 => -2.0_f32..2.0, 1 => any::<f32>()];
    let item = prop::collection::vec(number.clone(), 3..=3);
    let item = prop_oneof![9 => item, 1 => prop::collection::vec(any::<f32>(), 0..5)];
    prop::collection::vec((item, number, any::<f32>()), 0..25)
}

fn norm_of(vector: &[f32]) -> f64 {
    product(vector, vector).sqrt()
}

proptest! {
    #[test]
    fn whatever_comes_in_profiles_stay_finite_and_within_norm_1(
        raw in events(),
        time in any::<f32>(),
    ) {
        let events: Vec<Event<'_>> =
            raw.iter().map(|(item, weight, age)| event(item, *weight, *age)).collect();

        let now = session(3, &events, time);
        let norm = norm_of(&now);
        prop_assert!(norm == 0.0 || (norm - 1.0).abs() < 1e-5, "{}", norm);

        let mut taste = vec![0.0; 3];
        for event in &events {
            follow_taste(&mut taste, event.item, event.weight);
            prop_assert!(norm_of(&taste) <= 1.0 + 1e-6);
        }

        let interests = Interests::of(3, &events, time);
        let held = interests.as_slice();
        prop_assert!(held.len() <= INTERESTS);
        for (at, interest) in held.iter().enumerate() {
            prop_assert!((norm_of(&interest.vector) - 1.0).abs() < 1e-5);
            prop_assert!(interest.weight > 0.0 && interest.weight.is_finite());
            for other in &held[..at] {
                prop_assert!(product(&interest.vector, &other.vector) < 0.701);
            }
        }
        prop_assert!(held.is_sorted_by(|a, b| a.weight >= b.weight));
    }
}
