//! What is compiled for tests alone.

use syn::{Attribute, Meta};

/// Whether the attributes leave an item out of everything but tests.
pub fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => {
            path.is_ident("test")
                || path
                    .segments
                    .last()
                    .is_some_and(|last| last.ident == "test")
        }
        Meta::List(list) if list.path.is_ident("cfg") => syn::parse2::<Meta>(list.tokens.clone())
            .is_ok_and(|meta| without_tests(&meta) == Some(false)),
        _ => false,
    })
}

/// Whether the condition holds outside of tests; `None` where that depends.
fn without_tests(condition: &Meta) -> Option<bool> {
    let parts = |list: &syn::MetaList| -> Vec<Option<bool>> {
        type Parts = syn::punctuated::Punctuated<Meta, syn::Token![,]>;
        let parts = list.parse_args_with(Parts::parse_terminated);
        parts.map_or_else(
            |_| vec![None],
            |parts| parts.iter().map(without_tests).collect(),
        )
    };
    match condition {
        Meta::Path(path) if path.is_ident("test") => Some(false),
        Meta::List(list) if list.path.is_ident("not") => {
            parts(list).first().copied().flatten().map(|holds| !holds)
        }
        Meta::List(list) if list.path.is_ident("all") => {
            let parts = parts(list);
            if parts.contains(&Some(false)) {
                Some(false)
            } else if parts.iter().all(|part| *part == Some(true)) {
                Some(true)
            } else {
                None
            }
        }
        Meta::List(list) if list.path.is_ident("any") => {
            let parts = parts(list);
            if parts.contains(&Some(true)) {
                Some(true)
            } else if parts.iter().all(|part| *part == Some(false)) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}
