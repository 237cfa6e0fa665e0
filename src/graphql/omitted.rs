//! Arguments whose variable is not sent count as left out.
//!
//! The specification says so, and execution does so, but the engine's sum of complexity refuses an
//! argument such as `after: $after` whose optional variable is missing: the first page of every
//! client. What is left out is therefore taken out of the document before it is validated.

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextParseQuery};
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, ServerResult, Variables};
use async_graphql_value::Value;

/// Takes arguments whose variable is not sent out of each document.
pub struct OmittedVariables;

impl ExtensionFactory for OmittedVariables {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for OmittedVariables {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let mut document = next.run(ctx, query, variables).await?;
        leave_out(&mut document, variables);
        Ok(document)
    }
}

fn leave_out(document: &mut ExecutableDocument, variables: &Variables) {
    let omitted = omitted(document, variables);
    if omitted.is_empty() {
        return;
    }
    let mut used = HashSet::new();
    for fragment in document.fragments.values_mut() {
        note_directives(&fragment.node.directives, &mut used);
        strip(&mut fragment.node.selection_set.node, &omitted, &mut used);
    }
    for operation in operations(document) {
        note_directives(&operation.directives, &mut used);
        strip(&mut operation.selection_set.node, &omitted, &mut used);
    }
    // A variable that nothing uses any more would not be valid.
    for operation in operations(document) {
        operation.variable_definitions.retain(|definition| {
            let name = &definition.node.name.node;
            !omitted.contains(name) || used.contains(name)
        });
    }
}

/// The optional variables that are not sent and have no default in any operation.
fn omitted(document: &ExecutableDocument, variables: &Variables) -> HashSet<Name> {
    let definitions = || {
        let operations = document.operations.iter();
        operations.flat_map(|(_, operation)| &operation.node.variable_definitions)
    };
    let needed: HashSet<&Name> = definitions()
        .filter(|definition| {
            definition.node.default_value.is_some() || !definition.node.var_type.node.nullable
        })
        .map(|definition| &definition.node.name.node)
        .collect();
    definitions()
        .map(|definition| &definition.node.name.node)
        .filter(|name| !needed.contains(name) && !variables.contains_key(*name))
        .cloned()
        .collect()
}

fn operations(document: &mut ExecutableDocument) -> Vec<&mut OperationDefinition> {
    match &mut document.operations {
        DocumentOperations::Single(operation) => vec![&mut operation.node],
        DocumentOperations::Multiple(operations) => operations
            .values_mut()
            .map(|operation| &mut operation.node)
            .collect(),
    }
}

/// Takes out the arguments that are omitted, and notes the variables that are still used.
fn strip(set: &mut SelectionSet, omitted: &HashSet<Name>, used: &mut HashSet<Name>) {
    for item in &mut set.items {
        match &mut item.node {
            Selection::Field(field) => {
                let field = &mut field.node;
                field.arguments.retain(|(_, value)| match &value.node {
                    Value::Variable(name) => !omitted.contains(name),
                    _ => true,
                });
                for (_, value) in &field.arguments {
                    record_omitted(&value.node, used);
                }
                note_directives(&field.directives, used);
                strip(&mut field.selection_set.node, omitted, used);
            }
            Selection::InlineFragment(fragment) => {
                note_directives(&fragment.node.directives, used);
                strip(&mut fragment.node.selection_set.node, omitted, used);
            }
            Selection::FragmentSpread(spread) => note_directives(&spread.node.directives, used),
        }
    }
}

fn note_directives(directives: &[Positioned<Directive>], used: &mut HashSet<Name>) {
    for directive in directives {
        for (_, value) in &directive.node.arguments {
            record_omitted(&value.node, used);
        }
    }
}

fn record_omitted(value: &Value, used: &mut HashSet<Name>) {
    match value {
        Value::Variable(name) => {
            used.insert(name.clone());
        }
        Value::List(items) => items.iter().for_each(|item| record_omitted(item, used)),
        Value::Object(fields) => fields
            .values()
            .for_each(|field| record_omitted(field, used)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(document: &str, variables: serde_json::Value) -> (usize, usize) {
        let mut document = async_graphql::parser::parse_query(document).unwrap();
        leave_out(&mut document, &Variables::from_json(variables));
        let operation = operations(&mut document).remove(0);
        let Selection::Field(field) = &operation.selection_set.node.items[0].node else {
            panic!("a field");
        };
        let arguments = field.node.arguments.len();
        (arguments, operation.variable_definitions.len())
    }

    #[test]
    fn what_is_not_sent_is_taken_out_and_nothing_else() {
        let nothing = || serde_json::json!({});
        assert_eq!(left("query ($a: Int) { x(a: $a) }", nothing()), (0, 0));
        let null = serde_json::json!({ "a": null });
        assert_eq!(left("query ($a: Int) { x(a: $a) }", null), (1, 1));
        assert_eq!(left("query ($a: Int = 1) { x(a: $a) }", nothing()), (1, 1));
        assert_eq!(left("query ($a: Int!) { x(a: $a) }", nothing()), (1, 1));
        // Inside an input object the engine leaves it out by itself.
        let inside = "query ($a: Int) { x(input: { a: $a }, a: $a) }";
        assert_eq!(left(inside, nothing()), (1, 1));
        let in_fragment = "query ($a: Int) { x(a: $a) ...f } fragment f on Q { y @skip(if: $a) }";
        assert_eq!(left(in_fragment, nothing()), (0, 1));
    }
}
