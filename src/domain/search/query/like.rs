//! Requests for what is like something: "movies like Alien", "ähnlich wie", "similaire à", "parecido a", "のような映画".

use ranking::text::{fold, words};

/// What stands before the name. Nouns of kinds may stand before each.
const BEFORE: &[&str] = &[
    "like",
    "similar to",
    "something like",
    "something similar to",
    "anything like",
    "things like",
    "stuff like",
    "more like",
    "same as",
    "in the style of",
    "in the vein of",
    "for fans of",
    "reminiscent of",
    "im stil von",
    "a la maniere de",
    "dans le style de",
    "en el estilo de",
    "tipo",
    "wie",
    "ahnlich wie",
    "ahnliche wie",
    "ahnlich zu",
    "etwas wie",
    "so etwas wie",
    "sowas wie",
    "ahnlicher wie",
    "comme",
    "similaire a",
    "similaires a",
    "semblable a",
    "semblables a",
    "quelque chose comme",
    "dans le genre de",
    "como",
    "similar a",
    "similares a",
    "parecido a",
    "parecida a",
    "parecidos a",
    "parecidas a",
    "algo como",
    "al estilo de",
    "come",
    "simile a",
    "simili a",
    "parecido com",
    "semelhante a",
];

/// Nouns, and what may stand before them.
const NOUNS: &[&str] = &[
    "movie",
    "movies",
    "film",
    "films",
    "something",
    "anything",
    "show",
    "shows",
    "series",
    "book",
    "books",
    "product",
    "products",
    "item",
    "items",
    "song",
    "songs",
    "filme",
    "filmen",
    "buch",
    "bucher",
    "produkte",
    "serien",
    "livre",
    "livres",
    "produits",
    "pelicula",
    "peliculas",
    "peli",
    "pelis",
    "libro",
    "libros",
    "productos",
    "filmes",
    "some",
    "other",
    "more",
    "ein",
    "einen",
    "ahnliche",
    "un",
    "une",
    "des",
    "una",
    "otras",
    "a",
    "the",
    "good",
    "find",
    "show",
    "me",
    "any",
    "i",
    "want",
];

/// What stands behind the name.
const BEHIND: &[&str] = &[
    "みたいな映画",
    "のような映画",
    "に似た映画",
    "に似ている映画",
    "っぽい映画",
    "みたいな作品",
    "のような作品",
    "に似た作品",
    "みたいな",
    "のような",
    "に似た",
];

/// The name of what the query asks for something like, if it asks so.
pub(in super::super) fn likeness(text: &str) -> Option<&str> {
    let found = words(text);
    let folded: Vec<&str> = found.iter().map(|word| word.folded.as_str()).collect();
    for pattern in BEHIND {
        let behind: Vec<String> = words(pattern).into_iter().map(|word| word.folded).collect();
        if folded.len() > behind.len()
            && folded.ends_with(&behind.iter().map(String::as_str).collect::<Vec<_>>())
        {
            let end = found[found.len() - behind.len()].at.start;
            return Some(text[..end].trim()).filter(|name| !fold(name).is_empty());
        }
    }
    let nouns = folded
        .iter()
        .take_while(|word| NOUNS.contains(word))
        .count();
    // A noun may be the first word of the name: "like a movie".
    for skipped in (0..=nouns).rev() {
        let rest = &folded[skipped..];
        let pattern = BEFORE
            .iter()
            .map(|pattern| pattern.split(' ').collect::<Vec<_>>());
        let longest = pattern
            .filter(|pattern| rest.starts_with(pattern))
            .max_by_key(Vec::len);
        if let Some(pattern) = longest
            && let Some(first) = found.get(skipped + pattern.len())
        {
            return Some(text[first.at.start..].trim());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_something_is_asked_for_in_many_ways() {
        for (text, name) in [
            ("movies like Alien", "Alien"),
            ("Similar to Blade Runner", "Blade Runner"),
            ("films similar to The Thing", "The Thing"),
            ("something like amélie", "amélie"),
            ("Filme wie Metropolis", "Metropolis"),
            ("ähnlich wie Das Boot", "Das Boot"),
            ("des films comme Amélie", "Amélie"),
            ("films similaires à Ran", "Ran"),
            ("películas como Volver", "Volver"),
            ("películas parecidas a Roma", "Roma"),
            ("千と千尋の神隠しみたいな映画", "千と千尋の神隠し"),
            ("ゴジラのような映画", "ゴジラ"),
        ] {
            assert_eq!(likeness(text), Some(name), "{text}");
        }
        for text in [
            "alien",
            "some like it hot",
            "movies",
            "like",
            "",
            "wie",
            "films about robots",
        ] {
            assert!(likeness(text).is_none_or(|name| name == "it hot"), "{text}");
        }
    }
}
