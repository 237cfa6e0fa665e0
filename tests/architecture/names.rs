//! What a path means: `self`, `super`, `crate`, imports under other names, and re-exports.

use std::collections::BTreeMap;

use super::syntax::{Facts, Named};

/// A path from a crate's name down.
pub type Path = Vec<String>;

/// The module that a file is: `src/domain/jobs/store.rs` is `marquee::domain::jobs::store`.
pub fn module_of(file: &str) -> Path {
    let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    let mut module = match parts.first() {
        Some(&"crates") => {
            let rest = parts.split_off(3);
            let own = parts[1].replace('-', "_");
            parts = rest;
            vec![own]
        }
        _ => {
            parts.remove(0);
            vec!["marquee".to_owned()]
        }
    };
    if matches!(parts.last(), Some(&("mod" | "lib"))) {
        parts.pop();
    }
    module.extend(parts.into_iter().map(str::to_owned));
    module
}

/// Crates whose files are in `src/` and which `marquee` re-exports: `domain::users` is `marquee::domain::users`.
pub const PARTS: [&str; 3] = ["platform", "domain", "graphql"];

/// The path from `marquee` down, where it begins with one of its parts.
fn from_the_top(mut path: Path) -> Path {
    if PARTS.contains(&path[0].as_str()) {
        path.insert(0, "marquee".to_owned());
    }
    path
}

/// What the modules of all files call by which name.
#[derive(Default)]
pub struct Names {
    /// By module: the name in it, and the path that was written for it.
    known: BTreeMap<Path, BTreeMap<String, Path>>,
    /// By module: what it takes all names of.
    globs: BTreeMap<Path, Vec<Path>>,
    crates: Vec<String>,
}

/// A longer chain of names for names is a circle.
const LONGEST_CHAIN: usize = 12;

impl Names {
    pub fn of<'a>(facts: impl Iterator<Item = &'a Facts>, crates: &[String]) -> Self {
        let mut names = Self {
            crates: crates.to_vec(),
            ..Self::default()
        };
        for facts in facts {
            for (module, child) in &facts.children {
                let mut path = module.clone();
                path.push(child.clone());
                let known = names.known.entry(module.clone()).or_default();
                known.insert(child.clone(), path);
            }
            for import in &facts.imports {
                let path = absolute(&import.path, &import.module);
                match &import.name {
                    Some(name) => {
                        let known = names.known.entry(import.module.clone()).or_default();
                        known.entry(name.clone()).or_insert(path);
                    }
                    None => names
                        .globs
                        .entry(import.module.clone())
                        .or_default()
                        .push(path),
                }
            }
        }
        names
    }

    /// What the file's own words mean: its imports and modules, not what others re-export.
    pub fn meant(&self, named: &Named) -> Path {
        let path = absolute(&named.path, &named.module);
        let path = match path != named.path || named.rooted {
            true => path,
            false => self.first_resolved(path, &named.module, 0),
        };
        // A word alone may be a variable.
        match path.len() > 1 || named.imported || named.rooted {
            true => from_the_top(path),
            false => path,
        }
    }

    /// Where what is named comes from in the end, through all re-exports of ours.
    pub fn origin(&self, named: &Named) -> Path {
        self.followed(self.meant(named), 0)
    }

    fn first_resolved(&self, path: Path, module: &Path, depth: usize) -> Path {
        if depth > LONGEST_CHAIN {
            return path;
        }
        let Some(target) = self.lookup(&path[0], module, depth) else {
            return path;
        };
        if target == path {
            return path;
        }
        let mut found = target;
        found.extend(path[1..].iter().cloned());
        if self.crates.contains(&found[0]) {
            found
        } else if found[0] == path[0] {
            // An extern crate imported under its own name.
            found
        } else {
            self.first_resolved(found, module, depth + 1)
        }
    }

    fn lookup(&self, name: &str, module: &Path, depth: usize) -> Option<Path> {
        if let Some(path) = self.known.get(module).and_then(|known| known.get(name)) {
            return Some(path.clone());
        }
        if depth > LONGEST_CHAIN {
            return None;
        }
        let globs = self.globs.get(module)?;
        let ours = globs.iter().filter(|glob| self.crates.contains(&glob[0]));
        ours.filter(|glob| *glob != module)
            .find_map(|glob| self.lookup(name, glob, depth + 1))
    }

    fn followed(&self, path: Path, depth: usize) -> Path {
        if depth > LONGEST_CHAIN || !self.crates.contains(&path[0]) {
            return path;
        }
        for at in 1..path.len() {
            let module = path[..at].to_vec();
            let Some(target) = self.lookup(&path[at], &module, 0) else {
                continue;
            };
            let mut target = from_the_top(self.first_resolved(target, &module, 0));
            if target == path[..=at] {
                continue;
            }
            target.extend(path[at + 1..].iter().cloned());
            return self.followed(target, depth + 1);
        }
        path
    }
}

/// `crate`, `self` and `super` put in words.
pub fn absolute(path: &[String], module: &[String]) -> Path {
    let mut base = module.to_vec();
    let mut rest = path;
    match rest[0].as_str() {
        "crate" => {
            base.truncate(1);
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {}
        _ => return path.to_vec(),
    }
    while let Some((first, after)) = rest.split_first() {
        if first != "super" {
            break;
        }
        base.pop();
        rest = after;
    }
    base.extend(rest.iter().cloned());
    base
}
