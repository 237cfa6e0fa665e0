//! The cost of an operation: about how many values its answer may have, and what its fields need besides.
//!
//! A field costs 1 and what is selected below it; below a list that is as often as the list may be long: by `first`
//! or `last` of the field or of the connection around it, by the longest list among the arguments, or else
//! [`LIST`]. Each value of the arguments costs 1, since each is a condition or a row. [`BASE`] has the fields that
//! compute. Of the selections for each type of an abstract place the dearest one counts.

use apollo_compiler::Name;
use async_graphql::parser::types::{DocumentOperations, OperationType, Selection, SelectionSet};
use async_graphql::{Name as EngineName, Positioned, Value, Variables};
use async_graphql_value::Value as Literal;

use super::canonical::CanonicalOperation;
use super::contract::Contract;

/// How long a list may be whose length nothing says.
const LIST: u64 = 10;
/// How long a page is where the length is left out.
const PAGE: u64 = 20;
/// What a mutation costs beside its answer.
const MUTATION: u64 = 50;
/// What introspection costs, whose size has limits of its own.
const INTROSPECTION: u64 = 100;

/// What fields at the root cost beside their answer, where they compute.
const BASE: &[(&str, u64)] = &[
    ("because", 200),
    ("createExperiment", 500),
    ("createGenerationJob", 2_000),
    ("evaluatePolicy", 5_000),
    ("eraseUser", 2_000),
    ("experiment", 200),
    ("exportUser", 5_000),
    ("generateRecommendations", 2_000),
    ("importCompetition", 2_000),
    ("promoteModel", 5_000),
    ("recommendationStatistics", 500),
    ("recommendations", 200),
    ("regenerateSlate", 500),
    ("replay", 500),
    ("search", 200),
    ("signalWeights", 500),
    ("similar", 100),
    ("slate", 500),
    ("trace", 100),
    ("traces", 500),
    ("trending", 100),
    ("whyNot", 200),
];

/// What `operation` costs with these coerced variables.
pub(super) fn cost(
    contract: &Contract,
    operation: &CanonicalOperation,
    variables: &Variables,
) -> u64 {
    let definition = &contract.schema().schema_definition;
    let (root, own) = match operation.kind {
        OperationType::Query => (&definition.query, 0),
        OperationType::Mutation => (&definition.mutation, MUTATION),
        OperationType::Subscription => (&definition.subscription, MUTATION),
    };
    let Some(root) = root else {
        return 0;
    };
    let selected = match &operation.document.operations {
        DocumentOperations::Single(one) => Some(one),
        DocumentOperations::Multiple(all) => all.values().next(),
    };
    let pricing = Pricing {
        contract,
        variables,
    };
    selected.map_or(0, |operation| {
        let set = &operation.node.selection_set.node;
        let fields = u64::try_from(set.items.len()).unwrap_or(u64::MAX);
        let below = pricing.selections(&root.name, set, None);
        below.saturating_add(own.saturating_mul(fields))
    })
}

struct Pricing<'a> {
    contract: &'a Contract,
    variables: &'a Variables,
}

impl Pricing<'_> {
    /// What is selected of an object of type `named`, whose lists have `length` values where that is known.
    fn selections(&self, named: &Name, set: &SelectionSet, length: Option<u64>) -> u64 {
        let mut fields = 0_u64;
        let mut dearest = 0;
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let cost = self.field(named, &field.node, length);
                    fields = fields.saturating_add(cost);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let condition = condition.and_then(|on| Name::new(&on.node.on.node).ok());
                    let named = condition.as_ref().unwrap_or(named);
                    let set = &fragment.node.selection_set.node;
                    dearest = self.selections(named, set, length).max(dearest);
                }
                // A canonical document has none.
                Selection::FragmentSpread(_) => {}
            }
        }
        fields.saturating_add(dearest)
    }

    fn field(
        &self,
        named: &Name,
        field: &async_graphql::parser::types::Field,
        around: Option<u64>,
    ) -> u64 {
        let name = field.name.node.as_str();
        if name.starts_with("__") {
            return match name {
                "__typename" => 1,
                _ => INTROSPECTION,
            };
        }
        let Ok(definition) = self.contract.schema().type_field(named, name) else {
            return 1;
        };
        let is_paged = ["first", "last"]
            .iter()
            .any(|page| definition.argument_by_name(page).is_some());
        let (given, values) = self.arguments(&field.arguments);
        let length = given.or(is_paged.then_some(PAGE));
        let set = &field.selection_set.node;
        let below = self.selections(definition.ty.inner_named_type(), set, length);
        let times = match definition.ty.is_list() && !set.items.is_empty() {
            true => length.or(around).unwrap_or(LIST),
            false => 1,
        };
        let base = BASE
            .iter()
            .find(|(base, _)| *base == name && self.is_root(named));
        let own = base.map_or(0, |(_, cost)| *cost).saturating_add(values);
        times
            .saturating_mul(below.saturating_add(1))
            .saturating_add(own)
    }

    /// How long a list may be by these arguments, and how many values they have.
    fn arguments(
        &self,
        arguments: &[(Positioned<EngineName>, Positioned<Literal>)],
    ) -> (Option<u64>, u64) {
        let (mut page, mut longest, mut values) = (None, None, 0_u64);
        for (name, value) in arguments {
            let value = &value.node;
            if matches!(name.node.as_str(), "first" | "last") {
                page = self.number(value).or(page);
                continue;
            }
            values = values.saturating_add(self.values(value));
            let listed = match value {
                Literal::List(items) => Some(items.len()),
                Literal::Variable(name) => match self.variables.get(name) {
                    Some(Value::List(items)) => Some(items.len()),
                    _ => None,
                },
                _ => None,
            };
            longest = longest.max(listed);
        }
        let longest = longest.and_then(|length| u64::try_from(length).ok());
        (page.or(longest.map(|length| length.max(LIST))), values)
    }

    /// Whether the fields of this type are those at the root of an operation. The payloads of mutations lead there
    /// too.
    fn is_root(&self, named: &Name) -> bool {
        let definition = &self.contract.schema().schema_definition;
        let roots = [&definition.query, &definition.mutation];
        let mut roots = roots.into_iter().flatten();
        roots.any(|root| root.name == *named)
    }

    fn number(&self, value: &Literal) -> Option<u64> {
        match value {
            Literal::Number(number) => number.as_u64(),
            Literal::Variable(name) => match self.variables.get(name) {
                Some(Value::Number(number)) => number.as_u64(),
                _ => None,
            },
            _ => None,
        }
    }

    /// How many values are in a literal, those of its variables included.
    fn values(&self, value: &Literal) -> u64 {
        match value {
            Literal::List(items) => items.iter().map(|item| self.values(item)).sum(),
            Literal::Object(fields) => fields.values().map(|field| self.values(field)).sum(),
            Literal::Variable(name) => self.variables.get(name).map_or(0, count),
            _ => 1,
        }
    }
}

/// How many values are in a value of a variable.
fn count(value: &Value) -> u64 {
    match value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Limits, check};
    use super::*;

    fn cost_of(document: &str, variables: serde_json::Value) -> u64 {
        let contract = graphql::contract(true).unwrap();
        let limits = Limits::default();
        let document = Arc::new(check(document, &contract, &limits).unwrap());
        let variables = Variables::from_json(variables);
        document.ready(&contract, None, &variables).unwrap().cost
    }

    fn plain(document: &str) -> u64 {
        cost_of(document, serde_json::Value::Null)
    }

    #[test]
    fn a_page_costs_as_many_objects_as_it_may_have() {
        // The connection, and of each node itself and its title.
        assert_eq!(
            plain("{ contents(first: 3) { nodes { title } } }"),
            1 + 3 * 2
        );
        assert_eq!(
            plain("{ contents { nodes { title } totalCount } }"),
            1 + 20 * 2 + 1
        );
        let asked = "query($n: Int) { contents(first: $n) { nodes { title } } }";
        assert_eq!(cost_of(asked, serde_json::json!({ "n": 100 })), 1 + 100 * 2);
        let edges = "{ contents(first: 3) { edges { cursor node { title } } } }";
        assert_eq!(plain(edges), 1 + 3 * 4);
    }

    #[test]
    fn lists_in_lists_multiply_and_aliases_add() {
        let inner =
            "people(first: 10) { nodes { filmography(first: 5) { nodes { content { title } } } } }";
        let once = 1 + 10 * (1 + 1 + 5 * 3);
        assert_eq!(plain(&format!("{{ {inner} }}")), once);
        assert_eq!(plain(&format!("{{ a: {inner} b: {inner} }}")), 2 * once);
    }

    #[test]
    fn conditions_cost_however_they_come() {
        let literal = "{ contents(first: 1, filter: { genres: { hasAny: [\"a\", \"b\", \"c\"] } }) { totalCount } }";
        assert_eq!(plain(literal), 2 + 3);
        let variable = "query($f: ContentFilter) { contents(first: 1, filter: $f) { totalCount } }";
        let filter = serde_json::json!({ "f": { "or": [{ "year": { "eq": 1 } }, { "year": { "lt": 5, "gt": 2 } }] } });
        assert_eq!(cost_of(variable, filter), 2 + 3);
    }

    #[test]
    fn no_document_within_the_limits_overflows() {
        let mut document = "name".to_owned();
        for _ in 0..2 {
            document = format!(
                "filmography(first: 2147483647) {{ nodes {{ content {{ credits {{ person {{ {document} }} }} }} }} }}"
            );
        }
        let cost = plain(&format!(
            "{{ people(first: 2147483647) {{ nodes {{ {document} }} }} }}"
        ));
        assert_eq!(cost, u64::MAX);
    }

    #[test]
    fn what_computes_costs_more_than_its_answer() {
        let contract = graphql::contract(true).unwrap();
        let definition = &contract.schema().schema_definition;
        let roots = [&definition.query, &definition.mutation];
        for (name, _) in BASE {
            let known = roots
                .iter()
                .filter_map(|root| root.as_ref())
                .any(|root| contract.schema().type_field(&root.name, name).is_ok());
            assert!(known, "{name}");
        }
        assert!(plain("{ trending { content { title } } }") > 100);
    }
}
