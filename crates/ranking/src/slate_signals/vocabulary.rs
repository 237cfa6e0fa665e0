//! The names that a model knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longer names are not learned.
const LONGEST_NAME: usize = 200;

/// The most frequent names of one kind, in alphabetical order; the index of a name is its feature.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Vocabulary {
    names: Vec<String>,
}

impl Vocabulary {
    /// Of these names, the `most` frequent; of equally frequent ones the alphabetically first.
    pub(super) fn fit<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> Self {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for name in names {
            if !name.is_empty() && name.len() <= LONGEST_NAME {
                *counts.entry(name).or_default() += 1;
            }
        }
        let mut counted: Vec<(&str, u64)> = counts.into_iter().collect();
        counted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counted.truncate(most);
        let mut names: Vec<String> = counted.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort_unstable();
        Self { names }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.names
            .binary_search_by(|known| known.as_str().cmp(name))
            .ok()
    }

    /// Whether this could have been fitted with so many names at most.
    pub(super) fn is_valid(&self, most: usize) -> bool {
        let ascending = self.names.windows(2).all(|pair| pair[0] < pair[1]);
        let short = self
            .names
            .iter()
            .all(|name| !name.is_empty() && name.len() <= LONGEST_NAME);
        self.names.len() <= most && ascending && short
    }
}
