//! Questions about one operation of a checked document.

use async_graphql::{
    Name, Pos, Positioned, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::{ConstValue, Value};

use super::{GuardRefusal, document::uses};
use crate::graphql::errors::codes;

/// The operation that the engine will run for `name`, by the same rules. `None` where the
/// engine is going to refuse the name.
#[must_use]
pub fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(only), None) => Some(&only.node),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name).map(|found| &found.node),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => {
            all.values().next().map(|found| &found.node)
        }
        (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => None,
    }
}

/// Checks that each variable that must have a value has one. The engine looks only where the
/// variable is used, in the middle of the execution, when mutations may already have run.
///
/// # Errors
///
/// Names the first variable that is missing or null (`BAD_USER_INPUT`).
pub fn check_variables(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), GuardRefusal> {
    for definition in &operation.variable_definitions {
        let wanted = &definition.node;
        if wanted.var_type.node.nullable {
            continue;
        }
        let problem = match variables.get(&wanted.name.node) {
            Some(ConstValue::Null) => "must not be null",
            None if wanted.default_value.is_none() => "was not provided",
            _ => continue,
        };
        return Err(GuardRefusal {
            locations: vec![definition.pos],
            ..GuardRefusal::new(
                codes::BAD_USER_INPUT,
                format!(
                    "variable \"${}\" of type \"{}\" {problem}",
                    wanted.name, wanted.var_type
                ),
            )
        });
    }
    Ok(())
}

/// Whether the argument at `index` takes (part of) its value from a variable. It tells a bad
/// variable from a bad literal, which the engine reports in the same words.
#[must_use]
pub fn argument_has_variable(document: &ExecutableDocument, index: Pos) -> bool {
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document
        .fragments
        .values()
        .map(|fragment| &fragment.node.selection_set.node);
    operations.chain(fragments).any(|set| in_set(set, index))
}

fn in_set(set: &SelectionSet, index: Pos) -> bool {
    set.items.iter().any(|selection| {
        let (own, inner) = match &selection.node {
            Selection::Field(field) => (
                in_arguments(&field.node.arguments, index),
                in_set(&field.node.selection_set.node, index),
            ),
            Selection::InlineFragment(inline) => {
                (false, in_set(&inline.node.selection_set.node, index))
            }
            Selection::FragmentSpread(_) => (false, false),
        };
        own || inner
            || selection
                .node
                .directives()
                .iter()
                .any(|directive| in_arguments(&directive.node.arguments, index))
    })
}

fn in_arguments(arguments: &[(Positioned<Name>, Positioned<Value>)], index: Pos) -> bool {
    arguments
        .iter()
        .any(|(name, value)| name.pos == index && uses(&value.node) > 0)
}
