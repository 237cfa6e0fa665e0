//! The GraphQL schema as validation reads it, built once from the schema definition language.

use std::collections::HashMap;

use anyhow::Context;
use apollo_compiler::ast::{FieldDefinition, Type};
use apollo_compiler::schema::{Component, ExtendedType, InputObjectType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema, name};
use async_graphql::{InputType, InputValueError, Value};

use crate::graphql::scalars::{Date, DateTime, Decimal};
use crate::graphql::types::email::EmailAddress;

/// Says why a value is none of a custom scalar.
type ScalarCheck = fn(Value) -> Result<(), String>;

/// A GraphQL schema, ready to validate documents.
#[derive(Debug)]
pub struct Contract {
    schema: Valid<Schema>,
    /// The object types that a value of each composite type may have, in order of their names.
    objects: HashMap<Name, Vec<Name>>,
    introspection: bool,
}

impl Contract {
    /// Reads a schema. `introspection` says whether clients may query it.
    ///
    /// # Errors
    /// When `sdl` is no valid schema.
    pub fn new(sdl: &str, introspection: bool) -> anyhow::Result<Self> {
        let invalid = |errors: apollo_compiler::validation::DiagnosticList| {
            anyhow::anyhow!("the GraphQL schema is invalid: {errors}")
        };
        let parsed = Schema::parse(sdl, "schema.graphql");
        let mut schema = parsed.map_err(|error| invalid(error.errors))?;
        add_one_of(&mut schema).context("the built-in type __Type is missing")?;
        let schema = schema.validate().map_err(|error| invalid(error.errors))?;
        let objects = object_types(&schema);
        Ok(Self {
            schema,
            objects,
            introspection,
        })
    }

    /// The schema.
    pub(super) fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// Whether clients may query `__schema` and `__type`.
    pub(super) fn introspection(&self) -> bool {
        self.introspection
    }

    /// The object types that a value of the type may have: itself for an object type.
    pub(super) fn object_types(&self, composite: &str) -> &[Name] {
        self.objects.get(composite).map_or(&[], Vec::as_slice)
    }

    /// Whether a fragment on `condition` applies to objects of `object`.
    pub(super) fn applies(&self, condition: &str, object: &Name) -> bool {
        condition == object.as_str() || self.object_types(condition).binary_search(object).is_ok()
    }

    /// Whether the named type is an object type.
    pub(super) fn is_object(&self, named: &str) -> bool {
        matches!(self.schema.types.get(named), Some(ExtendedType::Object(_)))
    }

    /// The input object type of this name.
    pub(super) fn input_object(&self, named: &str) -> Option<&Node<InputObjectType>> {
        self.schema.get_input_object(named)
    }

    /// Whether exactly one field of the input object must be given.
    pub(super) fn is_one_of(input: &InputObjectType) -> bool {
        input.directives.has("oneOf")
    }

    /// Says why `value` is none of the custom scalar `named`. Accepts everything for other types.
    pub(super) fn check_scalar(named: &str, value: &Value) -> Result<(), String> {
        let check: ScalarCheck = match named {
            "DateTime" => parses::<DateTime>,
            "NaiveDate" => parses::<Date>,
            "Decimal" => parses::<Decimal>,
            "EmailAddress" => parses::<EmailAddress>,
            _ => return Ok(()),
        };
        check(value.clone())
    }

    /// The names that a client may have meant by `wrong`, best first.
    pub(super) fn fields_like(&self, of: &str, wrong: &str) -> Vec<&str> {
        let fields = match self.schema.types.get(of) {
            Some(ExtendedType::Object(object)) => &object.fields,
            Some(ExtendedType::Interface(interface)) => &interface.fields,
            _ => return Vec::new(),
        };
        let mut like: Vec<_> = fields
            .keys()
            .map(|field| (strsim::damerau_levenshtein(field, wrong), field.as_str()))
            .filter(|(distance, field)| *distance <= 1 + field.len().min(wrong.len()) / 3)
            .collect();
        like.sort_unstable();
        like.truncate(3);
        like.into_iter().map(|(_, field)| field).collect()
    }
}

/// The reason why `T` cannot be read from a value, as async-graphql will read it.
fn parses<T: InputType>(value: Value) -> Result<(), String> {
    T::parse(Some(value)).map(drop).map_err(reason)
}

/// The reason within async-graphql's sentence about it.
fn reason<T: InputType>(error: InputValueError<T>) -> String {
    let message = error
        .into_server_error(async_graphql::Pos::default())
        .message;
    let beginning = format!("Failed to parse \"{}\": ", T::type_name());
    match message.strip_prefix(&beginning) {
        Some(reason) => reason.to_owned(),
        None => message,
    }
}

/// `isOneOf` is part of introspection since the specification of September 2025; apollo-compiler 1.33
/// does not have it yet.
fn add_one_of(schema: &mut Schema) -> Option<()> {
    let ExtendedType::Object(of) = schema.types.get_mut("__Type")? else {
        return None;
    };
    let field = FieldDefinition {
        description: None,
        name: name!("isOneOf"),
        arguments: Vec::new(),
        ty: Type::Named(name!("Boolean")),
        directives: apollo_compiler::ast::DirectiveList::default(),
    };
    let fields = &mut of.make_mut().fields;
    fields.insert(name!("isOneOf"), Component::new(field));
    Some(())
}

fn object_types(schema: &Schema) -> HashMap<Name, Vec<Name>> {
    let implementers = schema.implementers_map();
    let of = |name: &Name, definition: &ExtendedType| -> Option<Vec<Name>> {
        let mut names = match definition {
            ExtendedType::Object(_) => vec![name.clone()],
            ExtendedType::Interface(_) => implementers
                .get(name)
                .map(|found| found.objects.iter().cloned().collect())
                .unwrap_or_default(),
            ExtendedType::Union(union) => {
                let members = union.members.iter();
                members.map(|member| member.name.clone()).collect()
            }
            _ => return None,
        };
        names.sort_unstable();
        Some(names)
    };
    let types = schema.types.iter();
    types
        .filter_map(|(name, definition)| Some((name.clone(), of(name, definition)?)))
        .collect()
}
