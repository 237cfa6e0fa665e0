//! The bandit as a file.

use std::fs;
use std::process::Command;

use super::super::*;
use super::{both, slates};

fn trained(settings: Settings) -> Bandit {
    let mut bandit = Bandit::new(settings, 2).unwrap();
    let mut events = slates(1, 30, 4);
    events[3].ticked = vec![Signal::Curator, Signal::Rights];
    events[4].outcome = Outcome::Clicks(vec![true, false, true, false]);
    events[5].outcome = Outcome::PastPick(2);
    events[6].shown.clear();
    events[6].outcome = Outcome::OnePick(None);
    events[7].event = u128::MAX;
    bandit.update_all(events).unwrap();
    bandit.next_seed();
    bandit
}

#[test]
fn a_bandit_that_was_stored_draws_and_learns_as_before() {
    for settings in both() {
        let mut bandit = trained(settings);
        let bytes = bandit.to_npz();
        let mut loaded = Bandit::from_npz(&bytes).unwrap();
        assert_eq!(loaded.to_npz(), bytes);
        assert_eq!(loaded.log, bandit.log);
        let context = SlateContext::new(20, 4, 6, 1).unwrap();
        assert_eq!(loaded.draw(&context, 5), bandit.draw(&context, 5));
        assert_eq!(loaded.next_seed(), bandit.next_seed());
        // The model changes, and the stored one does not.
        let more = slates(2, 60, 4).split_off(30);
        bandit.update_all(more.clone()).unwrap();
        assert_ne!(loaded.draw(&context, 5), bandit.draw(&context, 5));
        assert!(
            !loaded.update(slates(1, 1, 4).remove(0)).unwrap(),
            "it knows this one"
        );
        loaded.update_all(more).unwrap();
        for (a, b) in loaded.posterior.mean.iter().zip(&bandit.posterior.mean) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}

#[test]
fn damaged_bytes_are_an_error() {
    for settings in both() {
        let bandit = trained(settings);
        let bytes = bandit.to_npz();
        assert!(Bandit::from_npz(&[]).is_err());
        for end in (0..bytes.len()).step_by(bytes.len() / 60) {
            assert!(Bandit::from_npz(&bytes[..end]).is_err(), "cut at {end}");
        }
        // A changed number fails its checksum. What no reader looks at may change: times and
        // attributes of the archive's entries.
        let mut refused = 0;
        let places = (0..bytes.len()).step_by(bytes.len() / 200);
        let count = places.clone().count();
        for at in places {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            match Bandit::from_npz(&changed) {
                Err(_) => refused += 1,
                Ok(loaded) => assert_eq!(loaded.to_npz(), bytes, "changed at {at}"),
            }
        }
        assert!(refused > count * 8 / 10, "{refused} of {count}");
    }
}

/// Numpy is there where `python3 -c "import numpy"` says so; another Python can be named by
/// `MARQUEE_TEST_PYTHON`.
#[test]
fn numpy_reads_the_arrays() {
    let python = std::env::var("MARQUEE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let run = |script: &str| Command::new(&python).args(["-c", script]).output();
    if !run("import numpy").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no numpy; MARQUEE_TEST_PYTHON may name a Python that has it");
        return;
    }
    for settings in both() {
        let bandit = trained(settings);
        let path = std::env::temp_dir().join(format!(
            "bandit-{}-{}.npz",
            std::process::id(),
            bandit.model.features
        ));
        fs::write(&path, bandit.to_npz()).unwrap();
        let script = format!(
            "import numpy\n\
             f = numpy.load(r'{}')\n\
             for n in sorted(f): print(n, f[n].shape, f[n].dtype.str)\n\
             print('sum', repr(float(f['A'].sum())), repr(float(f['U'].sum() + f['b'].sum() + f['a'].sum())))\n\
             print('kind', f['sampler'], int(f['rng'][1]), int(f['event_id'].max()))\n\
             print('same', (f['A'] == f['A'].T).all(), (f['m'].reshape(7, -1)[1:, 0] == f['b']).all())",
            path.display()
        );
        let output = run(&script).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let features = bandit.model.features;
        let size = 7 * features;
        let expected = [
            format!("U (6, {}) <f8", features - 1),
            "b (6,) <f8".into(),
            format!("h_U (6, {}) <f8", features - 1),
            "h_b (6,) <f8".into(),
            format!("a ({features},) <f8"),
            format!("A ({size}, {size}) <f8"),
            format!("m ({size},) <f8"),
            "event_id (30, 2) <u8".into(),
            "item_signals (116, 6) <f8".into(),
            "item_taken (116,) |u1".into(),
            "event_context (30, 4) <u2".into(),
            "exploration () <f8".into(),
            "rng (2,) <u8".into(),
            format!(
                "kind {} 1 {}",
                if features == 10 {
                    "logistic"
                } else {
                    "softmax"
                },
                u64::MAX
            ),
        ];
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        let sums = text
            .lines()
            .find_map(|line| line.strip_prefix("sum "))
            .unwrap();
        let sums: Vec<f64> = sums.split(' ').map(|sum| sum.parse().unwrap()).collect();
        let precision: f64 = bandit.posterior.precision.iter().sum();
        let mean: f64 = bandit.posterior.mean.iter().sum();
        assert!((sums[0] - precision).abs() < 1e-6 && (sums[1] - mean).abs() < 1e-9);
        let same = text.lines().find_map(|line| line.strip_prefix("same "));
        assert!(same.is_some_and(|same| same.ends_with("True")), "{text}");
    }
}
