//! The shape of the contract: names of inputs and payloads, what has an identity, scalars. Each rule has a
//! sample that it must catch.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// What the shape must hold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// A mutation `doIt` takes one `input: DoItInput!` or nothing, and answers a `DoItPayload` whose errors
    /// are a list of `DoItError`.
    NamedAfterTheMutation,
    /// An object with an `id: ID!` is a `Node`.
    IdentityIsANode,
    /// Beside the id of another object, `userId`, stands the object, `user`.
    ObjectBesideItsId,
    /// A scalar of our own has a description and says where it is specified.
    ScalarIsSpecified,
}

/// A schema by the names of its types.
pub struct Shape(BTreeMap<String, TypeDefinition>);

/// Reads a schema, given in the schema definition language.
pub fn shape(sdl: &str) -> Shape {
    let document = parse_schema(sdl).unwrap_or_else(|error| panic!("not a schema: {error}"));
    let types = document.definitions.into_iter().filter_map(|definition| {
        let TypeSystemDefinition::Type(definition) = definition else {
            return None;
        };
        let definition = definition.node;
        Some((definition.name.node.to_string(), definition))
    });
    Shape(types.collect())
}

impl Shape {
    fn fields(&self, of: &str) -> Vec<&FieldDefinition> {
        match self.0.get(of).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|it| &it.node).collect(),
            _ => Vec::new(),
        }
    }

    fn objects(&self) -> impl Iterator<Item = (&String, Vec<&FieldDefinition>)> {
        let objects = self
            .0
            .iter()
            .filter(|(_, definition)| matches!(definition.kind, TypeKind::Object(_)));
        objects.map(|(name, _)| (name, self.fields(name)))
    }

    fn implements(&self, of: &str, interface: &str) -> bool {
        match self.0.get(of).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => {
                let mut all = object.implements.iter();
                all.any(|implemented| implemented.node == interface)
            }
            _ => false,
        }
    }
}

fn text(of: &Type) -> String {
    of.to_string()
}

fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

impl Convention {
    pub const ALL: [Self; 4] = [
        Self::NamedAfterTheMutation,
        Self::IdentityIsANode,
        Self::ObjectBesideItsId,
        Self::ScalarIsSpecified,
    ];

    /// What breaks this convention, a line each.
    pub fn offences(self, shape: &Shape) -> Vec<String> {
        match self {
            Self::NamedAfterTheMutation => mutations(shape),
            Self::IdentityIsANode => {
                let with_id = shape.objects().filter(|(_, fields)| {
                    let mut fields = fields.iter();
                    fields.any(|field| field.name.node == "id" && text(&field.ty.node) == "ID!")
                });
                with_id
                    .filter(|(name, _)| !shape.implements(name, "Node"))
                    .map(|(name, _)| format!("{name}: has an id and is no Node"))
                    .collect()
            }
            Self::ObjectBesideItsId => bare_ids(shape),
            Self::ScalarIsSpecified => {
                let scalars = shape.0.iter();
                let scalars = scalars.filter(|(_, it)| matches!(it.kind, TypeKind::Scalar));
                let bare = scalars.filter(|(_, it)| {
                    let mut directives = it.directives.iter();
                    it.description.is_none()
                        || !directives.any(|directive| directive.node.name.node == "specifiedBy")
                });
                bare.map(|(name, _)| format!("{name}: needs a description and @specifiedBy"))
                    .collect()
            }
        }
    }
}

fn mutations(shape: &Shape) -> Vec<String> {
    let mut offences = Vec::new();
    for mutation in shape.fields("Mutation") {
        let name = mutation.name.node.as_str();
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let arguments = mutation.arguments.iter().map(|argument| {
            let argument = &argument.node;
            format!("{}: {}", argument.name.node, text(&argument.ty.node))
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        if !arguments.is_empty() && arguments != format!("input: {title}Input!") {
            offences.push(format!("{name}: takes {arguments}"));
        }
        let payload = named(&mutation.ty.node);
        if payload != format!("{title}Payload") {
            offences.push(format!("{name}: answers {payload}"));
        }
        let fields = shape.fields(payload);
        let errors = fields.iter().find(|field| field.name.node == "errors");
        let errors = errors.map_or("nothing".to_owned(), |field| text(&field.ty.node));
        if errors != format!("[{title}Error!]!") {
            offences.push(format!("{name}: its errors are {errors}"));
        }
    }
    offences
}

fn bare_ids(shape: &Shape) -> Vec<String> {
    let mut offences = Vec::new();
    for (owner, fields) in shape.objects() {
        for field in &fields {
            let name = field.name.node.as_str();
            // The id of what was deleted has no object any more.
            let Some(object) = name.strip_suffix("Id").filter(|it| *it != "deleted") else {
                continue;
            };
            let beside = fields.iter().find(|other| other.name.node == object);
            let is_object = beside.is_some_and(|it| !shape.fields(named(&it.ty.node)).is_empty());
            if named(&field.ty.node) == "ID" && !is_object {
                offences.push(format!("{owner}.{name}: `{object}` is not beside it"));
            }
        }
    }
    offences
}

#[test]
fn a_mutation_whose_types_are_named_after_another_is_caught() {
    let found = Convention::NamedAfterTheMutation.offences(&shape(
        "type Mutation {
            stop(input: StopInput!): StopPayload
            start: StartPayload!
            pause(input: StopInput!): StopPayload!
            end(id: ID!, reason: String): EndPayload!
        }
        union StopError = Conflict
        type StopPayload { errors: [StopError!]! }
        type StartPayload { errors: [StartError!]! }
        type EndPayload { errors: [Conflict!]! }",
    ));
    assert_eq!(
        found,
        [
            "pause: takes input: StopInput!",
            "pause: answers StopPayload",
            "pause: its errors are [StopError!]!",
            "end: takes id: ID!, reason: String",
            "end: its errors are [Conflict!]!",
        ]
    );
}

#[test]
fn an_object_with_an_id_that_is_no_node_is_caught() {
    let found = Convention::IdentityIsANode.offences(&shape(
        "interface Node { id: ID! }
        type Film implements Node { id: ID! }
        type Cinema { id: ID! }
        type Seat { id: String! }",
    ));
    assert_eq!(found, ["Cinema: has an id and is no Node"]);
}

#[test]
fn the_id_of_an_object_that_cannot_be_selected_is_caught() {
    let found = Convention::ObjectBesideItsId.offences(&shape(
        "type Film { id: ID! directorId: ID! studioId: ID ownerId: ID! owner: String deletedId: ID
            writerId: ID! writer: Person }
        type Person { name: String }",
    ));
    assert_eq!(
        found,
        [
            "Film.directorId: `director` is not beside it",
            "Film.studioId: `studio` is not beside it",
            "Film.ownerId: `owner` is not beside it",
        ]
    );
}

#[test]
fn a_scalar_without_a_specification_or_a_description_is_caught() {
    let found = Convention::ScalarIsSpecified.offences(&shape(
        r#"
        scalar Bare @specifiedBy(url: "https://example.org/")
        "Said and not specified."
        scalar Loose
        "Both."
        scalar Good @specifiedBy(url: "https://example.org/")
        "#,
    ));
    let line = |name: &str| format!("{name}: needs a description and @specifiedBy");
    assert_eq!(found, [line("Bare"), line("Loose")]);
}
