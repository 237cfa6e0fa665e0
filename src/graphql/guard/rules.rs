//! Rules of validation that apollo-compiler 1.33 does not have, or not whole: fields of input objects that are
//! given twice, `@oneOf`, variables inside of lists and with null as their default, literals of custom scalars,
//! and introspection where it is off. Each of the first three can go on the day when apollo-compiler has it.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{
    Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition,
};
use apollo_compiler::executable::{ExecutableDocument, Field, Selection, SelectionSet};
use apollo_compiler::{Name, Node};
use async_graphql::{ServerError, Value as Constant};

use super::canonical::at;
use super::contract::Contract;
use super::{literal, refused, texts, variables};
use crate::graphql::errors::codes;

/// The most characters of the texts of each variable of an operation: the fewest of all places where it is used.
pub(super) type LongestTexts = HashMap<Name, usize>;

/// The errors of a document that passed apollo-compiler's rules; and of each operation how long the texts of its
/// variables may be.
pub(super) fn check(
    contract: &Contract,
    document: &ExecutableDocument,
) -> (Vec<ServerError>, HashMap<Option<Name>, LongestTexts>) {
    let mut longest_texts = HashMap::new();
    let mut rules = Rules {
        contract,
        document,
        variables: HashMap::new(),
        longest_texts: HashMap::new(),
        checks_ids: false,
        visited: HashSet::new(),
        errors: Vec::new(),
    };
    for operation in document.operations.iter() {
        let variables = operation.variables.iter();
        rules.variables = variables
            .map(|variable| (&variable.name, variable))
            .collect();
        rules.checks_ids = variables::checks_ids(operation);
        rules.visited.clear();
        rules.directives(&operation.directives);
        for variable in &operation.variables {
            rules.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                rules.value(&variable.ty, None, texts::LONGEST, default);
            }
        }
        rules.selections(&operation.selection_set);
        let longest = std::mem::take(&mut rules.longest_texts);
        longest_texts.insert(operation.name.clone(), longest);
    }
    (rules.errors, longest_texts)
}

struct Rules<'a> {
    contract: &'a Contract,
    document: &'a ExecutableDocument,
    /// The variables of the current operation.
    variables: HashMap<&'a Name, &'a Node<VariableDefinition>>,
    /// Of those so far, how long their texts may be.
    longest_texts: LongestTexts,
    checks_ids: bool,
    /// The fragments that the current operation led to.
    visited: HashSet<&'a Name>,
    errors: Vec<ServerError>,
}

impl<'a> Rules<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.introspection(set, field);
                    self.arguments(&field.name, &field.definition.arguments, &field.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                // Each fragment is used by an operation, or apollo-compiler would have refused it.
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment
                        && self.visited.insert(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
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
                self.arguments(&directive.name, &definition.arguments, &directive.arguments);
            }
        }
    }

    fn arguments(
        &mut self,
        of: &Name,
        known: &[Node<InputValueDefinition>],
        given: &'a [Node<Argument>],
    ) {
        for argument in given {
            let definition = known.iter().find(|known| known.name == argument.name);
            if let Some(definition) = definition {
                let default = definition.default_value.as_deref();
                let longest = texts::longest(of, &definition.name);
                self.value(&definition.ty, default, longest, &argument.value);
            }
        }
    }

    /// Checks a value in a place of type `ty` with a default, whose texts have at most `longest` characters.
    fn value(
        &mut self,
        ty: &Type,
        default: Option<&Value>,
        longest: usize,
        value: &'a Node<Value>,
    ) {
        match (ty, value.as_ref()) {
            (_, Value::Variable(name)) => {
                let least = self.longest_texts.entry(name.clone()).or_insert(longest);
                *least = longest.min(*least);
                self.variable(ty, default, name, value);
            }
            (_, Value::Null) => {}
            (Type::List(item) | Type::NonNullList(item), Value::List(items)) => {
                for value in items {
                    self.value(item, None, longest, value);
                }
            }
            (Type::List(item) | Type::NonNullList(item), _) => {
                self.value(item, None, longest, value);
            }
            (Type::Named(named) | Type::NonNullNamed(named), Value::Object(fields)) => {
                self.object(named, fields, value);
            }
            (Type::Named(named) | Type::NonNullNamed(named), _) => {
                let constant = literal::constant(self.contract, ty, value);
                if let Constant::String(text) = &constant
                    && named != "JSON"
                    && let Err(reason) = texts::check(text, longest)
                {
                    self.error(reason, value);
                    return;
                }
                let checked = match &constant {
                    Constant::String(text) if named == "ID" && self.checks_ids => {
                        variables::check_id(text)
                    }
                    constant => Contract::check_scalar(named, constant),
                };
                if let Err(reason) = checked {
                    self.error(format!("this is no {named}: {reason}"), value);
                }
            }
        }
    }

    /// Whether a variable fits a place: section 5.8.5 of the specification. apollo-compiler looks neither into
    /// lists nor at whether a default is null.
    fn variable(
        &mut self,
        ty: &Type,
        default: Option<&Value>,
        name: &'a Name,
        place: &Node<Value>,
    ) {
        let Some(variable) = self.variables.get(name) else {
            return;
        };
        let has_default = |default: Option<&Value>| default.is_some_and(|value| !value.is_null());
        let fits = if ty.is_non_null() && !variable.ty.is_non_null() {
            let filled = has_default(variable.default_value.as_deref()) || default.is_some();
            filled && variable.ty.is_assignable_to(&ty.clone().nullable())
        } else {
            variable.ty.is_assignable_to(ty)
        };
        if !fits {
            let message = format!(
                "Variable \"${name}\" of type \"{}\" used in position expecting type \"{ty}\".",
                variable.ty
            );
            self.error(message, place);
        }
    }

    fn object(&mut self, named: &Name, fields: &'a [(Name, Node<Value>)], place: &Node<Value>) {
        let Some(input) = self.contract.input_object(named).cloned() else {
            return;
        };
        let mut seen = HashSet::new();
        for (name, value) in fields {
            if !seen.insert(name) {
                let message = format!("There can be only one input field named \"{name}\".");
                self.error(message, value);
            }
            if let Some(field) = input.fields.get(name) {
                let longest = texts::longest(&input.name, name);
                self.value(&field.ty, field.default_value.as_deref(), longest, value);
            }
        }
        if Contract::is_one_of(&input) {
            let may_be_null = |value: &Value| match value {
                Value::Null => true,
                Value::Variable(name) => {
                    let variable = self.variables.get(name);
                    variable.is_some_and(|variable| !variable.ty.is_non_null())
                }
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
