//! Channels that a bandit did not tell apart from the beginning.

use super::super::*;
use super::{both, slates};

/// Slates of twelve channels.
fn of_channels(seed: u64, count: usize) -> Vec<SlateFeedback> {
    let mut slates = slates(seed, count, 5);
    for (at, slate) in slates.iter_mut().enumerate() {
        let context = slate.context;
        let channel = (at % 12) as u16;
        slate.context =
            SlateContext::new(context.hour(), context.weekday(), context.month(), channel).unwrap();
    }
    slates
}

fn near(a: &Bandit, b: &Bandit) {
    for (a, b) in [
        (&a.posterior.mean, &b.posterior.mean),
        (&a.posterior.precision, &b.posterior.precision),
    ] {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= 1e-8 * (1.0 + b.abs()), "{a} {b}");
        }
    }
}

#[test]
fn channels_that_are_told_apart_later_are_known_as_if_from_the_beginning() {
    for settings in both() {
        for forgetting in [1.0, 0.99] {
            let settings = Settings {
                forgetting,
                ..settings.clone()
            };
            let events = of_channels(3, 120);
            let mut wide = Bandit::new(settings.clone(), 16).unwrap();
            wide.update_all(events.clone()).unwrap();
            let mut grown = Bandit::new(settings, 8).unwrap();
            grown.update_all(events[..70].to_vec()).unwrap();
            grown.tell_apart(16).unwrap();
            assert_eq!(grown.channels(), 16);
            grown.update_all(events[70..].to_vec()).unwrap();
            near(&grown, &wide);
        }
    }
}

#[test]
fn channels_beyond_those_told_apart_have_the_same_weights_and_channels_within_have_their_own() {
    for settings in both() {
        let weights = |channels: usize| {
            let mut bandit = Bandit::new(settings.clone(), channels).unwrap();
            bandit.update_all(of_channels(5, 200)).unwrap();
            let of = |channel| {
                let context = SlateContext::new(21, 4, 3, channel).unwrap();
                bandit.draw_distribution(&context).mean
            };
            (0..12).map(of).collect::<Vec<_>>()
        };
        let few = weights(8);
        assert!(few[8..].iter().all(|mean| *mean == few[8]));
        let all = weights(16);
        for a in 0..12 {
            assert!((0..a).all(|b| all[a] != all[b]), "{a}");
        }
    }
}

/// More events than are kept: half of them are folded.
#[test]
fn what_was_folded_stays_known_when_more_channels_are_told_apart() {
    let mut bandit = Bandit::new(Settings::default(), 2).unwrap();
    let mut events = slates(7, MAX_EVENTS + 1, 2);
    for event in &mut events {
        event.context = SlateContext::new(20, 4, 3, 1).unwrap();
    }
    bandit.update_all(events).unwrap();
    assert!(bandit.folded.is_some());
    let context = SlateContext::new(20, 4, 3, 1).unwrap();
    let before = (bandit.draw_distribution(&context), bandit.events());
    bandit.tell_apart(8).unwrap();
    let after = bandit.draw_distribution(&context);
    for (a, b) in after.mean.iter().zip(&before.0.mean) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert_eq!(bandit.events(), before.1);
    // Fewer channels change nothing, and too many are refused.
    bandit.tell_apart(1).unwrap();
    assert_eq!(bandit.channels(), 8);
    assert!(bandit.tell_apart(MAX_CHANNELS + 1).is_err());
    let again = Bandit::from_npz(&bandit.to_npz()).unwrap();
    assert_eq!(again.channels(), 8);
    assert_eq!(
        again.draw_distribution(&context),
        bandit.draw_distribution(&context)
    );
}
