//! How long the texts of arguments and variables may be. A text that goes into a condition is compared with
//! every row, and one that nothing bounds is copied as often as it is used.

/// The most characters of a text that is none of the following.
pub(super) const LONGEST: usize = 4_096;

/// The most characters of an operand of a filter and of a search: as long as the longest title, so that nothing longer
/// is found.
const OPERAND: usize = 500;

/// The most characters of a text that is long by its nature. The service that takes it has a limit of its own,
/// which is lower.
const LONG: usize = 120_000;

/// The input objects whose texts are operands of filters.
const FILTERS: &[&str] = &["StringFilter", "StringListFilter"];

/// What is searched for: a field and its argument.
const SEARCHES: &[(&str, &str)] = &[
    ("recommendations", "query"),
    ("search", "query"),
    ("searchSuggestions", "prefix"),
];

/// The long texts: an input object or a field, and its field or argument.
const LONG_TEXTS: &[(&str, &str)] = &[
    ("CreateContentInput", "description"),
    ("UpdateContentInput", "description"),
    ("CreatePersonInput", "biography"),
    ("UpdatePersonInput", "biography"),
    ("ImageJobInput", "prompt"),
    ("ImageJobInput", "negativePrompt"),
    ("TextJobInput", "prompt"),
    ("TextJobInput", "system"),
    ("ImportJobInput", "mapping"),
    // The cursor of a subscription holds what was open when it was made.
    ("interactions", "after"),
];

/// The most characters of a text at `name` of `parent`: a field of an input object, or an argument of a field.
pub(super) fn longest(parent: &str, name: &str) -> usize {
    if FILTERS.contains(&parent) || SEARCHES.contains(&(parent, name)) {
        OPERAND
    } else if LONG_TEXTS.contains(&(parent, name)) {
        LONG
    } else {
        LONGEST
    }
}

/// Says that a text is longer than `longest` characters, if it is.
pub(super) fn check(text: &str, longest: usize) -> Result<(), String> {
    // Of a text with fewer bytes than that there is nothing to count.
    if text.len() > longest && text.chars().nth(longest).is_some() {
        Err(format!("a text here has at most {longest} characters"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_and_not_bytes() {
        assert_eq!(check(&"é".repeat(10), 10), Ok(()));
        assert!(check(&"é".repeat(11), 10).is_err());
        assert_eq!(check("", 0), Ok(()));
    }

    #[test]
    fn every_long_text_and_every_filter_is_in_the_schema() {
        let contract = graphql::contract(true).unwrap();
        let schema = contract.schema();
        let is_field = |object: &str, name: &str| {
            let input = contract.input_object(object);
            input.is_some_and(|input| input.fields.contains_key(name))
        };
        let definition = &schema.schema_definition;
        let roots = [&definition.query, &definition.subscription];
        let is_argument = |field: &str, name: &str| {
            roots.iter().filter_map(|root| root.as_ref()).any(|root| {
                let field = schema.type_field(&root.name, field);
                field.is_ok_and(|field| field.argument_by_name(name).is_some())
            })
        };
        for (parent, name) in LONG_TEXTS {
            assert!(
                is_field(parent, name) || is_argument(parent, name),
                "{parent}.{name}"
            );
        }
        for (field, argument) in SEARCHES {
            assert!(is_argument(field, argument), "{field}.{argument}");
        }
        for filter in FILTERS {
            assert!(contract.input_object(filter).is_some(), "{filter}");
        }
    }
}
