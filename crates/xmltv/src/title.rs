//! Titles in a form in which they can be compared.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The articles that catalogues put behind a title ("Matrix, The") and guides leave out.
const ARTICLES: &[&str] = &[
    "the", "a", "an", "le", "la", "les", "l", "un", "une", "der", "die", "das", "ein", "eine",
    "el", "los", "las", "il", "lo", "gli", "i", "o", "os", "as", "het", "de", "een", "den", "det",
];

/// What guides put before or behind the title of a film, in normalised words.
const LABELS: &[&str] = &[
    "movie",
    "film",
    "feature film",
    "new movie",
    "hd",
    "uhd",
    "4k",
    "ad",
    "s",
    "r",
];

/// A title as it is compared: lower case, without marks and punctuation, `&` as "and", a leading article
/// or one behind a comma left out, Roman numerals from the second word on as digits.
///
/// ```
/// use xmltv::normalise;
/// assert_eq!(normalise("Matrix, The"), normalise("THE MATRIX"));
/// assert_eq!(normalise("Amélie"), "amelie");
/// assert_eq!(normalise("Rocky II"), "rocky 2");
/// ```
pub fn normalise(title: &str) -> String {
    let words = words(title);
    let words = without_article(&words, title);
    // A title that is an article alone, as "The The", keeps it.
    let mut joined = String::with_capacity(title.len());
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            joined.push(' ');
        }
        joined.push_str(match numeral(word) {
            Some(digit) if index > 0 => digit,
            _ => word,
        });
    }
    joined
}

fn words(title: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let letters = title.nfkd().filter(|letter| !is_combining_mark(*letter));
    for letter in letters.flat_map(char::to_lowercase) {
        match letter {
            letter if letter.is_alphanumeric() => word.push(letter),
            // "Ocean's" is one word.
            '\'' | '’' | '‘' | '`' => {}
            other => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if other == '&' || other == '+' {
                    words.push("and".to_owned());
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn without_article<'w>(words: &'w [String], title: &str) -> &'w [String] {
    let is_article = |word: &String| ARTICLES.contains(&word.as_str());
    match words {
        [first, rest @ ..] if !rest.is_empty() && is_article(first) => rest,
        [rest @ .., last]
            if !rest.is_empty()
                && is_article(last)
                && title
                    .rsplit_once(',')
                    .is_some_and(|(_, tail)| tail.trim().to_lowercase() == *last) =>
        {
            rest
        }
        all => all,
    }
}

fn numeral(word: &str) -> Option<&'static str> {
    Some(match word {
        "ii" => "2",
        "iii" => "3",
        "iv" => "4",
        "v" => "5",
        "vi" => "6",
        "vii" => "7",
        "viii" => "8",
        "ix" => "9",
        "x" => "10",
        "xi" => "11",
        "xii" => "12",
        "xiii" => "13",
        _ => return None,
    })
}

/// The forms under which a title is looked up, normalised, the whole one first, and the year where the
/// title ends in one ("Alien (1979)"). A label as in "Movie: Alien" or "Alien - Movie" is left out; of
/// "Thesis (Tesis)", either name alone is a form too.
pub(crate) fn forms(title: &str) -> (Vec<String>, Option<i32>) {
    let (title, year) = split_year(title);
    let title = without_labels(title);
    let mut forms = vec![normalise(title)];
    if let Some((before, inside)) = title
        .strip_suffix(')')
        .and_then(|title| title.rsplit_once('('))
    {
        forms.push(normalise(before));
        let inside = inside
            .trim()
            .trim_start_matches("a.k.a.")
            .trim_start_matches("aka");
        forms.push(normalise(inside));
    }
    forms.retain(|form| !form.is_empty());
    forms.dedup();
    (forms, year)
}

fn split_year(title: &str) -> (&str, Option<i32>) {
    let title = title.trim();
    let found = title
        .strip_suffix(')')
        .and_then(|title| title.rsplit_once('('))
        .filter(|(_, year)| year.len() == 4)
        .and_then(|(title, year)| Some((title.trim_end(), year.parse().ok()?)))
        .filter(|(title, year)| !title.is_empty() && (1870..=2200).contains(year));
    found.map_or((title, None), |(title, year)| (title, Some(year)))
}

fn without_labels(title: &str) -> &str {
    let is_label = |part: &str| LABELS.contains(&words(part).join(" ").as_str());
    let mut title = title.trim();
    loop {
        let shorter = [": ", " - "].iter().find_map(|separator| {
            let before = title
                .split_once(separator)
                .filter(|(label, _)| is_label(label));
            let after = title
                .rsplit_once(separator)
                .filter(|(_, label)| is_label(label));
            before.map(|(_, rest)| rest).or(after.map(|(rest, _)| rest))
        });
        let shorter = shorter.or_else(|| {
            let (open, close) = if title.ends_with(']') {
                ('[', ']')
            } else {
                ('(', ')')
            };
            let (rest, label) = title.strip_suffix(close)?.rsplit_once(open)?;
            is_label(label).then_some(rest)
        });
        match shorter.map(str::trim) {
            Some(shorter) if !shorter.is_empty() => title = shorter,
            _ => return title,
        }
    }
}
