//! Items by their titles, as people type them.

use super::index::blocking;
use super::lexical::{LexicalIndex, LexicalQuery};
use super::service::SearchService;
use crate::domain::content::Visibility;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::foundation::{Id, Result, id};
use ranking::text::normalised;

/// So many titles are suggested in place of one that is not there.
const SUGGESTED: usize = 3;

/// What a title stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum TitleMatch {
    /// The item of this title.
    Item(Id<id::Content>),
    /// No item has it; these have the most alike, the nearest first, if any are.
    Like(Vec<Id<id::Content>>),
}

impl SearchService {
    /// The public item of each title, in the order given. Case, diacritics, punctuation and a
    /// leading or trailing article do not matter; a year in brackets tells namesakes apart, and
    /// else the one that more people know is meant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn titled(&self, titles: &[String]) -> Result<Vec<TitleMatch>> {
        let (search_index, _) = self.index_state().await?;
        let catalogue = self.content.catalogue_so_far().await?.clone();
        let titles = titles.to_vec();
        blocking(move || {
            let find = |title: &String| titled(search_index.lexical(), &catalogue.read(), title);
            titles.iter().map(find).collect()
        })
        .await
    }
}

fn titled(lexical: &LexicalIndex, catalogue: &Catalogue, typed: &str) -> Result<TitleMatch> {
    let (title, year) = with_year(typed);
    let found = lexical.titles(&LexicalQuery {
        text: title.to_owned(),
        open: false,
    })?;
    let wanted = key(title);
    let mut exact: Vec<&IndexedItem> = Vec::new();
    let mut near: Vec<(usize, &IndexedItem)> = Vec::new();
    for hit in found.hits {
        let Some(entry) = catalogue.entry(hit.slot) else {
            continue;
        };
        if entry.deleted || entry.visibility != Visibility::Public {
            continue;
        }
        let theirs = key(&entry.title);
        if theirs == wanted && year.is_none_or(|year| entry.year == Some(year)) {
            exact.push(entry);
        } else {
            near.push((distance(&wanted, &theirs), entry));
        }
    }
    exact.sort_by(|a, b| known_first(a, b));
    if let Some(entry) = exact.first() {
        return Ok(TitleMatch::Item(entry.id));
    }
    near.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| known_first(a.1, b.1)));
    let near = near.into_iter().take(SUGGESTED);
    Ok(TitleMatch::Like(near.map(|(_, entry)| entry.id).collect()))
}

fn known_first(a: &IndexedItem, b: &IndexedItem) -> std::cmp::Ordering {
    let count = |entry: &IndexedItem| entry.rating_count.unwrap_or(0);
    b.popularity
        .total_cmp(&a.popularity)
        .then_with(|| count(b).cmp(&count(a)))
        .then_with(|| a.id.cmp(&b.id))
}

/// The title without its year, and the year: `Alien (1979)`.
fn with_year(typed: &str) -> (&str, Option<i32>) {
    let whole = typed.trim();
    let bracket = whole
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once('('));
    match bracket {
        Some((title, year)) if !title.trim().is_empty() && year.len() == 4 => match year.parse() {
            Ok(year) => (title.trim_end(), Some(year)),
            Err(_) => (whole, None),
        },
        _ => (whole, None),
    }
}

/// What is compared of titles: the folded words, without an article at either end, since
/// catalogues write both `The Searchers` and `Searchers, The`.
fn key(title: &str) -> String {
    let all = normalised(title);
    let mut words: Vec<&str> = all.split(' ').collect();
    let article = |word: Option<&&str>| matches!(word, Some(&("a" | "an" | "the")));
    if words.len() > 1 && article(words.first()) {
        words.remove(0);
    } else if words.len() > 1 && article(words.last()) {
        words.pop();
    }
    words.join(" ")
}

/// How many letters must be put in, left out or changed to make one text of the other
/// (Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_the_same_whatever_article_case_and_accents_say() {
        for (one, other) in [
            ("The Searchers", "searchers, the"),
            ("Amélie", "AMELIE"),
            ("Yojimbo!", "yojimbo"),
            ("The The", "the the"),
        ] {
            assert_eq!(key(one), key(other));
        }
        assert_ne!(key("Alien"), key("Aliens"));
        assert_eq!(key("The"), "the");
    }

    #[test]
    fn a_year_in_brackets_is_read_and_other_brackets_are_not() {
        assert_eq!(with_year(" Alien (1979) "), ("Alien", Some(1979)));
        assert_eq!(with_year("Alien (abcd)"), ("Alien (abcd)", None));
        assert_eq!(with_year("(1979)"), ("(1979)", None));
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (a, b, expected) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0)] {
            assert_eq!(distance(a, b), expected);
            assert_eq!(distance(b, a), expected);
        }
    }
}
