//! The contract is a file that people read; the code must produce it.

mod conventions;
mod descriptions;

use std::path::Path;

use conventions::{Convention, shape};
use descriptions::{Rule, read};

#[test]
fn the_code_produces_schema_graphql() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let live = graphql::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &live).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == live,
        "run `UPDATE_SCHEMA=1 cargo test --test schema`, then read the difference:\n{}",
        difference(&kept, &live)
    );
}

#[test]
fn every_description_of_the_contract_keeps_to_the_rules() {
    let schema = read(&graphql::sdl());
    let offences: Vec<String> = Rule::ALL
        .iter()
        .flat_map(|rule| rule.offences(&schema))
        .collect();
    assert!(
        offences.is_empty(),
        "write these for people who read them in GraphiQL:\n{}",
        offences.join("\n")
    );
}

#[test]
fn the_contract_keeps_to_its_conventions() {
    let shape = shape(&graphql::sdl());
    let offences: Vec<String> = Convention::ALL
        .iter()
        .flat_map(|convention| convention.offences(&shape))
        .collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// The first lines in which two texts differ.
fn difference(kept: &str, live: &str) -> String {
    let mut kept = kept.lines();
    for (number, line) in live.lines().enumerate() {
        let was = kept.next().unwrap_or("(nothing)");
        if was != line {
            return format!("line {}:\n- {was}\n+ {line}", number + 1);
        }
    }
    "(the end of the file)".to_owned()
}
