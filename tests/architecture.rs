//! The walls of the house: which room may name what. See `src/lib.rs` for the arrows.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A room, what it must not mention, and where in it that is allowed all the same.
struct Wall {
    room: &'static str,
    banned: &'static [&'static str],
    except: &'static [&'static str],
}

const WALLS: &[Wall] = &[
    Wall {
        room: "src/foundation",
        banned: &[
            "crate::app",
            "crate::graphql",
            "crate::http",
            "crate::domain",
            "crate::ranking",
            "crate::platform",
            "sea_orm",
            "axum",
        ],
        except: &[],
    },
    Wall {
        room: "crates/ranking/src",
        banned: &[
            "crate::app",
            "crate::graphql",
            "crate::http",
            "crate::domain",
            "crate::platform",
            "sea_orm",
            "sqlx",
            "tokio",
            ".await",
            "Utc::now",
            "std::fs",
            "std::net",
        ],
        except: &[],
    },
    Wall {
        room: "src/platform",
        banned: &[
            "crate::app",
            "crate::graphql",
            "crate::http",
            "crate::domain",
            "crate::ranking",
            "async_graphql",
            "axum",
        ],
        except: &[],
    },
    Wall {
        room: "src/domain",
        banned: &[
            "crate::app",
            "crate::graphql",
            "crate::http",
            "async_graphql",
            "axum",
        ],
        except: &[],
    },
    // Only stores name the database library.
    Wall {
        room: "src/domain",
        banned: &["sea_orm", "sqlx", "platform::db::entities"],
        except: &["store.rs", "/store/"],
    },
    Wall {
        room: "src/graphql",
        banned: &[
            "crate::app",
            "crate::http",
            "crate::platform",
            "sea_orm",
            "sqlx",
            "axum",
        ],
        except: &[],
    },
    Wall {
        room: "src/http",
        banned: &["crate::app", "sea_orm", "sqlx"],
        except: &[],
    },
];

#[test]
fn rooms_only_look_down() {
    let mut broken = Vec::new();
    for wall in WALLS {
        let files = rust_files(&root().join(wall.room));
        assert!(!files.is_empty(), "there is no room {}", wall.room);
        for file in files {
            let name = name(&file);
            if wall.except.iter().any(|allowed| name.contains(allowed)) {
                continue;
            }
            for word in wall.banned {
                for (number, line) in code_lines(&file) {
                    if line.contains(word) {
                        broken.push(format!("{name}:{number} must not mention `{word}`"));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_room_touches_another_rooms_store() {
    let mut broken = Vec::new();
    for file in rust_files(&root().join("src")) {
        for (number, line) in code_lines(&file) {
            let Some((_, after)) = line.split_once("domain::") else {
                continue;
            };
            let other = after.split("::").next().unwrap_or_default();
            let own = name(&file).starts_with(&format!("src/domain/{other}/"));
            if after.contains("::store") && !own {
                broken.push(format!("{}:{number} {}", name(&file), line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn stores_are_private_to_their_rooms() {
    for file in rust_files(&root().join("src/domain")) {
        for (number, line) in code_lines(&file) {
            assert!(
                !line.trim_start().starts_with("pub mod store"),
                "{}:{number} must say `mod store`",
                name(&file)
            );
        }
    }
}

#[test]
fn no_file_has_outgrown_its_room() {
    let long: Vec<String> = rust_files(&root().join("src"))
        .into_iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (lines > 450).then(|| format!("{}: {lines} lines", name(&file)))
        })
        .collect();
    assert!(long.is_empty(), "split these: {}", long.join(", "));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn name(file: &Path) -> String {
    let inside = file.strip_prefix(root()).unwrap_or(file);
    inside.to_string_lossy().replace('\\', "/")
}

/// The lines of a file that are code: neither comment nor unit test.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).expect("a file of the project can be read");
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(place, line)| (place + 1, line.to_owned()))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("a folder of the project can be listed").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
