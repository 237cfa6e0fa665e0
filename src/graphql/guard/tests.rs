use super::*;
use crate::graphql::errors::code;

/// The first error of a document that is over a limit or does not parse.
struct Refused {
    code: String,
    message: String,
    locations: Vec<Pos>,
}

fn refused(source: &str) -> Refused {
    let limits = Limits {
        auth_mutations: &["login", "register"],
        ..Limits::default()
    };
    match parse(source, &limits) {
        Err(mut errors) => {
            let error = errors.remove(0);
            Refused {
                code: code(&error).expect("a code").to_owned(),
                message: error.message,
                locations: error.locations,
            }
        }
        Ok(_) => panic!("accepted {source:.200}"),
    }
}

fn accepted(source: &str) -> ParsedDocument {
    parse(source, &Limits::default()).unwrap_or_else(|errors| panic!("{errors:?}: {source:.200}"))
}

#[test]
fn the_usual_introspection_query_passes() {
    let source = include_str!("introspection.graphql");
    accepted(source);
    // It needs just what the contract allows, so a lower default would break every client tool.
    let depth = |depth| Limits {
        depth,
        ..Limits::default()
    };
    let nesting = |nesting| Limits {
        nesting,
        ..Limits::default()
    };
    assert!(parse(source, &depth(15)).is_ok() && parse(source, &depth(14)).is_err());
    assert!(parse(source, &nesting(17)).is_ok() && parse(source, &nesting(16)).is_err());
}

#[test]
fn introspection_does_not_walk_in_circles() {
    let circle = |n: usize| {
        format!(
            "types {{ {} name {} }}",
            "fields { type { ".repeat(n),
            "} }".repeat(n)
        )
    };
    accepted(&format!("{{ __schema {{ {} }} }}", circle(2)));
    refused(&format!("{{ __schema {{ {} }} }}", circle(3)));
    refused(&format!(
        "{{ __schema {{ ...A }} }} fragment A on __Schema {{ {} }}",
        circle(3)
    ));
    // Outside introspection these are names like any other.
    accepted(&format!("{{ form {{ {} }} }}", circle(3)));
}

#[test]
fn brackets_are_counted_wherever_the_parser_recurses() {
    for (open, close) in [("[", "]"), ("{a:", "}")] {
        let value = |n| format!("{}1{}", open.repeat(n), close.repeat(n));
        for n in [45, 5_000] {
            for source in [
                format!("{{ f(x: {}) }}", value(n)),
                format!("{{ f @d(x: {}) }}", value(n)),
                format!("query ($v: I = {}) {{ f }}", value(n)),
                format!("query ($v: I @d(x: {})) {{ f }}", value(n)),
            ] {
                assert_eq!(refused(&source).code, codes::OPERATION_TOO_COMPLEX);
            }
        }
        accepted(&format!("{{ f(x: {}) }}", value(35)));
    }
    for n in [45, 5_000] {
        let list = format!("query ($v: {}I{}) {{ f }}", "[".repeat(n), "]".repeat(n));
        let fields = format!("{{ {} a {} }}", "f { ".repeat(n), "}".repeat(n));
        let inline = format!("{{ {} a {} }}", "... { ".repeat(n), "}".repeat(n));
        for source in [list, fields, inline] {
            assert_eq!(refused(&source).code, codes::OPERATION_TOO_COMPLEX);
        }
    }
}

#[test]
fn brackets_in_strings_and_comments_do_not_count() {
    let many = "[".repeat(100);
    accepted(&format!("{{ f(a: \"{many}\\\"{many}\") # {many}\n }}"));
    accepted(&format!(
        "{{ f(a: \"\"\"{many}\n\"{many}\\\"\"\"{many}\"\"\") }}"
    ));
}

#[test]
fn a_broken_string_hides_no_brackets() {
    let many = "[".repeat(5_000);
    for source in [
        format!("{{ f(a: [\"\"\" x\" {many}"),
        format!("{{ f(a: \"\n{many}"),
        format!("{{ f(a: \"\\\" {many}"),
        "{ f(a: \"".to_owned(),
        "{ f(a: \"\\".to_owned(),
    ] {
        assert_eq!(refused(&source).code, codes::GRAPHQL_PARSE_FAILED);
    }
}

#[test]
fn fragments_are_expanded_once_and_saturate() {
    let chain = |n| {
        format!(
            "fragment F{n} on Query {{ ...F{next} ...F{next} }}",
            next = n + 1
        )
    };
    let source = format!("{{ ...F0 }} {}", (0..30).map(chain).collect::<String>());
    for end in ["__typename", "...Missing"] {
        let source = format!("{source} fragment F30 on Query {{ {end} }}");
        assert_eq!(refused(&source).code, codes::OPERATION_TOO_COMPLEX);
        let unused = source.replacen("{ ...F0 }", "{ a }", 1);
        assert_eq!(refused(&unused).code, codes::OPERATION_TOO_COMPLEX);
    }
}

#[test]
fn what_the_parser_passes_over_is_refused() {
    for source in ["{ f(x) }", "{ f(x: ) }", "{ f(x) { a } }"] {
        assert_eq!(
            refused(source).code,
            codes::GRAPHQL_PARSE_FAILED,
            "{source}"
        );
    }
    for source in [
        "query { query { query } }",
        "query Q { a } query ($v: [I!]! = [1, -2.5e3] @d) { f(x: {a: $v, b: [], c: {}}) }",
        "{ f(x: \"é\\n\", y: \"\"\"block\n  \\\"\"\" text\"\"\", z: null) } # é, the end",
        "\u{feff}query ($v: Int!)\u{feff} { a(x: $v) }",
        ",,fragment,,F,,on,,T,,{,...,,on,,U,,@d,,{,a,},...#,é\non U { b } }",
        "subscription S @d { a: b @skip(if: true) @include(if: $v) ...F ... @d { c } }",
    ] {
        accepted(source);
    }
}

#[test]
fn a_fragment_cycle_is_refused() {
    let source = "{ a } fragment A on Q { b { ...B } } fragment B on Q { ... { ...A } }";
    assert_eq!(refused(source).code, codes::GRAPHQL_VALIDATION_FAILED);
}

#[test]
fn each_limit_holds_at_its_edge() {
    let times = |n: usize, text: &str| text.repeat(n);
    accepted(&format!("{{ {} }}", times(20, "a ")));
    refused(&format!("{{ {} }}", times(21, "a ")));
    accepted(&format!("{{ x {{ {} }} }}", times(999, "a ")));
    refused(&format!("{{ x {{ {} }} }}", times(1_000, "a ")));
    accepted(&format!("{{ x {{ {} }} }}", times(30, "a: b ")));
    refused(&format!("{{ x {{ {} }} }}", times(31, "a: b ")));
    accepted(&format!("{{ x {} }}", times(50, "@d ")));
    refused(&format!("{{ x {} }}", times(51, "@d ")));
    accepted(&format!("{}{}", times(15, "{ b "), times(15, "}")));
    refused(&format!("{}{}", times(16, "{ b "), times(16, "}")));
    refused(&format!("{{ {} }}", "a".repeat(257)));
    refused(&format!("{{ a }} #{}", "x".repeat(32 * 1024)));
}

#[test]
fn one_secret_is_tested_per_document() {
    let login = "login(input: {}) { id }";
    let register = "mutation A { x: register { id } }";
    assert_eq!(
        refused(&format!("mutation {{ a: {login} b: {login} }}")).code,
        codes::OPERATION_TOO_COMPLEX
    );
    refused(&format!(
        "mutation B {{ ...L x: register {{ id }} }} fragment L on Mutation {{ {login} }}"
    ));
    // One of several operations is run.
    accepted(&format!("mutation B {{ {login} }} {register}"));
    accepted(&format!("query B {{ a: {login} b: {login} }}"));
}

#[test]
fn messages_are_short_and_cut_between_characters() {
    let refusal = refused(&format!("{{ f(a: \"{}\") ! }}", "é".repeat(5_000)));
    assert!(refusal.message.chars().count() <= 300);
    assert_eq!(refusal.code, codes::GRAPHQL_PARSE_FAILED);
    assert_eq!(refusal.locations.len(), 1);
    assert_eq!(shorten("é".repeat(301)).chars().count(), 300);
    assert_eq!(shorten("é".repeat(300)), "é".repeat(300));
}

#[test]
fn a_document_is_checked_once() {
    let contract = Contract::new("type Query { a: Int }", true).expect("a schema");
    let cache = DocumentCache::new(contract, Limits::default(), 1024 * 1024);
    let first = cache.check("{ a }").expect("a small document");
    let second = cache.check("{ a }").expect("a small document");
    assert!(Arc::ptr_eq(&first, &second));
}

/// The id of a film.
const FILM: &str = "content_01h2xcejqtf2nbrexx3vqjhp41";

/// What the real schema makes of a document: the canonical operation with its variables, or the errors.
fn ready(source: &str, variables: serde_json::Value) -> Result<ReadyOperation, Errors> {
    named(source, None, variables)
}

fn named(
    source: &str,
    operation: Option<&str>,
    variables: serde_json::Value,
) -> Result<ReadyOperation, Errors> {
    use std::sync::LazyLock;

    static DOCUMENTS: LazyLock<DocumentCache> = LazyLock::new(|| {
        let contract = graphql::contract(true).expect("a valid schema");
        DocumentCache::new(contract, Limits::default(), 1024 * 1024)
    });
    DOCUMENTS.ready(source, operation, &Variables::from_json(variables))
}

/// The code of the first error, and its message.
fn error(outcome: Result<ReadyOperation, Errors>) -> (String, String) {
    let error = outcome.expect_err("an error").remove(0);
    let code = code(&error).expect("a code").to_owned();
    (code, error.message)
}

/// A canonical selection set, shortly: names with arguments, and fragments by type.
fn written(set: &async_graphql::parser::types::SelectionSet) -> String {
    use async_graphql::parser::types::Selection;

    let items = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let field = &field.node;
            let alias = field.alias.as_ref().map(|alias| format!("{}:", alias.node));
            let arguments = field.arguments.iter();
            let arguments = arguments.map(|(name, value)| format!("{}={}", name.node, value.node));
            let arguments = arguments.collect::<Vec<_>>().join(",");
            let arguments = Some(arguments)
                .filter(|arguments| !arguments.is_empty())
                .map(|arguments| format!("({arguments})"));
            let below = &field.selection_set.node;
            let below = (!below.items.is_empty()).then(|| written(below));
            format!(
                "{}{}{}{}",
                alias.unwrap_or_default(),
                field.name.node,
                arguments.unwrap_or_default(),
                below.unwrap_or_default()
            )
        }
        Selection::InlineFragment(fragment) => {
            let fragment = &fragment.node;
            let on = fragment.type_condition.as_ref().map(|on| &on.node.on.node);
            let below = written(&fragment.selection_set.node);
            format!("...{}{below}", on.map_or("", |on| on.as_str()))
        }
        Selection::FragmentSpread(_) => "a spread".to_owned(),
    });
    format!("{{{}}}", items.collect::<Vec<_>>().join(" "))
}

fn canonical_form(source: &str, variables: serde_json::Value) -> String {
    let ready = ready(source, variables).unwrap_or_else(|errors| panic!("{source}: {errors:?}"));
    let mut operations = ready.canonical.document.operations.iter();
    let (_, operation) = operations.next().expect("the operation");
    assert!(operations.next().is_none(), "it is the only one");
    written(&operation.node.selection_set.node)
}

#[test]
fn what_the_specification_refuses_is_refused_before_it_runs() {
    use serde_json::json;

    for (source, variables) in [
        // An unknown type, in a list and elsewhere.
        (
            r#"query ($a: [Nope] = ["x"]) { schemas { name } }"#,
            json!({}),
        ),
        // An unknown field of an input, whatever stands beside it.
        (
            "query ($a: Int) { contents(filter: {nope: {lt: 1}, year: {lt: $a}}) { totalCount } }",
            json!({}),
        ),
        (
            r#"mutation ($d: String) { createContent(input: {kind: TEXT, title: "T", visibilty: PRIVATE, description: $d}) { errors { __typename } } }"#,
            json!({}),
        ),
        // An unknown argument whose variable is not sent.
        ("query ($k: Int) { schemas(kind: $k) { name } }", json!({})),
        // A variable in a place of another type.
        (
            "query ($a: Boolean) { contents(first: $a) { totalCount } }",
            json!({ "a": 1 }),
        ),
        (
            "query ($n: ID) { node(id: $n) { id } }",
            json!({ "n": "x" }),
        ),
        // Inside of lists too, and null is no default that helps.
        (
            "query ($f: ContentFilter) { contents(filter: {and: [$f]}) { totalCount } }",
            json!({}),
        ),
        (
            "query ($p: String = null) { searchSuggestions(prefix: $p) { text } }",
            json!({ "p": "a" }),
        ),
        // Twice the same variable, input field or argument.
        (
            "query ($a: Int, $a: Int) { contents(first: $a) { totalCount } }",
            json!({}),
        ),
        (
            "{ contents(filter: {year: {lt: 1}, year: {lt: 2}}) { totalCount } }",
            json!({}),
        ),
        ("{ contents(first: 1, first: 2) { totalCount } }", json!({})),
        // Literals of another kind.
        (r#"{ recommendations(context: "FEED") { id } }"#, json!({})),
        ("{ contents(filter: 1) { totalCount } }", json!({})),
        // Fields that cannot be merged, below the first level too.
        ("{ contents { nodes { a: id a: title } } }", json!({})),
        (
            "{ contents(first: 1) { totalCount } contents(first: 2) { totalCount } }",
            json!({}),
        ),
        // Directives that there are none of, and in places that have none.
        (
            "query ($a: Int @nope) { contents(first: $a) { totalCount } }",
            json!({}),
        ),
        ("query @skip(if: true) { schemas { name } }", json!({})),
        // `__typename` is a field like any other.
        ("{ __typename { x } }", json!({})),
        ("{ __typename(x: 1) }", json!({})),
        // Two fields of a oneOf input, and none.
        (
            "mutation { createGenerationJob(input: {parameters: {}}) { errors { __typename } } }",
            json!({}),
        ),
        // Malformed scalars.
        (
            r#"mutation { recordInteraction(input: {contentId: "content_01h2xcejqtf2nbrexx3vqjhp41", kind: VIEW, occurredAt: "yesterday"}) { errors { __typename } } }"#,
            json!({}),
        ),
        // A subscription of two fields.
        (
            "subscription { a: metrics { __typename } b: metrics { __typename } }",
            json!({}),
        ),
    ] {
        let (code, message) = error(ready(source, variables));
        assert_eq!(
            code,
            codes::GRAPHQL_VALIDATION_FAILED,
            "{source}: {message}"
        );
    }
}

#[test]
fn what_the_specification_allows_is_accepted() {
    use serde_json::json;

    for (source, variables) in [
        (
            "query ($n: ID!) { node(id: $n) { __typename id } }",
            json!({ "n": 7 }),
        ),
        (
            "query ($v: Boolean! = true) { schemas @include(if: $v) { name } }",
            json!({}),
        ),
        // A variable that is used at `__typename` only is used.
        (
            "query ($v: Boolean!) { __typename @skip(if: $v) }",
            json!({ "v": false }),
        ),
        // The grammar leaves blanks and comments everywhere.
        (
            "query Q($i: [ ID! ]!) { nodes(ids: $i) { ... on # a film\n Content { id } } }",
            json!({ "i": "x" }),
        ),
        ("query Q { schemas { name } }", json!({ "unknown": 1 })),
        (
            r#"{ search(query: "\uD83D\uDE00") { totalCount } }"#,
            json!({}),
        ),
    ] {
        let outcome = ready(source, variables);
        assert!(outcome.is_ok(), "{source}: {:?}", outcome.err());
    }
}

#[test]
fn one_operation_of_several_is_chosen_and_the_others_do_not_count() {
    use serde_json::json;

    let both =
        "query A($a: Int!) { contents(first: $a) { totalCount } } query B { schemas { name } }";
    assert!(named(both, Some("B"), json!({})).is_ok());
    let (code, message) = error(named(both, Some("A"), json!({})));
    assert_eq!(code, codes::BAD_USER_INPUT);
    assert!(message.contains("\"$a\""), "{message}");
    for name in [None, Some("C")] {
        assert_eq!(error(named(both, name, json!({}))).0, codes::BAD_USER_INPUT);
    }
    let fields = "schemas { name } ".repeat(15);
    let large = format!("query A {{ {fields} }} query B {{ {fields} }}");
    assert!(named(&large, Some("A"), json!({})).is_ok());
}

#[test]
fn variables_are_coerced_by_their_types() {
    use serde_json::json;

    let source = "query ($first: Int = 3, $ids: [ID!]!, $filter: ContentFilter, $not: Boolean) { \
                  contents(first: $first, filter: $filter) { totalCount } nodes(ids: $ids) { id } \
                  schemas @skip(if: $skip) { name } }"
        .replace(", $not: Boolean", ", $skip: Boolean! = false");
    let ready = ready(
        &source,
        json!({ "ids": 7, "filter": { "year": { "lt": 2000.0 } } }),
    )
    .unwrap();
    let value = |name: &str| {
        ready
            .variables
            .get(name)
            .cloned()
            .map(|value| value.into_json().unwrap())
    };
    assert_eq!(value("first"), Some(json!(3)));
    assert_eq!(value("ids"), Some(json!(["7"])));
    assert_eq!(value("filter"), Some(json!({ "year": { "lt": 2000 } })));
    assert_eq!(value("skip"), Some(json!(false)));
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_place() {
    use serde_json::json;

    let source = "mutation ($input: RecordInteractionsInput!) { \
                  recordInteractions(input: $input) { errors { __typename } } }";
    let row = |at: &str| json!({ "contentId": FILM, "kind": "VIEW", "occurredAt": at });
    let mut rows = vec![row("2026-01-02T03:04:05Z"); 20];
    rows[17] = row("yesterday");
    let errors = ready(source, json!({ "input": { "interactions": rows } })).unwrap_err();
    assert_eq!(errors.len(), 1);
    let message = &errors[0].message;
    assert!(
        message.contains("\"input.interactions[17].occurredAt\""),
        "{message}"
    );
    let path = errors[0]
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("inputPath"));
    let path = path.cloned().map(|path| path.into_json().unwrap());
    assert_eq!(
        path,
        Some(json!(["input", "interactions", 17, "occurredAt"]))
    );
    // So is an id that is none; in a query that is an error of its field.
    let mut rows = vec![row("2026-01-02T03:04:05Z"); 3];
    rows[2]["contentId"] = json!("nonsense");
    let errors = ready(source, json!({ "input": { "interactions": rows } })).unwrap_err();
    assert!(
        errors[0]
            .message
            .contains("\"input.interactions[2].contentId\"")
    );
    let literal = "mutation { deleteContent(input: {id: \"nonsense\"}) { errors { __typename } } }";
    assert_eq!(
        error(ready(literal, json!({}))).0,
        codes::GRAPHQL_VALIDATION_FAILED
    );
    assert!(ready("{ content(id: \"nonsense\") { id } }", json!({})).is_ok());
    // Several are told at once.
    let wrong =
        json!({ "input": { "interactions": [{ "kind": "NOPE", "value": "five", "x": 1 }] } });
    assert_eq!(ready(source, wrong).unwrap_err().len(), 3);
}

#[test]
fn a_response_key_is_selected_once() {
    use serde_json::json;

    let source = "mutation { deleteJob(input: {id: \"job_01h2xcejqtf2nbrexx3vqjhp41\"}) { errors { ...E } } ...M } \
                  fragment M on Mutation { deleteJob(input: {id: \"job_01h2xcejqtf2nbrexx3vqjhp41\"}) { query { __typename } } } \
                  fragment E on UserError { message }";
    let form = canonical_form(source, json!({}));
    assert_eq!(form.matches("deleteJob").count(), 1, "{form}");
    assert!(form.contains("query{__typename}"), "{form}");
}

#[test]
fn abstract_places_name_their_object_types() {
    use serde_json::json;

    let form = canonical_form(
        "{ viewer { ... on User { ... on Viewer { __typename } } } }",
        json!({}),
    );
    assert_eq!(form, "{viewer{...ApiKey{} ...User{__typename}}}");
    let form = canonical_form("{ viewer { ... on Node { id } __typename } }", json!({}));
    assert!(form.contains("...User{id __typename}"), "{form}");
}

#[test]
fn conditions_and_absent_variables_choose_the_form() {
    use serde_json::json;

    let source = "query ($a: String, $n: Int = 2, $with: Boolean! = true) { \
                  contents(after: $a, first: $n) { totalCount @include(if: $with) nodes { id @skip(if: $with) } } }";
    let form = |variables| canonical_form(source, variables);
    assert_eq!(form(json!({})), "{contents(first=$n){totalCount nodes}}");
    assert_eq!(
        form(json!({ "a": null, "with": false })),
        "{contents(after=$a,first=$n){nodes{id}}}"
    );
    let ready = |variables| ready(source, variables).unwrap().canonical;
    assert!(Arc::ptr_eq(
        &ready(json!({ "n": 5 })),
        &ready(json!({ "n": 6 }))
    ));
    let null = json!({ "v": null });
    let (code, _) = error(named(
        "query ($v: Boolean = true) { schemas @skip(if: $v) { name } }",
        None,
        null,
    ));
    assert_eq!(code, codes::BAD_USER_INPUT);
}

#[test]
fn introspection_that_is_off_says_so() {
    let contract = graphql::contract(false).expect("a valid schema");
    for source in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"User\") { name } }",
    ] {
        let errors = check(source, &contract, &Limits::default()).unwrap_err();
        assert!(
            errors[0].message.contains("introspection is off"),
            "{errors:?}"
        );
    }
    assert!(check("{ __typename }", &contract, &Limits::default()).is_ok());
}

#[test]
fn a_misspelt_field_is_answered_with_the_right_one() {
    let (_, message) = error(ready(
        "{ contents { nodes { titel } } }",
        serde_json::json!({}),
    ));
    assert_eq!(
        message,
        "Cannot query field \"titel\" on type \"Content\". Did you mean \"title\"?"
    );
}
