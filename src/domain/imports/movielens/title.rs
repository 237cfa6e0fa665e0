//! Titles of MovieLens.

/// A title of MovieLens taken apart: "Matrix, The (1999)" is The Matrix of 1999.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// With its article in front.
    pub title: String,
    /// From the brackets at the end.
    pub year: Option<i32>,
    /// Other titles, which stand in brackets between title and year.
    pub also: Vec<String>,
}

impl Title {
    /// Takes a title apart; what does not look like one of MovieLens is the title itself.
    pub fn read(text: &str) -> Self {
        let (mut rest, year) = match last_bracket(text.trim()) {
            Some((before, inside)) if is_year(inside) => (before, inside.parse().ok()),
            _ => (text.trim(), None),
        };
        let mut also = Vec::new();
        while let Some((before, inside)) = last_bracket(rest) {
            if !is_title(inside) || before.is_empty() {
                break;
            }
            also.insert(0, with_article(inside.trim_start_matches("a.k.a. ")));
            rest = before;
        }
        Self {
            title: with_article(rest),
            year,
            also,
        }
    }
}

/// What stands before the brackets at the end of a text, and what in them.
fn last_bracket(text: &str) -> Option<(&str, &str)> {
    let (before, inside) = text.strip_suffix(')')?.rsplit_once('(')?;
    Some((before.trim_end(), inside.trim()))
}

fn is_year(text: &str) -> bool {
    text.len() == 4
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && text
            .parse()
            .is_ok_and(|year: i32| (1800..=2200).contains(&year))
}

/// Whether the text in brackets is another title, and not "Part 2", "3D" or "Volume One".
fn is_title(text: &str) -> bool {
    let part = ["part", "vol", "chapter", "episode", "season"];
    let lower = text.to_lowercase();
    text.chars().filter(|c| c.is_alphabetic()).count() > 2
        && !part.iter().any(|word| lower.starts_with(word))
        && !text.contains(')')
}

/// Articles that MovieLens moves behind the title.
const ARTICLES: &[&str] = &[
    "The", "A", "An", "La", "Le", "Les", "L'", "Il", "Lo", "Gli", "I", "Der", "Die", "Das", "El",
    "Los", "Las", "Un", "Une", "Una", "Uno", "O", "Os", "As", "Den", "Det", "De", "Het", "Ein",
    "Eine", "En", "Ett",
];

fn with_article(title: &str) -> String {
    let title = title.trim();
    match title.rsplit_once(", ") {
        Some((rest, article)) if ARTICLES.contains(&article) => {
            let space = if article.ends_with('\'') { "" } else { " " };
            format!("{article}{space}{rest}")
        }
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_taken_apart() {
        for (text, title, year, also) in [
            ("Matrix, The (1999)", "The Matrix", Some(1999), &[][..]),
            ("Misérables, Les (1995)", "Les Misérables", Some(1995), &[]),
            ("Avventura, L' (1960)", "L'Avventura", Some(1960), &[]),
            (
                "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
                "The City of Lost Children",
                Some(1995),
                &["La Cité des enfants perdus"],
            ),
            (
                "Seven (a.k.a. Se7en) (1995)",
                "Seven",
                Some(1995),
                &["Se7en"],
            ),
            ("Hyena Road", "Hyena Road", None, &[]),
            (
                "Death Note (2006–2007)",
                "Death Note (2006–2007)",
                None,
                &[],
            ),
            (
                "Ready, Steady, Go (1999) ",
                "Ready, Steady, Go",
                Some(1999),
                &[],
            ),
            (
                "Jackass (Part 2) (2006)",
                "Jackass (Part 2)",
                Some(2006),
                &[],
            ),
            (
                "(500) Days of Summer (2009)",
                "(500) Days of Summer",
                Some(2009),
                &[],
            ),
            ("(2001)", "", Some(2001), &[]),
            ("", "", None, &[]),
        ] {
            let read = Title::read(text);
            assert_eq!((read.title.as_str(), read.year), (title, year), "{text}");
            assert_eq!(read.also, also, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_title(text in ".{0,60}") {
            let _ = Title::read(&text);
        }
    }
}
