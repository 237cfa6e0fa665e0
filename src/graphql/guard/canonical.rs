//! Canonical documents: what a validated operation asks for, in the plainest form.
//!
//! async-graphql executes plain documents right and others not always, as found by comparing it with
//! graphql-js: a response key that is selected twice runs twice, a fragment on a union in a narrower place
//! selects nothing, and `@skip` and `@include` ignore the defaults of variables. A canonical document has
//! one operation, no fragments but one for each object type of an abstract place, no directives, each
//! response key once (CollectFields of the GraphQL specification, section 6.3.2), and no argument whose
//! variable is absent.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use apollo_compiler::ast::{self, Directive, DirectiveList, VariableDefinition};
use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::{Name, Node};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types as engine;
use async_graphql::{Name as EngineName, Pos, Positioned, Value, Variables};

use super::contract::Contract;
use super::document::Tally;
use super::{Errors, literal, refused, too_complex};
use crate::graphql::errors::codes;
use crate::graphql::response_cache::CacheScope;

/// The most fields of a canonical document. A field in an abstract place is there once for each object type
/// that the place may have.
const FIELDS: usize = 20_000;

/// An operation of a document in canonical form, for one choice of `@skip`, `@include` and of the variables
/// that are absent.
#[derive(Debug)]
pub struct CanonicalOperation {
    /// The document with this operation alone, ready for `Request::set_parsed_query`.
    pub document: engine::ExecutableDocument,
    /// The name of the operation, if it has one.
    pub name: Option<String>,
    /// Whether it is a query, a mutation or a subscription.
    pub kind: engine::OperationType,
    /// The names of the fields at its root, without those of introspection.
    pub root_fields: Vec<String>,
    /// How many mutations of [`super::Limits::auth_mutations`] it has: none or one.
    pub auth_mutations: u32,
    /// How often variables are used once fragments are expanded.
    pub variable_uses: u32,
    /// The scope of its responses in the response cache, once determined; `None` inside if they are not
    /// cacheable.
    pub cache_scope: OnceLock<Option<CacheScope>>,
}

/// The canonical form of `operation` of `document` for these coerced variables.
///
/// # Errors
/// When a condition of `@skip` or `@include` is null (`BAD_USER_INPUT`), and when the canonical document
/// would have more than [`FIELDS`] fields (`OPERATION_TOO_COMPLEX`).
pub(super) fn canonical(
    contract: &Contract,
    document: &ExecutableDocument,
    operation: &Node<Operation>,
    tally: &Tally,
    variables: &Variables,
) -> Result<CanonicalOperation, Errors> {
    let mut canonicaliser = Canonicaliser {
        contract,
        document,
        variables,
        fields: 0,
    };
    let root = operation.object_type();
    let items = canonicaliser.object(root, &[&operation.selection_set])?;
    let root_fields = items.iter().filter_map(|selection| match &selection.node {
        engine::Selection::Field(field) => Some(field.node.name.node.to_string()),
        _ => None,
    });
    let root_fields = root_fields.filter(|name| !name.starts_with("__")).collect();
    let kind = match operation.operation_type {
        ast::OperationType::Query => engine::OperationType::Query,
        ast::OperationType::Mutation => engine::OperationType::Mutation,
        ast::OperationType::Subscription => engine::OperationType::Subscription,
    };
    let place = at(&document.sources, operation.location());
    let definitions = operation.variables.iter();
    let definition = engine::OperationDefinition {
        ty: kind,
        variable_definitions: definitions
            .map(|variable| definition(&document.sources, variable))
            .collect(),
        directives: Vec::new(),
        selection_set: Positioned::new(engine::SelectionSet { items }, place),
    };
    let definition = Positioned::new(definition, place);
    let name = operation.name.as_ref().map(ToString::to_string);
    let operations = match &name {
        Some(name) => {
            let operations = HashMap::from([(EngineName::new(name), definition)]);
            engine::DocumentOperations::Multiple(operations)
        }
        None => engine::DocumentOperations::Single(definition),
    };
    Ok(CanonicalOperation {
        document: engine::ExecutableDocument {
            operations,
            fragments: HashMap::default(),
        },
        name,
        kind,
        root_fields,
        auth_mutations: tally.auth_mutations,
        variable_uses: tally.variable_uses,
        cache_scope: OnceLock::new(),
    })
}

/// The variables that conditions of `@skip` and `@include` in these definitions name.
pub(super) fn conditions(document: &ExecutableDocument) -> HashSet<Name> {
    let mut found = HashSet::new();
    let operations = document.operations.iter();
    let sets = operations.map(|operation| &operation.selection_set);
    let mut open: Vec<_> = sets
        .chain(document.fragments.values().map(|one| &one.selection_set))
        .collect();
    while let Some(set) = open.pop() {
        for selection in &set.selections {
            for directive in selection.directives().iter() {
                if let Some(ast::Value::Variable(name)) = condition(directive) {
                    found.insert(name.clone());
                }
            }
            match selection {
                Selection::Field(field) => open.push(&field.selection_set),
                Selection::InlineFragment(inline) => open.push(&inline.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    found
}

/// The place of a node; the beginning of the document if it has none.
pub(super) fn at(sources: &SourceMap, span: Option<SourceSpan>) -> Pos {
    let place = span.and_then(|span| span.line_column(sources));
    place.map_or_else(Pos::default, |place| Pos {
        line: place.line,
        column: place.column,
    })
}

struct Canonicaliser<'a> {
    contract: &'a Contract,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// The fields so far.
    fields: usize,
}

/// The fields of each response key, in the order in which the keys appear first.
type Collected<'a> = IndexMap<&'a Name, Vec<&'a Node<Field>>>;

impl<'a> Canonicaliser<'a> {
    /// The selections of a place of type `named`.
    fn selections(
        &mut self,
        named: &Name,
        sets: &[&'a SelectionSet],
    ) -> Result<Vec<Positioned<engine::Selection>>, Errors> {
        if self.contract.is_object(named) {
            return self.object(named, sets);
        }
        let contract = self.contract;
        let mut fragments = Vec::new();
        for object in contract.object_types(named) {
            let items = self.object(object, sets)?;
            let fragment = engine::InlineFragment {
                type_condition: Some(Positioned::new(
                    engine::TypeCondition {
                        on: Positioned::new(EngineName::new(object), Pos::default()),
                    },
                    Pos::default(),
                )),
                directives: Vec::new(),
                selection_set: Positioned::new(engine::SelectionSet { items }, Pos::default()),
            };
            let fragment = Positioned::new(fragment, Pos::default());
            fragments.push(Positioned::new(
                engine::Selection::InlineFragment(fragment),
                Pos::default(),
            ));
        }
        Ok(fragments)
    }

    /// The selections where the object is of type `object`.
    fn object(
        &mut self,
        object: &Name,
        sets: &[&'a SelectionSet],
    ) -> Result<Vec<Positioned<engine::Selection>>, Errors> {
        let mut collected = Collected::new();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect(object, set, &mut visited, &mut collected)?;
        }
        let mut selections = Vec::with_capacity(collected.len());
        for fields in collected.values() {
            if let Some(field) = self.field(fields)? {
                selections.push(field);
            }
        }
        Ok(selections)
    }

    fn collect(
        &self,
        object: &Name,
        set: &'a SelectionSet,
        visited: &mut HashSet<&'a Name>,
        collected: &mut Collected<'a>,
    ) -> Result<(), Errors> {
        for selection in &set.selections {
            if !self.is_included(selection.directives())? {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    collected
                        .entry(field.response_key())
                        .or_default()
                        .push(field);
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.contract.applies(condition, object)) {
                        self.collect(object, &inline.selection_set, visited, collected)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment
                        && visited.insert(&spread.fragment_name)
                        && self.contract.applies(fragment.type_condition(), object)
                    {
                        self.collect(object, &fragment.selection_set, visited, collected)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One field for the fields of one response key. They have the same name and arguments, as validation
    /// made sure.
    fn field(
        &mut self,
        fields: &[&'a Node<Field>],
    ) -> Result<Option<Positioned<engine::Selection>>, Errors> {
        let Some(first) = fields.first() else {
            return Ok(None);
        };
        self.fields += 1;
        if self.fields > FIELDS {
            return Err(vec![too_complex(format!(
                "with a selection for each type that its abstract fields may have, the document has more \
                 than {FIELDS} fields"
            ))]);
        }
        let place = at(&self.document.sources, first.location());
        let named = first.ty().inner_named_type();
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        let items = if first.selection_set.selections.is_empty() {
            Vec::new()
        } else {
            self.selections(named, &sets)?
        };
        let name = |name: &Name| Positioned::new(EngineName::new(name), place);
        let field = engine::Field {
            alias: first.alias.as_ref().map(name),
            name: name(&first.name),
            arguments: self.arguments(first),
            directives: Vec::new(),
            selection_set: Positioned::new(engine::SelectionSet { items }, place),
        };
        let field = engine::Selection::Field(Positioned::new(field, place));
        Ok(Some(Positioned::new(field, place)))
    }

    /// The arguments of a field without those whose variable is absent.
    fn arguments(
        &self,
        field: &Field,
    ) -> Vec<(
        Positioned<EngineName>,
        Positioned<async_graphql_value::Value>,
    )> {
        let given = field.arguments.iter().filter(|argument| {
            argument
                .value
                .as_variable()
                .is_none_or(|name| self.variables.contains_key(name.as_str()))
        });
        let given = given.map(|argument| {
            let place = at(&self.document.sources, argument.location());
            let definition = field.definition.argument_by_name(&argument.name);
            // An argument without a definition does not pass validation.
            let value = definition.map_or(async_graphql_value::Value::Null, |definition| {
                literal::literal(self.contract, &definition.ty, &argument.value)
            });
            (
                Positioned::new(EngineName::new(&argument.name), place),
                Positioned::new(value, place),
            )
        });
        given.collect()
    }

    fn is_included(&self, directives: &DirectiveList) -> Result<bool, Errors> {
        for directive in directives.iter() {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                _ => continue,
            };
            let holds = match condition(directive) {
                Some(ast::Value::Boolean(value)) => Some(*value),
                Some(ast::Value::Variable(name)) => match self.variables.get(name.as_str()) {
                    Some(Value::Boolean(value)) => Some(*value),
                    _ => None,
                },
                _ => None,
            };
            let Some(holds) = holds else {
                let place = at(&self.document.sources, directive.location());
                let message = format!("the condition of @{} must not be null", directive.name);
                return Err(vec![refused(codes::BAD_USER_INPUT, message, &[place])]);
            };
            if holds != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The condition of `@skip` or `@include`.
fn condition(directive: &Directive) -> Option<&ast::Value> {
    let argument = directive.specified_argument_by_name("if")?;
    Some(argument.as_ref())
}

fn definition(
    sources: &SourceMap,
    variable: &Node<VariableDefinition>,
) -> Positioned<engine::VariableDefinition> {
    let place = at(sources, variable.location());
    let definition = engine::VariableDefinition {
        name: Positioned::new(EngineName::new(&variable.name), place),
        var_type: Positioned::new(type_of(&variable.ty), place),
        directives: Vec::new(),
        // The values of a request have the defaults filled in.
        default_value: None,
    };
    Positioned::new(definition, place)
}

fn type_of(ty: &ast::Type) -> engine::Type {
    let base = match ty {
        ast::Type::Named(name) | ast::Type::NonNullNamed(name) => {
            engine::BaseType::Named(EngineName::new(name))
        }
        ast::Type::List(item) | ast::Type::NonNullList(item) => {
            engine::BaseType::List(Box::new(type_of(item)))
        }
    };
    engine::Type {
        base,
        nullable: !ty.is_non_null(),
    }
}
