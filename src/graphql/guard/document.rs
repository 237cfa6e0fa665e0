//! The second wall: one walk over the parsed document, before validation.
//!
//! A fragment is measured once and remembered, and sums saturate, so the walk takes time in
//! proportion to the source even where the expanded document would have 2^30 fields.

use std::collections::HashMap;

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, Field, FragmentDefinition, OperationDefinition,
    OperationType, Selection, Value,
};

use super::{Errors, Limits, refused, too_complex};
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

/// Measures each operation of a document by itself, since one of them runs, in their order, and each
/// fragment, since validation also walks the fragments that nothing uses.
///
/// # Errors
///
/// Refuses a document with an operation over `limits`, and fragments that contain themselves.
pub(super) fn measure(document: &Document, limits: &Limits) -> Result<Vec<Tally>, Errors> {
    let mut fragments = HashMap::new();
    for definition in &document.definitions {
        if let Definition::FragmentDefinition(fragment) = definition {
            // Validation refuses a second one of the same name.
            fragments.entry(fragment.name.as_str()).or_insert(fragment);
        }
    }
    let names: Vec<_> = fragments.keys().copied().collect();
    let mut walk = Walk {
        fragments,
        limits,
        seen: HashMap::new(),
    };
    let mut tallies = Vec::new();
    for definition in &document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            tallies.push(walk.operation(operation)?);
        }
    }
    for name in names {
        check_tally(&walk.fragment(name, 0)?, limits)?;
    }
    Ok(tallies)
}

fn check_tally(tally: &Tally, limits: &Limits) -> Result<(), Errors> {
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

fn over(what: &str, limit: u32) -> Errors {
    vec![too_complex(format!(
        "with its fragments expanded, the document has more than {limit} {what}"
    ))]
}

enum Seen {
    Entered,
    Measured(Tally),
}

struct Walk<'a> {
    fragments: HashMap<&'a str, &'a Node<FragmentDefinition>>,
    limits: &'a Limits,
    seen: HashMap<&'a str, Seen>,
}

impl<'a> Walk<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Tally, Errors> {
        let mut tally = self.selections(&operation.selection_set, 0)?;
        tally.add(directives(&operation.directives));
        for variable in &operation.variables {
            tally.add(directives(&variable.directives));
        }
        if tally.root_fields > self.limits.root_fields {
            return Err(over("fields at its root", self.limits.root_fields));
        }
        if operation.operation_type != OperationType::Mutation {
            tally.auth_mutations = 0;
        }
        check_tally(&tally, self.limits)?;
        if tally.auth_mutations > 1 {
            return Err(vec![too_complex(
                "a document may hold one mutation that signs in, registers or changes a password",
            )]);
        }
        Ok(tally)
    }

    /// `level` counts the selection sets around this one. It stops the walk itself from going
    /// deep; a fragment that was measured further up is covered by its own `nesting`.
    fn selections(&mut self, set: &'a [Selection], level: u32) -> Result<Tally, Errors> {
        if level > self.limits.nesting {
            return Err(over("nested selection sets", self.limits.nesting));
        }
        let mut total = Tally::default();
        for selection in set {
            total.add(match selection {
                Selection::Field(field) => self.field(field, level)?,
                Selection::InlineFragment(inline) => {
                    let mut inner = self.selections(&inline.selection_set, level + 1)?;
                    inner.nesting += 1;
                    inner.add(directives(&inline.directives));
                    inner
                }
                Selection::FragmentSpread(spread) => {
                    let mut inner = self.fragment(&spread.fragment_name, level + 1)?;
                    inner.nesting += 1;
                    inner.fields = inner.fields.saturating_add(1);
                    inner.add(directives(&spread.directives));
                    inner
                }
            });
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a Field, level: u32) -> Result<Tally, Errors> {
        let mut tally = Tally::default();
        if !field.selection_set.is_empty() {
            tally = self.selections(&field.selection_set, level + 1)?;
            tally.nesting += 1;
        }
        let name = field.name.as_str();
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
        for argument in &field.arguments {
            tally.variable_uses = tally.variable_uses.saturating_add(uses(&argument.value));
        }
        tally.add(directives(&field.directives));
        Ok(tally)
    }

    fn fragment(&mut self, name: &'a str, level: u32) -> Result<Tally, Errors> {
        match self.seen.get(name) {
            Some(Seen::Measured(tally)) => return Ok(*tally),
            Some(Seen::Entered) => {
                let message = format!("fragment \"{name}\" contains itself");
                let code = codes::GRAPHQL_VALIDATION_FAILED;
                return Err(vec![refused(code, message, &[])]);
            }
            None => {}
        }
        // A spread of a fragment that does not exist counts as one field; validation names it.
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Ok(Tally::default());
        };
        self.seen.insert(name, Seen::Entered);
        let mut tally = self.selections(&fragment.selection_set, level)?;
        tally.add(directives(&fragment.directives));
        self.seen.insert(name, Seen::Measured(tally));
        Ok(tally)
    }
}

fn directives(list: &DirectiveList) -> Tally {
    let mut tally = Tally {
        directives: u32::try_from(list.len()).unwrap_or(u32::MAX),
        ..Tally::default()
    };
    for argument in list.iter().flat_map(|directive| &directive.arguments) {
        tally.variable_uses = tally.variable_uses.saturating_add(uses(&argument.value));
    }
    tally
}

/// How many variables a value names. Values are as deep as the brackets of the first wall.
fn uses(value: &Value) -> u32 {
    match value {
        Value::Variable(_) => 1,
        Value::List(items) => {
            let uses = items.iter().map(|value| uses(value));
            uses.fold(0, u32::saturating_add)
        }
        Value::Object(fields) => {
            let uses = fields.iter().map(|(_, value)| uses(value));
            uses.fold(0, u32::saturating_add)
        }
        _ => 0,
    }
}
