//! What is refused, and how contexts are encoded.

use super::super::*;
use super::{both, slates};

#[test]
fn hours_belong_to_their_slots() {
    let slot = |hour| SlateContext::new(hour, 0, 1, 0).unwrap().slot();
    let expected = [
        (0, Slot::Night),
        (5, Slot::Night),
        (6, Slot::Morning),
        (13, Slot::Morning),
        (14, Slot::Afternoon),
        (18, Slot::Afternoon),
        (19, Slot::Evening),
        (21, Slot::Evening),
        (22, Slot::Night),
        (23, Slot::Night),
    ];
    for (hour, expected) in expected {
        assert_eq!(slot(hour), expected, "{hour}");
    }
}

#[test]
fn a_context_is_encoded_as_indicators_and_on_circles() {
    let saturday = SlateContext::new(18, 5, 4, 1).unwrap();
    let ones = |encoded: Vec<f64>| -> Vec<usize> {
        assert!(encoded.iter().all(|value| *value == 0.0 || *value == 1.0));
        (0..encoded.len())
            .filter(|at| encoded[*at] == 1.0)
            .collect()
    };
    assert_eq!(ones(saturday.one_hot(3)), [1, 4 + 5, 11, 12, 16 + 1]);
    assert_eq!(
        ones(saturday.one_hot(1)),
        [1, 4 + 5, 11, 12],
        "an unknown channel"
    );
    let cyclic = saturday.cyclic(1);
    let weekday = std::f64::consts::TAU * 5.0 / 7.0;
    let expected = [-1.0, 0.0, weekday.sin(), weekday.cos(), 1.0, 0.0, 1.0];
    assert_eq!(cyclic.len(), 7);
    for (found, expected) in cyclic.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12);
    }
    assert_eq!(saturday.cyclic(3)[7..], [0.0, 1.0, 0.0]);
    let winter = SlateContext::new(0, 0, 12, 0).unwrap();
    assert_eq!(winter.season(), Season::Winter);
    assert!(!winter.is_weekend());
}

#[test]
fn what_is_out_of_range_is_refused() {
    assert!(SlateContext::new(24, 0, 1, 0).is_err());
    assert!(SlateContext::new(0, 7, 1, 0).is_err());
    assert!(SlateContext::new(0, 0, 0, 0).is_err());
    assert!(SlateContext::new(0, 0, 13, 0).is_err());
    for settings in both() {
        assert!(Bandit::new(settings.clone(), MAX_CHANNELS + 1).is_err());
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            let settings = Settings {
                exploration: wrong,
                ..settings.clone()
            };
            assert!(Bandit::new(settings, 1).is_err());
        }
        let nothing = Settings {
            wanted: [0.0; SIGNALS],
            ..settings.clone()
        };
        assert!(Bandit::new(nothing, 1).is_err());
        let mut bandit = Bandit::new(settings, 1).unwrap();
        let context = SlateContext::new(0, 0, 1, 0).unwrap();
        for wrong in [f64::NAN, -0.1, 1.1] {
            let mut signals = [0.5; SIGNALS];
            signals[3] = wrong;
            assert!(bandit.rank(&context, &[(1, signals)], 1, 1).is_err());
            let mut event = slates(1, 1, 2).remove(0);
            event.shown[1] = signals;
            let error = bandit.update(event).unwrap_err().to_string();
            assert!(error.contains("diversity"), "{error}");
        }
        let good = slates(2, 2, 2);
        let mut bad = good.clone();
        bad[1].outcome = Outcome::OnePick(Some(2));
        assert!(bandit.update_all(bad.clone()).is_err());
        bad[1].outcome = Outcome::Clicks(vec![true]);
        assert!(bandit.update_all(bad).is_err());
        assert_eq!(bandit.events(), 0, "a batch with a fault changes nothing");
        assert_eq!(bandit.update_all(good).unwrap(), 2);
        assert!(bandit.knows(0) && !bandit.knows(7));
        let none: [(u32, Signals); 0] = [];
        assert!(bandit.rank(&context, &none, 5, 1).unwrap().1.is_empty());
        assert!(
            bandit
                .propensities(&context, &none, 5, 10, 1)
                .unwrap()
                .is_empty()
        );
        assert!(bandit.propensities(&context, &none, 5, 0, 1).is_err());
    }
}

#[test]
fn channels_are_told_apart() {
    for settings in both() {
        let mut bandit = Bandit::new(settings, 3).unwrap();
        let on = |channel| SlateContext::new(12, 2, 6, channel).unwrap();
        let mut events = slates(3, 150, 4);
        for event in &mut events {
            event.context = on(2);
            let best = (0..4).max_by(|a, b| event.shown[*a][5].total_cmp(&event.shown[*b][5]));
            event.outcome = Outcome::OnePick(best);
        }
        bandit.update_all(events).unwrap();
        let rights = |channel| bandit.weights(&on(channel))[5].mean;
        assert!(rights(2) > rights(0) && rights(0) == rights(1));
        assert!((rights(1) - rights(9)).abs() < 0.02, "an unknown channel");
    }
}

#[test]
fn a_warm_start_teaches_weights() {
    for settings in both() {
        let mut bandit = Bandit::new(settings, 1).unwrap();
        let mut events = slates(4, 300, 6);
        for event in &mut events {
            let best = (0..6).max_by(|a, b| event.shown[*a][4].total_cmp(&event.shown[*b][4]));
            event.outcome = Outcome::PastPick(best.unwrap());
        }
        let context = events[0].context;
        let before = bandit.weights(&context)[4].mean;
        assert_eq!(bandit.warm_start(events).unwrap(), 300);
        assert!(bandit.weights(&context)[4].mean > 1.2 * before);
    }
}
