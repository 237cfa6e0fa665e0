//! Playing by JSON lines.

use serde_json::{Value, json};

use super::super::protocol::serve;
use super::super::random::Normals;
use super::super::{SIGNALS, Settings, Signal, Signals};
use rand::RngExt;

/// The answers to lines.
fn play(lines: &[String]) -> Vec<Value> {
    let mut out = Vec::new();
    serve(Settings::default(), lines.join("\n").as_bytes(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn signals(values: &Signals) -> Value {
    let named = Signal::ALL.iter().zip(values);
    named
        .map(|(signal, value)| (signal.name().to_owned(), json!(value)))
        .collect()
}

fn decide(t: u64, candidates: &[Signals], l: usize) -> String {
    let candidates: Vec<Value> = candidates
        .iter()
        .enumerate()
        .map(|(at, values)| json!({"id": format!("{t}-{at}"), "signals": signals(values)}))
        .collect();
    let context = json!({"dow": 5, "hour": 12, "month": 6});
    json!({"type": "decide", "t": t, "ts": 1_717_243_200, "context": context, "l": l,
        "candidates": candidates})
    .to_string()
}

fn feedback(t: u64, items: &[(usize, Signals, u8)]) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|(at, values, selected)| {
            json!({"id": format!("{t}-{at}"), "signals": signals(values), "selected": selected})
        })
        .collect();
    json!({"t": t, "context": {"dow": 5, "hour": 12, "month": 6}, "items": items})
}

fn line(events: &[Value]) -> String {
    json!({"type": "feedback", "events": events}).to_string()
}

fn some_candidates(count: usize) -> Vec<Signals> {
    let mut random = Normals::new(1);
    (0..count)
        .map(|_| [(); SIGNALS].map(|()| random.uniform.random()))
        .collect()
}

#[test]
fn a_decision_is_a_slate_with_the_propensities_of_all_candidates() {
    let answer = &play(&[decide(17, &some_candidates(30), 5)])[0];
    let slate = answer["slate"].as_array().unwrap();
    assert_eq!(slate.len(), 5);
    let propensities = answer["propensities"].as_object().unwrap();
    assert_eq!(propensities.len(), 30);
    let sum: f64 = propensities.values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 5.0).abs() < 1e-6);
    for id in slate {
        let propensity = propensities[id.as_str().unwrap()].as_f64().unwrap();
        assert!((1.0 / 1024.0..=1.0).contains(&propensity));
    }
}

#[test]
fn feedback_is_learned_and_its_repetition_and_order_change_nothing() {
    let candidates = some_candidates(4);
    let events: Vec<Value> = (0..40)
        .map(|t| feedback(t, &[(0, candidates[0], 1), (1, candidates[1], 0)]))
        .collect();
    let mut backwards = events.clone();
    backwards.reverse();
    let asked = decide(99, &candidates, 2);
    let straight = play(&[line(&events), asked.clone()]);
    let again = play(&[
        line(&backwards),
        line(&events[5..20]),
        line(&events[..1]),
        asked.clone(),
    ]);
    assert_eq!(straight[0], json!({"ok": true}));
    assert_eq!(straight[1], again[3]);
    assert_ne!(straight[1], play(&[asked])[0]);
}

#[test]
fn what_was_decided_here_is_not_taken_from_feedback() {
    let candidates = some_candidates(3);
    let asked = decide(1, &candidates, 3);
    let honest = line(&[feedback(1, &[(0, candidates[0], 1), (1, candidates[1], 0)])]);
    let forged = line(&[feedback(
        1,
        &[(0, [1.0; SIGNALS], 1), (1, [0.0; SIGNALS], 0)],
    )]);
    let next = decide(2, &candidates, 2);
    let told = |feedback: String| play(&[asked.clone(), feedback, next.clone()])[2].clone();
    assert_eq!(told(honest), told(forged));
}

#[test]
fn none_one_and_several_items_may_be_selected() {
    let candidates = some_candidates(3);
    let event = |t: u64, selected: [u8; 3]| {
        let items: Vec<_> = (0..3)
            .map(|at| (at, candidates[at], selected[at]))
            .collect();
        feedback(t, &items)
    };
    let asked = decide(99, &candidates, 2);
    let one_by_one = play(&[
        line(&[event(1, [0, 0, 0])]),
        line(&[event(2, [0, 1, 0])]),
        line(&[event(3, [1, 1, 0])]),
        line(&[event(4, [0, 0, 1])]),
        asked.clone(),
    ]);
    assert!(
        one_by_one[..4]
            .iter()
            .all(|answer| answer["ok"] == json!(true))
    );
    // The slates before the first with several count as clicks then as well.
    let at_once = play(&[
        line(&[event(3, [1, 1, 0]), event(1, [0, 0, 0])]),
        line(&[event(4, [0, 0, 1]), event(2, [0, 1, 0])]),
        asked,
    ]);
    assert_eq!(one_by_one[4], at_once[2]);
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_game_goes_on() {
    let candidates = some_candidates(2);
    let good = decide(1, &candidates, 1);
    let with = |path: &str, value: Value| {
        let mut message: Value = serde_json::from_str(&good).unwrap();
        *message.pointer_mut(path).unwrap() = value;
        message.to_string()
    };
    let stranger = json!({"t": 5, "items": [{"id": "x", "selected": 1}]});
    let mut unsigned = feedback(6, &[(0, candidates[0], 1)]);
    unsigned["items"][0]
        .as_object_mut()
        .unwrap()
        .remove("signals");
    let mut twice = feedback(7, &[(0, candidates[0], 1), (0, candidates[0], 0)]);
    let mut halves = feedback(8, &[(0, candidates[0], 1)]);
    halves["items"][0]["selected"] = json!(0.5);
    twice["t"] = json!(7);
    let cases = [
        ("{", "EOF"),
        ("[]", ""),
        ("{\"type\":\"dance\"}", "dance"),
        ("\u{0}", ""),
        (
            &with("/candidates/0/signals/novelty", json!(1.5)),
            "novelty",
        ),
        (&with("/candidates/0/signals/rights", json!(-0.5)), "rights"),
        (&good.replacen("0.", "NaN", 1), ""),
        (&with("/candidates/1/id", json!("1-0")), "twice"),
        (&with("/context/hour", json!(24)), "hour"),
        (&with("/context/dow", json!(2.5)), "dow"),
        (&with("/context/month", json!(0)), "month"),
        (&with("/l", json!(-1)), "-1"),
        (&with("/l", json!(100_000)), "`l`"),
        (&line(&[stranger]), "context"),
        (&line(&[unsigned]), "signals"),
        (&line(&[twice]), "twice"),
        (&line(&[halves]), "0.5"),
        ("\"\\ud800\"", ""),
    ];
    let lines: Vec<String> = cases.iter().map(|(line, _)| (*line).to_owned()).collect();
    let answers = play(&[lines, vec![good.clone()]].concat());
    assert_eq!(answers.len(), cases.len() + 1);
    for (at, ((line, word), answer)) in cases.iter().zip(&answers).enumerate() {
        let error = answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(error.starts_with(&format!("line {}: ", at + 1)), "{error}");
        assert!(error.contains(word), "{line}: {error}");
    }
    assert_eq!(
        answers[cases.len()],
        play(&[good])[0],
        "they changed nothing"
    );
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let mut out = Vec::new();
    serve(Settings::default(), &b"\xff\xfe\n\n{}\n"[..], &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let errors: Vec<&str> = out.lines().collect();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].contains("line 1") && errors[1].contains("line 3"),
        "{out}"
    );
}

#[test]
fn what_a_context_lacks_is_taken_from_the_time() {
    let candidates = some_candidates(5);
    // 2024-06-01, a Saturday, at noon.
    let full = decide(1, &candidates, 2);
    let mut message: Value = serde_json::from_str(&full).unwrap();
    message["context"] = json!({});
    let events: Vec<Value> = (0..30)
        .map(|t| feedback(t + 10, &[(0, candidates[0], 1)]))
        .collect();
    let of_time = play(&[line(&events), message.to_string()]);
    let given = play(&[line(&events), full]);
    assert_eq!(of_time[1], given[1]);
    message.as_object_mut().unwrap().remove("ts");
    let error = play(&[message.to_string()]);
    assert!(error[0]["error"].as_str().unwrap().contains("hour"));
    for (ts, month, day) in [
        (951_782_400, 2, 1),
        (951_868_800, 3, 2),
        (978_220_800, 12, 6),
    ] {
        // 2000-02-29 a Tuesday, 2000-03-01 a Wednesday, 2000-12-31 a Sunday.
        let mut message: Value = serde_json::from_str(&decide(1, &candidates, 2)).unwrap();
        message["ts"] = json!(ts);
        message["context"] = json!({});
        let derived = play(&[line(&events), message.to_string()]);
        message["context"] = json!({"hour": 0, "dow": day, "month": month});
        assert_eq!(derived[1], play(&[line(&events), message.to_string()])[1]);
    }
}

#[test]
fn a_missing_signal_counts_as_one_half() {
    let mut candidates = some_candidates(3);
    candidates[1][2] = 0.5;
    let full = decide(1, &candidates, 2);
    let mut message: Value = serde_json::from_str(&full).unwrap();
    let signals = message["candidates"][1]["signals"].as_object_mut().unwrap();
    signals.remove("competition");
    assert_eq!(play(&[message.to_string()]), play(&[full]));
}
