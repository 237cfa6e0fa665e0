//! The second wall: one walk over the parsed document, before validation.
//!
//! A fragment is measured once and remembered, and sums saturate, so the walk takes time in
//! proportion to the source even where the expanded document would have 2^30 fields.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, OperationType, Selection,
        SelectionSet,
    },
};
use async_graphql_value::Value;

use super::{GuardRefusal, Limits};
use crate::graphql::errors::codes;

/// What a selection set amounts to once its fragments are expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Fields and spreads.
    pub fields: u32,
    /// Aliases.
    pub aliases: u32,
    /// Directives.
    pub directives: u32,
    /// Uses of variables.
    pub variable_uses: u32,
    /// Fields inside each other.
    pub depth: u32,
    /// Selection sets inside each other.
    pub nesting: u32,
    /// Lists of types inside each other, where this is introspection.
    pub type_lists: u32,
    /// The same, for what is inside a field that begins introspection.
    pub introspection_lists: u32,
    /// Fields of the outermost level.
    pub root_fields: u32,
    /// Fields of the outermost level that test a secret.
    pub auth_mutations: u32,
}

impl Tally {
    /// Adds what stands beside it on the same level.
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.variable_uses = self.variable_uses.saturating_add(other.variable_uses);
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.type_lists = self.type_lists.max(other.type_lists);
        self.introspection_lists = self.introspection_lists.max(other.introspection_lists);
        self.root_fields = self.root_fields.saturating_add(other.root_fields);
        self.auth_mutations = self.auth_mutations.saturating_add(other.auth_mutations);
    }
}

/// Measures a whole document: all its operations together, and each fragment by itself, since
/// validation also walks the fragments that nothing uses.
///
/// # Errors
///
/// Refuses a document over `limits` and fragments that contain themselves.
pub fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<Tally, GuardRefusal> {
    let mut walk = Walk {
        fragments: &document.fragments,
        limits,
        seen: HashMap::new(),
    };
    let mut total = Tally::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let mut tally = walk.selection_set(&operation.selection_set.node, 0)?;
        tally.add(directives(&operation.directives));
        for variable in &operation.variable_definitions {
            tally.add(directives(&variable.node.directives));
        }
        if tally.root_fields > limits.root_fields {
            return Err(over("fields at its root", limits.root_fields));
        }
        if operation.ty != OperationType::Mutation {
            tally.auth_mutations = 0;
        }
        total.add(tally);
    }
    check_tally(&total, limits)?;
    if total.auth_mutations > 1 {
        return Err(GuardRefusal::too_complex(
            "a document may hold one mutation that signs in, registers or changes a password",
        ));
    }
    for name in document.fragments.keys() {
        check_tally(&walk.fragment(name, 0)?, limits)?;
    }
    Ok(total)
}

fn check_tally(tally: &Tally, limits: &Limits) -> Result<(), GuardRefusal> {
    for (what, found, limit) in [
        ("fields", tally.fields, limits.fields),
        ("aliases", tally.aliases, limits.aliases),
        ("directives", tally.directives, limits.directives),
        ("levels of fields", tally.depth, limits.depth),
        ("nested selection sets", tally.nesting, limits.nesting),
        (
            "nested lists of types",
            tally.introspection_lists,
            limits.introspection_lists,
        ),
    ] {
        if found > limit {
            return Err(over(what, limit));
        }
    }
    Ok(())
}

fn over(what: &str, limit: u32) -> GuardRefusal {
    GuardRefusal::too_complex(format!(
        "with its fragments expanded, the document has more than {limit} {what}"
    ))
}

enum Seen {
    Entered,
    Measured(Tally),
}

struct Walk<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    limits: &'a Limits,
    seen: HashMap<&'a str, Seen>,
}

impl<'a> Walk<'a> {
    /// `level` counts the selection sets around this one. It stops the walk itself from going
    /// deep; a fragment that was measured further up is covered by its own `nesting`.
    fn selection_set(&mut self, set: &'a SelectionSet, level: u32) -> Result<Tally, GuardRefusal> {
        if level > self.limits.nesting {
            return Err(over("nested selection sets", self.limits.nesting));
        }
        let mut total = Tally::default();
        for selection in &set.items {
            total.add(match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(inline) => {
                    let mut inner =
                        self.selection_set(&inline.node.selection_set.node, level + 1)?;
                    inner.nesting += 1;
                    inner.add(directives(&inline.node.directives));
                    inner
                }
                Selection::FragmentSpread(spread) => {
                    let mut inner = self.fragment(&spread.node.fragment_name.node, level + 1)?;
                    inner.nesting += 1;
                    inner.fields = inner.fields.saturating_add(1);
                    inner.add(directives(&spread.node.directives));
                    inner
                }
            });
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a Field, level: u32) -> Result<Tally, GuardRefusal> {
        let mut tally = Tally::default();
        if !field.selection_set.node.items.is_empty() {
            tally = self.selection_set(&field.selection_set.node, level + 1)?;
            tally.nesting += 1;
        }
        let name = field.name.node.as_str();
        match name {
            // Only here are the names below those of the schema's own description.
            "__schema" | "__type" => {
                tally.introspection_lists = tally.introspection_lists.max(tally.type_lists);
            }
            "fields" | "inputFields" | "interfaces" | "possibleTypes" => tally.type_lists += 1,
            _ => {}
        }
        let tests_a_secret = self.limits.auth_mutations.contains(&name);
        tally.fields = tally.fields.saturating_add(1);
        tally.depth += 1;
        tally.root_fields = 1;
        tally.auth_mutations = u32::from(tests_a_secret);
        tally.aliases = tally
            .aliases
            .saturating_add(u32::from(field.alias.is_some()));
        for (_, value) in &field.arguments {
            tally.variable_uses = tally.variable_uses.saturating_add(uses(&value.node));
        }
        tally.add(directives(&field.directives));
        Ok(tally)
    }

    fn fragment(&mut self, name: &'a str, level: u32) -> Result<Tally, GuardRefusal> {
        match self.seen.get(name) {
            Some(Seen::Measured(tally)) => return Ok(*tally),
            Some(Seen::Entered) => {
                return Err(GuardRefusal::new(
                    codes::GRAPHQL_VALIDATION_FAILED,
                    format!("fragment \"{name}\" contains itself"),
                ));
            }
            None => {}
        }
        // A spread of a fragment that does not exist counts as one field; validation names it.
        let Some(fragment) = self.fragments.get(name) else {
            return Ok(Tally::default());
        };
        self.seen.insert(name, Seen::Entered);
        let mut tally = self.selection_set(&fragment.node.selection_set.node, level)?;
        tally.add(directives(&fragment.node.directives));
        self.seen.insert(name, Seen::Measured(tally));
        Ok(tally)
    }
}

fn directives(list: &[Positioned<Directive>]) -> Tally {
    let mut tally = Tally {
        directives: u32::try_from(list.len()).unwrap_or(u32::MAX),
        ..Tally::default()
    };
    for (_, value) in list.iter().flat_map(|directive| &directive.node.arguments) {
        tally.variable_uses = tally.variable_uses.saturating_add(uses(&value.node));
    }
    tally
}

/// How many variables a value names. Values are as deep as the brackets of the first wall.
pub(super) fn uses(value: &Value) -> u32 {
    match value {
        Value::Variable(_) => 1,
        Value::List(items) => items.iter().map(uses).fold(0, u32::saturating_add),
        Value::Object(fields) => fields.values().map(uses).fold(0, u32::saturating_add),
        _ => 0,
    }
}
