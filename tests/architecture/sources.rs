//! The files of the program, found as the compiler finds them: from the roots of its crates along
//! `mod` items. A file that only a `#[cfg(test)] mod` leads to is a test and is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::names::{Names, PARTS, module_of};
use super::syntax::{Child, Facts, read};

/// One file, as far as walls look at it.
pub struct Source {
    /// Where it is, relative to the project, with `/`.
    pub file: String,
    /// How many lines it has, tests included.
    pub lines: usize,
    /// What its syntax says.
    pub facts: Facts,
}

/// All files of all our crates.
pub struct Program {
    pub sources: Vec<Source>,
    /// What modules call by another name, of all files.
    pub names: Names,
    /// Files below the crates' roots that no `mod` leads to.
    pub orphans: Vec<String>,
    /// Our crates, by the names that code gives them.
    pub crates: Vec<String>,
}

impl Program {
    /// The program as it lies on the disk.
    pub fn of_this_project() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut live: BTreeMap<String, Source> = BTreeMap::new();
        let mut tests: BTreeSet<String> = BTreeSet::new();
        let mut crates = vec!["marquee".to_owned()];
        let mut open = vec!["src/lib.rs".to_owned(), "src/main.rs".to_owned()];
        open.extend(PARTS.map(|part| format!("src/{part}/mod.rs")));
        let mut folders = vec!["src".to_owned()];
        for folder in folders_in(&root.join("crates")) {
            open.push(format!("crates/{folder}/src/lib.rs"));
            folders.push(format!("crates/{folder}/src"));
            crates.push(folder.replace('-', "_"));
        }
        // What is live first: a file that both lead to is no test.
        let mut open_tests = Vec::new();
        while let Some(file) = open.pop() {
            if live.contains_key(&file) {
                continue;
            }
            let source = Source::read(&fs::read_to_string(root.join(&file)).unwrap(), file);
            for child in &source.facts.modules {
                let path = file_of(child, &root);
                if child.live {
                    open.push(path);
                } else {
                    open_tests.push(path);
                }
            }
            live.insert(source.file.clone(), source);
        }
        while let Some(file) = open_tests.pop() {
            if live.contains_key(&file) || !tests.insert(file.clone()) {
                continue;
            }
            let source = Source::read(&fs::read_to_string(root.join(&file)).unwrap(), file);
            let children = source.facts.modules.iter();
            open_tests.extend(children.map(|child| file_of(child, &root)));
        }
        let all = folders
            .iter()
            .flat_map(|folder| rust_files(&root.join(folder)));
        let all = all.map(|path| relative(&root, &path));
        let orphans = all.filter(|file| !live.contains_key(file) && !tests.contains(file));
        let orphans = orphans.collect();
        Self::new(live.into_values().collect(), orphans, crates)
    }

    /// A program of these files, each with its text.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let read = |(file, text): &(&str, &str)| Source::read(text, (*file).to_owned());
        let crates = ["marquee", "engine", "foundation", "ranking", "transformer"];
        let crates = crates.map(str::to_owned).to_vec();
        Self::new(files.iter().map(read).collect(), Vec::new(), crates)
    }

    fn new(sources: Vec<Source>, orphans: Vec<String>, crates: Vec<String>) -> Self {
        let names = Names::of(sources.iter().map(|source| &source.facts), &crates);
        Self {
            sources,
            names,
            orphans,
            crates,
        }
    }
}

impl Source {
    fn read(text: &str, file: String) -> Self {
        Self {
            lines: text.lines().count(),
            facts: read(text, &module_of(&file), &file),
            file,
        }
    }
}

fn file_of(child: &Child, root: &Path) -> String {
    let found = child
        .candidates
        .iter()
        .find(|file| root.join(file).is_file());
    let [file, _] = &child.candidates;
    found
        .unwrap_or_else(|| panic!("there is no {file}"))
        .clone()
}

fn relative(root: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(root).unwrap_or(file);
    inside.to_string_lossy().replace('\\', "/")
}

fn folders_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the crates can be listed");
    let mut found: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("src/lib.rs").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the project can be listed") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("build.rs")
        {
            found.push(path);
        }
    }
    found
}
