//! What the reasons of a blend promise.

use super::*;

#[test]
fn a_reason_is_a_past_item_and_has_the_score_of_its_item() {
    let model = model();
    let entries = known(&[(0, 1.0), (2, 0.5), (6, 2.0)]);
    let scored = model.scores(&entries).unwrap();

    let reasons = model.explain(&entries, &scored, &[4, 8], |_| true).unwrap();

    for (reason, item) in reasons.iter().zip([4_u32, 8]) {
        assert_eq!(reason.item, item);
        assert_eq!(reason.score, scored.scores[item as usize]);
        assert!([0, 2, 6].contains(&reason.because) && reason.contribution > 0.0);
    }
}

#[test]
fn a_reason_is_one_that_may_be_named() {
    let model = model();
    let entries = known(&[(0, 1.0), (2, 0.5), (6, 2.0)]);
    let scored = model.scores(&entries).unwrap();

    let reasons = model.explain(&entries, &scored, &[4, 8], |item| item == 2);
    let named = reasons
        .unwrap()
        .iter()
        .map(|reason| reason.because)
        .collect::<Vec<_>>();
    assert_eq!(named, [2, 2]);
    let none = model.explain(&entries, &scored, &[4, 8], |_| false);
    assert!(none.unwrap().is_empty());
}

#[test]
fn the_heaviest_entry_is_not_the_reason_for_what_another_speaks_for() {
    let crossing = (40_u32..44).flat_map(|user| (0_u32..29).map(move |item| (user, item, 1.0)));
    let table: Vec<_> = taste().triplets().chain(crossing).collect();
    let table = Interactions::from_triplets(44, 30, table, Repeats::Max).unwrap();
    let settings = GraphSettings {
        confidence: 1.0,
        ..GraphSettings::default()
    };
    let graph = Recipe::of(Kind::Graph(settings));
    let model = Model::fit(&graph, &table, &mut { GOES_ON }).unwrap();
    let entries = known(&[(0, 30.0), (1, 1.0)]);
    let scored = model.scores(&entries).unwrap();
    let items = [4, 6, 8, 5];

    let mut sums = vec![0.0; items.len() * entries.len()];
    let part = &model.parts[0];
    part.add_contributions(&entries, &[0, 1], &items, 1.0, &mut sums)
        .unwrap();
    assert!(
        sums[6] > sums[7],
        "what weighs most contributes most to 5, too"
    );
    let reasons = model.explain(&entries, &scored, &items, |_| true).unwrap();
    let named: Vec<u32> = reasons.iter().map(|reason| reason.because).collect();
    assert_eq!(named, [0, 0, 0, 1]);
}
