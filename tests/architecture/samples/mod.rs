//! For every rule, text that it must catch and text that it must let pass: a rule that has gone
//! blind fails here.

mod arrows;
mod floors;
mod kept;
mod libraries;
mod tables;

use super::sources::Program;
use super::walls::{Broken, Wall, broken};

/// What a rule must say of some text.
struct Sample {
    wall: Wall,
    /// Where the text would lie.
    file: &'static str,
    text: &'static str,
    /// The lines that are found, in their order; none is a sample that must pass.
    lines: &'static [usize],
}

const fn catch(
    wall: Wall,
    file: &'static str,
    text: &'static str,
    lines: &'static [usize],
) -> Sample {
    Sample {
        wall,
        file,
        text,
        lines,
    }
}

const fn pass(wall: Wall, file: &'static str, text: &'static str) -> Sample {
    Sample {
        wall,
        file,
        text,
        lines: &[],
    }
}

/// Other files that samples stand beside.
const BESIDE: &[(&str, &str)] = &[
    (
        "crates/foundation/src/lib.rs",
        "pub mod clock;\npub use clock::Clock as Timer;\npub use chrono::Utc as Zone;",
    ),
    ("crates/foundation/src/clock.rs", "pub struct Clock;"),
    (
        "src/domain/mod.rs",
        "use crate::graphql as face;\npub mod search;",
    ),
    (
        "src/domain/model.rs",
        "pub type Score = f32;\npub type Weights = Vec<Score>;",
    ),
];

fn samples() -> impl Iterator<Item = &'static Sample> {
    let all = [
        arrows::ARROWS,
        libraries::LIBRARIES,
        kept::KEPT,
        floors::FLOORS,
        tables::TABLES,
    ];
    all.into_iter().flatten()
}

fn found(wall: Wall, file: &str, text: &str) -> Vec<Broken> {
    let mut files = vec![(file, text)];
    files.extend(BESIDE.iter().filter(|(beside, _)| *beside != file));
    let mut found = broken(wall, &Program::of(&files));
    found.retain(|one| one.file == file);
    found
}

#[test]
fn every_rule_catches_and_passes_what_it_should() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let found = found(sample.wall, sample.file, sample.text);
        let lines: Vec<usize> = found.iter().map(|one| one.line).collect();
        if lines != sample.lines {
            let said: Vec<String> = found.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{:?} should find lines {:?} of {}, and says {said:#?}:\n{}",
                sample.wall, sample.lines, sample.file, sample.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_rule_has_a_sample_to_catch() {
    for wall in Wall::ALL {
        let caught = samples().any(|sample| sample.wall == wall && !sample.lines.is_empty());
        // What these two look at is not in the text of one file; each has a test below.
        let apart = matches!(wall, Wall::Length | Wall::Orphans);
        assert!(caught || apart, "{wall:?} has no sample");
    }
}

#[test]
fn a_file_of_451_lines_is_too_long() {
    let line = "// A line.\n";
    assert!(found(Wall::Length, "src/domain/mod.rs", &line.repeat(450)).is_empty());
    let caught = found(Wall::Length, "crates/ranking/src/top.rs", &line.repeat(451));
    assert_eq!(caught.len(), 1);
}

#[test]
fn a_file_that_no_module_leads_to_is_found() {
    let mut program = Program::of(&[("src/lib.rs", "pub mod app;")]);
    program.orphans.push("src/app/old.rs".to_owned());
    let found = broken(Wall::Orphans, &program);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].file, "src/app/old.rs");
}

/// The walk over the disk sees each crate, and leaves out what only tests lead to.
#[test]
fn the_whole_program_is_read_and_its_tests_are_not() {
    let program = Program::of_this_project();
    let has = |file: &str| program.sources.iter().any(|source| source.file == file);
    for file in [
        "src/main.rs",
        "src/lib.rs",
        "crates/engine/src/lib.rs",
        "crates/ranking/src/lib.rs",
    ] {
        assert!(has(file), "{file} is not read");
    }
    assert!(
        program.sources.len() > 250,
        "only {} files",
        program.sources.len()
    );
    assert!(
        !has("crates/ranking/src/tests.rs"),
        "a test is read as part of the program"
    );
    // Its first test stands at the top, and most of the file below it.
    let matrix = "crates/ranking/src/collaborative.rs";
    let matrix = program.sources.iter().find(|source| source.file == matrix);
    let last = matrix.and_then(|source| source.facts.named.last());
    assert!(
        last.is_some_and(|named| named.line > 200),
        "a file is not read to its end"
    );
}
