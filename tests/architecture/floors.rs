//! The floors of `domain`: a room names rooms of lower floors only, so that there is no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Path, module_of};
use super::sources::{Program, Source};

/// The rooms of each floor, the lowest first.
pub const FLOORS: &[&[&str]] = &[
    &["auth"],
    &["job_handler"],
    &[
        "users", "people", "content", "uploads", "models", "channels",
    ],
    &["interactions", "embeddings", "competition"],
    &["profiles", "experiments"],
    &["search"],
    &["recommendations", "slates"],
    &["imports", "generation", "caching", "promotion"],
    &["jobs"],
    &["upkeep", "monitoring", "demo", "schemas"],
];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The room of `domain` that a module belongs to.
fn room_of(path: &Path) -> Option<&str> {
    match path.as_slice() {
        [own, floor, room, ..] if own == "marquee" && floor == "domain" => Some(room),
        _ => None,
    }
}

/// The other rooms that a file names, each with the line and the path.
fn named_rooms(source: &Source, program: &Program) -> Vec<(String, usize, Path)> {
    let module = module_of(&source.file);
    let Some(own) = room_of(&module) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for named in &source.facts.named {
        for path in [program.names.meant(named), program.names.origin(named)] {
            if let Some(room) = room_of(&path)
                && room != own
                && floor_of(room).is_some()
            {
                found.push((room.to_owned(), named.line, path));
            }
        }
    }
    found
}

/// Adds what a file of a room names on its own floor or above it, and a room that has no floor.
pub fn look(source: &Source, program: &Program, add: &mut dyn FnMut(usize, String)) {
    let module = module_of(&source.file);
    let Some(own) = room_of(&module) else {
        return;
    };
    let Some(floor) = floor_of(own) else {
        // A file beside the rooms, such as `domain/mod.rs`, has three parts at most.
        add(1, format!("the room {own} has no floor"));
        return;
    };
    for (room, line, path) in named_rooms(source, program) {
        if floor_of(&room).is_some_and(|other| other >= floor) {
            add(
                line,
                format!(
                    "{own} must not name {}: {room} is not below it",
                    path.join("::")
                ),
            );
        }
    }
}

/// The floors as text, the highest first, each room with the rooms that it names.
pub fn plan(program: &Program) -> String {
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let modules: Vec<(Path, &Source)> = program
        .sources
        .iter()
        .map(|source| (module_of(&source.file), source))
        .collect();
    for (module, source) in &modules {
        if let Some(own) = room_of(module) {
            let rooms = named_rooms(source, program).into_iter();
            edges
                .entry(own)
                .or_default()
                .extend(rooms.map(|(room, _, _)| room));
        }
    }
    let mut lines = Vec::new();
    for (floor, rooms) in FLOORS.iter().enumerate().rev() {
        for room in *rooms {
            let below = edges.get(room).into_iter().flatten().cloned();
            let below: Vec<String> = below.collect();
            lines.push(format!("{floor} {room} → {}", below.join(" ")));
        }
    }
    lines.join("\n")
}
