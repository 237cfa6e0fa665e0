//! What a file names, read from its syntax; whatever stands under `cfg(test)` is left out.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree, Visibility};

use super::conditions::for_tests;
use super::names::Path;
use super::singles::Single;

/// A path as a file writes it.
#[derive(Clone, Debug)]
pub struct Named {
    pub path: Path,
    /// Whether it was written with `::` at its head, so that its first part is a crate.
    pub rooted: bool,
    /// The module that it stands in.
    pub module: Path,
    pub line: usize,
    /// Whether a `use` names it: then even one word is a crate or a module.
    pub imported: bool,
}

/// What a module calls by a name of its own choice.
#[derive(Clone, Debug)]
pub struct Import {
    pub module: Path,
    /// `None` takes all names.
    pub name: Option<String>,
    pub path: Path,
}

/// What the walls want to know of a file.
#[derive(Debug, Default)]
pub struct Facts {
    pub named: Vec<Named>,
    pub imports: Vec<Import>,
    /// Modules that a module has.
    pub children: Vec<(Path, String)>,
    /// The strings of the code, each with its line.
    pub texts: Vec<(String, usize)>,
    /// Lines with `async` or `.await`.
    pub asynchronous: Vec<usize>,
    /// Modules that more than their parent may name.
    pub open_modules: Vec<OpenModule>,
    /// Modules with files of their own.
    pub modules: Vec<Child>,
    /// Where GraphQL would answer or take what is written there.
    pub answered: Vec<Single>,
    /// Types that are other types under another name.
    pub aliases: Vec<Single>,
}

/// A `pub mod` of some kind.
#[derive(Debug)]
pub struct OpenModule {
    pub name: String,
    /// The module that it is in.
    pub module: Path,
    pub line: usize,
    /// Whether it is `pub(super)`.
    pub to_parent: bool,
}

/// A `mod name;`.
#[derive(Clone, Debug)]
pub struct Child {
    /// Where its file may be.
    pub candidates: [String; 2],
    /// Whether it is compiled outside of tests.
    pub live: bool,
}

fn children(items: &[Item], folder: &str, live: bool, found: &mut Vec<Child>) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let live = live && !for_tests(&module.attrs);
        let below = format!("{folder}/{}", module.ident);
        match &module.content {
            Some((_, items)) => children(items, &below, live, found),
            None => found.push(Child {
                candidates: [format!("{below}.rs"), format!("{below}/mod.rs")],
                live,
            }),
        }
    }
}

/// Reads a file.
pub fn read(text: &str, module: &[String], file: &str) -> Facts {
    let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader {
        module: module.to_vec(),
        facts: Facts::default(),
    };
    let stem = file.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let folder = match name {
        "mod" | "lib" | "main" => folder,
        _ => stem,
    };
    let live = !for_tests(&syntax.attrs);
    children(&syntax.items, folder, live, &mut reader.facts.modules);
    if live {
        reader.visit_file(&syntax);
    }
    reader.facts
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}

/// A word without the `r#` that makes a key word of the language an ordinary one.
fn word(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

struct Reader {
    module: Path,
    facts: Facts,
}

impl Reader {
    fn name(&mut self, path: Path, rooted: bool, imported: bool, line: usize) {
        self.facts.named.push(Named {
            path,
            rooted,
            module: self.module.clone(),
            line,
            imported,
        });
    }

    fn import(&mut self, name: Option<String>, path: &Path) {
        self.facts.imports.push(Import {
            module: self.module.clone(),
            name,
            path: path.clone(),
        });
    }

    fn use_tree(&mut self, tree: &UseTree, above: &Path, rooted: bool) {
        let below = |name: &Ident| {
            let mut path = above.clone();
            path.push(word(name));
            path
        };
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &below(&path.ident), rooted),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, above, rooted);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = above.last().cloned();
                self.used(last, above.clone(), rooted, line(&name.ident));
            }
            UseTree::Name(name) => {
                let own = Some(word(&name.ident));
                self.used(own, below(&name.ident), rooted, line(&name.ident));
            }
            UseTree::Rename(rename) => {
                let path = match rename.ident == "self" {
                    true => above.clone(),
                    false => below(&rename.ident),
                };
                self.used(
                    Some(word(&rename.rename)),
                    path,
                    rooted,
                    line(&rename.ident),
                );
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.used(None, above.clone(), rooted, line);
            }
            #[allow(unreachable_patterns, reason = "what a later language brings")]
            _ => {}
        }
    }

    fn used(&mut self, name: Option<String>, path: Path, rooted: bool, line: usize) {
        if path.is_empty() {
            return;
        }
        self.import(name, &path);
        self.name(path, rooted, true, line);
    }

    /// The tokens of a macro: its paths, imports, `async` and `await`.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(first) => {
                    let text = first.to_string();
                    if text == "async" || text == "await" {
                        self.facts.asynchronous.push(line(first));
                    }
                    at = self.token_path(&tokens, at, &Vec::new());
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        let line = literal.span().start().line;
                        self.facts.texts.push((text.value(), line));
                    }
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// A path that begins at this token, below `above`; where it ends.
    fn token_path(&mut self, tokens: &[TokenTree], from: usize, above: &Path) -> usize {
        let colons = |at: usize| {
            let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
            colon(at) && colon(at + 1)
        };
        let mut path = above.clone();
        let (mut at, mut lines) = (from, 0);
        while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
            path.push(word(ident));
            if lines == 0 {
                lines = line(ident);
            }
            at += 1;
            if !colons(at) {
                break;
            }
            at += 2;
            if let Some(TokenTree::Group(group)) = tokens.get(at)
                && group.delimiter() == Delimiter::Brace
            {
                // A grouped import, inside a macro.
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut inside = 0;
                while inside < inner.len() {
                    inside = match &inner[inside] {
                        TokenTree::Ident(_) => self.token_path(&inner, inside, &path),
                        _ => inside + 1,
                    };
                }
                return at + 1;
            }
        }
        if path.len() > 1 {
            self.name(path, false, false, lines);
        }
        at
    }

    /// Paths in the strings of attributes: `#[serde(with = "crate::…")]`.
    fn paths_in_strings(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.paths_in_strings(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let text = literal.to_string();
                    let path = syn::parse_str::<syn::Path>(text.trim_matches('"'));
                    if let Ok(path) = path
                        && path.segments.len() > 1
                    {
                        let names = path.segments.iter().map(|it| word(&it.ident)).collect();
                        self.name(names, path.leading_colon.is_some(), false, line);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

/// The attributes of an item of any kind.
macro_rules! attributes {
    ($of:expr, $kind:ident: $($variant:ident),*) => {
        match $of {
            $(syn::$kind::$variant(it) => &it.attrs,)*
            _ => &[][..],
        }
    };
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes: &[Attribute] = attributes!(item, Item: Const, Enum, ExternCrate, Fn,
            ForeignMod, Impl, Macro, Mod, Static, Struct, Trait, TraitAlias, Type, Union, Use);
        if for_tests(attributes) {
            return;
        }
        super::singles::look(item, &mut self.facts);
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let name = word(&module.ident);
        self.facts
            .children
            .push((self.module.clone(), name.clone()));
        if !matches!(module.vis, Visibility::Inherited) {
            self.facts.open_modules.push(OpenModule {
                name: name.clone(),
                module: self.module.clone(),
                line: line(&module.ident),
                to_parent: matches!(&module.vis, Visibility::Restricted(it) if it.path.is_ident("super")),
            });
        }
        self.module.push(name);
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_lit_str(&mut self, text: &'a syn::LitStr) {
        let line = text.span().start().line;
        self.facts.texts.push((text.value(), line));
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.use_tree(&item.tree, &Vec::new(), item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'a syn::ItemExternCrate) {
        let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
        let path = vec![word(&item.ident)];
        self.used(Some(word(name)), path, true, line(&item.ident));
    }

    fn visit_impl_item(&mut self, item: &'a syn::ImplItem) {
        if !for_tests(attributes!(item, ImplItem: Const, Fn, Type, Macro)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'a syn::TraitItem) {
        if !for_tests(attributes!(item, TraitItem: Const, Fn, Type, Macro)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'a syn::Stmt) {
        let attributes: &[Attribute] = match statement {
            syn::Stmt::Local(local) => &local.attrs,
            syn::Stmt::Macro(call) => &call.attrs,
            syn::Stmt::Expr(syn::Expr::Block(block), _) => &block.attrs,
            syn::Stmt::Expr(syn::Expr::Call(call), _) => &call.attrs,
            syn::Stmt::Expr(syn::Expr::MethodCall(call), _) => &call.attrs,
            syn::Stmt::Expr(..) | syn::Stmt::Item(_) => &[],
        };
        if !for_tests(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field(&mut self, field: &'a syn::Field) {
        if !for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'a syn::Variant) {
        if !for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        if !for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        self.visit_path(attribute.path());
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            self.paths_in_strings(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Path = path.segments.iter().map(|it| word(&it.ident)).collect();
        let line = path.segments.first().map_or(0, |it| line(&it.ident));
        self.name(names, path.leading_colon.is_some(), false, line);
        visit::visit_path(self, path);
    }

    fn visit_expr_await(&mut self, it: &'a syn::ExprAwait) {
        self.facts
            .asynchronous
            .push(it.await_token.span.start().line);
        visit::visit_expr_await(self, it);
    }

    fn visit_expr_async(&mut self, it: &'a syn::ExprAsync) {
        self.facts
            .asynchronous
            .push(it.async_token.span.start().line);
        visit::visit_expr_async(self, it);
    }

    fn visit_expr_closure(&mut self, it: &'a syn::ExprClosure) {
        if let Some(token) = &it.asyncness {
            self.facts.asynchronous.push(token.span.start().line);
        }
        visit::visit_expr_closure(self, it);
    }

    fn visit_signature(&mut self, it: &'a syn::Signature) {
        if let Some(token) = &it.asyncness {
            self.facts.asynchronous.push(token.span.start().line);
        }
        visit::visit_signature(self, it);
    }
}
