use super::*;

fn refused(source: &str) -> GuardRefusal {
    let limits = Limits {
        auth_mutations: &["login", "register"],
        ..Limits::default()
    };
    match parse(source, &limits) {
        Err(refusal) => refusal,
        Ok(_) => panic!("accepted {source:.200}"),
    }
}

fn accepted(source: &str) -> Checked {
    check(source, &Limits::default()).unwrap_or_else(|refusal| panic!("{refusal}: {source:.200}"))
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
    assert!(check(source, &depth(15)).is_ok() && check(source, &depth(14)).is_err());
    assert!(check(source, &nesting(17)).is_ok() && check(source, &nesting(16)).is_err());
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
        "mutation B {{ ...L }} {register} fragment L on Mutation {{ {login} }}"
    ));
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
    let cache = DocumentCache::new(Limits::default(), 1024 * 1024);
    let first = cache.check("{ a }").expect("a small document");
    let second = cache.check("{ a }").expect("a small document");
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}
