//! Rules of validation that apollo-compiler 1.33 does not have: fields of input objects that are given
//! twice, `@oneOf`, literals of custom scalars, and introspection where it is off. Each rule can go on the
//! day when apollo-compiler has it.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, DirectiveList, InputValueDefinition, Type, Value};
use apollo_compiler::executable::{ExecutableDocument, Field, Selection, SelectionSet};
use apollo_compiler::{Name, Node};
use async_graphql::ServerError;

use super::canonical::at;
use super::contract::Contract;
use super::{literal, refused, variables};
use crate::graphql::errors::codes;

/// The errors of a document that passed apollo-compiler's rules.
pub(super) fn check(contract: &Contract, document: &ExecutableDocument) -> Vec<ServerError> {
    let operations = document.operations.iter();
    let nullable = operations
        .flat_map(|operation| &operation.variables)
        .filter(|variable| !variable.ty.is_non_null())
        .map(|variable| &variable.name);
    let mut rules = Rules {
        contract,
        document,
        nullable: nullable.collect(),
        errors: Vec::new(),
    };
    for operation in document.operations.iter() {
        rules.directives(&operation.directives);
        for variable in &operation.variables {
            rules.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                rules.value(&variable.ty, default);
            }
        }
        rules.selections(&operation.selection_set);
    }
    for fragment in document.fragments.values() {
        rules.directives(&fragment.directives);
        rules.selections(&fragment.selection_set);
    }
    rules.errors
}

struct Rules<'a> {
    contract: &'a Contract,
    document: &'a ExecutableDocument,
    /// The variables that may be null in an operation.
    nullable: HashSet<&'a Name>,
    errors: Vec<ServerError>,
}

impl<'a> Rules<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.introspection(set, field);
                    self.arguments(&field.definition.arguments, &field.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn introspection(&mut self, set: &SelectionSet, field: &Node<Field>) {
        let query = &self.contract.schema().schema_definition.query;
        let at_root = query.as_ref().is_some_and(|root| root.name == set.ty);
        if at_root
            && matches!(field.name.as_str(), "__schema" | "__type")
            && !self.contract.introspection()
        {
            let message = format!(
                "introspection is off on this server (setting `http.introspection`), so there is no {}",
                field.name
            );
            self.error(message, field);
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives.iter() {
            let definitions = &self.contract.schema().directive_definitions;
            if let Some(definition) = definitions.get(&directive.name) {
                self.arguments(&definition.arguments, &directive.arguments);
            }
        }
    }

    fn arguments(&mut self, known: &[Node<InputValueDefinition>], given: &'a [Node<Argument>]) {
        for argument in given {
            let definition = known.iter().find(|known| known.name == argument.name);
            if let Some(definition) = definition {
                self.value(&definition.ty, &argument.value);
            }
        }
    }

    fn value(&mut self, ty: &Type, value: &'a Node<Value>) {
        match (ty, value.as_ref()) {
            (Type::List(item) | Type::NonNullList(item), Value::List(items)) => {
                for value in items {
                    self.value(item, value);
                }
            }
            (Type::List(item) | Type::NonNullList(item), _) => self.value(item, value),
            (_, Value::Variable(_) | Value::Null) => {}
            (Type::Named(named) | Type::NonNullNamed(named), Value::Object(fields)) => {
                self.object(named, fields, value);
            }
            (Type::Named(named) | Type::NonNullNamed(named), _) => {
                let constant = literal::constant(self.contract, ty, value);
                if let Err(reason) = Contract::check_scalar(named, &constant) {
                    self.error(format!("this is no {named}: {reason}"), value);
                }
            }
        }
    }

    fn object(&mut self, named: &Name, fields: &'a [(Name, Node<Value>)], place: &Node<Value>) {
        let Some(input) = self.contract.input_object(named).cloned() else {
            return;
        };
        let mut seen = HashSet::new();
        for (name, value) in fields {
            if !seen.insert(name) {
                self.error(
                    format!("There can be only one input field named \"{name}\"."),
                    value,
                );
            }
            if let Some(field) = input.fields.get(name) {
                self.value(&field.ty, value);
            }
        }
        if Contract::is_one_of(&input) {
            let may_be_null = |value: &Value| match value {
                Value::Null => true,
                Value::Variable(name) => self.nullable.contains(name),
                _ => false,
            };
            if fields.len() != 1 || fields.iter().any(|(_, value)| may_be_null(value)) {
                self.error(variables::one_of(named), place);
            }
        }
    }

    fn error<T>(&mut self, message: String, place: &Node<T>) {
        let place = at(&self.document.sources, place.location());
        let code = codes::GRAPHQL_VALIDATION_FAILED;
        self.errors.push(refused(code, message, &[place]));
    }
}
