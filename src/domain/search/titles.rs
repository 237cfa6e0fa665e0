//! Items by their titles, as people type them.

use super::index::SearchIndex;
use super::index::blocking;
use super::lexical::{LexicalContext, LexicalQuery, Offered, without_article};
use super::order::ExactTitle;
use super::retrieve::with_context;
use super::service::SearchService;
use crate::domain::content::Visibility;
use crate::engine::catalogue::IndexedItem;
use crate::engine::eligibility::{Eligibility, Rules};
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
        let (titles, synonyms) = (titles.to_vec(), self.synonyms.clone());
        let day = self.clock.now().date_naive();
        blocking(move || {
            with_context(
                &search_index,
                &catalogue,
                &synonyms,
                day,
                |context, catalogue| {
                    // What is out of its rights may still be what others are like.
                    let every = LexicalContext {
                        offered: Offered {
                            is: &|_| true,
                            state: u64::MAX,
                        },
                        ..*context
                    };
                    let rules = Rules::on(day).within(catalogue);
                    let find = |title: &String| titled(&search_index, &rules, &every, title);
                    titles.iter().map(find).collect()
                },
            )
        })
        .await
    }
}

fn titled(
    search_index: &SearchIndex,
    rules: &Eligibility<'_>,
    context: &LexicalContext<'_>,
    typed: &str,
) -> Result<TitleMatch> {
    let catalogue = rules.catalogue();
    let (title, year) = with_year(typed);
    let query = LexicalQuery {
        text: title.to_owned(),
        open: false,
    };
    let found = search_index.lexical().titles(&query, context)?;
    let (exactly, wanted) = (ExactTitle::new(title), bare(title));
    let mut exact: Vec<(u8, u32, &IndexedItem)> = Vec::new();
    let mut near: Vec<(usize, u32, &IndexedItem)> = Vec::new();
    for hit in found.hits {
        let Some(entry) = catalogue.entry(hit.slot) else {
            continue;
        };
        if entry.deleted || entry.visibility != Visibility::Public {
            continue;
        }
        let fits = exactly.fits(&entry.title, entry.year);
        match fits.filter(|_| year.is_none_or(|year| entry.year == Some(year))) {
            Some(fits) => exact.push((fits, hit.slot, entry)),
            // Only what is on offer is suggested.
            None if rules.is_eligible(hit.slot) => {
                near.push((distance(&wanted, &bare(&entry.title)), hit.slot, entry));
            }
            None => {}
        }
    }
    let popularity = search_index.signals().popularity;
    let known_first = |a: u32, b: u32| popularity.order(catalogue, a, b);
    // `Heat` before `The Heat`.
    exact.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| known_first(a.1, b.1)));
    if let Some((_, _, entry)) = exact.first() {
        return Ok(TitleMatch::Item(entry.id));
    }
    near.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| known_first(a.1, b.1)));
    let near = near.into_iter().take(SUGGESTED);
    Ok(TitleMatch::Like(
        near.map(|(_, _, entry)| entry.id).collect(),
    ))
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

/// What is compared of titles that are not the same: their folded words, without an article at either end.
fn bare(title: &str) -> String {
    normalised(without_article(title))
}

/// How many letters must be put in, left out or changed to make one text of the other
/// (Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966).
pub(super) fn distance(a: &str, b: &str) -> usize {
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
        let fits = |typed: &str, title: &str| ExactTitle::new(typed).fits(title, Some(1995));
        for (typed, title) in [
            ("Amélie", "AMELIE"),
            ("Yojimbo!", "yojimbo"),
            ("rocky 2", "Rocky II"),
            ("Heat", "Heat"),
            ("heat 1995", "Heat"),
            ("The The", "the the"),
        ] {
            assert_eq!(fits(typed, title), Some(0), "{typed}");
        }
        for (typed, title) in [
            ("The Searchers", "searchers, the"),
            ("Heat", "The Heat"),
            ("brücke", "Die Brücke"),
            ("the heat", "Heat"),
        ] {
            assert_eq!(fits(typed, title), Some(1), "{typed}");
        }
        for (typed, title) in [
            ("Alien", "Aliens"),
            ("The", "A"),
            ("heat 1996", "Heat"),
            ("?", "!"),
        ] {
            assert_eq!(fits(typed, title), None, "{typed}");
        }
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
