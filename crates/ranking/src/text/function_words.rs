//! Words that say nothing alone: a query finds without them, and better with them.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

/// Function words of each language, folded, that mean nothing else in the other languages.
const OF_ALL: &[&str] = &[
    // English
    "a about all an and any are as at be been but by can do does for from had has have he her him his how i if \
     in into is it its me my no not of on or our s she so some something t than that the their them then there \
     they this to was we were what when where which while who whose why will with you your",
    // German
    "aber als auch auf aus bei beim das dass dem den denn der des dich dir durch ein eine einem einen einer \
     eines er es gegen ich ihr ihre im ist mich mir mit nach nicht noch nur oder ohne sein seine sich sie \
     sind uber um und uns unser unter vom von vor wenn wie wir zu zum zur",
    // French
    "au aux avec ce ces cette chez d dans de des du elle elles en est et eux il ils je l la le les leur leurs \
     lui mais mes ne nos notre nous ou qu quand que qui sa sans ses sont sous sur ta te tes toi \
     tu un une vos votre vous",
    // Spanish
    "al como cual cuando del donde el ella ellos entre era esa ese esta este fue ha hasta las lo los mas mi mis \
     muy nada ni o para pero por porque que se si sobre su sus tambien tiene todo una unas uno unos y yo",
    // Italian and Portuguese
    "agli alla alle allo anche che chi ci col com da dagli dai dal dalla dei della delle dello di dos e em fra \
     gli ho ma na nao nel nella nelle no nos o per piu pois pela pelo quello questo sono sua suo tra um uma",
    // Dutch and the Scandinavian languages
    "aan een en het in ook op te voor det en ett for och som til med",
    // Russian
    "а без в во для до если же за и из или к как на не но о об от по под при с со то у что это",
    // Japanese
    "の と は が を に へ も や で",
];

/// Function words of one language that are words of their own in another one.
const OF_ONE: &[(&str, &str)] = &[
    ("de", "am an bin bis da die fur hat hatte man war was will"),
    ("fr", "a on meme par pas plus pour son ton mon se"),
    ("es", "con sin son tu un ya"),
    ("it", "a ad al con i il in lo non se si"),
    ("pt", "a as com das do mas os"),
    ("nl", "de die is met van was"),
    ("sv", "att av den de han hon i man pa till"),
    ("da", "de den er i man"),
];

/// Whether a word says nothing alone, in whatever language a text is.
pub fn is_function_word(folded: &str) -> bool {
    static WORDS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
        OF_ALL
            .iter()
            .flat_map(|words| words.split_whitespace())
            .collect()
    });
    WORDS.contains(folded)
}

/// Whether a word says nothing alone in a text of this language, an ISO 639-1 code: `die` says something in
/// English and nothing in German.
pub fn is_function_word_of(folded: &str, language: &str) -> bool {
    let own = OF_ONE.iter().filter(|(code, _)| *code == language);
    is_function_word(folded)
        || own
            .flat_map(|(_, words)| words.split(' '))
            .any(|word| word == folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_are_told_from_others() {
        for word in [
            "a", "the", "with", "your", "in", "of", "und", "les", "el", "の",
        ] {
            assert!(is_function_word(word), "{word}");
        }
        for word in ["thing", "die", "war", "son", "man", "sin"] {
            assert!(!is_function_word(word), "{word}");
        }
        assert!(is_function_word_of("die", "de") && is_function_word_of("und", "de"));
        assert!(!is_function_word_of("die", "en"));
    }
}
