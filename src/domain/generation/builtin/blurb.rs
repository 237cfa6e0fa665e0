//! A few sentences about something, composed of what the catalogue knows and of nothing else.

use super::super::generator::ItemSummary;
use super::seeded_rng::SeededRng;

/// How every blurb ends.
pub(super) const ORIGIN: &str = "Composed from the catalogue's data.";

/// At most so many names of a kind are told.
const NAMES: usize = 3;
/// At most so many genres are told.
const GENRES: usize = 3;

/// Composes the blurb of `summary` in about `most` words at most; its origin is always told.
pub(super) fn compose(summary: &ItemSummary, most: usize, seed: i64) -> String {
    let rng = SeededRng::new(seed, &summary.title);
    let mut sentences = vec![opening(summary, &rng)];
    sentences.extend(people(summary, &rng));
    sentences.extend(described(&summary.description));
    let mut words = count(ORIGIN);
    let mut kept = Vec::new();
    for sentence in sentences {
        words += count(&sentence);
        // The first is told however little room there is.
        if words > most && !kept.is_empty() {
            break;
        }
        kept.push(sentence);
    }
    kept.push(ORIGIN.to_owned());
    kept.join(" ")
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// What it is called, what it is and when it came.
fn opening(summary: &ItemSummary, rng: &SeededRng) -> String {
    let title = format!("“{}”", summary.title.trim());
    let noun = match summary.noun {
        "" => "title",
        noun => noun,
    };
    let genres: Vec<String> = summary
        .genres
        .iter()
        .take(GENRES)
        .map(|genre| genre.to_lowercase())
        .collect();
    match (list(&genres), summary.year) {
        (Some(genres), Some(year)) => match rng.below(3) {
            0 => format!("{title} is a {noun} of {year}: {genres}."),
            1 => format!("{title}, from {year}, is a {noun} of these genres: {genres}."),
            _ => format!("From {year} comes {title}, a {noun} filed under {genres}."),
        },
        (Some(genres), None) => match rng.below(2) {
            0 => format!("{title} is a {noun} filed under {genres}."),
            _ => format!("{title}: a {noun} of these genres, {genres}."),
        },
        (None, Some(year)) => match rng.below(2) {
            0 => format!("{title} is a {noun} of {year}."),
            _ => format!("From {year} comes {title}, a {noun}."),
        },
        (None, None) => format!("{title} is a {noun}."),
    }
}

/// Who made it and who plays in it.
fn people(summary: &ItemSummary, rng: &SeededRng) -> Option<String> {
    let directors = names(&summary.directors);
    let cast = names(&summary.cast);
    Some(match (directors, cast) {
        (Some(directors), Some(cast)) => match rng.below(3) {
            0 => format!("Directed by {directors}, with {cast}."),
            1 => format!("{directors} directed; {cast} can be seen in it."),
            _ => format!("With {cast}; directed by {directors}."),
        },
        (Some(directors), None) => format!("Directed by {directors}."),
        (None, Some(cast)) => match rng.below(2) {
            0 => format!("With {cast}."),
            _ => format!("In it: {cast}."),
        },
        (None, None) => return None,
    })
}

fn names(people: &[String]) -> Option<String> {
    let told: Vec<String> = people.iter().take(NAMES).cloned().collect();
    list(&told)
}

/// `a`, `a and b`, `a, b and c`.
fn list(parts: &[String]) -> Option<String> {
    let (last, others) = parts.split_last()?;
    Some(if others.is_empty() {
        last.clone()
    } else {
        format!("{} and {last}", others.join(", "))
    })
}

/// The sentences of a description, each ended by a mark.
fn described(description: &str) -> Vec<String> {
    let flat = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut sentences = Vec::new();
    let mut rest = flat.as_str();
    while let Some(end) = rest
        .char_indices()
        .find(|&(at, mark)| {
            let after = &rest[at + mark.len_utf8()..];
            matches!(mark, '.' | '!' | '?' | '…') && (after.is_empty() || after.starts_with(' '))
        })
        .map(|(at, mark)| at + mark.len_utf8())
    {
        sentences.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        sentences.push(format!("{rest}."));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> ItemSummary {
        ItemSummary {
            title: "Night Train".to_owned(),
            year: Some(1959),
            genres: vec!["Drama".to_owned(), "Mystery".to_owned()],
            directors: vec!["Jan Kowal".to_owned()],
            cast: vec!["Lucyna Winnicka".to_owned(), "Leon Niemczyk".to_owned()],
            description: "Two strangers share a compartment. One of them is wanted".to_owned(),
            noun: "film",
        }
    }

    /// Words that templates may use; everything else must be the subject's own.
    const OWN: &str = "is a film title of from comes these genres filed under directed by with and \
        can be seen in it composed from the catalogue's data";

    fn words(text: &str) -> Vec<String> {
        let cut = |letter: char| !(letter.is_alphanumeric() || letter == '\'');
        text.to_lowercase()
            .split(cut)
            .filter(|word| !word.is_empty())
            .map(Into::into)
            .collect()
    }

    #[test]
    fn a_blurb_says_nothing_that_the_catalogue_does_not() {
        let summary = summary();
        let mut known = words(OWN);
        known.extend(words(&format!(
            "{} 1959 {} {} {} {}",
            summary.title,
            summary.genres.join(" "),
            summary.directors.join(" "),
            summary.cast.join(" "),
            summary.description
        )));
        for seed in 0..60 {
            let blurb = compose(&summary, 500, seed);
            for word in words(&blurb) {
                assert!(known.contains(&word), "{word} in {blurb}");
            }
            for fact in [
                "Night Train",
                "1959",
                "drama",
                "Jan Kowal",
                "Niemczyk",
                "wanted.",
            ] {
                assert!(blurb.contains(fact), "{fact} in {blurb}");
            }
            assert!(blurb.ends_with(ORIGIN), "{blurb}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_mentioned() {
        let bare = ItemSummary {
            title: "Untitled".to_owned(),
            ..ItemSummary::default()
        };
        for seed in 0..20 {
            let blurb = compose(&bare, 500, seed);
            assert_eq!(blurb, format!("“Untitled” is a title. {ORIGIN}"));
        }
    }

    #[test]
    fn a_seed_composes_the_same_and_others_vary() {
        let summary = summary();
        let blurbs: std::collections::BTreeSet<String> =
            (0..60).map(|seed| compose(&summary, 500, seed)).collect();
        assert!(blurbs.len() >= 6, "{blurbs:#?}");
        assert_eq!(compose(&summary, 500, 7), compose(&summary, 500, 7));
    }

    #[test]
    fn a_blurb_keeps_to_its_length_by_whole_sentences() {
        let mut summary = summary();
        summary.description = "One two three four five. ".repeat(100);
        let blurb = compose(&summary, 40, 1);
        assert!(count(&blurb) <= 40 && blurb.ends_with(ORIGIN), "{blurb}");
        assert!(compose(&summary, 1, 1).contains("Night Train"));
    }
}
