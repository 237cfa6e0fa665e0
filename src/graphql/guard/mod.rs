//! The guard in front of the GraphQL engine: everything between the text that a client sends and what
//! async-graphql executes.
//!
//! async-graphql is a good executor of plain documents, and not a GraphQL engine to the letter: compared with
//! graphql-js it answers one of five random documents otherwise. So a document is parsed and validated by
//! apollo-compiler, variables are coerced by their declared types, and the engine gets a document in
//! canonical form, which it executes as the specification wants. In order:
//!
//! 1. [`source`] reads the bytes once, before the parser, which descends once per open bracket;
//! 2. [`document`] measures the parsed tree, before validation, which walks expanded fragments;
//! 3. apollo-compiler validates, and [`rules`] what it does not have yet;
//! 4. [`variables`] coerces the values of the variables of the chosen operation;
//! 5. [`canonical`] makes the canonical document.
//!
//! The first three steps depend on the text alone, the last one on the text and on few properties of the
//! variables; both are cached, see [`DocumentCache`].

pub mod cache;
mod canonical;
mod contract;
mod cost;
pub mod document;
mod literal;
mod rules;
pub mod source;
mod texts;
mod variables;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use apollo_compiler::ast;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{Name, Node};
use async_graphql::{Pos, ServerError, Value, Variables};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

pub use self::cache::DocumentCache;
pub use self::canonical::CanonicalOperation;
pub use self::contract::Contract;
use self::document::Tally;
use self::rules::LongestTexts;
use crate::graphql::errors::{ERRORS, codes, set_code, shorten};

/// Why a request was refused before it was executed: at least one error, each with its code.
pub type Errors = Vec<ServerError>;

/// The most canonical forms that are kept of one document. A client that combines its conditions in more
/// ways has the others made anew.
const FORMS: usize = 16;

/// How large a document may be. The defaults are those of the contract.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Length of the source in bytes.
    pub source_bytes: usize,
    /// Tokens in the source: names, numbers, strings, punctuation.
    pub tokens: usize,
    /// Brackets of any kind that are open at the same time.
    pub brackets: usize,
    /// Length of one name or number in bytes: an unknown name is compared with every known one,
    /// which is slow for long names.
    pub word_bytes: usize,
    /// Fields once fragments are expanded. `__typename` counts, and so does a spread, since
    /// validation walks it again each time.
    pub fields: u32,
    /// Aliases once fragments are expanded.
    pub aliases: u32,
    /// Directives once fragments are expanded.
    pub directives: u32,
    /// Fields inside each other; fragments do not count. The usual introspection query has 15.
    pub depth: u32,
    /// Selection sets inside each other, those of fragments included. The engine's own limit
    /// is 32, and the usual introspection query has 17.
    pub nesting: u32,
    /// Lists of types inside each other in introspection (`fields`, `inputFields`,
    /// `interfaces`, `possibleTypes`). The schema is a circle, so each further level
    /// multiplies the answer by the number of fields of a type; client tools use one.
    pub introspection_lists: u32,
    /// Fields on the root of one operation.
    pub root_fields: u32,
    /// Uses of variables once fragments are expanded, times the bytes that carry the
    /// variables: the engine copies the whole value at each use.
    pub variable_bytes: usize,
    /// Mutations that test a secret. One operation, and one batch, may hold one of them, so
    /// that a single request cannot guess a thousand passwords.
    pub auth_mutations: &'static [&'static str],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes: 32 * 1024,
            tokens: 2_000,
            brackets: 40,
            word_bytes: 256,
            fields: 1_000,
            aliases: 30,
            directives: 50,
            depth: 15,
            nesting: 32,
            introspection_lists: 2,
            root_fields: 20,
            variable_bytes: 16 * 1024 * 1024,
            auth_mutations: &[],
        }
    }
}

/// A document that was parsed and is within the limits, but not validated yet.
#[derive(Debug)]
pub struct ParsedDocument {
    ast: ast::Document,
    /// Tokens of the source; the size of the parsed document follows them.
    tokens: usize,
    /// What each operation amounts to, in their order.
    tallies: Vec<Tally>,
}

/// A valid document. It is kept by the cache, so whatever is known from the document alone belongs here
/// and is worked out once.
#[derive(Debug)]
pub struct Document {
    executable: Valid<ExecutableDocument>,
    tokens: usize,
    tallies: HashMap<Option<Name>, Tally>,
    /// The variables that conditions of `@skip` and `@include` name.
    conditions: HashSet<Name>,
    /// How long the texts of the variables of each operation may be.
    longest_texts: HashMap<Option<Name>, LongestTexts>,
    /// The SHA-256 of the source: what others may share under it, nobody can make another document
    /// for.
    pub digest: [u8; 32],
    forms: Mutex<HashMap<FormKey, Arc<CanonicalOperation>>>,
}

/// What the canonical form of a document depends on: the operation, and for each variable that it declares
/// whether it is absent, and its value if it is a condition.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FormKey {
    operation: Option<Name>,
    variables: Vec<VariableState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum VariableState {
    Absent,
    Given,
    Condition(bool),
}

/// An operation that may be executed.
#[derive(Debug, Clone)]
pub struct ReadyOperation {
    /// The document that it is from.
    pub document: Arc<Document>,
    /// Its canonical form.
    pub canonical: Arc<CanonicalOperation>,
    /// The coerced values of its variables, defaults included.
    pub variables: Variables,
    /// What it costs: about how many values its answer may have.
    pub cost: u64,
}

impl ReadyOperation {
    /// The request as async-graphql takes it.
    #[must_use]
    pub fn into_request(self) -> async_graphql::Request {
        // The engine has the parsed document, so that it needs no text.
        let mut request = async_graphql::Request::new("").variables(self.variables);
        request.operation_name.clone_from(&self.canonical.name);
        request.set_parsed_query(self.canonical.document.clone());
        request
    }
}

/// Parses one document within limits.
///
/// # Errors
///
/// Refuses what is not GraphQL (`GRAPHQL_PARSE_FAILED`), what is larger than `limits` allow
/// (`OPERATION_TOO_COMPLEX`) and fragments that contain themselves
/// (`GRAPHQL_VALIDATION_FAILED`).
pub fn parse(source: &str, limits: &Limits) -> Result<ParsedDocument, Errors> {
    let tokens = source::scan(source, limits)?;
    let blanked = source::blanked(source);
    // The path is told to nobody: only places within the source are.
    let parsed = Parser::new().parse_ast(&*blanked, "document.graphql");
    let ast =
        parsed.map_err(|error| diagnosed(&error.errors, codes::GRAPHQL_PARSE_FAILED, None))?;
    // apollo-parser 0.8 passes over some of what is missing, such as the value of an argument.
    if !source::is_alike(&blanked, &ast.serialize().no_indent().to_string()) {
        let message =
            "syntax error: a name without a value, or something else that is not complete";
        return Err(vec![refused(codes::GRAPHQL_PARSE_FAILED, message, &[])]);
    }
    let tallies = document::measure(&ast, limits)?;
    Ok(ParsedDocument {
        ast,
        tokens,
        tallies,
    })
}

/// Parses and validates one document.
///
/// # Errors
///
/// As [`parse`], and for a document that does not fit the schema (`GRAPHQL_VALIDATION_FAILED`).
pub fn check(source: &str, contract: &Contract, limits: &Limits) -> Result<Document, Errors> {
    let parsed = parse(source, limits)?;
    let names = operation_names(&parsed.ast);
    let tallies = names.into_iter().zip(parsed.tallies).collect();
    let executable = parsed
        .ast
        .to_executable_validate(contract.schema())
        .map_err(|error| {
            diagnosed(
                &error.errors,
                codes::GRAPHQL_VALIDATION_FAILED,
                Some(contract),
            )
        })?;
    let (mut errors, longest_texts) = rules::check(contract, &executable);
    if !errors.is_empty() {
        errors.truncate(ERRORS);
        return Err(errors);
    }
    Ok(Document {
        conditions: canonical::conditions(&executable),
        longest_texts,
        executable,
        tokens: parsed.tokens,
        tallies,
        digest: Sha256::digest(source).into(),
        forms: Mutex::default(),
    })
}

impl Document {
    /// Chooses an operation by its name, which may be missing if there is only one, and prepares it for
    /// these values of its variables.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if there is no such operation or a value does not fit its variable.
    pub fn ready(
        self: &Arc<Self>,
        contract: &Contract,
        operation_name: Option<&str>,
        variables: &Variables,
    ) -> Result<ReadyOperation, Errors> {
        let operation = self.operation(operation_name)?;
        let sources = &self.executable.sources;
        let longest_texts = self.longest_texts.get(&operation.name);
        let variables =
            variables::coerce(contract, operation, longest_texts, variables, |_, index| {
                let definition = operation.variables.get(index);
                canonical::at(sources, definition.and_then(Node::location))
            })?;
        let key = self.form_key(operation, &variables);
        let kept = self.forms.lock().get(&key).map(Arc::clone);
        let canonical = match kept {
            Some(kept) => kept,
            None => {
                let tally = self.tallies.get(&operation.name);
                let made = canonical::canonical(
                    contract,
                    &self.executable,
                    operation,
                    &tally.copied().unwrap_or_default(),
                    &variables,
                )?;
                let made = Arc::new(made);
                let mut forms = self.forms.lock();
                if forms.len() < FORMS {
                    forms.insert(key, Arc::clone(&made));
                }
                made
            }
        };
        Ok(ReadyOperation {
            cost: cost::cost(contract, &canonical, &variables),
            document: Arc::clone(self),
            canonical,
            variables,
        })
    }

    fn operation(&self, name: Option<&str>) -> Result<&Node<Operation>, Errors> {
        let operations = &self.executable.operations;
        operations.get(name).map_err(|_| {
            let message = match name {
                Some(name) => format!("Unknown operation named \"{name}\"."),
                None if operations.is_empty() => "The document has no operation.".to_owned(),
                None => "Operation name required in request: the document has several.".to_owned(),
            };
            vec![refused(codes::BAD_USER_INPUT, message, &[])]
        })
    }

    fn form_key(&self, operation: &Operation, variables: &Variables) -> FormKey {
        let states = operation.variables.iter().map(|definition| {
            match variables.get(definition.name.as_str()) {
                None => VariableState::Absent,
                Some(Value::Boolean(value)) if self.conditions.contains(&definition.name) => {
                    VariableState::Condition(*value)
                }
                Some(_) => VariableState::Given,
            }
        });
        FormKey {
            operation: operation.name.clone(),
            variables: states.collect(),
        }
    }
}

/// The names of the operations in their order.
fn operation_names(document: &ast::Document) -> Vec<Option<Name>> {
    let definitions = document.definitions.iter();
    definitions
        .filter_map(|definition| match definition {
            ast::Definition::OperationDefinition(operation) => Some(operation.name.clone()),
            _ => None,
        })
        .collect()
}

/// How the error about an unknown field begins.
const UNKNOWN_FIELD: &str = "Cannot query field \"";

/// The errors that apollo-compiler found, in the order of their places.
fn diagnosed(found: &DiagnosticList, code: &'static str, contract: Option<&Contract>) -> Errors {
    // In the words of graphql-js where there are such: clients and people know them.
    let mut errors: Vec<_> = found
        .iter()
        .map(|diagnostic| diagnostic.unstable_to_json_compat())
        .collect();
    // Where all fields of a selection are unknown it is empty for apollo-compiler: that follows from the errors
    // that are told.
    if errors
        .iter()
        .any(|error| error.message.starts_with(UNKNOWN_FIELD))
    {
        errors.retain(|error| !error.message.contains("must have a selection of subfields"));
    }
    errors.truncate(ERRORS);
    let errors = errors.into_iter().map(|error| {
        let mut message = error.message;
        if let Some(contract) = contract {
            message.push_str(&suggestion(contract, &message));
        }
        let places = error.locations.into_iter().map(|place| Pos {
            line: place.line,
            column: place.column,
        });
        refused(code, message, &places.collect::<Vec<_>>())
    });
    errors.collect()
}

/// `Did you mean …?` for a field that does not exist.
fn suggestion(contract: &Contract, message: &str) -> String {
    let names = message
        .strip_prefix(UNKNOWN_FIELD)
        .and_then(|rest| rest.strip_suffix("\"."))
        .and_then(|rest| rest.split_once("\" on type \""));
    let like = names.map_or_else(Vec::new, |(field, of)| contract.fields_like(of, field));
    match &like[..] {
        [] => String::new(),
        like => format!(" Did you mean \"{}\"?", like.join("\", \"")),
    }
}

/// An error of a request that is not executed.
fn refused(code: &'static str, message: impl Into<String>, places: &[Pos]) -> ServerError {
    let mut error = ServerError::new(shorten(message.into()), None);
    error.locations = places.to_vec();
    set_code(&mut error, code);
    error
}

/// An error of a document that is over a limit.
pub fn too_complex(message: impl Into<String>) -> ServerError {
    refused(codes::OPERATION_TOO_COMPLEX, message, &[])
}

#[cfg(test)]
mod tests;
