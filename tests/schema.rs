//! The contract is a file that people read; the code must produce it.

use std::path::Path;

#[test]
fn the_code_produces_schema_graphql() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let live = marquee::graphql::sdl();
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
fn everything_in_the_contract_is_described() {
    let sdl = marquee::graphql::sdl();
    let lines: Vec<&str> = sdl.lines().collect();
    let mut bare = Vec::new();
    let mut described = false;
    let mut inside_text = false;
    for line in lines {
        let text = line.trim();
        if text == "\"\"\"" {
            inside_text = !inside_text;
            described = true;
            continue;
        }
        if inside_text || text.is_empty() || text == "}" || text == ")" {
            continue;
        }
        // The engine's own scalars and directives are described by their specification.
        let foreign = [
            "scalar ",
            "directive ",
            "schema ",
            "query:",
            "mutation:",
            "subscription:",
            ")",
        ];
        let own = !foreign.iter().any(|start| text.starts_with(start));
        if own && !described {
            bare.push(text.to_owned());
        }
        described = false;
    }
    assert!(bare.is_empty(), "describe these: {}", bare.join("\n"));
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
