//! Tables: each belongs to a room of `domain`, and no other room names it in a statement that writes.

use super::names::{Path, module_of};
use super::sources::{Program, Source};

/// The room that writes each table. Those of the platform (`events`, `audit_log`) are everybody's.
const OWNERS: &[(&str, &str)] = &[
    ("api_keys", "auth"),
    ("refresh_tokens", "auth"),
    ("users", "users"),
    ("people", "people"),
    ("content_items", "content"),
    ("content_external_ids", "content"),
    ("content_tags", "content"),
    ("credits", "content"),
    ("uploads", "uploads"),
    ("channels", "channels"),
    ("airings", "competition"),
    ("guide_downloads", "imports"),
    ("model_versions", "models"),
    ("interactions", "interactions"),
    ("interaction_weights", "interactions"),
    ("idempotency_keys", "interactions"),
    ("content_embeddings", "embeddings"),
    ("external_embeddings", "embeddings"),
    ("removed_embeddings", "embeddings"),
    ("search_queries", "search"),
    ("experiments", "experiments"),
    ("experiment_variants", "experiments"),
    ("batch_recommendations", "recommendations"),
    ("feedback", "recommendations"),
    ("recommendation_items", "recommendations"),
    ("recommendation_lists", "recommendations"),
    ("slates", "slates"),
    ("slate_items", "slates"),
    ("slate_selections", "slates"),
    ("slate_exclusions", "slates"),
    ("bandit_state", "slates"),
    ("bandit_channels", "slates"),
    ("generated", "generation"),
    ("generation_jobs", "jobs"),
    ("job_events", "jobs"),
    ("schedules", "jobs"),
    ("workers", "jobs"),
    ("hourly_statistics", "upkeep"),
    ("statistics_position", "upkeep"),
];

/// Files that write tables of many rooms, since that is their work.
const SHARED: &[(&str, &str)] = &[
    (
        "src/domain/users/erasure/",
        "who is erased leaves all tables in one transaction",
    ),
    (
        "src/domain/users/merge/",
        "what was one user's becomes another's in one transaction",
    ),
    (
        "src/domain/imports/",
        "rows go from COPY into the tables of the catalogue, of users and of interactions, without a detour",
    ),
    (
        "src/domain/upkeep/",
        "what is old leaves all tables by one rule",
    ),
];

/// Calls of an entity that write.
const WRITES: &[&str] = &[
    "insert",
    "insert_many",
    "update",
    "update_many",
    "delete",
    "delete_many",
    "delete_by_id",
];

fn owner(table: &str) -> Option<&'static str> {
    let found = OWNERS.iter().find(|(name, _)| *name == table);
    found.map(|(_, room)| *room)
}

/// The tables that a statement writes to.
fn written(statement: &str) -> Vec<String> {
    let words: Vec<&str> = statement
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let table = match (*word, words.get(at + 1)) {
            ("UPDATE", Some(table)) => Some(table),
            ("INTO" | "FROM", table) if at > 0 && ["INSERT", "DELETE"].contains(&words[at - 1]) => {
                table
            }
            _ => None,
        };
        found.extend(table.map(|table| (*table).to_owned()));
    }
    found
}

/// The table of an entity module, such as `refresh_tokens` of `refresh_token`.
fn table_of(entity: &str) -> String {
    match entity {
        "person" => "people".to_owned(),
        "feedback" | "generated" => entity.to_owned(),
        other => format!("{other}s"),
    }
}

/// The table that a path writes to: `entities::user::Entity::update_many`.
fn written_by(path: &Path) -> Option<String> {
    let last = path.last()?;
    let entities = path.iter().position(|part| part == "entities")?;
    let entity = path.get(entities + 1)?;
    (path.len() > entities + 3 && WRITES.contains(&last.as_str())).then(|| table_of(entity))
}

/// Adds what a file of a room writes into the tables of others.
pub fn look(source: &Source, program: &Program, add: &mut dyn FnMut(usize, String)) {
    let module = module_of(&source.file);
    let [own, floor, room, ..] = module.as_slice() else {
        return;
    };
    let shared = SHARED.iter().any(|(file, _)| source.file.starts_with(file));
    if own != "marquee" || floor != "domain" || shared {
        return;
    }
    let mut report = |table: &str, line: usize| {
        if let Some(owner) = owner(table)
            && owner != room
        {
            add(
                line,
                format!("{room} must not write the table {table}: it is {owner}'s"),
            );
        }
    };
    for (text, line) in &source.facts.texts {
        for table in written(text) {
            report(&table, *line);
        }
    }
    for named in &source.facts.named {
        if let Some(table) = written_by(&program.names.meant(named)) {
            report(&table, named.line);
        }
    }
}

#[test]
fn every_table_of_the_migrations_has_an_owner() {
    /// Tables of the platform, and one that a later migration drops.
    const OTHERS: &[&str] = &["audit_log", "events", "model_artifacts"];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(3) {
            if let ["CREATE", "TABLE", table] = pair {
                let known = owner(table).is_some() || OTHERS.contains(table);
                assert!(known, "{table}: which room writes it?");
            }
        }
    }
}
