//! Other words for the same: a small table, which the setting `search.synonyms` extends.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Concept;
use ranking::text::normalised;

/// A term of a rule has at most so many words; each character of Chinese and Japanese is one.
const MOST_WORDS: usize = 8;

/// Words that stand for others. Cheap to copy.
#[derive(Clone, Debug)]
pub struct Synonyms {
    /// By the folded words, a space apart.
    others: Arc<Table>,
}

type Table = FxHashMap<String, Vec<String>>;

/// The rules as they are read.
#[derive(Default)]
struct Rules {
    /// Words that stand for each other.
    mutual: Table,
    /// Words that also find others.
    also: Table,
}

impl Default for Synonyms {
    /// The table of the program.
    fn default() -> Self {
        Rules::of_the_program().finish()
    }
}

impl Synonyms {
    /// No synonyms.
    pub(in super::super) fn none() -> Self {
        Self {
            others: Arc::default(),
        }
    }

    /// The table of the program and more rules: `sofa, couch` for words that stand for each other,
    /// `trainers => sneakers, shoes` for words that also find others. What is no rule, or has a term of more
    /// than eight words, is left out and logged; the settings were checked for it before.
    pub fn with(rules: &[String]) -> Self {
        let mut all = Rules::of_the_program();
        for rule in rules {
            if !all.add(rule) {
                tracing::warn!(
                    rule,
                    "This rule of `search.synonyms` is none and is left out"
                );
            }
        }
        all.finish()
    }

    /// The synonyms of the longest term that these words begin with, and how many words it has.
    pub(super) fn read(&self, words: &[&str]) -> Option<(usize, Vec<Concept>)> {
        (1..=words.len().min(MOST_WORDS)).rev().find_map(|many| {
            let others = self.others.get(&words[..many].join(" "))?;
            let concepts = others.iter().cloned().map(Concept::Synonym);
            Some((many, concepts.collect()))
        })
    }
}

impl Rules {
    fn of_the_program() -> Self {
        let mut all = Self::default();
        let rules = include_str!("synonyms.txt").lines();
        for rule in rules.filter(|rule| !rule.starts_with('#') && !rule.trim().is_empty()) {
            // A test reads each of them.
            all.add(rule);
        }
        all
    }

    /// Adds a rule; `false` for what is none.
    fn add(&mut self, rule: &str) -> bool {
        let Some((these, those)) = read(rule) else {
            return false;
        };
        let table = match these == those {
            true => &mut self.mutual,
            false => &mut self.also,
        };
        for one in &these {
            let known = table.entry(one.clone()).or_default();
            for other in &those {
                if other != one && !known.contains(other) {
                    known.push(other.clone());
                }
            }
        }
        true
    }

    /// What also finds a word finds the words that stand for that one too: `miedo` finds `horror`, and so
    /// `terror`.
    fn finish(self) -> Synonyms {
        let mut others = self.mutual.clone();
        for (one, also) in self.also {
            let known = others.entry(one.clone()).or_default();
            for other in also {
                let alike = self.mutual.get(&other).into_iter().flatten().cloned();
                for other in [other].into_iter().chain(alike) {
                    if other != one && !known.contains(&other) {
                        known.push(other);
                    }
                }
            }
        }
        Synonyms {
            others: Arc::new(others),
        }
    }
}

/// The terms that a rule is about, and those that they stand for; the same for both sides without an arrow.
fn read(rule: &str) -> Option<(Vec<String>, Vec<String>)> {
    let terms = |text: &str| -> Option<Vec<String>> {
        let terms = text.split(',').map(normalised).map(|term| {
            let words = term.split(' ').count();
            (!term.is_empty() && words <= MOST_WORDS).then_some(term)
        });
        terms.collect()
    };
    match rule.split_once("=>") {
        Some((these, those)) => Some((terms(these)?, terms(those)?)),
        None => {
            let all = terms(rule)?;
            (all.len() > 1).then(|| (all.clone(), all))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_table_is_one() {
        for rule in include_str!("synonyms.txt").lines() {
            let is_rule = !rule.starts_with('#') && !rule.trim().is_empty();
            assert!(!is_rule || read(rule).is_some(), "{rule}");
        }
    }

    #[test]
    fn what_finds_a_word_finds_those_that_stand_for_it() {
        let synonyms = Synonyms::default();
        let (_, found) = synonyms.read(&["miedo"]).unwrap();
        assert!(
            found.contains(&Concept::Synonym("terror".to_owned())),
            "{found:?}"
        );
        // And not the other way round.
        let (_, found) = synonyms.read(&["horror"]).unwrap();
        assert!(
            !found.contains(&Concept::Synonym("miedo".to_owned())),
            "{found:?}"
        );
    }

    #[test]
    fn settings_add_to_the_table_and_what_is_no_rule_does_not() {
        let rules = [
            "Sofa, Chesterfield",
            "kicks => clogs, running shoes",
            "sofa",
            "",
            "sofa,",
            "a => ",
            "one two three four five six seven eight nine, x",
        ];
        let synonyms = Synonyms::with(&rules.map(str::to_owned));
        let of = |words: &[&str]| synonyms.read(words);
        let synonym = |text: &str| Concept::Synonym(text.to_owned());
        assert_eq!(
            of(&["chesterfield", "red"]),
            Some((1, vec![synonym("sofa")]))
        );
        assert_eq!(
            of(&["kicks"]),
            Some((1, vec![synonym("clogs"), synonym("running shoes")]))
        );
        let both = of(&["sofa"]).unwrap().1;
        assert!(both.contains(&synonym("couch")) && both.contains(&synonym("chesterfield")));
        assert_eq!((of(&["a"]), of(&["x"])), (None, None));
    }
}
