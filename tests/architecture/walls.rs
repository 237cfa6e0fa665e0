//! The rules.

use std::collections::BTreeSet;
use std::fmt;

use super::names::{Path, module_of};
use super::sources::{Program, Source};
use super::syntax::Named;
use super::{floors, tables};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// Parts name only what lies below them.
    Arrows,
    /// Only stores, and the platform below them, name the database library; and a file of `foundation` that
    /// implements its traits.
    Database,
    /// Only `graphql` and `http` name the libraries of transport; and a file of `foundation` that implements
    /// their traits.
    Transport,
    /// The crates `engine` and `ranking` know no clock, database, task, file or network, and draw
    /// nothing at random that they were not given.
    Purity,
    /// A room of `domain` names rooms of lower floors only.
    Floors,
    /// A table is written by the room that it belongs to.
    Tables,
    /// A store is private to its room.
    Stores,
    /// GraphQL answers and takes doubles.
    Singles,
    /// Files stay short.
    Length,
    /// Nothing lies about unread.
    Orphans,
}

impl Wall {
    pub const ALL: [Self; 10] = [
        Self::Arrows,
        Self::Database,
        Self::Transport,
        Self::Purity,
        Self::Floors,
        Self::Tables,
        Self::Stores,
        Self::Singles,
        Self::Length,
        Self::Orphans,
    ];
}

/// A break of a rule that is allowed, and why.
pub struct Exception {
    pub wall: Wall,
    pub file: &'static str,
    /// What the finding must say.
    pub what: &'static str,
    pub reason: &'static str,
}

/// None is best.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        wall: Wall::Floors,
        file: "src/domain/auth/model.rs",
        what: "users",
        reason: SIGNING_IN,
    },
    Exception {
        wall: Wall::Floors,
        file: "src/domain/auth/service.rs",
        what: "users",
        reason: SIGNING_IN,
    },
    Exception {
        wall: Wall::Floors,
        file: "src/domain/auth/store.rs",
        what: "users",
        reason: SIGNING_IN,
    },
    Exception {
        wall: Wall::Tables,
        file: "src/domain/auth/store.rs",
        what: "users",
        reason: SIGNING_IN,
    },
    Exception {
        wall: Wall::Tables,
        file: "src/domain/content/store/credits.rs",
        what: "people",
        reason: "a credit may name a person who is not there yet: both are written in one transaction",
    },
    Exception {
        wall: Wall::Tables,
        file: "src/domain/generation/store.rs",
        what: "content_items",
        reason: "what is generated is an item or the poster of one, written in the transaction that \
            records how it was made",
    },
    Exception {
        wall: Wall::Tables,
        file: "src/domain/models/store/activation.rs",
        what: "batch_recommendations",
        reason: "the lists of a version go in the transaction that retires it",
    },
];

const SIGNING_IN: &str = "whoever registers or signs in is answered as a user, whose row is written \
    and locked in the same transaction as the session";

impl Exception {
    pub fn allows(&self, found: &Broken) -> bool {
        found.wall == self.wall && found.file == self.file && found.what.contains(self.what)
    }
}

/// A break of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    pub file: String,
    pub line: usize,
    pub what: String,
    wall: Wall,
}

impl PartialOrd for Wall {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wall {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.what)
    }
}

const LONGEST_FILE: usize = 450;

/// What each part of `marquee`, and each crate below it, may name of ours beside itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["app"]),
    (
        "app",
        &[
            "graphql",
            "http",
            "domain",
            "engine",
            "ranking",
            "platform",
            "foundation",
        ],
    ),
    (
        "http",
        &["graphql", "domain", "engine", "platform", "foundation"],
    ),
    ("graphql", &["domain", "engine", "foundation"]),
    (
        "domain",
        &["engine", "ranking", "xmltv", "platform", "foundation"],
    ),
    ("engine", &["ranking", "foundation"]),
    ("platform", &["transformer", "foundation"]),
    ("foundation", &[]),
];

const DATABASE: &[&str] = &["sea_orm", "sqlx", "entities"];
/// Rust has a foreign trait implemented in the crate of the type: what `foundation` may name where.
const INTEGRATIONS: &[(&str, Wall)] = &[
    ("crates/foundation/src/database.rs", Wall::Database),
    ("crates/foundation/src/graphql.rs", Wall::Transport),
];
const TRANSPORT: &[&str] = &["axum", "async_graphql", "async_graphql_value", "tower_http"];

/// What purity forbids: a path that has these parts, one after another.
const WORLD: &[(&str, &[&str])] = &[
    ("a clock", &["Utc", "now"]),
    ("a clock", &["Local", "now"]),
    ("a clock", &["Instant"]),
    ("a clock", &["SystemTime"]),
    ("a clock", &["UNIX_EPOCH"]),
    ("a clock", &["foundation", "clock"]),
    ("a clock", &["foundation", "Clock"]),
    ("a database", &["foundation", "database"]),
    ("a database", &["sea_orm"]),
    ("a database", &["sqlx"]),
    ("a database", &["redis"]),
    ("tasks", &["tokio"]),
    ("tasks", &["futures"]),
    ("tasks", &["async_trait"]),
    ("files", &["std", "fs"]),
    ("files", &["object_store"]),
    ("the network", &["std", "net"]),
    ("the network", &["reqwest"]),
    ("the environment", &["std", "env"]),
    ("other processes", &["std", "process"]),
    ("random numbers of its own", &["rand", "rng"]),
    ("random numbers of its own", &["rand", "random"]),
    ("random numbers of its own", &["rand", "thread_rng"]),
    ("random numbers of its own", &["from_os_rng"]),
    ("random numbers of its own", &["now_v7"]),
    ("random numbers of its own", &["new_v4"]),
];

/// All breaks of one rule, each once.
pub fn broken(wall: Wall, program: &Program) -> Vec<Broken> {
    let mut found: BTreeSet<Broken> = BTreeSet::new();
    for source in &program.sources {
        let mut add = |line: usize, what: String| {
            found.insert(Broken {
                file: source.file.clone(),
                line,
                what,
                wall,
            });
        };
        if INTEGRATIONS.contains(&(source.file.as_str(), wall)) {
            continue;
        }
        match wall {
            Wall::Arrows => arrows(source, program, &mut add),
            Wall::Database => database(source, program, &mut add),
            Wall::Transport => transport(source, program, &mut add),
            Wall::Purity => purity(source, program, &mut add),
            Wall::Floors => floors::look(source, program, &mut add),
            Wall::Tables => tables::look(source, program, &mut add),
            Wall::Stores => stores(source, program, &mut add),
            Wall::Singles => singles(source, program, &mut add),
            Wall::Length if source.lines > LONGEST_FILE => {
                add(source.lines, format!("has more than {LONGEST_FILE} lines"));
            }
            Wall::Length | Wall::Orphans => {}
        }
    }
    if wall == Wall::Orphans {
        found.extend(program.orphans.iter().map(|file| Broken {
            file: file.clone(),
            line: 1,
            what: "belongs to no module".to_owned(),
            wall,
        }));
    }
    found.into_iter().collect()
}

type Add<'a> = dyn FnMut(usize, String) + 'a;

/// The part of ours that a module belongs to: a floor of `marquee`, or another crate.
fn part(path: &Path, program: &Program) -> Option<String> {
    let first = path.first()?;
    if first != "marquee" {
        return program.crates.contains(first).then(|| first.clone());
    }
    let floor = path.get(1)?;
    ARROWS
        .iter()
        .any(|(from, _)| from == floor)
        .then(|| floor.clone())
}

fn arrows(source: &Source, program: &Program, add: &mut Add) {
    let module = module_of(&source.file);
    let own = part(&module, program);
    let lib = source.file == "src/lib.rs";
    if own.is_none() && !lib {
        add(1, "belongs to no part that has an arrow".to_owned());
        return;
    }
    let allowed = ARROWS
        .iter()
        .find(|(from, _)| Some(*from) == own.as_deref());
    let allowed: &[&str] = allowed.map_or(&[], |(_, to)| to);
    for named in &source.facts.named {
        let path = program.names.meant(named);
        // A word alone may be a variable: what is imported or has a path is not.
        if path.len() < 2 && !named.imported {
            continue;
        }
        let Some(to) = part(&path, program) else {
            continue;
        };
        if !lib && Some(&to) != own.as_ref() && !allowed.contains(&to.as_str()) {
            let own = own.as_deref().unwrap_or_default();
            add(
                named.line,
                format!("{own} must not name {}", path.join("::")),
            );
        }
    }
}

/// Whether the path has these parts, one after another.
fn has(path: &Path, parts: &[&str]) -> bool {
    path.windows(parts.len())
        .any(|window| window.iter().zip(parts).all(|(a, b)| a == b))
}

/// What is named, as it is written and as it was called where it comes from.
fn both(named: &Named, program: &Program) -> [Path; 2] {
    [program.names.meant(named), program.names.origin(named)]
}

/// Whether this names one of these libraries, not a variable of the same name.
fn names(named: &Named, path: &Path, library: &str) -> bool {
    (path.len() > 1 || named.imported || named.rooted) && has(path, &[library])
}

fn database(source: &Source, program: &Program, add: &mut Add) {
    let module = module_of(&source.file);
    let floor = module.get(1).map(String::as_str);
    let store = floor == Some("domain") && module.iter().any(|part| part == "store");
    if store || floor == Some("platform") {
        return;
    }
    for named in &source.facts.named {
        let path = program.names.meant(named);
        for library in DATABASE.iter().filter(|it| names(named, &path, it)) {
            add(
                named.line,
                format!("only stores name {library}: {}", path.join("::")),
            );
        }
    }
}

fn transport(source: &Source, program: &Program, add: &mut Add) {
    let module = module_of(&source.file);
    let floor = module.get(1).map(String::as_str);
    let banned: &[&str] = match floor {
        Some("http" | "app" | "main") => &[],
        Some("graphql") => &["axum", "tower_http"],
        _ => TRANSPORT,
    };
    for named in &source.facts.named {
        let path = program.names.meant(named);
        for library in banned.iter().filter(|it| names(named, &path, it)) {
            add(
                named.line,
                format!("must not name {library}: {}", path.join("::")),
            );
        }
    }
}

fn purity(source: &Source, program: &Program, add: &mut Add) {
    let module = module_of(&source.file);
    if !matches!(module[0].as_str(), "engine" | "ranking") {
        return;
    }
    for line in &source.facts.asynchronous {
        add(*line, "must not be asynchronous".to_owned());
    }
    for named in &source.facts.named {
        for path in both(named, program) {
            for (what, parts) in WORLD {
                let whole = path.len() > 1 || named.imported || named.rooted;
                if whole && has(&path, parts) {
                    add(
                        named.line,
                        format!("must not know {what}: {}", path.join("::")),
                    );
                }
            }
        }
    }
}

fn stores(source: &Source, program: &Program, add: &mut Add) {
    let module = module_of(&source.file);
    let room = match module.as_slice() {
        [_, floor, room, ..] if floor == "domain" => Some(room),
        _ => None,
    };
    for open in &source.facts.open_modules {
        // Inside of a room, a parent is the room or a part of it.
        let inside = open.to_parent && open.module.len() > 3;
        let domain = module.get(1).is_some_and(|floor| floor == "domain");
        if domain && open.name == "store" && !inside {
            add(open.line, "must say `mod store`".to_owned());
        }
    }
    for named in &source.facts.named {
        let path = program.names.meant(named);
        if let [own, floor, other, rest @ ..] = path.as_slice()
            && own == "marquee"
            && floor == "domain"
            && rest.iter().any(|part| part == "store")
            && Some(other) != room
        {
            add(
                named.line,
                format!("touches another room's store: {}", path.join("::")),
            );
        }
    }
}

fn singles(source: &Source, program: &Program, add: &mut Add) {
    if !source.file.starts_with("src/graphql/") {
        return;
    }
    let aliases = program
        .sources
        .iter()
        .flat_map(|source| &source.facts.aliases);
    let mut single: BTreeSet<&str> = BTreeSet::from(["f32"]);
    let aliases: Vec<_> = aliases.collect();
    // An alias of an alias of a single is one, too.
    loop {
        let before = single.len();
        for alias in &aliases {
            if alias
                .words
                .iter()
                .any(|(word, _)| single.contains(word.as_str()))
            {
                single.insert(&alias.index);
            }
        }
        if single.len() == before {
            break;
        }
    }
    for answered in &source.facts.answered {
        for (word, line) in &answered.words {
            if single.contains(word.as_str()) {
                add(*line, format!("{} has the type {word}", answered.index));
            }
        }
    }
}
