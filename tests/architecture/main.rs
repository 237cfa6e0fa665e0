//! The walls of the program: which part may name what. See `src/lib.rs` for the arrows.
//!
//! The sources are read as syntax (`syntax.rs`), items of tests left out; `walls.rs` has the rules;
//! `samples.rs` has, for every rule, text that it must catch and text that it must let pass, so that
//! a rule that has gone blind fails a test.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod conditions;
mod floors;
mod names;
mod samples;
mod singles;
mod sources;
mod syntax;
mod tables;
mod walls;

use sources::Program;
use walls::{EXCEPTIONS, Wall, broken};

/// One test for all walls: reading the program takes longer than looking at it.
#[test]
fn every_part_of_the_program_keeps_to_its_walls() {
    let program = Program::of_this_project();
    let mut found = Vec::new();
    for wall in Wall::ALL {
        let mut broken = broken(wall, &program);
        for exception in EXCEPTIONS.iter().filter(|it| it.wall == wall) {
            let before = broken.len();
            broken.retain(|one| !exception.allows(one));
            assert!(
                broken.len() < before,
                "nothing needs this exception any more: {} ({})",
                exception.file,
                exception.reason
            );
        }
        found.extend(broken.iter().map(|one| format!("{wall:?}: {one}")));
    }
    println!("The floors of `domain`:\n{}", floors::plan(&program));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
