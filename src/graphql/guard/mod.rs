//! The guard in front of the GraphQL parser.
//!
//! The engine's parser descends once per open bracket, so that a few kilobytes of `[[[[…`
//! overflow its stack and abort the process. Its validation expands fragments without
//! remembering what it has seen, so that a kilobyte of fragments that name each other twice
//! takes gigabytes. Neither can be caught afterwards, hence two walls:
//!
//! 1. [`source`] reads the bytes once, before the parser sees them;
//! 2. [`document`] walks the parsed tree once, before validation sees it.
//!
//! What recurses in the grammar: selection sets, list and object values (in arguments, in
//! directives and in defaults of variables) and list types. Each of them opens a bracket, so
//! counting open brackets bounds them all.

pub mod cache;
pub mod document;
pub mod operation;
pub mod source;

use async_graphql::{
    Pos, ServerError,
    parser::{Error as ParserError, parse_query, types::ExecutableDocument},
};

pub use self::cache::DocumentCache;
use crate::graphql::errors::{codes, set_code, shorten};
use sha2::{Digest, Sha256};

/// How large a document may be. The defaults are those of the contract.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Length of the source in bytes.
    pub source_bytes: usize,
    /// Tokens in the source: names, numbers, strings, punctuation.
    pub tokens: usize,
    /// Brackets of any kind that are open at the same time.
    pub brackets: usize,
    /// Length of one name or number in bytes: validation compares an unknown name with every
    /// known one, which is slow for long names.
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
    /// Mutations that test a secret. One document, and one batch, may hold one of them, so
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

/// Why a document was turned away before it was executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GuardRefusal {
    /// The code of the contract, see [`codes`].
    pub code: &'static str,
    /// What is wrong, in at most 300 characters.
    pub message: String,
    /// Where it is wrong, if that is one place.
    pub locations: Vec<Pos>,
}

impl GuardRefusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: shorten(message.into()),
            locations: Vec::new(),
        }
    }

    pub(crate) fn too_complex(message: impl Into<String>) -> Self {
        Self::new(codes::OPERATION_TOO_COMPLEX, message)
    }
}

impl From<GuardRefusal> for ServerError {
    fn from(refusal: GuardRefusal) -> Self {
        let mut error = Self::new(refusal.message, None);
        error.locations = refusal.locations;
        set_code(&mut error, refusal.code);
        error
    }
}

/// A document that passed both walls.
///
/// It is kept by the cache, so whatever is known from the document alone belongs here and is
/// worked out once. The requested cost joins these fields.
#[derive(Debug)]
pub struct Checked {
    /// The parsed document, ready for `Request::set_parsed_query`.
    pub document: ExecutableDocument,
    /// Tokens of the source; the size of the parsed document follows them.
    pub tokens: usize,
    /// How many mutations of [`Limits::auth_mutations`] it holds: none or one.
    pub auth_mutations: u32,
    /// How often variables are used once fragments are expanded.
    pub variable_uses: u32,
    /// The SHA-256 of the source: what others may share under it, nobody can make another document
    /// for.
    pub digest: [u8; 32],
    /// The scope of its responses in the response cache, once determined; `None` inside if they are not cacheable.
    pub cache_scope: std::sync::OnceLock<Option<super::response_cache::CacheScope>>,
}

/// Guards and parses one document.
///
/// # Errors
///
/// Refuses what is not GraphQL (`GRAPHQL_PARSE_FAILED`), what is larger than `limits` allow
/// (`OPERATION_TOO_COMPLEX`) and fragments that contain themselves
/// (`GRAPHQL_VALIDATION_FAILED`).
pub fn parse(source: &str, limits: &Limits) -> Result<ExecutableDocument, GuardRefusal> {
    check(source, limits).map(|checked| checked.document)
}

/// Like [`parse`], with what the walk over the document found out.
///
/// # Errors
///
/// As [`parse`].
pub fn check(source: &str, limits: &Limits) -> Result<Checked, GuardRefusal> {
    let tokens = source::scan(source, limits)?;
    let document = parse_query(source).map_err(|error| refused_by_parser(&error))?;
    let tally = document::measure(&document, limits)?;
    Ok(Checked {
        document,
        tokens,
        auth_mutations: tally.auth_mutations,
        variable_uses: tally.variable_uses,
        digest: Sha256::digest(source).into(),
        cache_scope: std::sync::OnceLock::new(),
    })
}

/// The parser draws the source with an arrow under it and says what it expected in the last
/// line. Only that line is kept: the place is in `locations`, and the source may be long.
fn refused_by_parser(error: &ParserError) -> GuardRefusal {
    let text = error.to_string();
    let reason = match text.rsplit_once("\n  = ") {
        Some((_, expected)) => format!("syntax error: {expected}"),
        None => text,
    };
    GuardRefusal {
        locations: error.positions().collect(),
        ..GuardRefusal::new(codes::GRAPHQL_PARSE_FAILED, reason)
    }
}

#[cfg(test)]
mod tests;
