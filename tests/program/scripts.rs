//! The scripts around the program.

use std::process::Command;

/// `build_progress.py` has the tests; each of them is a line of the output.
#[test]
fn how_far_a_build_is_and_how_long_it_takes_is_told() {
    let tests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/program/build_progress.py"
    );
    let output = Command::new("python3")
        .args([tests, "--verbose"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Ran 11 tests"), "{said}");
}
