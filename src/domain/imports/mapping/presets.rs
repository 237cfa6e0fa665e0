//! Mappings of well-known files, built in.

use super::Subject;

/// The built-in mappings: what they are of, their name, and their text.
const PRESETS: &[(Subject, &str, &str)] = &[
    (
        Subject::Items,
        "book-crossing",
        include_str!("presets/book-crossing-items.toml"),
    ),
    (
        Subject::Items,
        "goodbooks",
        include_str!("presets/goodbooks-items.toml"),
    ),
    (
        Subject::Items,
        "gorse",
        include_str!("presets/gorse-items.toml"),
    ),
    (
        Subject::Items,
        "ml-100k",
        include_str!("presets/ml-100k-items.toml"),
    ),
    (
        Subject::Items,
        "personalize",
        include_str!("presets/personalize-items.toml"),
    ),
    (
        Subject::Interactions,
        "book-crossing",
        include_str!("presets/book-crossing-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "goodbooks",
        include_str!("presets/goodbooks-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "gorse",
        include_str!("presets/gorse-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "ml-100k",
        include_str!("presets/ml-100k-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "personalize",
        include_str!("presets/personalize-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "recbole",
        include_str!("presets/recbole-interactions.toml"),
    ),
    (
        Subject::Interactions,
        "retailrocket",
        include_str!("presets/retailrocket-interactions.toml"),
    ),
    (
        Subject::Users,
        "gorse",
        include_str!("presets/gorse-users.toml"),
    ),
    (
        Subject::Users,
        "ml-100k",
        include_str!("presets/ml-100k-users.toml"),
    ),
    (
        Subject::Users,
        "personalize",
        include_str!("presets/personalize-users.toml"),
    ),
];

/// The text of the built-in mapping of this name.
///
/// # Errors
/// A sentence with the names that there are for `subject`.
pub fn preset(subject: Subject, name: &str) -> Result<&'static str, String> {
    let of_subject = || PRESETS.iter().filter(|(of, ..)| *of == subject);
    match of_subject().find(|(_, known, _)| *known == name) {
        Some((.., text)) => Ok(text),
        None => {
            let names: Vec<&str> = of_subject().map(|(_, name, _)| *name).collect();
            let names = names.join(", ");
            let subject = subject.as_str();
            Err(format!(
                "there is no preset of this name for {subject}; there are: {names}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mapping;
    use super::*;

    #[test]
    fn every_preset_is_a_good_mapping_of_its_own() {
        for (subject, name, text) in PRESETS {
            let read = Mapping::parse(text, *subject);
            assert!(read.is_ok(), "{name}: {read:?}");
            assert_eq!(preset(*subject, name), Ok(*text));
        }
        let unknown = preset(Subject::Users, "shop").unwrap_err();
        assert!(unknown.contains("gorse, ml-100k, personalize"), "{unknown}");
    }
}
