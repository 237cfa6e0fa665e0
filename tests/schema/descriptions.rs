//! The rules for descriptions of a GraphQL schema, each with a sample that it must catch.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

/// The shortest description, in characters.
const SHORTEST: usize = 15;

/// How many things of different names may share a description. Things of the same name are alike:
/// `cursor`, `first` or `errors` mean the same wherever they are.
const SHARED_BY: usize = 5;

/// Types of these endings are one generic type each: what is before the ending names the items.
const GENERIC_ENDINGS: &[&str] = &["Connection", "Edge"];

/// Words and phrases that no reader of an API expects: names that this project once gave to its
/// parts, and turns of phrase that say less than the plain word. Whole words, in any case; names of
/// the contract in backticks are not looked at.
const PRIVATE_WORDS: &[&str] = &[
    "anew",
    "asker",
    "before their eyes",
    "by itself",
    "chance",
    "deed",
    "deeds",
    "doings",
    "drawn",
    "errand",
    "ground",
    "heard",
    "in figures",
    "keepable",
    "kept",
    "likings",
    "rises",
    "left out",
    "nothing to say",
    "on record",
    "renown",
    "sent away",
    "shelf",
    "shown to",
    "so many",
    "taken",
    "takers",
    "taker",
    "the news",
    "the shell",
    "the way on",
    "the ways on",
    "thing",
    "things",
    "told",
    "took",
    "what became of",
    "whichever way",
    "whom",
];

/// What a description must hold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every type, field, argument, input field and enum value has one.
    Present,
    /// It says something.
    LongEnough,
    /// It says something of this thing, and not of others.
    OfItsOwn,
    /// It is written in the words of the field.
    PlainWords,
}

/// A thing of a schema that may have a description.
#[derive(Clone, Debug)]
pub struct Described {
    /// The last part of its path: `first`. Things of one name are alike.
    name: String,
    /// Where it stands: `Query.users(first:)`.
    path: String,
    /// The description, its lines joined.
    text: Option<String>,
}

/// Everything in a schema, given in the schema definition language, that may have a description.
/// Directives are left to the specification.
pub fn read(sdl: &str) -> Vec<Described> {
    let document = parse_schema(sdl).unwrap_or_else(|error| panic!("not a schema: {error}"));
    let mut found = Vec::new();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            read_type(&definition.node, &mut found);
        }
    }
    found
}

fn read_type(definition: &TypeDefinition, found: &mut Vec<Described>) {
    let owner = definition.name.node.as_str();
    let description = definition.description.as_ref();
    let mut of_type = described(&definition.name, owner.to_owned(), description);
    if let Some(ending) = GENERIC_ENDINGS.iter().find(|it| owner.ends_with(**it)) {
        of_type.name = (*ending).to_owned();
    }
    found.push(of_type);
    match &definition.kind {
        TypeKind::Object(object) => read_fields(owner, &object.fields, found),
        TypeKind::Interface(interface) => read_fields(owner, &interface.fields, found),
        TypeKind::InputObject(input) => {
            for field in &input.fields {
                found.push(input_value(field, |name| format!("{owner}.{name}")));
            }
        }
        TypeKind::Enum(values) => {
            for value in &values.values {
                let (value, path) = (&value.node, format!("{owner}.{}", value.node.value.node));
                found.push(described(&value.value, path, value.description.as_ref()));
            }
        }
        TypeKind::Union(_) | TypeKind::Scalar => {}
    }
}

fn read_fields(owner: &str, fields: &[Positioned<FieldDefinition>], found: &mut Vec<Described>) {
    for field in fields {
        let field = &field.node;
        let path = format!("{owner}.{}", field.name.node);
        for argument in &field.arguments {
            found.push(input_value(argument, |name| format!("{path}({name}:)")));
        }
        found.push(described(&field.name, path, field.description.as_ref()));
    }
}

fn input_value(
    value: &Positioned<InputValueDefinition>,
    path: impl FnOnce(&str) -> String,
) -> Described {
    let value = &value.node;
    let path = path(value.name.node.as_str());
    described(&value.name, path, value.description.as_ref())
}

fn described(
    name: &Positioned<Name>,
    path: String,
    description: Option<&Positioned<String>>,
) -> Described {
    let text = description.map(|text| text.node.split_whitespace().collect::<Vec<_>>().join(" "));
    Described {
        name: name.node.to_string(),
        path,
        text: text.filter(|text| !text.is_empty()),
    }
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 4] = [
        Self::Present,
        Self::LongEnough,
        Self::OfItsOwn,
        Self::PlainWords,
    ];

    /// What of a schema breaks this rule, a line each.
    pub fn offences(self, schema: &[Described]) -> Vec<String> {
        match self {
            Self::Present => {
                let bare = schema.iter().filter(|thing| thing.text.is_none());
                bare.map(|thing| format!("{}: has no description", thing.path))
                    .collect()
            }
            Self::LongEnough => texts(schema)
                .filter(|(_, text)| text.chars().count() < SHORTEST)
                .map(|(thing, text)| format!("{}: says little: {text}", thing.path))
                .collect(),
            Self::OfItsOwn => shared(schema),
            Self::PlainWords => texts(schema)
                .flat_map(|(thing, text)| {
                    let found = private_words(text).into_iter();
                    found.map(move |word| format!("{}: \"{word}\" in: {text}", thing.path))
                })
                .collect(),
        }
    }
}

fn texts(schema: &[Described]) -> impl Iterator<Item = (&Described, &str)> {
    schema
        .iter()
        .filter_map(|thing| Some((thing, thing.text.as_deref()?)))
}

fn shared(schema: &[Described]) -> Vec<String> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (thing, text) in texts(schema) {
        names.entry(text).or_default().insert(&thing.name);
    }
    let shared = names.into_iter().filter(|(_, by)| by.len() > SHARED_BY);
    shared
        .map(|(text, by)| {
            let by: Vec<&str> = by.into_iter().collect();
            format!("{}: all described by: {text}", by.join(", "))
        })
        .collect()
}

/// The private words in a text.
fn private_words(text: &str) -> Vec<&'static str> {
    // Every second piece stands between backticks.
    let prose: Vec<&str> = text.split('`').step_by(2).collect();
    let prose = prose.join(" ").to_lowercase();
    let words: Vec<&str> = prose
        .split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let said = |phrase: &&&str| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words
            .windows(phrase.len())
            .any(|window| window == phrase.as_slice())
    };
    PRIVATE_WORDS.iter().filter(said).copied().collect()
}

#[test]
fn a_missing_description_of_anything_is_caught() {
    let schema = read(
        "type Film { title(language: String): String! }
        input FilmInput { title: String! }
        enum Genre { WESTERN }
        union Work = Film
        interface Node { id: ID! }
        scalar Year",
    );
    let found = Rule::Present.offences(&schema);
    let bare = |path: &str| format!("{path}: has no description");
    assert_eq!(
        found,
        [
            "Film",
            "Film.title(language:)",
            "Film.title",
            "FilmInput",
            "FilmInput.title",
            "Genre",
            "Genre.WESTERN",
            "Work",
            "Node",
            "Node.id",
            "Year"
        ]
        .map(bare)
    );
}

#[test]
fn a_description_that_says_little_is_caught() {
    let schema = read(
        r#"
        "A film of the catalogue."
        type Film {
            "Which."
            id: ID!
            "Fifteen letters"
            title: String!
        }
        "#,
    );
    let found = Rule::LongEnough.offences(&schema);
    assert_eq!(found, ["Film.id: says little: Which."]);
}

#[test]
fn a_description_of_more_than_five_unlike_things_is_caught() {
    let fields = |names: &[&str]| {
        let described = |name: &&str| format!("\"What there is to know.\" {name}: Int!");
        let fields: Vec<String> = names.iter().map(described).collect();
        fields.join(" ")
    };
    let six = fields(&["a", "b", "c", "d", "e", "f"]);
    let found = Rule::OfItsOwn.offences(&read(&format!("type Six {{ {six} }}")));
    assert_eq!(
        found,
        ["a, b, c, d, e, f: all described by: What there is to know."]
    );

    let alike = ["A", "B", "C", "D", "E", "F"]
        .map(|owner| format!("type {owner} {{ {} }}", fields(&["cursor"])));
    let found = Rule::OfItsOwn.offences(&read(&alike.join(" ")));
    assert!(found.is_empty(), "things of one name are alike: {found:?}");

    let pages = ["A", "B", "C", "D", "E", "F"]
        .map(|item| format!("\"A page of a paginated list.\" scalar {item}Connection"));
    let found = Rule::OfItsOwn.offences(&read(&pages.join(" ")));
    assert!(found.is_empty(), "a generic type is one: {found:?}");
}

#[test]
fn a_private_word_is_caught_and_longer_words_and_names_are_not() {
    let schema = read(
        r#"
        "One page of a list, and the ways on."
        type Page {
            "Shelf that the product stands on."
            shelf: String!
            """
            Return at most
            SO   many items.
            """
            first: Int!
            "Errors that `shelf` may return, and background work."
            errors: String!
        }
        "#,
    );
    let found = Rule::PlainWords.offences(&schema);
    assert_eq!(
        found,
        [
            r#"Page: "the ways on" in: One page of a list, and the ways on."#,
            r#"Page.shelf: "shelf" in: Shelf that the product stands on."#,
            r#"Page.first: "so many" in: Return at most SO many items."#,
        ]
    );
}
