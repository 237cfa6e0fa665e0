//! Which documents have answers that may be kept whole and given again.
//!
//! Refused unless allowed: only queries whose every field stands in [`FIELDS`], and whose root
//! fields have no argument but those of [`ROOTS`]. What stands there depends upon the catalogue,
//! the models, the interaction weights and what the viewer did, and each change of these makes the
//! kept answers unreachable. What depends upon others' counts, on the time of the day, on sessions
//! or on anybody else's data must not stand there.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Value, Variables};

use crate::foundation::{Id, id};

/// The argument that names another user than the viewer: what they do ends the answer's life too.
const USER: &str = "userId";

/// The root fields, and which arguments they may have.
const ROOTS: &[(&str, &[&str])] = &[
    ("content", &["id"]),
    (
        "contents",
        &["filter", "orderBy", "first", "after", "last", "before"],
    ),
    (
        "recommendations",
        &[
            USER,
            "context",
            "contentId",
            "query",
            "first",
            "after",
            "filter",
            "boost",
            "exclude",
            "pin",
            "diversity",
            "minScore",
            "fallback",
        ],
    ),
];

/// The fields below them, by type.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "Content",
        &[
            "id",
            "kind",
            "title",
            "originalTitle",
            "description",
            "genres",
            "tags",
            "year",
            "durationMinutes",
            "language",
            "posterUrl",
            "ratingAverage",
            "ratingCount",
            "popularity",
            "brand",
            "merchant",
            "categoryPath",
            "price",
            "listPrice",
            "stock",
            "color",
            "rightsFrom",
            "rightsUntil",
            "broadcastsLeft",
            "visibility",
            "qualityScore",
            "metadata",
            "createdAt",
            "updatedAt",
            "credits",
            "directors",
            "externalIds",
        ],
    ),
    ("Money", &["amount", "currency"]),
    ("ExternalId", &["source", "id"]),
    ("Credit", &["role", "position", "character", "person"]),
    (
        "Person",
        &[
            "id",
            "name",
            "photoUrl",
            "biography",
            "createdAt",
            "updatedAt",
        ],
    ),
    (
        "ContentConnection",
        &["edges", "nodes", "pageInfo", "totalCount"],
    ),
    ("ContentEdge", &["cursor", "node"]),
    (
        "PageInfo",
        &["hasPreviousPage", "hasNextPage", "startCursor", "endCursor"],
    ),
    (
        "RecommendationList",
        &[
            "id",
            "context",
            "createdAt",
            "model",
            "embedding",
            "blendWeights",
            "freshness",
            "weightsVersion",
            "items",
            "edges",
            "nodes",
            "pageInfo",
            "totalCount",
        ],
    ),
    ("RecommendationEdge", &["cursor", "node"]),
    (
        "RecommendationItem",
        &[
            "rank",
            "score",
            "sources",
            "contributions",
            "reasons",
            "attributionToken",
            "content",
        ],
    ),
    ("BlendWeight", &["source", "weight"]),
    (
        "Freshness",
        &["modelAgeSeconds", "eventsApplied", "lastEventAt"],
    ),
    ("Contribution", &["source", "score", "weight"]),
    ("Reason", &["source", "message", "because"]),
    (
        "Model",
        &["id", "kind", "version", "algorithm", "createdAt"],
    ),
];

/// Tells which documents may be kept.
#[derive(Debug)]
pub struct Keepable {
    /// The type of each field that is allowed.
    fields: HashMap<(&'static str, &'static str), String>,
}

/// Of whom the answers to a document tell, beside the viewer.
#[derive(Debug, Default, PartialEq)]
pub struct Subjects(Vec<Subject>);

#[derive(Debug, PartialEq)]
enum Subject {
    Named(String),
    Variable(String),
}

impl Subjects {
    /// The users that a request with these variables names. `None` where one of them is no user's
    /// id: there is nothing to keep then.
    pub fn users(&self, variables: &Variables) -> Option<Vec<Id<id::User>>> {
        let mut users = Vec::with_capacity(self.0.len());
        for subject in &self.0 {
            let named = match subject {
                Subject::Named(named) => named,
                Subject::Variable(name) => match variables.get(name.as_str()) {
                    None | Some(Value::Null) => continue,
                    Some(Value::String(named)) => named,
                    Some(_) => return None,
                },
            };
            users.push(named.parse().ok()?);
        }
        Some(users)
    }
}

impl Keepable {
    /// Reads what types the fields have out of the contract. A field that is not there is not
    /// allowed; a test finds it.
    pub fn new() -> Self {
        let contract = types(&super::sdl());
        let roots = ROOTS.iter().map(|(field, _)| ("Query", *field));
        let below = FIELDS.iter();
        let below = below.flat_map(|(of, fields)| fields.iter().map(|field| (*of, *field)));
        let found = roots.chain(below).filter_map(|(of, field)| {
            let named = contract.get(&(of.to_owned(), field.to_owned()))?;
            Some(((of, field), named.clone()))
        });
        Self {
            fields: found.collect(),
        }
    }

    /// Whom the answers to the operations of `document` are of, if they may be kept. Call it on
    /// what passed the guard, whose limits bound the walk.
    pub fn judge(&self, document: &ExecutableDocument) -> Option<Subjects> {
        let mut subjects = Subjects::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let set = &operation.selection_set.node;
            if operation.ty != OperationType::Query
                || !self.all(document, "Query", set, &mut subjects)
            {
                return None;
            }
            // Whom a variable names that has a default is not known from its value alone.
            let mut variables = operation.variable_definitions.iter();
            if variables.any(|variable| {
                let name = variable.node.name.node.as_str();
                variable.node.default_value.is_some()
                    && subjects.0.contains(&Subject::Variable(name.to_owned()))
            }) {
                return None;
            }
        }
        Some(subjects)
    }

    fn all(
        &self,
        document: &ExecutableDocument,
        of: &str,
        set: &SelectionSet,
        subjects: &mut Subjects,
    ) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let name = field.name.node.as_str();
                if name == "__typename" {
                    return true;
                }
                let below = &field.selection_set.node;
                self.fields.get(&(of, name)).is_some_and(|named| {
                    (of != "Query" || harmless(field, subjects))
                        && self.all(document, named, below, subjects)
                })
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref();
                let of = condition.map_or(of, |condition| condition.node.on.node.as_str());
                self.all(document, of, &inline.node.selection_set.node, subjects)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let of = fragment.node.type_condition.node.on.node.as_str();
                    self.all(document, of, &fragment.node.selection_set.node, subjects)
                })
            }
        })
    }
}

impl Default for Keepable {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a root field has allowed arguments only; whom it names is noted.
fn harmless(field: &Field, subjects: &mut Subjects) -> bool {
    let root = field.name.node.as_str();
    let allowed = ROOTS.iter().find(|(field, _)| *field == root);
    let allowed = allowed.map_or(&[][..], |(_, arguments)| *arguments);
    field.arguments.iter().all(|(name, value)| {
        let name = name.node.as_str();
        if name == USER {
            use async_graphql_value::Value;
            match &value.node {
                Value::Null => {}
                Value::String(named) => subjects.0.push(Subject::Named(named.clone())),
                Value::Variable(name) => subjects.0.push(Subject::Variable(name.to_string())),
                _ => return false,
            }
        }
        allowed.contains(&name)
    })
}

/// The named type of each field of each object type of a contract.
fn types(sdl: &str) -> HashMap<(String, String), String> {
    let document = parse_schema(sdl);
    let definitions = document
        .map(|document| document.definitions)
        .unwrap_or_default();
    let mut found = HashMap::new();
    for definition in definitions {
        let TypeSystemDefinition::Type(of) = definition else {
            continue;
        };
        if let TypeKind::Object(object) = &of.node.kind {
            for field in &object.fields {
                let key = (
                    of.node.name.node.to_string(),
                    field.node.name.node.to_string(),
                );
                found.insert(key, named(&field.node.ty.node));
            }
        }
    }
    found
}

fn named(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => named(inner),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use async_graphql::parser::parse_query;

    use super::*;

    fn kept(source: &str) -> bool {
        subjects(source).is_some()
    }

    fn subjects(source: &str) -> Option<Subjects> {
        Keepable::new().judge(&parse_query(source).unwrap())
    }

    #[test]
    fn every_field_of_the_lists_is_in_the_contract() {
        let contract = types(&crate::graphql::sdl());
        let roots: Vec<_> = ROOTS.iter().map(|(field, _)| *field).collect();
        let mut seen = HashSet::new();
        for (of, fields) in [("Query", &roots[..])].iter().chain(FIELDS) {
            for field in *fields {
                let key = ((*of).to_owned(), (*field).to_owned());
                assert!(contract.contains_key(&key), "there is no {of}.{field}");
                assert!(seen.insert(key), "{of}.{field} stands there twice");
            }
        }
    }

    #[test]
    fn lists_of_the_catalogue_and_for_the_viewer_are_kept() {
        for source in [
            "{ recommendations(first: 20) { id items { rank score content { title directors { name } } reasons { message } } } }",
            "query ($after: String) { contents(first: 5, after: $after, filter: { year: { gt: 1990 } }) { nodes { ...F } totalCount } } fragment F on Content { id title ... on Content { year } }",
            "{ __typename content(id: \"x\") { title price { amount } } }",
        ] {
            assert!(kept(source), "{source}");
        }
    }

    #[test]
    fn whatever_is_not_allowed_is_not_kept() {
        for source in [
            "mutation { logout { errors { __typename } } }",
            "{ viewer { __typename } }",
            "{ __schema { types { name } } }",
            "query ($u: ID = \"user_1\") { recommendations(userId: $u) { id } }",
            "{ recommendations(userId: [\"user_1\"]) { id } }",
            "{ content(id: \"x\") { title interactionCount } }",
            "{ content(id: \"x\") { ratings { mean } } }",
            "{ recommendations { items { content { creator { email } } } } }",
            "{ contents { nodes { id } } node(id: \"x\") { id } }",
            "{ contents { nodes { ...F } } } fragment F on Content { ratings { count } }",
            "{ contents { nodes { ... on Node { id } } } }",
            "{ contents { nodes { ...Missing } } }",
            "{ contents { nodes { nonsense } } }",
            "query A { contents { nodes { id } } } query B { users { nodes { id } } }",
        ] {
            assert!(!kept(source), "{source}");
        }
    }

    #[test]
    fn an_answer_about_others_tells_whom_it_is_about() {
        let user = |number| Id::<id::User>::from(uuid::Uuid::from_u128(number));
        let (one, two) = (user(1), user(2));
        let source = format!(
            "query ($u: ID, $v: ID) {{ a: recommendations(userId: \"{one}\") {{ id }} \
             b: recommendations(userId: $u) {{ id }} c: recommendations(userId: $v) {{ id }} }}"
        );
        let subjects = subjects(&source).unwrap();
        let named = |variables| subjects.users(&Variables::from_json(variables));
        assert_eq!(named(serde_json::json!({ "u": two })), Some(vec![one, two]));
        assert_eq!(named(serde_json::json!({ "v": null })), Some(vec![one]));
        assert_eq!(named(serde_json::json!({ "u": "nobody" })), None);
        assert_eq!(named(serde_json::json!({ "u": 7 })), None);
    }
}
