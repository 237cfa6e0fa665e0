//! The guard against made-up documents, on a stack as small as the runtime's.

use std::sync::LazyLock;

use apollo_compiler::ast::{Definition, Document, Selection, Value};
use marquee::graphql::guard::{Contract, Limits, check, parse, source::scan};
use proptest::{prelude::*, test_runner::TestRunner};

/// What the worker threads of the runtime have.
const STACK: usize = 2 * 1024 * 1024;

const SEEDS: &[&str] = &[
    include_str!("../../src/graphql/guard/introspection.graphql"),
    "query A($v: [[Int!]!] = [[1, -2.5e3]] @d(x: {a: [1]})) { b: c(x: $v, y: {z: \"s\\\"\\u00e9\"}) @skip(if: false) { ...F ... on G { h } } } fragment F on G @e { i(j: \"\"\"k\\\"\"\" l\"\"\") } # end",
    "mutation { login(input: {name: \"a\", password: \"b\"}) { token errors { __typename } } }",
    "subscription S($id: ID!) { jobProgress(id: $id, after: 3) { step fraction } }",
];

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "...",
    "\"",
    "\"\"\"",
    "\\",
    "\\\"\"\"",
    "\\u",
    "#",
    "\n",
    "\r",
    ",",
    "$v",
    ":",
    "=",
    "!",
    "@d",
    "a",
    "on",
    "query",
    "fragment F on Q",
    "...F",
    "null",
    "true",
    "-0",
    "1.5e3",
    "\u{feff}",
    "é",
    "\0",
    "&",
    "|",
];

/// A schema that some of the documents fit.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let sdl = "type Query { f(x: [[[I]]], a: String): Query, g: Query, a: Int, b: Query, c: F } \
               input I { a: I, b: [I!] } union F = Query | G type G { h: Int, i(j: String): Int }";
    Contract::new(sdl, true).expect("a schema")
});

/// Checks a document; whatever passes the first wall is also parsed and validated, and a parser that ran
/// out of stack would end the whole process.
fn survive(source: &str) {
    let limits = Limits::default();
    let passed = scan(source, &limits).is_ok();
    let checked = check(source, &CONTRACT, &limits);
    assert!(passed || checked.is_err());
    for error in checked.err().into_iter().flatten() {
        assert!(error.message.chars().count() <= 300);
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn any_text_is_survived() {
    on_a_small_stack(|| {
        let bytes = prop::collection::vec(any::<u8>(), 0..2_000);
        let text = bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        runner(2_000)
            .run(&text, |text| {
                survive(&text);
                Ok(())
            })
            .expect("survived");
    });
}

#[test]
fn any_heap_of_tokens_is_survived() {
    on_a_small_stack(|| {
        let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..300);
        runner(3_000)
            .run(&pieces, |pieces| {
                survive(&pieces.join(" "));
                survive(&pieces.concat());
                Ok(())
            })
            .expect("survived");
    });
}

#[test]
fn mutated_queries_are_survived() {
    on_a_small_stack(|| {
        let edits = prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                0_usize..20,
                prop::sample::select(PIECES),
                1_usize..60,
            ),
            0..8,
        );
        let cases = (prop::sample::select(SEEDS), edits);
        runner(3_000)
            .run(&cases, |(seed, edits)| {
                let mut chars: Vec<char> = seed.chars().collect();
                for (index, removed, piece, times) in edits {
                    let at = index.index(chars.len() + 1);
                    let end = (at + removed).min(chars.len());
                    chars.splice(at..end, piece.repeat(times).chars());
                }
                survive(&chars.into_iter().collect::<String>());
                Ok(())
            })
            .expect("survived");
    });
}

/// The first wall must see strings and comments just where the parser sees them, or brackets
/// could hide. A low limit brings a disagreement to light: what passes is no deeper.
#[test]
fn brackets_hide_neither_in_strings_nor_in_comments() {
    const DEEP: &str = "[[[[]]]]";
    const MARKS: &[&str] = &[
        DEEP,
        DEEP,
        "\"",
        "\\\"",
        "\"\"\"",
        "\"\"\"",
        "\\\"\"\"",
        "\\\\",
        "\\",
        "#",
        "#\"\"\"\n",
        "\n",
        "\r",
        "a",
        " ",
    ];
    let limits = Limits {
        brackets: 5,
        ..Limits::default()
    };
    let passed = std::cell::Cell::new(0);
    runner(60_000)
        .run(
            &prop::collection::vec(prop::sample::select(MARKS), 0..14),
            |marks| {
                let source = format!("{{ f(a: [{}]) }}", marks.concat());
                if parse(&source, &limits).is_ok() {
                    passed.set(passed.get() + 1);
                    let document = Document::parse(&source, "document").expect("it did parse");
                    let [Definition::OperationDefinition(operation)] = &document.definitions[..]
                    else {
                        panic!("one operation in {source}");
                    };
                    let Selection::Field(field) = &operation.selection_set[0] else {
                        panic!("one field in {source}");
                    };
                    // Two brackets are open around the value.
                    prop_assert!(depth(&field.arguments[0].value) <= 3, "{}", source);
                }
                Ok(())
            },
        )
        .expect("no bracket hides");
    assert!(
        passed.get() > 500,
        "too few documents got through: {passed:?}"
    );
}

fn depth(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(|item| depth(item)).max().unwrap_or(0),
        _ => 0,
    }
}

#[test]
fn the_deepest_accepted_nesting_is_parsed() {
    on_a_small_stack(|| {
        // 39 inside the one that the selection set has open, in each construct that recurses.
        for (open, close) in [("[", "]"), ("{a:", "}")] {
            let value = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
            survive_accepted(&format!("{{ f(x: {}) }}", value(38)));
            survive_accepted(&format!("query ($v: I = {}) {{ f }}", value(39)));
            survive_accepted(&format!("query ($v: I @d(x: {})) {{ f }}", value(38)));
            survive_accepted(&format!("{{ f {{ g @d(x: {}) }} }}", value(37)));
        }
        survive_accepted(&format!(
            "query ($v: {}I{}) {{ f }}",
            "[".repeat(39),
            "]".repeat(39)
        ));
        survive_accepted(
            &format!("{}a{}", "{ ... ".repeat(32), "}".repeat(32)).replace("... a", "a"),
        );
        survive(&format!("{}a{}", "{ ... ".repeat(40), "}".repeat(40)).replace("... a", "a"));
    });
}

fn survive_accepted(source: &str) {
    let parsed = parse(source, &Limits::default());
    assert!(parsed.is_ok(), "{source}: {:?}", parsed.err());
    survive(source);
}
