//! The response cache policy: which documents have responses that may be cached whole.
//!
//! An allow-list: only queries whose fields are all in [`FIELDS`], and whose root fields have no
//! arguments but those of [`ROOTS`]. These depend on the catalogue, the models, the interaction
//! weights and the viewer's own interactions, and each change of those invalidates the cached
//! responses. A field that depends on counts of other users, on the time of day, on sessions or on
//! data of other users must not be listed.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Value, Variables};

use crate::foundation::{Id, id};

/// The argument that names another user than the viewer. Changes of that user invalidate the response too.
const USER: &str = "userId";

/// The cacheable root fields with their allowed arguments.
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

/// The cacheable fields of object types.
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
    ("ExternalId", &["source", "value"]),
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
            "stored",
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
        &[
            "modelAgeSeconds",
            "eventsApplied",
            "eventsSinceModel",
            "lastEventAt",
        ],
    ),
    ("Contribution", &["source", "score", "weight"]),
    ("Reason", &["source", "message", "because"]),
    (
        "Model",
        &["id", "kind", "version", "algorithm", "createdAt"],
    ),
];

/// Decides which documents have cacheable responses.
#[derive(Debug)]
pub struct ResponseCachePolicy {
    /// The named type of each cacheable field, by parent type and field name.
    fields: HashMap<(&'static str, &'static str), String>,
}

/// The users, beside the viewer, on whose data the responses to a document depend.
#[derive(Debug, Default, PartialEq)]
pub struct CacheScope(Vec<UserArgument>);

#[derive(Debug, PartialEq)]
enum UserArgument {
    Literal(String),
    Variable(String),
}

impl CacheScope {
    /// The users that a request with `variables` names. `None` when one of them is not the id of a
    /// user: the response is then not cacheable.
    pub fn users(&self, variables: &Variables) -> Option<Vec<Id<id::User>>> {
        let mut users = Vec::with_capacity(self.0.len());
        for argument in &self.0 {
            let named = match argument {
                UserArgument::Literal(named) => named,
                UserArgument::Variable(name) => match variables.get(name.as_str()) {
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

impl ResponseCachePolicy {
    /// Reads the types of the fields from the GraphQL schema. A field that the schema does not have is
    /// not cacheable; a test finds such fields.
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

    /// The scope of the responses to `document`; `None` when they must not be cached. Call it with a
    /// document that passed the guard, whose limits bound the traversal.
    pub fn scope(&self, document: &ExecutableDocument) -> Option<CacheScope> {
        let mut scope = CacheScope::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let set = &operation.selection_set.node;
            if operation.ty != OperationType::Query
                || !self.allows(document, "Query", set, &mut scope)
            {
                return None;
            }
            // The default of a variable is not among the values of a request.
            let mut variables = operation.variable_definitions.iter();
            if variables.any(|variable| {
                let name = variable.node.name.node.as_str();
                variable.node.default_value.is_some()
                    && scope.0.contains(&UserArgument::Variable(name.to_owned()))
            }) {
                return None;
            }
        }
        Some(scope)
    }

    fn allows(
        &self,
        document: &ExecutableDocument,
        of: &str,
        set: &SelectionSet,
        scope: &mut CacheScope,
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
                    (of != "Query" || has_allowed_arguments(field, scope))
                        && self.allows(document, named, below, scope)
                })
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref();
                let of = condition.map_or(of, |condition| condition.node.on.node.as_str());
                self.allows(document, of, &inline.node.selection_set.node, scope)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let of = fragment.node.type_condition.node.on.node.as_str();
                    self.allows(document, of, &fragment.node.selection_set.node, scope)
                })
            }
        })
    }
}

impl Default for ResponseCachePolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a root field has allowed arguments only. Adds the users that it names to `scope`.
fn has_allowed_arguments(field: &Field, scope: &mut CacheScope) -> bool {
    let root = field.name.node.as_str();
    let allowed = ROOTS.iter().find(|(field, _)| *field == root);
    let allowed = allowed.map_or(&[][..], |(_, arguments)| *arguments);
    field.arguments.iter().all(|(name, value)| {
        let name = name.node.as_str();
        if name == USER {
            use async_graphql_value::Value;
            match &value.node {
                Value::Null => {}
                Value::String(named) => scope.0.push(UserArgument::Literal(named.clone())),
                Value::Variable(name) => scope.0.push(UserArgument::Variable(name.to_string())),
                _ => return false,
            }
        }
        allowed.contains(&name)
    })
}

/// The named type of each field of each object type of a schema.
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

    fn cacheable(source: &str) -> bool {
        scope(source).is_some()
    }

    fn scope(source: &str) -> Option<CacheScope> {
        ResponseCachePolicy::new().scope(&parse_query(source).unwrap())
    }

    #[test]
    fn every_field_of_the_lists_is_in_the_contract() {
        let contract = types(&graphql::sdl());
        let roots: Vec<_> = ROOTS.iter().map(|(field, _)| *field).collect();
        let mut seen = HashSet::new();
        for (of, fields) in [("Query", &roots[..])].iter().chain(FIELDS) {
            for field in *fields {
                let key = ((*of).to_owned(), (*field).to_owned());
                assert!(contract.contains_key(&key), "there is no {of}.{field}");
                assert!(seen.insert(key), "{of}.{field} is listed twice");
            }
        }
    }

    #[test]
    fn lists_of_the_catalogue_and_for_the_viewer_are_cacheable() {
        for source in [
            "{ recommendations(first: 20) { id items { rank score content { title directors { name } } reasons { message } } } }",
            "query ($after: String) { contents(first: 5, after: $after, filter: { year: { gt: 1990 } }) { nodes { ...F } totalCount } } fragment F on Content { id title ... on Content { year } }",
            "{ __typename content(id: \"x\") { title price { amount } } }",
        ] {
            assert!(cacheable(source), "{source}");
        }
    }

    #[test]
    fn whatever_is_not_allowed_is_not_cacheable() {
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
            assert!(!cacheable(source), "{source}");
        }
    }

    #[test]
    fn the_scope_has_the_users_that_arguments_name() {
        let user = |number| Id::<id::User>::from(uuid::Uuid::from_u128(number));
        let (one, two) = (user(1), user(2));
        let source = format!(
            "query ($u: ID, $v: ID) {{ a: recommendations(userId: \"{one}\") {{ id }} \
             b: recommendations(userId: $u) {{ id }} c: recommendations(userId: $v) {{ id }} }}"
        );
        let scope = scope(&source).unwrap();
        let named = |variables| scope.users(&Variables::from_json(variables));
        assert_eq!(named(serde_json::json!({ "u": two })), Some(vec![one, two]));
        assert_eq!(named(serde_json::json!({ "v": null })), Some(vec![one]));
        assert_eq!(named(serde_json::json!({ "u": "nobody" })), None);
        assert_eq!(named(serde_json::json!({ "u": 7 })), None);
    }
}
