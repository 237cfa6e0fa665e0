//! What GraphQL answers and takes: the types of fields and of arguments.
//!
//! GraphQL's `Float` is double precision. A single that is widened shows what it was rounded to:
//! 0.2 becomes 0.20000000298023224.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Fields, FnArg, ImplItem, Item, ReturnType, Type};

use super::conditions::for_tests;
use super::syntax::Facts;

/// Types that GraphQL shows and that are read from their fields.
const DERIVED: [&str; 6] = [
    "SimpleObject",
    "InputObject",
    "OneofObject",
    "Union",
    "Interface",
    "MergedObject",
];
/// Attributes of implementations and of traits whose methods are fields.
const METHODS: [&str; 4] = ["Object", "ComplexObject", "Subscription", "Interface"];

/// The words of a type at a place.
#[derive(Debug)]
pub struct Single {
    /// The field, the argument or the alias.
    pub index: String,
    /// The words of its type, each with its line.
    pub words: Vec<(String, usize)>,
}

/// Adds what this item has GraphQL answer.
pub fn look(item: &Item, facts: &mut Facts) {
    match item {
        Item::Struct(it) if derives(&it.attrs) => fields(&it.ident.to_string(), &it.fields, facts),
        Item::Enum(it) if derives(&it.attrs) => {
            for variant in &it.variants {
                fields(
                    &format!("{}::{}", it.ident, variant.ident),
                    &variant.fields,
                    facts,
                );
            }
        }
        Item::Impl(it) if has(&it.attrs, &METHODS) => {
            for part in &it.items {
                if let ImplItem::Fn(method) = part
                    && !skipped(&method.attrs)
                    && !for_tests(&method.attrs)
                {
                    signature(&method.sig, facts);
                }
            }
        }
        Item::Type(it) => {
            let words = words_of(&it.ty);
            facts.aliases.push(Single {
                index: it.ident.to_string(),
                words,
            });
        }
        // What a macro of ours makes may be a type of GraphQL; what it is given may be a field.
        Item::Macro(it) => {
            let mut words = Vec::new();
            words_in(it.mac.tokens.clone(), &mut words);
            let name = it.mac.path.segments.last();
            let index = name.map_or_else(String::new, |name| format!("{}!", name.ident));
            facts.answered.push(Single { index, words });
        }
        _ => {}
    }
}

fn signature(signature: &syn::Signature, facts: &mut Facts) {
    let mut add = |index: String, of: &Type| {
        facts.answered.push(Single {
            index,
            words: words_of(of),
        });
    };
    let name = &signature.ident;
    if let ReturnType::Type(_, of) = &signature.output {
        add(format!("{name}()"), of);
    }
    for argument in &signature.inputs {
        if let FnArg::Typed(argument) = argument {
            add(format!("an argument of {name}()"), &argument.ty);
        }
    }
}

fn fields(of: &str, fields: &Fields, facts: &mut Facts) {
    for field in fields
        .iter()
        .filter(|field| !skipped(&field.attrs) && !for_tests(&field.attrs))
    {
        let name = field
            .ident
            .as_ref()
            .map_or_else(String::new, |name| format!(".{name}"));
        facts.answered.push(Single {
            index: format!("{of}{name}"),
            words: words_of(&field.ty),
        });
    }
}

fn derives(attributes: &[Attribute]) -> bool {
    let derives = attributes.iter().filter(|it| it.path().is_ident("derive"));
    let mut words = Vec::new();
    for derive in derives {
        if let syn::Meta::List(list) = &derive.meta {
            words_in(list.tokens.clone(), &mut words);
        }
    }
    words
        .iter()
        .any(|(word, _)| DERIVED.contains(&word.as_str()))
}

fn has(attributes: &[Attribute], names: &[&str]) -> bool {
    let last = |it: &Attribute| it.path().segments.last().map(|it| it.ident.to_string());
    attributes
        .iter()
        .filter_map(last)
        .any(|name| names.contains(&name.as_str()))
}

/// `#[graphql(skip)]`: GraphQL never sees it.
fn skipped(attributes: &[Attribute]) -> bool {
    let graphql = attributes.iter().filter(|it| it.path().is_ident("graphql"));
    graphql
        .filter_map(|it| it.meta.require_list().ok())
        .any(|list| {
            let mut words = Vec::new();
            words_in(list.tokens.clone(), &mut words);
            words.first().is_some_and(|(word, _)| word == "skip")
        })
}

fn words_of(of: &Type) -> Vec<(String, usize)> {
    struct Words(Vec<(String, usize)>);
    impl<'a> Visit<'a> for Words {
        fn visit_ident(&mut self, ident: &'a proc_macro2::Ident) {
            self.0.push((ident.to_string(), ident.span().start().line));
        }
        fn visit_macro(&mut self, call: &'a syn::Macro) {
            words_in(call.tokens.clone(), &mut self.0);
        }
    }
    let mut words = Words(Vec::new());
    words.visit_type(of);
    words.0
}

fn words_in(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words_in(group.stream(), words),
            TokenTree::Ident(ident) => words.push((ident.to_string(), ident.span().start().line)),
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}
