//! The inputs of the contract, as its own definition names them.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};

/// A field of an input, or an argument.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub of: String,
    pub required: bool,
    pub list: bool,
}

/// Inputs by the type or the field that has them.
pub type Inputs = BTreeMap<String, Vec<Input>>;

/// The fields of all input types, and the arguments of all fields as `Query.contents`.
pub fn inputs() -> Inputs {
    let document = parse_schema(graphql::sdl()).unwrap();
    let mut found = BTreeMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let owner = definition.node.name.node.to_string();
        match definition.node.kind {
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter().map(|field| &field.node);
                let fields = fields.map(|field| read(&field.name.node, &field.ty.node));
                found.insert(owner, fields.collect());
            }
            TypeKind::Object(object) => {
                for field in object.fields {
                    let arguments = field.node.arguments.iter().map(|argument| &argument.node);
                    let arguments =
                        arguments.map(|argument| read(&argument.name.node, &argument.ty.node));
                    let name = format!("{owner}.{}", field.node.name.node);
                    found.insert(name, arguments.collect());
                }
            }
            _ => {}
        }
    }
    found
}

fn read(name: &str, of: &Type) -> Input {
    let (named, list) = match &of.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => match &inner.base {
            BaseType::Named(name) => (name.to_string(), true),
            BaseType::List(_) => panic!("{name} is a list of lists"),
        },
    };
    Input {
        name: name.to_owned(),
        of: named,
        required: !of.nullable,
        list,
    }
}
